# SPDX-License-Identifier: Apache-2.0
"""Collecting with worker processes: the same set comes out, whoever is killed and when."""

import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from genima.cameras import load_rig
from genima.collect.folder import open_folder
from genima.collect.plan import DemonstrationSeed
from genima.collect.pool import Crash, WorkerPool
from genima.collect.schedule import Job
from genima.collect.worker import WorkerSettings
from genima.data.rig_json import rig_to_json
from genima.data.training_set import TrainingSet
from genima.evaluation.plan import WorldName
from genima.launching.processes import descendants
from genima.rlbench.simulator import Patience

from .collect_cases import LIMIT_S, PLAN, SEEDS, command, content, run, small_rig

TASK = PLAN.tasks[0]


@pytest.fixture(scope="module")
def cameras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_rig(tmp_path_factory.mktemp("rig"))[0]


@pytest.fixture(scope="module")
def reference(cameras: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one worker collects undisturbed."""
    out = tmp_path_factory.mktemp("reference") / "set"
    done = run(command(cameras, out))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{TASK} seed 1 is left out: the expert was not done after 66 steps" in done.stdout
    return out


def episodes_folder(out: Path) -> Path:
    return out / TASK / "variation0" / "episodes"


def images_of_part(out: Path, episode: int) -> int:
    return len(list((episodes_folder(out) / f".episode{episode}.part").glob("*_rgb/*.png")))


def _hear_ctrl_c() -> None:
    """A shell has what it starts in the background ignore it, and so these tests."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def collect_until(
    words: list[str], condition: Callable[[], object], act: Callable[[int], None]
) -> tuple[int, str]:
    """Start to collect, act on the process once something holds; exit code and what it said."""
    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=_hear_ctrl_c,
    ) as process:
        deadline_s = time.monotonic() + LIMIT_S
        while not condition():
            assert process.poll() is None, process.stdout.read() if process.stdout else ""
            assert time.monotonic() < deadline_s
        act(process.pid)
        output, _ = process.communicate(timeout=LIMIT_S)
    return process.returncode, output


def workers_of(pid: int) -> list[int]:
    """Worker processes below a collecting process; it may have a resource tracker, too."""
    found = []
    for below in descendants(pid):
        try:
            words = Path(f"/proc/{below}/cmdline").read_bytes()
        except OSError:
            continue
        if b"spawn_main" in words:
            found.append(below)
    return found


def test_episodes_are_the_seeds_that_the_expert_can_do(reference: Path) -> None:
    training_set = TrainingSet.open(reference)
    assert [training_set.load(TASK, n).seed for n in training_set.episodes(TASK)] == SEEDS
    attempts = [json.loads(line) for line in (reference / "attempts.jsonl").open()]
    assert [(made["seed"], made["failure"] == "") for made in attempts] == [
        (0, True),
        (1, False),
        (2, True),
    ]


def test_two_workers_collect_the_same_bytes(
    cameras: Path, reference: Path, tmp_path: Path
) -> None:
    done = run(command(cameras, tmp_path / "set", workers=2))
    assert done.returncode == 0, done.stderr
    assert content(tmp_path / "set") == content(reference)


@pytest.mark.parametrize("episode", [0, 1])
def test_killed_collection_goes_on_to_the_same_bytes(
    cameras: Path, reference: Path, tmp_path: Path, episode: int
) -> None:
    out = tmp_path / "set"
    words = command(cameras, out)
    code, _ = collect_until(
        words, lambda: images_of_part(out, episode) > 5, lambda pid: os.kill(pid, signal.SIGKILL)
    )
    assert code == -signal.SIGKILL
    assert TrainingSet.open(out).episodes(TASK) == list(range(episode))
    again = run(words)
    assert again.returncode == 0, again.stderr
    assert f"{episode + 1}/2 {TASK} episode {episode}: seed {SEEDS[episode]}" in again.stdout
    assert "episode 0" not in again.stdout or episode == 0
    assert content(out) == content(reference)


