# SPDX-License-Identifier: Apache-2.0
"""The real world in lockstep: the same commands give the same motion, however slowly they come."""

import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from genima.arrays import Array, Float
from genima.cameras import load_rig
from genima.control.follower import TrajectoryFollower
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.sim.lockstep import LockstepRunner
from genima.sim.mujoco_world import MujocoWorld
from genima.sim.runner import POLICY_STEP_S

from .fake_world import FakeRenderer, FakeSink

RIG = load_rig(Path(__file__).parents[3] / "config" / "cameras.yaml")
STEPS = 24


class Blind(FakeRenderer):
    def render(self, snapshot: object) -> Mapping[str, object]:  # type: ignore[override]
        return {}


def motion(messages_a_step: int, busy: bool, earlier_episodes: int = 0) -> Float[Array, "n 14"]:
    """Joint positions and velocities at each policy step of an episode with fixed commands."""
    sink = FakeSink()
    runner = LockstepRunner(
        MujocoWorld(RIG), Blind, TrajectoryFollower(Q_HOME), sink, images_on_request=True
    )
    stop = threading.Event()
    load = threading.Thread(target=lambda: any(iter(stop.is_set, True)), daemon=True)
    if busy:
        load.start()
    runner.start()
    try:
        for seed in range(earlier_episodes):
            runner.reset("push_button", 0, seed, 0)
        runner.reset("push_button", 0, 7, 0)
        start_s = runner.reset_stamp_s
        sink.until(lambda: bool(sink.states) and sink.states[-1][0] == start_s)
        q0 = sink.states[-1][1].q
        for step in range(STEPS):
            now_s = round(start_s + step * POLICY_STEP_S, 9)
            for part in range(messages_a_step):
                _command(runner, now_s, start_s, q0, last=part == messages_a_step - 1)
            end_s = round(now_s + POLICY_STEP_S, 9)
            sink.until(lambda end_s=end_s: sink.states[-1][0] == end_s)
    finally:
        stop.set()
        runner.stop()
    episode = {stamp: state for stamp, state in sink.states if stamp >= start_s}
    return np.array([np.concatenate([state.q, state.dq]) for state in episode.values()])


def _command(
    runner: LockstepRunner, now_s: float, start_s: float, q0: Float[Array, "7"], last: bool
) -> None:
    times_s = np.arange(1, 4) * 0.02
    phase = (round(now_s - start_s, 9) + times_s)[:, None]
    q = q0 + 0.1 * np.sin(2.0 * phase) ** 2
    dq = 0.2 * np.sin(4.0 * phase) * np.ones(7)
    runner.follow(now_s, list(JOINT_NAMES), times_s, q, dq)
    if last:
        runner.command_gripper(True, now_s)


@pytest.fixture(scope="module")
def reference() -> Float[Array, "n 14"]:
    return motion(messages_a_step=1, busy=False)


def test_the_arm_moved(reference: Float[Array, "n 14"]) -> None:
    assert reference.shape == (STEPS + 1, 14)
    assert np.ptp(reference[:, :7], axis=0).min() > 0.02


def test_same_commands_give_the_same_motion_beside_a_busy_thread(
    reference: Float[Array, "n 14"],
) -> None:
    np.testing.assert_array_equal(motion(messages_a_step=1, busy=True), reference)


def test_earlier_episodes_change_not_a_bit(reference: Float[Array, "n 14"]) -> None:
    np.testing.assert_array_equal(
        motion(messages_a_step=1, busy=False, earlier_episodes=2), reference
    )


def test_repeated_commands_change_nothing(reference: Float[Array, "n 14"]) -> None:
    np.testing.assert_allclose(motion(messages_a_step=2, busy=False), reference, rtol=0, atol=1e-9)
