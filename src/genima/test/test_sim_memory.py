# SPDX-License-Identifier: Apache-2.0
"""What a simulated world lets go of, however long it runs: without the garbage collector.

A node has its collector walk old objects so rarely that what waits for it grows for hours.
"""

import gc
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from genima.cameras import load_rig
from genima.control.follower import TrajectoryFollower
from genima.control.point_path import PointPath
from genima.errors import WorldError
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.sim.lockstep import LockstepRunner
from genima.sim.mujoco_world import MujocoWorld
from genima.sim.renderer import MujocoRenderer, Quality
from genima.sim.task import registered_tasks

from .fake_world import FakeRenderer, FakeSink, FakeWorld

ROOT = Path(__file__).parents[3]


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="module")
def world() -> MujocoWorld:
    return MujocoWorld(load_rig(ROOT / "config" / "cameras.yaml"))


class Scene:
    """Something large."""


@pytest.mark.usefixtures("no_collector")
def test_reset_lets_go_of_the_scene_before(world: MujocoWorld) -> None:
    scenes = []
    episodes = [(task, 0) for task in registered_tasks()]
    # Here the arm cannot go to some of the places that are tried, or only with the hand turned.
    episodes += [("push_button", seed) for seed in range(8)]
    for task, seed in episodes:
        world.reset(task, 0, seed)
        scenes.append(weakref.ref(world.model))
        world.advance(np.tile(world.state().q, (25, 1)), True)
        world.expert_chunk(20)
        world.snapshot()
    assert [scene() is not None for scene in scenes] == [False] * (len(scenes) - 1) + [True]
    world.close()
    assert scenes[-1]() is None


@pytest.mark.usefixtures("no_collector")
def test_renderer_keeps_only_the_scene_that_it_drew_last(world: MujocoWorld) -> None:
    scenes = []
    renderer = MujocoRenderer(world, Quality.FAST)
    for seed in range(3):
        world.reset("open_drawer", 0, seed)
        scenes.append(weakref.ref(world.model))
        renderer.render(world.snapshot())
    assert [scene() is not None for scene in scenes] == [False, False, True]
    world.close()
    renderer.close()
    assert scenes[-1]() is None


@pytest.mark.usefixtures("no_collector")
def test_runner_keeps_nothing_of_a_job_that_failed() -> None:
    scenes = []

    def fail() -> None:
        scene = Scene()
        scenes.append(weakref.ref(scene))
        raise WorldError("no reachable placement")

    follower = TrajectoryFollower(Q_HOME)
    runner = LockstepRunner(
        FakeWorld(), FakeRenderer, follower, FakeSink(), images_on_request=False
    )
    runner.start()
    for _ in range(3):
        with suppress(WorldError):
            runner.call(fail)
    runner.call(lambda: None)  # now the thread of the world is through with the last one
    assert [scene() for scene in scenes] == [None] * 3
    runner.stop()


@pytest.mark.parametrize("has_task", [True, False])
def test_runner_keeps_no_trajectories_that_nobody_will_follow(has_task: bool) -> None:
    world, sink = FakeWorld(), FakeSink()
    follower = TrajectoryFollower(Q_HOME)
    runner = LockstepRunner(world, FakeRenderer, follower, sink, images_on_request=False)
    runner.start()
    if has_task:
        world.loses_at_row = 0
        runner.reset("touch", 0, 0, 0)
        send(runner, runner.reset_stamp_s)
        sink.until(lambda: bool(runner.episode.error))
    before = count_paths()
    for k in range(1, 100):
        send(runner, runner.reset_stamp_s + 0.02 * k)
    assert count_paths() <= before
    runner.stop()


def send(runner: LockstepRunner, stamp_s: float) -> None:
    """A trajectory and a gripper command for the next policy step."""
    runner.follow(stamp_s, JOINT_NAMES, np.array([0.1]), Q_HOME[None], np.zeros((1, 7)))
    runner.command_gripper(True, stamp_s)


def count_paths() -> int:
    """How many motions live in this process."""
    gc.collect()
    return sum(isinstance(thing, PointPath) for thing in gc.get_objects())