def test_killed_worker_is_named_and_its_episode_done_again(
    cameras: Path, reference: Path, tmp_path: Path
) -> None:
    out = tmp_path / "set"

    def kill_worker(pid: int) -> None:
        for worker in workers_of(pid):
            os.kill(worker, signal.SIGKILL)

    code, output = collect_until(
        command(cameras, out), lambda: images_of_part(out, 0) > 5, kill_worker
    )
    assert code == 0, output
    assert (
        f"worker 1 was ended by SIGKILL while recording {TASK} seed 0; "
        "it is done again by a new process" in output
    )
    assert content(out) == content(reference)


def test_ctrl_c_leaves_whole_episodes_no_process_and_says_how_to_go_on(
    cameras: Path, tmp_path: Path
) -> None:
    out = tmp_path / "set"
    workers: list[int] = []

    def interrupt(pid: int) -> None:
        workers.extend(workers_of(pid))
        os.killpg(pid, signal.SIGINT)  # as a terminal does: to all of them

    code, output = collect_until(
        command(cameras, out), lambda: images_of_part(out, 1) > 5, interrupt
    )
    assert code != 0
    assert f"Interrupted. 1 of 2 demonstrations are in {out}; repeat the command" in output
    assert "Traceback" not in output
    assert [path.name for path in episodes_folder(out).iterdir()] == ["episode0"]
    assert workers
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_more_episodes_are_added_and_those_there_are_stay(
    cameras: Path, reference: Path, tmp_path: Path
) -> None:
    out = tmp_path / "set"
    assert run(command(cameras, out, episodes=1)).returncode == 0
    first = content(out)
    done = run(command(cameras, out))
    assert done.returncode == 0, done.stderr
    assert content(out) == content(reference)
    assert {name: first[name] for name in first if "episode0" in name}.items() <= content(
        out
    ).items()
    fewer = run(command(cameras, out, episodes=1))
    assert fewer.returncode == 2
    assert "episodes is 2 there and 1 here" in fewer.stderr


def test_disk_that_takes_no_more_ends_with_a_sentence(cameras: Path, tmp_path: Path) -> None:
    def limit_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    done = subprocess.run(
        command(cameras, tmp_path / "set"),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        preexec_fn=limit_files,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"recording {TASK} seed 0: cannot write to {tmp_path / 'set'}: ")
    assert not list(episodes_folder(tmp_path / "set").glob("episode*"))


def test_seeds_of_evaluations_are_taken_with_a_warning(cameras: Path, tmp_path: Path) -> None:
    done = run(command(cameras, tmp_path / "set", seed=99_999, max_steps=400))
    assert done.returncode == 0, done.stderr
    assert "seeds from 100000 on are for evaluation" in done.stdout


def test_worker_that_hangs_is_ended_and_replaced(cameras: Path, tmp_path: Path) -> None:
    rig = load_rig(cameras)
    with open_folder(tmp_path / "set", PLAN, rig):
        settings = WorkerSettings(tmp_path / "set", rig_to_json(rig), "FAST", 66)
        with WorkerPool(settings, 1, patience_s=0.0) as pool:
            job = Job(DemonstrationSeed(TASK, 0), None)
            (stopped,) = workers_of(os.getpid())
            os.kill(stopped, signal.SIGSTOP)
            pool.give(job)
            assert list(pool.replies()) == [(job, Crash("worker 1", "was given up after 0 s"))]
            assert pool.idle == 1
            assert workers_of(os.getpid()) != [stopped]


@pytest.mark.parametrize(
    # Three simulators may be started for a seed, each of which looks for a way until it is late.
    ("world", "simulator_s"),
    [(WorldName.MUJOCO, 0.0), (WorldName.RLBENCH, 3 * Patience().longest_job_s)],
)
def test_worker_has_the_time_that_its_simulator_may_take(
    tmp_path: Path, world: WorldName, simulator_s: float
) -> None:
    settings = WorkerSettings(tmp_path, {}, "FAST", 66, world)
    with WorkerPool(settings, 0, patience_s=7.0) as pool:
        assert pool.job_limit_s == 7.0 + simulator_s
