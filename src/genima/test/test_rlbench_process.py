# SPDX-License-Identifier: Apache-2.0
"""RLBench's process is given up where it goes wrong, by cause, and nothing is left of it."""

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from genima.errors import MissingDependency, WorldError
from genima.rlbench.display import Display
from genima.rlbench.installation import Installation
from genima.rlbench.simulator_process import (
    Cause,
    SimulatorFault,
    SimulatorProcess,
    SimulatorRefusal,
)

from .rlbench_world_cases import installation

LIMIT_S = 30.0
SHORT_S = 0.3
LAUNCH = {"image_size_px": 16, "renderer": "opengl"}
#: Greets well; what comes behind it is the test's.
PREFACE = """
import os, socket, sys, time
sys.path.insert(0, {source!r})
from genima.rlbench_server.wire import Connection, encode
stream = socket.socket(fileno=int(sys.argv[1]))
connection = Connection(stream)
"""
GREET = "connection.send('hello', {}, {}); connection.receive()\n"


class Scripted(Installation):
    """A server that is a few lines of a test."""

    def command(self, fd: int) -> list[str]:
        return [sys.executable, "-c", self.environment["SCRIPT"], str(fd)]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
def process(tmp_path: Path) -> Iterator[SimulatorProcess]:
    """The real server on the stand-in for RLBench."""
    made = SimulatorProcess(installation(tmp_path))
    yield made
    made.kill()


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[Callable[[str], SimulatorProcess]]:
    made: list[SimulatorProcess] = []

    def make(script: str) -> SimulatorProcess:
        preface = PREFACE.format(source=str(Path(__file__).parents[1]))
        environment = {**os.environ, "DISPLAY": ":0", "SCRIPT": preface + script}
        made.append(SimulatorProcess(Scripted(Path(sys.executable), tmp_path, environment)))
        return made[-1]

    yield make
    for each in made:
        each.kill()


def test_requests_are_answered_and_refusals_leave_the_process_as_it_is(
    process: SimulatorProcess,
) -> None:
    process.start()
    pid = process.pid
    refused = [
        ("fly", {}, {}, "no request 'fly'"),
        ("reset", {"task_file": "touch"}, {}, "launch it first"),
        ("launch", LAUNCH | {"renderer": "raytracer"}, {}, "opengl, opengl3"),
        ("launch", LAUNCH | {"image_size_px": 10**6}, {}, "from 16 to 1024"),
        ("step", {}, {"action": np.zeros(7)}, r"shape \(8,\)"),
    ]
    for kind, values, arrays, words in refused:
        with pytest.raises(SimulatorRefusal, match=words):
            process.request(kind, values, arrays, LIMIT_S)
    process.request("launch", LAUNCH, {}, LIMIT_S)
    scene = {"task_file": "touch", "variation": 5, "seed": 1, "attempts": 1}
    for change, words in [
        ({}, "no variation 5; give one from 0 to 1"),
        ({"variation": 0, "seed": True}, "seed is True"),
        ({"variation": 0, "task_file": "../etc"}, "no name of a task file"),
        ({"variation": 0, "task_file": "no_such_task"}, "no task 'no_such_task'"),
    ]:
        with pytest.raises(SimulatorRefusal, match=words):
            process.request("reset", scene | change, {}, LIMIT_S)
    assert process.pid == pid


def test_a_simulator_that_does_not_launch_is_killed_and_can_be_started_again(
    tmp_path: Path,
) -> None:
    process = SimulatorProcess(installation(tmp_path, DOUBLE_HANGS_AT_LAUNCH="1"))
    process.start()
    pid = process.pid
    assert pid is not None
    with pytest.raises(SimulatorFault, match=r"'launch' within 0\.3 s") as caught:
        process.request("launch", LAUNCH, {}, SHORT_S)
    assert caught.value.cause is Cause.SILENT
    assert gone(pid) and not process.running
    process.start()
    assert process.running and process.pid != pid
    process.kill()


@pytest.mark.parametrize(
    ("script", "cause", "words"),
    [
        ("time.sleep(1000)", Cause.SILENT, "did not answer 'step' within"),
        ("stream.sendall(b'what? ' * 99); time.sleep(1000)", Cause.GARBAGE, "no message"),
        (
            "stream.sendall(encode('done', {}, {})[:-3]); time.sleep(1000)",
            Cause.SILENT,
            "within",
        ),
        ("stream.sendall(encode('done', {}, {})[:-3]); os._exit(0)", Cause.ENDED, "with 0"),
        ("connection.send('dnoe', {}, {}); time.sleep(1000)", Cause.GARBAGE, "with 'dnoe'"),
        ("stream.sendall(b'GRLB' + b'\\xff' * 12); time.sleep(1000)", Cause.GARBAGE, "no message"),
        ("print('out of memory', flush=True); os._exit(3)", Cause.ENDED, "out of memory"),
        ("os.kill(os.getpid(), 11)", Cause.ENDED, "was ended by SIGSEGV during 'step'"),
        (
            "connection.send('failed', {'error': 'InvalidActionError', 'text': 'too far'}, {})",
            Cause.FAILED,
            "'step' failed with InvalidActionError: too far",
        ),
    ],
)
def test_whatever_goes_wrong_has_a_cause_and_ends_the_process(
    scripted: Callable[[str], SimulatorProcess], script: str, cause: Cause, words: str
) -> None:
    process = scripted(GREET + script)
    process.start()
    pid = process.pid
    assert pid is not None
    limit_s = SHORT_S if "within" in words else LIMIT_S
    with pytest.raises(SimulatorFault, match=words) as caught:
        process.request("step", {}, {}, limit_s)
    assert caught.value.cause is cause
    assert gone(pid) and not process.running
    with pytest.raises(WorldError, match="not running"):
        process.request("step", {}, {}, LIMIT_S)


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ("sys.exit('no module named rlbench')", Cause.ENDED),
        ("connection.send('good evening', {}, {}); time.sleep(1000)", Cause.GARBAGE),
    ],
)
def test_a_server_that_does_not_greet_is_given_up(
    scripted: Callable[[str], SimulatorProcess], script: str, cause: Cause
) -> None:
    process = scripted(script)
    with pytest.raises(SimulatorFault) as caught:
        process.start()
    assert caught.value.cause is cause and not process.running


