# SPDX-License-Identifier: Apache-2.0
"""How `genima launch` keeps nodes, and that it leaves none behind. Nodes are small scripts."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parent.parent
PATIENCE_S = 30.0  # only a broken launcher waits as long

WAIT = "import signal, sys\nprint('ready', flush=True)\nsignal.pause()"
OBEDIENT = f"import signal, sys\nsignal.signal(2, lambda *_: sys.exit('asked'))\n{WAIT}"
DEAF = f"import signal\nsignal.signal(2, signal.SIG_IGN)\n{WAIT}"
STUBBORN = f"import signal\nsignal.signal(15, signal.SIG_IGN)\n{DEAF}"
FAMILY = """
import os, signal
if os.fork() == 0:
    os.setsid()  # in nobody's process group
    print('grandchild', os.getpid(), flush=True)
    signal.pause()
print('child', os.getpid(), flush=True)
signal.pause()
"""


class Launch:
    """A running `genima launch`."""

    def __init__(self, folder: Path, nodes: dict[str, tuple[str, str]], **extra: str) -> None:
        tags = "".join(f"<node pkg='pkg' exec='{n}' {a}/>" for n, (_, a) in nodes.items())
        self.file = folder / "main.launch.xml"
        self.file.write_text(f"<launch>{tags}</launch>")
        marker = folder / "share/ament_index/resource_index/packages/pkg"
        marker.parent.mkdir(parents=True)
        marker.touch()
        programs = folder / "lib/pkg"
        programs.mkdir(parents=True)
        for name, (source, _) in nodes.items():
            (programs / name).write_text(f"#!{sys.executable} -IS\n{source}\n")
            (programs / name).chmod(0o755)
        self.environment = os.environ | {
            "AMENT_PREFIX_PATH": str(folder),
            "PYTHONPATH": str(LIBRARY),
            "TMPDIR": str(folder),
            **extra,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "genima.cli", "launch", str(self.file)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def line(self, start: str) -> str:
        """The rest of the next line that begins with `start`."""
        assert self.process.stdout is not None
        seen = []
        for line in self.process.stdout:
            if line.startswith(start):
                return line.removeprefix(start).strip()
            seen.append(line)
        raise AssertionError(f"no line begins with {start!r}: {seen}")

    def end(self) -> tuple[int, str]:
        """Exit code and the rest of the output."""
        output, _ = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, output


@pytest.fixture
def start(tmp_path: Path) -> Iterator:
    launches: list[Launch] = []

    def start(**nodes: str | tuple[str, str]) -> Launch:
        full = {n: (v, "") if isinstance(v, str) else v for n, v in nodes.items()}
        launches.append(Launch(tmp_path, full))
        return launches[-1]

    yield start
    for launch in launches:
        launch.process.kill()
        launch.process.communicate()


def has_ended(pid: int) -> bool:
    """Wait for the end of a process that is not ours."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], PATIENCE_S)[0])
    finally:
        os.close(handle)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_lines_are_marked_with_the_name_of_their_node(start) -> None:
    launch = start(one="print('a'); print('b', end='')", two=("print('c')", "name='named'"))
    code, output = launch.end()
    assert code == 0
    assert {"[one] a", "[one] b", "[named] c"} <= set(output.splitlines())


def test_interrupt_asks_every_node_once_and_succeeds(start, tmp_path: Path) -> None:
    launch = start(one=OBEDIENT, two=OBEDIENT)
    launch.line("[")
    launch.line("[")  # both are ready, in whatever order
    launch.process.send_signal(signal.SIGINT)
    code, output = launch.end()
    assert code == 0
    assert output.count("[one] asked") == 1
    assert "SIGTERM" not in output
    assert not list(tmp_path.glob("genima_launch_*")), "the folder of parameter files is removed"


def test_node_that_does_not_listen_is_told_and_then_killed(start) -> None:
    hasty = "sigterm_timeout='0.05' sigkill_timeout='0.05'"
    launch = start(deaf=(DEAF, hasty), stubborn=(STUBBORN, hasty))
    for _ in range(2):
        launch.line("[")
    launch.process.send_signal(signal.SIGINT)
    code, output = launch.end()
    assert "deaf ended with signal SIGTERM" in output
    assert "stubborn ended with signal SIGKILL" in output
    assert code == 1


def test_second_interrupt_does_not_wait_for_the_timeout(start) -> None:
    launch = start(deaf=(DEAF, "sigterm_timeout='1000'"))
    launch.line("[deaf] ready")
    launch.process.send_signal(signal.SIGINT)
    launch.process.send_signal(signal.SIGTERM)
    _, output = launch.end()
    assert "deaf ended with signal SIGTERM" in output


