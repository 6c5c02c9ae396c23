# SPDX-License-Identifier: Apache-2.0
"""The runners of simulated worlds, with a world that has no physics."""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from genima.arrays import Array, Float
from genima.control.follower import TrajectoryFollower
from genima.errors import InvalidCommand, UnknownTask, WorldDown, WorldError
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.sim.lockstep import LockstepRunner
from genima.sim.realtime import RealtimeRunner
from genima.sim.runner import POLICY_STEP_S, WorldRunner

from .fake_world import PATIENCE_S, FakeRenderer, FakeSink, FakeWorld


class Bench:
    """A runner with everything around it."""

    def __init__(self, kind: Callable[..., WorldRunner], **options: object) -> None:
        self.world, self.sink = FakeWorld(), FakeSink()
        self.renderers: list[FakeRenderer] = []
        self.runner = kind(
            self.world, self._make_renderer, TrajectoryFollower(Q_HOME), self.sink, **options
        )
        self.runner.start()

    def _make_renderer(self) -> FakeRenderer:
        self.renderers.append(FakeRenderer())
        return self.renderers[-1]

    def reset(self, seed: int = 0, max_steps: int = 0) -> float:
        self.runner.reset("touch", 0, seed, max_steps)
        return self.runner.reset_stamp_s

    def command(
        self, now_s: float, steps: int, q: Float[Array, "7"] = Q_HOME, gripper_open: bool = True
    ) -> None:
        """A trajectory that stands at `q` after so many policy steps, and a gripper command."""
        times_s = POLICY_STEP_S * np.arange(1, steps + 1)
        share = (np.arange(1, steps + 1) / steps)[:, None]
        start = self.sink.states[-1][1].q
        path = start + share * (q - start)
        self.runner.follow(now_s, list(JOINT_NAMES), times_s, path, np.zeros_like(path))
        self.runner.command_gripper(gripper_open, now_s)

    def until_step(self, steps: int) -> None:
        self.sink.until(lambda: self.runner.episode.steps >= steps and self._shown(steps))

    def _shown(self, steps: int) -> bool:
        stamp_s = self.runner.reset_stamp_s + steps * POLICY_STEP_S
        return any(abs(stamp - stamp_s) < 1e-6 for stamp, _ in self.sink.states)


@pytest.fixture
def lockstep() -> Iterator[Bench]:
    bench = Bench(LockstepRunner, images_on_request=False)
    yield bench
    bench.runner.stop()


@pytest.fixture
def on_request() -> Iterator[Bench]:
    bench = Bench(LockstepRunner, images_on_request=True)
    yield bench
    bench.runner.stop()


def test_lockstep_publishes_nothing_before_a_task(lockstep: Bench) -> None:
    assert lockstep.runner.call(lambda: "awake") == "awake"
    assert lockstep.sink.states == []


def test_unknown_task_is_refused_and_the_episode_goes_on(lockstep: Bench) -> None:
    lockstep.reset(seed=3)
    with pytest.raises(UnknownTask, match="there is: touch"):
        lockstep.runner.reset("dance", 0, 0, 0)
    assert (lockstep.runner.episode.task, lockstep.runner.episode.seed) == ("touch", 3)


def test_world_waits_until_trajectory_and_gripper_cover_its_next_step(lockstep: Bench) -> None:
    start_s = lockstep.reset()
    lockstep.sink.until(lambda: len(lockstep.sink.images) == 1)
    times_s = np.array([POLICY_STEP_S])
    lockstep.runner.follow(
        start_s, list(JOINT_NAMES), times_s, Q_HOME[None] + 0.01, np.zeros((1, 7))
    )
    # Asked on the world's own thread, after it had the chance to step.
    assert lockstep.runner.call(lambda: lockstep.runner.episode.steps) == 0
    lockstep.runner.command_gripper(False, start_s)
    lockstep.until_step(1)
    assert lockstep.runner.call(lambda: lockstep.runner.episode.steps) == 1
    state = lockstep.sink.states[-1][1]
    np.testing.assert_allclose(state.q, Q_HOME + 0.01)
    assert not state.gripper_open