def test_of_a_talkative_simulator_only_the_last_words_are_kept(
    scripted: Callable[[str], SimulatorProcess],
) -> None:
    """It must neither wait for somebody to read, nor fill a disk or a memory."""
    process = scripted(
        GREET + "print('warning ' * 4_000_000); print('out of memory', flush=True); os._exit(3)"
    )
    process.start()
    words = process._words
    assert words is not None
    with pytest.raises(SimulatorFault, match="out of memory") as caught:
        process.request("step", {}, {}, LIMIT_S)
    assert len(str(caught.value)) < 5000 > len(words._kept)


def test_simulator_that_ended_while_nobody_looked_is_not_running(
    scripted: Callable[[str], SimulatorProcess],
) -> None:
    process = scripted("connection.send('hello', {}, {}); os._exit(0)")
    process.start()
    end_s = time.monotonic() + LIMIT_S
    while process.running:
        assert time.monotonic() < end_s
    process.start()
    process.kill()


def test_children_of_the_simulator_are_ended_with_it(
    scripted: Callable[[str], SimulatorProcess],
) -> None:
    process = scripted(
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', '1000'])\n"
        "connection.send('hello', {}, {}); connection.receive()\n"
        "connection.send('done', {'child': child.pid}, {})\n"
        "time.sleep(1000)"
    )
    process.start()
    child = process.request("step", {}, {}, LIMIT_S).values["child"]
    process.kill()
    status = Path(f"/proc/{child}/stat")
    assert not status.exists() or " Z " in status.read_text()  # nobody here reaps it


def test_an_interpreter_that_cannot_be_started_is_a_missing_dependency(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("not a program")
    with pytest.raises(MissingDependency, match="GENIMA_RLBENCH_PYTHON"):
        SimulatorProcess(Installation(program, tmp_path, {"DISPLAY": ":0"})).start()


def test_environment_of_the_process_has_nothing_of_ours_in_it(tmp_path: Path) -> None:
    ours = {
        "GENIMA_RLBENCH_PYTHON": sys.executable,
        "COPPELIASIM_ROOT": str(tmp_path),
        "PYTHONPATH": "/opt/ros/jazzy",
        "LD_LIBRARY_PATH": "/opt/ros/jazzy/lib",
        "HOME": "/home/somebody",
    }
    values = Installation.of(ours).server_environment(":7")
    assert "PYTHONPATH" not in values
    assert values["LD_LIBRARY_PATH"] == values["QT_QPA_PLATFORM_PLUGIN_PATH"] == str(tmp_path)
    assert (values["DISPLAY"], values["HOME"]) == (":7", "/home/somebody")
    checkout = Installation.of(ours | {"GENIMA_RLBENCH_PYTHONPATH": "/rlbench:/pyrep"})
    assert checkout.server_environment(":7")["PYTHONPATH"] == "/rlbench:/pyrep"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"GENIMA_RLBENCH_PYTHON": ""}, "GENIMA_RLBENCH_PYTHON is not set"),
        ({"GENIMA_RLBENCH_PYTHON": "/nowhere/python"}, "no program"),
        ({"COPPELIASIM_ROOT": ""}, "COPPELIASIM_ROOT is not set"),
        ({"COPPELIASIM_ROOT": "/nowhere"}, "no folder"),
    ],
)
def test_what_is_not_installed_is_named(change: dict[str, str], words: str) -> None:
    good = {"GENIMA_RLBENCH_PYTHON": sys.executable, "COPPELIASIM_ROOT": "/"}
    with pytest.raises(MissingDependency, match=words):
        Installation.of(good | change)


def test_versions_come_from_the_other_python(tmp_path: Path) -> None:
    found = installation(tmp_path).versions()
    assert found["python"].startswith("3.") and found["rlbench"] == "unknown"
    with pytest.raises(MissingDependency, match="cannot say its versions"):
        Installation(Path("/bin/false"), tmp_path, {}).versions()


def xvfb(folder: Path, script: str) -> Installation:
    """An Xvfb that is a script; its first two arguments are `-displayfd` and the number."""
    program = folder / "Xvfb"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return Installation(Path(sys.executable), folder, {"PATH": f"{folder}:{os.environ['PATH']}"})


def test_a_display_of_our_own_ends_with_the_simulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = xvfb(tmp_path, 'echo $$ > "$0.pid"; echo 42 > /proc/self/fd/$2; exec sleep 1000')
    monkeypatch.setenv("PATH", made.environment["PATH"])
    display = Display(made)
    assert display.name == ":42"
    pid = int((tmp_path / "Xvfb.pid").read_text())
    assert not gone(pid)
    display.close()
    assert gone(pid)


def test_a_display_that_there_is_is_taken(tmp_path: Path) -> None:
    display = Display(Installation(Path(sys.executable), tmp_path, {"DISPLAY": ":3"}))
    assert display.name == ":3"
    display.close()


def test_without_a_display_and_without_xvfb_somebody_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="apt-get install -y xvfb"):
        Display(Installation(Path(sys.executable), tmp_path, {"PATH": str(tmp_path)}))
    broken = xvfb(tmp_path, "exit 1")
    with pytest.raises(WorldError, match="Xvfb ended at once"):
        Display(broken)
