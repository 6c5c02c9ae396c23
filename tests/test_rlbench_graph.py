# SPDX-License-Identifier: Apache-2.0
"""Whole commands on RLBench's backend: real nodes and the real server, on a stand-in for RLBench.

The stand-in's task `push_button` can be done; its task `press_switch` kills its own process.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genima.data.training_set import TrainingSet

TEST = Path(__file__).parents[1] / "src" / "genima" / "test"
LIMIT_S = 300.0
BUILT = pytest.mark.skipif(
    not os.environ.get("AMENT_PREFIX_PATH"), reason="the workspace is not built and sourced"
)


def genima(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    python_path = (TEST / "rlbench_double", TEST, TEST.parent)
    environment = os.environ | {
        "GENIMA_RLBENCH_PYTHON": sys.executable,
        "GENIMA_RLBENCH_PYTHONPATH": os.pathsep.join(map(str, python_path)),
        "COPPELIASIM_ROOT": str(folder),
        "GENIMA_CACHE": str(folder / "cache"),
        "DISPLAY": ":0",
        "DOUBLE_HAS_A_CHILD": str(folder / "child"),
        "DOUBLE_LAUNCHES": str(folder / "launches"),
    }
    return subprocess.run(
        [sys.executable, "-m", "genima.cli", *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )


@BUILT
@pytest.mark.graph
def test_episodes_with_a_crash_are_marked_and_those_behind_them_succeed(tmp_path: Path) -> None:
    out = tmp_path / "evaluation"
    tasks = "press_switch,push_button"
    (tmp_path / "launches").write_text("well fails")  # where the cameras are; the first graph
    done = genima(
        tmp_path,
        *("eval", "--world", "rlbench", "--tasks", tasks, "--episodes", 1, "--seed", 3),
        *("--max-steps", 150, "--no-video", "--out", out),
    )
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in (out / "episodes.jsonl").read_text().splitlines()]
    crashed, good = sorted(records, key=lambda record: record["task"])
    assert "error: RLBench's simulator was given up: it was ended by SIGKILL" in crashed["reason"]
    assert crashed["steps"] == 3 and not crashed["success"]
    assert good["success"] and good["instruction"] == "touch the thing"
    starts = (out / "graph.log").read_text().count("active: a world in lockstep")
    assert starts == 2  # for the world that was down before an episode, not for the crash


@BUILT
def test_world_that_stays_down_ends_the_evaluation_with_the_cause(tmp_path: Path) -> None:
    """And no episode is to blame for it: all of them remain."""
    out = tmp_path / "evaluation"
    (tmp_path / "launches").write_text("well fails fails fails")
    plan = ("--world", "rlbench", "--agent", "expert", "--tasks", "push_button", "--episodes", 1)
    done = genima(tmp_path, "eval", *plan, "--out", out)
    assert done.returncode == 2
    assert "3 times in a row without finishing an episode" in done.stderr
    assert "'launch' failed with RuntimeError: could not connect to display" in done.stderr
    assert not (out / "episodes.jsonl").read_text()
    done = genima(tmp_path, "eval", "--resume", "--out", out)
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "report.json").read_text())["mean_success_rate"] == 1.0


@BUILT
def test_demonstrations_of_the_planner_are_collected(tmp_path: Path) -> None:
    out = tmp_path / "set"
    collect = ("collect", "--world", "rlbench", "--tasks", "push_button", "--episodes", 2)
    done = genima(tmp_path, *collect, "--out", out)
    assert done.returncode == 0, done.stderr
    training_set = TrainingSet.open(out)
    assert training_set.episodes("push_button") == [0, 1]
    first, second = (training_set.load("push_button", episode) for episode in (0, 1))
    assert (first.seed, second.seed) == (0, 1)
    assert first.images["wrist"][0].shape == (256, 256, 3)
    assert np.abs(first.q[30] - second.q[30]).max() > 0.01
    plan = json.loads((out / "collection.json").read_text())
    assert plan["plan"]["world"] == "rlbench" and "rlbench" in plan["made_with"]
    child = Path("/proc") / (tmp_path / "child").read_text() / "stat"
    assert not child.exists() or " Z " in child.read_text()  # let go of, with all that it started


def test_without_rlbench_somebody_is_told_where_to_look(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GENIMA_R", "COPPEL"))}
    done = subprocess.run(
        [sys.executable, "-m", "genima.cli", "rlbench", "cameras", "--out", tmp_path / "c.yaml"],
        env=environment | {"GENIMA_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and not (tmp_path / "c.yaml").exists()
    if os.environ.get("AMENT_PREFIX_PATH"):
        assert "./genima doctor rlbench" in done.stderr