def test_trajectory_that_ends_within_the_step_does_not_cover_it(lockstep: Bench) -> None:
    start_s = lockstep.reset()
    lockstep.runner.command_gripper(True, start_s)
    lockstep.runner.follow(
        start_s, list(JOINT_NAMES), np.array([0.04]), Q_HOME[None], np.zeros((1, 7))
    )
    assert lockstep.runner.call(lambda: lockstep.runner.episode.steps) == 0


def test_stamps_of_lockstep_are_exact_multiples(lockstep: Bench) -> None:
    start_s = lockstep.reset()
    for step in range(6):
        now_s = round(start_s + step * POLICY_STEP_S, 9)
        lockstep.command(now_s, 1)
        lockstep.until_step(step + 1)
    stamps = sorted({stamp for stamp, _ in lockstep.sink.states})
    assert stamps == [round(start_s + step * POLICY_STEP_S, 9) for step in range(7)]


def test_world_repeats_its_observation_while_it_waits(lockstep: Bench) -> None:
    start_s = lockstep.reset()
    lockstep.sink.until(lambda: len(lockstep.sink.states) >= 3 and len(lockstep.sink.images) >= 3)
    assert {stamp for stamp, _ in lockstep.sink.states} == {start_s}
    assert lockstep.renderers[0].rendered == 1


def test_lockstep_episode_stops_at_success(lockstep: Bench) -> None:
    start_s = lockstep.reset()
    lockstep.command(start_s, 30)
    for step in range(10):
        lockstep.until_step(step)
        lockstep.runner.command_gripper(True, round(start_s + step * POLICY_STEP_S, 9))
    lockstep.until_step(10)
    lockstep.runner.command_gripper(True, round(start_s + 10 * POLICY_STEP_S, 9))
    episode = lockstep.runner.call(lambda: lockstep.runner.episode)
    assert (episode.steps, episode.succeeded, episode.finished) == (10, True, True)


def test_lockstep_episode_may_go_on_for_some_steps_after_success() -> None:
    bench = Bench(LockstepRunner, images_on_request=False, settle_steps=3)
    try:
        # Success at step 10 beats the limit, so what follows is not cut short by it.
        start_s = bench.reset(max_steps=11)
        bench.command(start_s, 30)
        for step in range(14):
            bench.until_step(step)
            bench.runner.command_gripper(True, round(start_s + step * POLICY_STEP_S, 9))
        episode = bench.runner.call(lambda: bench.runner.episode)
        assert (episode.steps, episode.succeeded, episode.finished) == (13, True, True)
    finally:
        bench.runner.stop()


def test_lockstep_episode_stops_at_its_last_step(lockstep: Bench) -> None:
    start_s = lockstep.reset(max_steps=2)
    lockstep.command(start_s, 30)
    for step in range(3):
        lockstep.until_step(min(step, 2))
        lockstep.runner.command_gripper(True, round(start_s + step * POLICY_STEP_S, 9))
    episode = lockstep.runner.call(lambda: lockstep.runner.episode)
    assert (episode.steps, episode.succeeded, episode.finished) == (2, False, True)


def test_reset_takes_time_forward_and_drops_what_was_commanded(lockstep: Bench) -> None:
    first_s = lockstep.reset()
    lockstep.command(first_s, 30, gripper_open=False)
    lockstep.until_step(1)
    second_s = lockstep.reset(seed=2)
    assert second_s >= first_s + 1.0
    lockstep.command(first_s + POLICY_STEP_S, 60, gripper_open=False)
    assert lockstep.runner.call(lambda: lockstep.runner.episode.steps) == 0
    assert lockstep.runner.call(lambda: lockstep.world.state().gripper_open)


def test_gripper_command_of_an_earlier_world_is_ignored(lockstep: Bench) -> None:
    start_s = lockstep.reset()
    lockstep.runner.follow(
        start_s, list(JOINT_NAMES), np.array([0.05]), Q_HOME[None], np.zeros((1, 7))
    )
    lockstep.runner.command_gripper(False, start_s + 57.0)
    assert lockstep.runner.call(lambda: lockstep.runner.episode.steps) == 0


def test_images_come_only_where_they_are_asked_for(on_request: Bench) -> None:
    start_s = on_request.reset()
    on_request.command(start_s, 1)
    on_request.until_step(1)
    assert on_request.sink.images == []
    on_request.runner.request_images(round(start_s + POLICY_STEP_S, 9))
    on_request.sink.until(lambda: bool(on_request.sink.images))
    stamp_s, images = on_request.sink.images[0]
    assert stamp_s == pytest.approx(start_s + POLICY_STEP_S)
    assert images["front"][0, 0, 0] == 1


