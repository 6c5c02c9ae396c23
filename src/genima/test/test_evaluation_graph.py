# SPDX-License-Identifier: Apache-2.0
"""The supervision of a graph, with real processes and a stand-in for the episode runner."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console

import genima
from genima.errors import EvaluationError
from genima.evaluation.crew import Start, run_crew
from genima.evaluation.domain import DomainsBusy, claim_domain
from genima.evaluation.folder import EvaluationFolder, open_folder
from genima.evaluation.graph import GraphSettings, graph_starter
from genima.evaluation.journal_watch import JournalWatch
from genima.evaluation.plan import EvaluationPlan
from genima.evaluation.records import EpisodeRecord, Journal
from genima.evaluation.running import Running, read_running, touch
from genima.evaluation.terminal import ProgressDisplay
from genima.launching.graph import first_failure
from genima.launching.processes import signal_group

PLAN = EvaluationPlan(tasks=("a", "b"), episodes=2, seed=5)
LIBRARY = str(Path(genima.__file__).parents[1])

LAUNCH_FILE = """
<launch>
  {arguments}
  <node pkg="stand_in" exec="runner" name="runner" on_exit="shutdown">
    <param name="evaluation_dir" value="$(var evaluation_dir)"/>
    <param name="worker" value="$(var worker)"/>
  </node>
</launch>
"""
ARGUMENTS = (
    "evaluation_dir",
    "worker",
    "backend",
    "cameras_file",
    "agent",
    "controller",
    "pacing",
    "execution_horizon",
    "check_drawing",
    "first_horizon",
    "diffusion_steps",
    "policy_file",
    "video",
    "images_on_request",
    "image_quality",
    "perturb",
    "poses",
)
RUNNER = """\
#!{python}
import os, signal, sys, time
from pathlib import Path
import yaml
from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.records import EpisodeRecord, Journal
from genima.evaluation.running import Running

words = sys.argv
values = {{}}
for flag, word in zip(words, words[1:]):
    if flag == "--params-file":
        for node in yaml.safe_load(Path(word).read_text()).values():
            values |= node["ros__parameters"]
folder = EvaluationFolder(Path(values["evaluation_dir"]), values["worker"])
journal = Journal(folder.episodes_file, folder.read_plan())

def begin(key):
    Running(key).write(folder.running_file)

def finish(key):
    steps = int(os.environ["ROS_DOMAIN_ID"])
    journal.append(EpisodeRecord(key.task, key.seed, True, steps, ""))
    folder.running_file.unlink()

def episodes():
    while (key := folder.take_next()) is not None:
        yield key

print("the runner says hello", flush=True)
{behaviour}
"""

MakeSettings = Callable[[str], GraphSettings]


@pytest.fixture
def make_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeSettings:
    """Makes a graph of one stand-in runner that behaves as told."""
    if shutil.which("ros2"):
        pytest.skip("the stand-in is no ROS node, and ros2 would launch it")
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", LIBRARY)

    def make(behaviour: str) -> GraphSettings:
        packages = "share/ament_index/resource_index/packages"
        for folder in (f"{packages}/stand_in", f"{packages}/genima_bringup", "lib/stand_in"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        runner = tmp_path / "lib/stand_in/runner"
        code = RUNNER.format(python=sys.executable, behaviour=textwrap.dedent(behaviour))
        runner.write_text(code)
        runner.chmod(0o755)
        file = tmp_path / "stand_in.launch.xml"
        arguments = "".join(f'<arg name="{name}"/>' for name in ARGUMENTS)
        file.write_text(LAUNCH_FILE.format(arguments=arguments))
        return GraphSettings(file, video=False)

    return make


def evaluate(
    path: Path,
    settings: GraphSettings,
    workers: int = 1,
    wrapped: Callable[[Start], Start] = lambda start: start,
) -> EvaluationFolder:
    console = Console(file=(path.parent / "terminal.txt").open("w"))
    with open_folder(path, PLAN) as folder, ProgressDisplay(PLAN, [], console) as display:
        start = wrapped(graph_starter(PLAN, settings, display))
        run_crew(folder, PLAN, start, workers, display)
    return folder


def test_all_episodes_run_in_one_graph(tmp_path: Path, make_settings: MakeSettings) -> None:
    settings = make_settings(
        """
        for key in episodes():
            begin(key)
            finish(key)
        """
    )
    folder = evaluate(tmp_path / "out", settings)
    assert [record.success for record in folder.records()] == [True] * 4
    assert folder.log_file.read_text().count("the runner says hello") == 1


def test_episode_in_which_the_runner_dies_is_marked_and_the_rest_goes_on(
    tmp_path: Path, make_settings: MakeSettings
) -> None:
    settings = make_settings(
        """
        for key in episodes():
            begin(key)
            if key.task == "a" and key.seed == 6:
                os.kill(os.getpid(), signal.SIGKILL)
            finish(key)
        """
    )
    records = evaluate(tmp_path / "out", settings).records()
    assert [record.success for record in records] == [True, False, True, True]
    assert records[1].reason == "error: runner ended with signal SIGKILL"


def test_worker_may_be_silent_for_as_long_as_it_says(tmp_path: Path) -> None:
    """RLBench's planner works on a scene for minutes, in one call; what says nothing hangs."""
    console = Console(quiet=True)
    with open_folder(tmp_path, PLAN) as folder, ProgressDisplay(PLAN, [], console) as display:

        @contextmanager
        def start(mine: EvaluationFolder) -> Iterator["subprocess.Popen[bytes]"]:
            key = mine.take_next()
            assert key is not None
            says_so = key.task == "a"
            Running(key, 600.0 if says_so else 0.0).write(mine.running_file)
            record = json.dumps(asdict(EpisodeRecord(key.task, key.seed, True, 9, "")))
            work = f"sleep {2 if says_so else 1000}; echo '{record}' >> {mine.episodes_file}"
            with subprocess.Popen(["sh", "-c", work], start_new_session=True) as program:
                yield program
                signal_group(program.pid, signal.SIGKILL)

        run_crew(folder, PLAN, start, 4, display, patience_s=0.5)
        records = folder.records()
    assert [record.success for record in records] == [True, True, False, False]
    assert "error: no sign of life for 1 s" in records[2].reason


