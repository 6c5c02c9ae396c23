# SPDX-License-Identifier: Apache-2.0
"""What a learned controller that goes wrong may do to the arm; small ones with random weights."""

import pickle
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from genima.act.checkpoint import ActCheckpoint
from genima.act.model import Act
from genima.act.planner import ActPlanner
from genima.act.predictor import ActPredictor
from genima.control.planner import Plan, Seen
from genima.control.session_types import SessionState
from genima.decode import TargetDecoder
from genima.errors import PolicyError
from genima.policy import Policy
from genima.worker import LatestWorker

from .act_cases import GOAL, Q_SEEN, RIG, untrained
from .session_cases import Loop, require_smooth

POLICY = Policy()
SEEN = Seen(Q_SEEN, True, GOAL)
TILE = np.full((512, 512, 3), 128, np.uint8)


def planner(checkpoint: ActCheckpoint) -> ActPlanner:
    return ActPlanner(
        ActPredictor(checkpoint, POLICY), TargetDecoder(RIG, POLICY), 10.0, check=False
    )


def standing_loop() -> Loop:
    loop = Loop()
    loop.arm = np.array(Q_SEEN)
    loop.start()
    return loop


def spoilt(value: float) -> ActCheckpoint:
    """A controller one of whose weights has gone bad."""
    checkpoint = untrained()
    weights = dict(checkpoint.weights)
    name = next(name for name in reversed(weights) if weights[name].dim() == 2)
    weights[name] = torch.full_like(weights[name], value)
    return replace(checkpoint, weights=weights)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_network_output_that_is_not_finite_is_refused_and_counted(value: float) -> None:
    loop = standing_loop()
    loop.session.offer(planner(spoilt(value)).plan(TILE, SEEN), loop.now_s, loop.now_s)
    assert "it holds NaN or infinity" in loop.status.reason
    assert loop.status.targets_refused == 1
    assert loop.run(0.5) == []


def test_weights_that_ask_for_wild_motion_keep_within_the_limits() -> None:
    loop = standing_loop()
    wild = planner(spoilt(5.0))
    for _ in range(3):
        plan = wild.plan(TILE, replace(SEEN, q=loop.arm))
        loop.session.hear_target(loop.now_s)
        loop.session.offer(plan, loop.now_s, loop.now_s)
        loop.run(1.0)
    if loop.sent:
        require_smooth(loop.sent)
    assert loop.status.state is not SessionState.IDLE


def test_planner_that_runs_out_of_memory_is_reported_and_the_next_tile_is_planned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    act = planner(untrained())
    defects: list[Exception] = []
    plans: list[Plan] = []
    done = threading.Event()

    def work(_: object) -> None:
        try:
            plans.append(act.plan(TILE, SEEN))
        finally:
            done.set()

    def exhausted(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    worker = LatestWorker("planner", work, defects.append)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Act, "forward", exhausted)
            worker.put(object())
            done.wait()
        done.clear()
        worker.put(object())
        done.wait()
    finally:
        worker.stop()
    assert "out of memory" in str(defects[0])
    assert len(plans) == 1


def test_first_call_after_the_warm_up_plans_as_any_other() -> None:
    warm, cold = (ActPredictor(untrained(), POLICY) for _ in range(2))
    warm.warm_up()
    assert np.array_equal(warm.predict(TILE, SEEN).q, cold.predict(TILE, SEEN).q)


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return Path.touch, (self.file,)  # type: ignore[return-value]


def test_pickle_in_the_place_of_weights_is_refused_and_nothing_of_it_runs(tmp_path: Path) -> None:
    folder, sprung = tmp_path / "controller", tmp_path / "sprung"
    untrained().save(folder)
    (folder / "model.safetensors").write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(PolicyError, match=r"model\.safetensors"):
        ActCheckpoint.load(folder)
    assert not sprung.exists()
    pickle.loads((folder / "model.safetensors").read_bytes())
    assert sprung.exists()  # the trap would have worked