def test_malformed_trajectory_is_refused_and_the_world_goes_on(lockstep: Bench) -> None:
    start_s = lockstep.reset()
    with pytest.raises(InvalidCommand):
        lockstep.runner.follow(
            start_s, ["panda_joint1"], np.array([0.05]), np.zeros((1, 1)), np.zeros((1, 1))
        )
    lockstep.command(start_s, 1)
    lockstep.until_step(1)


def test_defect_of_the_world_is_told_and_callers_are_answered(lockstep: Bench) -> None:
    start_s = lockstep.reset()
    lockstep.world.broken = True
    lockstep.command(start_s, 1)
    lockstep.sink.until(lambda: bool(lockstep.sink.defects))
    told = lockstep.runner.episode
    assert (told.task, told.error) == ("", "the world has stopped: the physics broke")
    with pytest.raises(WorldDown, match="the world has stopped"):
        lockstep.reset()
    assert str(lockstep.sink.defects[0]) == "the physics broke"


def test_world_that_does_not_come_up_leaves_no_episode_and_may_be_tried_again(
    lockstep: Bench,
) -> None:
    lockstep.reset()
    lockstep.world.down = "the display is gone"
    with pytest.raises(WorldDown, match="the display is gone"):
        lockstep.reset()
    told = lockstep.runner.episode
    assert (told.task, told.error, told.finished) == ("", "the display is gone", True)
    lockstep.world.down = ""
    lockstep.reset(seed=3)
    assert lockstep.runner.episode.seed == 3 and not lockstep.runner.episode.error


def test_world_that_hangs_is_not_taken_for_one_that_has_stopped(lockstep: Bench) -> None:
    let_go = threading.Event()
    lockstep.world.longest_job_s = 0.2
    with pytest.raises(WorldDown, match=r"did not answer within"):
        lockstep.runner.call(lambda: let_go.wait(PATIENCE_S))
    for _ in range(2):
        with pytest.raises(WorldDown, match="hangs and does not stop"):
            lockstep.runner.stop()
    let_go.set()
    lockstep.runner._thread.join(PATIENCE_S)
    lockstep.runner.stop()


def test_lost_episode_is_told_and_the_next_one_goes_well(lockstep: Bench) -> None:
    start_s = lockstep.reset()
    lockstep.command(start_s, 1)
    lockstep.until_step(1)
    lockstep.world.loses_at_row = 5
    lockstep.command(start_s + POLICY_STEP_S, 1)
    lockstep.sink.until(lambda: lockstep.runner.episode.finished)
    episode = lockstep.runner.episode
    assert (episode.error, episode.steps, episode.succeeded) == ("the simulator crashed", 1, False)
    assert lockstep.sink.defects == []
    lockstep.world.loses_at_row = -1
    start_s = lockstep.reset()
    assert lockstep.runner.episode.error == ""
    lockstep.command(start_s, 1)
    lockstep.until_step(1)


def test_error_of_a_job_goes_to_its_caller_alone(lockstep: Bench) -> None:
    lockstep.reset()
    with pytest.raises(ZeroDivisionError):
        lockstep.runner.call(lambda: 1 / 0)
    assert lockstep.runner.call(lambda: "fine") == "fine"
    assert lockstep.sink.defects == []


def test_only_one_thread_touches_the_world_and_stop_closes_it(lockstep: Bench) -> None:
    start_s = lockstep.reset()
    lockstep.command(start_s, 1)
    lockstep.until_step(1)
    lockstep.runner.stop()
    assert lockstep.world.threads == {"world"}
    assert lockstep.world.closed and lockstep.renderers[0].closed
    with pytest.raises(WorldError, match="the world has stopped"):
        lockstep.reset()


class Realtime(Bench):
    """With the wall clock."""

    def __init__(self, latency_s: float = 0.0) -> None:
        super().__init__(
            RealtimeRunner,
            now_s=time.monotonic,
            camera_period_s=0.02,
            camera_latency_s=latency_s,
        )