def test_worker_waits_while_others_hold_all_domains(
    tmp_path: Path, make_settings: MakeSettings
) -> None:
    settings = make_settings(
        """
        for key in episodes():
            begin(key)
            finish(key)
        """
    )
    tries = []

    def busy_at_first(start: Start) -> Start:
        @contextmanager
        def later(folder: EvaluationFolder) -> Iterator["subprocess.Popen[bytes]"]:
            tries.append(folder.worker)
            if len(tries) < 4:
                raise DomainsBusy("all are in use")
            with start(folder) as program:
                yield program

        return later

    records = evaluate(tmp_path / "out", settings, workers=2, wrapped=busy_at_first).records()
    assert [record.success for record in records] == [True] * 4
    said = (tmp_path / "terminal.txt").read_text()
    assert said.count("all are in use; until then this worker waits") == 2  # once each


def test_two_workers_share_the_episodes_between_domains_of_their_own(
    tmp_path: Path, make_settings: MakeSettings
) -> None:
    settings = make_settings(
        """
        for key in episodes():
            begin(key)
            while len(list((folder.path / ".claims").glob("[!.]*"))) < 2:  # the other is there
                time.sleep(0.01)
            finish(key)
        """
    )
    records = evaluate(tmp_path / "out", settings, workers=2).records()
    assert [record.success for record in records] == [True] * 4
    assert len({record.steps for record in records}) == 2  # it writes its domain there
    assert "the runner says hello" in (tmp_path / "out" / "graph_1.log").read_text()


def test_episode_of_a_worker_that_dies_between_two_is_run_by_another(
    tmp_path: Path, make_settings: MakeSettings
) -> None:
    settings = make_settings(
        """
        for key in episodes():
            marker = folder.path / "died"
            if not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)  # has it, and has not begun
            begin(key)
            finish(key)
        """
    )
    records = evaluate(tmp_path / "out", settings).records()
    assert [record.success for record in records] == [True] * 4


def test_graph_that_never_finishes_an_episode_is_given_up_with_its_last_words(
    tmp_path: Path, make_settings: MakeSettings
) -> None:
    settings = make_settings("sys.exit('no camera file')")
    with pytest.raises(
        EvaluationError, match=r"since runner ended with exit code 1(.|\n)*no camera file"
    ):
        evaluate(tmp_path / "out", settings)
    assert EvaluationFolder(tmp_path / "out").records() == []


