# SPDX-License-Identifier: Apache-2.0
"""Evaluations with the real nodes, each in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.plan import EpisodeKey
from genima.evaluation.trajectory import load_trajectory
from genima.launching.processes import descendants

pytestmark = pytest.mark.graph

KEY = EpisodeKey("push_button", 100_000)
LIMIT_S = 240.0


def command(out: Path, *options: str) -> list[str]:
    words = [sys.executable, "-m", "genima.cli", "eval", "--tasks", KEY.task, "--out", str(out)]
    return [*words, "--seed", str(KEY.seed), *options]


def evaluate(out: Path, *options: str) -> EvaluationFolder:
    done = subprocess.run(
        command(out, *options), capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return EvaluationFolder(out)


def node(root: int, name: str) -> int | None:
    """Process id of a node below `root`."""
    for pid in descendants(root):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.endswith(name.encode()) for word in words[:2]):
            return pid
    return None


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> EvaluationFolder:
    return evaluate(tmp_path_factory.mktemp("eval") / "filmed", "--episodes", "2")


def test_episode_succeeds_and_leaves_all_that_was_promised(filmed: EvaluationFolder) -> None:
    report = json.loads(filmed.report_file.read_text())
    assert report["tasks"][KEY.task]["successes"] == 2
    record = filmed.records()[0]
    q = load_trajectory(filmed.trajectory_file(KEY))
    assert q.shape == (record.steps + 1, 7)
    assert np.isfinite(q).all()
    assert filmed.tile_file(KEY.task).stat().st_size > 0
    with av.open(str(filmed.video_file(KEY, success=True))) as video:
        frames = [frame.time for frame in video.decode(video=0)]
    assert frames[-1] == pytest.approx(0.05 * (record.steps + 16))


def test_same_seeds_give_the_same_to_the_last_bit_filmed_or_not_by_one_worker_or_two(
    filmed: EvaluationFolder, tmp_path: Path
) -> None:
    again = evaluate(tmp_path / "again", "--episodes", "2", "--no-video", "--workers", "2")
    for key in filmed.read_plan().keys:
        assert again.trajectory_file(key).read_bytes() == filmed.trajectory_file(key).read_bytes()
    assert again.report_file.read_bytes() == filmed.report_file.read_bytes()
    records = [
        [replace(record, wall_s=0.0) for record in folder.records()] for folder in (again, filmed)
    ]
    assert records[0] == records[1]
    assert records[0][0].targets_reached > 0
    assert records[0][0].drawn_error_deg < 1.0
    assert set(again.claims.all().values()) == {0, 1}


def test_world_that_is_killed_costs_one_episode(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = command(out, "--episodes", "2", "--no-video")
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        folder, deadline_s = EvaluationFolder(out), time.monotonic() + LIMIT_S
        while not folder.running_file.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline_s
        bridge = node(process.pid, "sim_bridge_node")
        assert bridge is not None
        os.kill(bridge, signal.SIGKILL)
        assert process.wait(timeout=LIMIT_S) == 0
    first, second = folder.records()
    assert first.reason == "error: sim_bridge ended with signal SIGKILL"
    assert second.success


def test_unknown_task_ends_with_one_sentence(tmp_path: Path) -> None:
    words = command(tmp_path / "out", "--tasks", "juggle")
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 2
    assert "there is no task 'juggle' in world 'mujoco'; it has: " in done.stderr
    assert len(done.stderr.splitlines()) == 1