@pytest.fixture
def realtime() -> Iterator[Realtime]:
    bench = Realtime()
    yield bench
    bench.runner.stop()


def test_realtime_publishes_states_and_images_by_the_clock(realtime: Realtime) -> None:
    start_s = realtime.reset()
    realtime.sink.until(lambda: len(realtime.sink.states) > 5 and len(realtime.sink.images) > 2)
    stamps = [stamp for stamp, _ in realtime.sink.states]
    assert start_s <= stamps[0]
    assert stamps == sorted(stamps)
    assert stamps[-1] <= time.monotonic()


def test_realtime_follows_a_trajectory_and_then_stands(realtime: Realtime) -> None:
    realtime.reset()
    realtime.sink.until(lambda: bool(realtime.sink.states))
    goal = Q_HOME + 0.1
    realtime.command(time.monotonic(), 8, goal, gripper_open=False)
    realtime.sink.until(lambda: np.allclose(realtime.sink.states[-1][1].q, goal, atol=1e-6))
    assert not realtime.sink.states[-1][1].gripper_open


def test_realtime_gripper_command_from_before_the_reset_is_ignored(realtime: Realtime) -> None:
    start_s = realtime.reset()
    realtime.runner.command_gripper(False, start_s - 0.1)
    before = len(realtime.sink.states)
    realtime.sink.until(lambda: len(realtime.sink.states) > before + 5)
    assert realtime.sink.states[-1][1].gripper_open


def test_realtime_reset_forgets_trajectory_and_gripper(realtime: Realtime) -> None:
    realtime.reset()
    realtime.sink.until(lambda: bool(realtime.sink.states))
    realtime.command(time.monotonic(), 40, Q_HOME + 0.4, gripper_open=False)
    realtime.sink.until(lambda: not realtime.sink.states[-1][1].gripper_open)
    start_s = realtime.reset(seed=2)
    realtime.sink.until(lambda: sum(stamp > start_s for stamp, _ in realtime.sink.states) > 5)
    state = realtime.sink.states[-1][1]
    assert state.gripper_open
    np.testing.assert_allclose(state.q, Q_HOME + 0.02)


def test_realtime_publishes_nothing_before_a_task(realtime: Realtime) -> None:
    ticks: list[int] = []
    while len(ticks) < 5:  # each answer is given in a tick of its own or a later one
        ticks.append(realtime.runner.call(lambda: len(ticks)))
    assert realtime.sink.states == [] and realtime.sink.images == []


def test_realtime_goes_on_to_show_an_episode_that_is_lost(realtime: Realtime) -> None:
    realtime.reset()
    realtime.runner.call(realtime.world.lose_now)
    realtime.sink.until(lambda: bool(realtime.runner.episode.error))
    shown = len(realtime.sink.states)
    realtime.sink.until(lambda: len(realtime.sink.states) > shown + 3)
    assert realtime.sink.defects == [] and realtime.runner.episode.finished


def test_defect_of_a_realtime_world_is_told_once(realtime: Realtime) -> None:
    realtime.reset()
    realtime.sink.until(lambda: bool(realtime.sink.images))
    realtime.world.broken = True
    realtime.sink.until(lambda: realtime.renderers[0].closed or len(realtime.sink.defects) > 1)
    assert [str(defect) for defect in realtime.sink.defects] == ["the physics broke"]


def test_cameras_have_their_latency() -> None:
    bench = Realtime(latency_s=0.1)
    arrived: list[float] = []
    on_images = bench.sink.on_images
    bench.sink.on_images = lambda images, stamp_s: (  # type: ignore[method-assign]
        arrived.append(time.monotonic() - stamp_s),
        on_images(images, stamp_s),
    )
    bench.reset()
    bench.sink.until(lambda: len(bench.sink.images) > 1)
    bench.runner.stop()
    assert min(arrived) >= 0.1


def test_realtime_stop_ends_both_threads(realtime: Realtime) -> None:
    realtime.reset()
    realtime.sink.until(lambda: bool(realtime.sink.images))
    stopper = threading.Thread(target=realtime.runner.stop)
    stopper.start()
    stopper.join(PATIENCE_S)
    assert not stopper.is_alive()
    assert realtime.renderers[0].closed
    assert realtime.renderers[0].thread == "cameras"
    assert realtime.world.threads == {"world"}