def test_what_has_failed_first_is_named_with_its_complaint() -> None:
    log = """
[sim_bridge] [ERROR] [1.5] [sim_bridge]: joint_trajectory: too short
[controller] [ERROR] [2.5] [controller]: halted
[launch] diffusion ended with exit code 0
[launch] {}
[launch] controller ended with signal SIGTERM
"""
    assert first_failure("[launch] diffusion ended with exit code 0\n") == ""
    killed = "sim_bridge ended with signal SIGKILL"
    assert first_failure(log.format(killed)) == killed
    failed = "sim_bridge ended with exit code 3"
    assert first_failure(log.format(failed)) == f"{failed}: joint_trajectory: too short"
    ros2 = """
[sim_bridge_node-1] [ERROR] [1.5] [sim_bridge]: cannot configure: no file
[ERROR] [sim_bridge_node-1]: process has died [pid 7, exit code {}, cmd '/opt/sim_bridge_node'].
"""
    named = "sim_bridge_node-1 ended with exit code"
    assert first_failure(ros2.format(1)) == f"{named} 1: cannot configure: no file"
    assert first_failure(ros2.format(-9)) == f"{named} -9"


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # the latter while it is being read
        return False


def test_killed_evaluation_leaves_no_process_and_is_resumed(
    tmp_path: Path, make_settings: MakeSettings
) -> None:
    out, pid_file = tmp_path / "out", tmp_path / "pid"
    settings = make_settings(
        f"""
        for key in episodes():
            begin(key)
            pid_file = Path({str(pid_file)!r})
            if key.task == "b" and not pid_file.exists():
                pid_file.write_text(str(os.getpid()))
                signal.pause()
            finish(key)
        """
    )
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_evaluation_graph import GraphSettings, evaluate
evaluate(Path({str(out)!r}), GraphSettings(Path({str(settings.launch_file)!r}), video=False))
"""
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        while not (pid_file.exists() and pid_file.read_text()):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    runner = int(pid_file.read_text())
    while _alive(runner):  # the launcher's lifeline breaks a moment later
        os.sched_yield()
    assert len(EvaluationFolder(out).records()) == 2
    assert [record.success for record in evaluate(out, settings).records()] == [True] * 4


def test_graphs_at_the_same_time_get_domains_of_their_own(tmp_path: Path) -> None:
    with (
        claim_domain(range(90, 80, -1), tmp_path) as first,
        claim_domain(range(90, 80, -1), tmp_path) as second,
    ):
        assert first != second
    with claim_domain(range(90, 80, -1), tmp_path) as third:
        assert third == first


def test_domain_in_which_somebody_is_already_is_left_to_him(tmp_path: Path) -> None:
    with claim_domain(range(90, 80, -1), tmp_path) as domain:
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as participant:
        participant.bind(("127.0.0.1", 7400 + 250 * domain + 10))
        with claim_domain(range(90, 80, -1), tmp_path) as other:
            assert other < domain


def test_no_free_domain_is_said_so(tmp_path: Path) -> None:
    with (
        claim_domain(range(90, 89, -1), tmp_path) as domain,
        pytest.raises(DomainsBusy, match="domains 90 to 90 are all in use"),
        claim_domain(range(domain, domain - 1, -1), tmp_path),
    ):
        pass


def test_domains_of_strangers_are_not_waited_for(tmp_path: Path) -> None:
    with claim_domain(range(90, 89, -1), tmp_path) as domain:
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as participant:
        participant.bind(("127.0.0.1", 7400 + 250 * domain + 10))
        with pytest.raises(EvaluationError) as caught, claim_domain(range(90, 89, -1), tmp_path):
            pass
    assert not isinstance(caught.value, DomainsBusy)


def test_journal_is_read_again_only_when_there_is_more(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    watch = JournalWatch(path, PLAN)
    assert watch.remaining() == PLAN.keys and not watch.records()
    journal = Journal(path, PLAN)
    for number, key in enumerate(PLAN.keys[1:], start=1):
        journal.append(EpisodeRecord(key.task, key.seed, True, 9, ""))
        records = watch.records()
        assert list(records) == list(PLAN.keys[1 : number + 1])
        assert watch.records() is records and watch.remaining() is watch.remaining()
    assert watch.remaining() == PLAN.keys[:1]


def test_running_file_is_touched_while_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "running.json"
    touch(path)
    assert read_running(path) is None and not path.exists()
    running = Running(PLAN.keys[0], 7.5)
    running.write(path)
    os.utime(path, (0, 0))
    touch(path)
    assert path.stat().st_mtime > 0 and read_running(path) == running
    path.write_text('{"task"')
    assert read_running(path) is None