@pytest.mark.parametrize("victim", ["launcher", "supervisor"])
def test_nothing_outlives_a_killed_launcher(start, victim: str) -> None:
    launch = start(family=FAMILY)
    words = dict(launch.line("[family] ").split() for _ in range(2))
    child, grandchild = int(words["child"]), int(words["grandchild"])
    supervisor = parent_of(child)
    assert supervisor != launch.process.pid
    os.kill(launch.process.pid if victim == "launcher" else supervisor, signal.SIGKILL)
    assert has_ended(child)
    assert has_ended(grandchild)
    assert has_ended(supervisor)
    assert launch.end()[0] != 0


def test_node_ends_even_if_neither_launcher_nor_supervisor_can_act(start) -> None:
    launch = start(family=FAMILY)
    words = dict(launch.line("[family] ").split() for _ in range(2))
    launch.process.send_signal(signal.SIGSTOP)
    os.kill(parent_of(int(words["child"])), signal.SIGKILL)
    assert has_ended(int(words["child"]))
    os.kill(int(words["grandchild"]), signal.SIGKILL)


def test_helpers_of_a_node_end_with_the_launch(start) -> None:
    launch = start(family=FAMILY)
    words = dict(launch.line("[family] ").split() for _ in range(2))
    launch.process.send_signal(signal.SIGTERM)
    launch.end()
    assert has_ended(int(words["grandchild"]))


def test_failure_of_a_node_is_reported_but_does_not_end_the_others(start) -> None:
    launch = start(bad="raise SystemExit(3)", good=OBEDIENT)
    launch.line("[launch] bad ended with exit code 3")
    assert launch.process.poll() is None
    launch.process.send_signal(signal.SIGINT)
    assert launch.end()[0] == 1


@pytest.mark.parametrize(("source", "expected"), [("pass", 0), ("raise SystemExit(3)", 1)])
def test_end_of_an_important_node_is_the_end_of_all(start, source: str, expected: int) -> None:
    launch = start(other=WAIT, important=(source, "on_exit='shutdown'"))
    code, output = launch.end()
    assert code == expected
    assert "important has on_exit=shutdown" in output
    assert "other ended with" in output


def test_node_is_started_again(start, tmp_path: Path) -> None:
    source = f"""
import os, pathlib, signal
marker = pathlib.Path({str(tmp_path / "ran")!r})
if not marker.exists():
    marker.touch()
    os.kill(os.getpid(), signal.SIGKILL)
{OBEDIENT}
"""
    launch = start(node=(source, "respawn='true' respawn_delay='0.01'"))
    launch.line("[launch] node ended with signal SIGKILL")
    launch.line("[node] ready")
    launch.process.send_signal(signal.SIGINT)
    code, output = launch.end()
    assert code == 0, output


def test_nothing_goes_on_when_nobody_reads(start) -> None:
    launch = start(chatter="while True: print('x' * 1000)")
    launch.line("[chatter]")
    launch.process.stdout.close()
    launch.process.stdout = None
    launch.process.wait(PATIENCE_S)


def test_error_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "bad.xml").write_text("<launch><nod/></launch>")
    result = subprocess.run(
        [sys.executable, "-m", "genima.cli", "launch", "bad.xml"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("bad.xml:1: unknown tag <nod>")
    assert result.stderr.count("\n") == 1


def test_arguments_of_a_file_can_be_listed(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(
        "<launch><arg name='n' description='How many.'/><arg name='m' default='$(var n)'/>"
        "</launch>"
    )
    result = subprocess.run(
        [sys.executable, "-m", "genima.cli", "launch", "--show-args", "a.xml"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
    )
    assert result.stdout.splitlines() == [
        "n:= How many. (required)",
        "m:= (default: '$(var n)')",
    ]


def test_ros2_takes_over_where_it_exists(tmp_path: Path) -> None:
    ros2 = tmp_path / "ros2"
    ros2.write_text("#!/bin/sh\necho ros2 $@\nexit 7\n")
    ros2.chmod(0o755)
    (tmp_path / "a.xml").write_text("<anything/>")
    result = subprocess.run(
        [sys.executable, "-m", "genima.cli", "launch", "a.xml", "n:=1"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(LIBRARY), "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert (result.stdout, result.returncode) == ("ros2 launch a.xml n:=1\n", 7)
