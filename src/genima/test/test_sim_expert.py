# SPDX-License-Identifier: Apache-2.0
"""Behaviour of the experts, and of those who follow only their targets."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from genima.cameras import load_rig
from genima.errors import InvalidParameter, WorldError
from genima.geometry import pose_error
from genima.kinematics import base_T_tcp
from genima.limits import RobotModel, limits_of
from genima.safety.free_space import FreeSpace
from genima.sim.expert_rollout import (
    ExpertFollower,
    Follower,
    TargetFollower,
    follow,
    roll_out,
)
from genima.sim.itinerary import plan_itinerary
from genima.sim.mujoco_world import MujocoWorld
from genima.sim.placement import place_feasibly
from genima.sim.props import top_down
from genima.sim.task import Waypoint, registered_tasks
from genima.sim.tasks.push_button import PushButton

ROOT = Path(__file__).parents[3]
BUTTON, DRAWER = "push_button", "open_drawer"
BLOCK, LID = "slide_block_to_target", "take_lid_off_saucepan"
NAMES = tuple(registered_tasks())
PANDA = limits_of(RobotModel.PANDA)


@pytest.fixture(scope="module")
def world() -> MujocoWorld:
    return MujocoWorld(load_rig(ROOT / "config" / "cameras.yaml"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [11, 12])
def test_expert_succeeds_in_at_most_280_steps(world: MujocoWorld, name: str, seed: int) -> None:
    rollout = roll_out(world, name, seed, ExpertFollower(), max_steps=280)
    assert rollout.success
    assert rollout.steps >= 60


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "follower",
    [
        lambda: TargetFollower(20),
        lambda: TargetFollower(10, np.radians(0.3), wait_steps=5),
        lambda: TargetFollower(5, np.radians(0.3), wait_steps=10),
    ],
)
def test_target_alone_is_enough(
    world: MujocoWorld, name: str, follower: Callable[[], Follower]
) -> None:
    assert roll_out(world, name, 21, follower(), max_steps=300).success


@pytest.mark.parametrize("name", NAMES)
def test_chunk_starts_at_the_arm_and_moves_within_its_limits(
    world: MujocoWorld, name: str
) -> None:
    world.reset(name, 0, 31)
    for _ in follow(world, ExpertFollower(), 160):
        chunk = world.expert_chunk(20)
        np.testing.assert_array_equal(chunk.q_now, world.state().q)
        path = np.concatenate([chunk.q_now[None], chunk.q])
        assert np.all(np.abs(np.diff(path, axis=0)) <= PANDA.dq_max * 0.05)
        assert np.all(PANDA.within(chunk.q))
        assert chunk.gripper_open.shape == (20,)


def test_chunk_has_no_side_effect_and_does_not_depend_on_its_length(world: MujocoWorld) -> None:
    world.reset(LID, 0, 32)
    for step in follow(world, ExpertFollower(), 160):
        if step % 20 == 0:
            long, short, again = (world.expert_chunk(n) for n in (40, 20, 40))
            np.testing.assert_array_equal(long.q, again.q)
            np.testing.assert_array_equal(long.q[:20], short.q)
            np.testing.assert_array_equal(long.gripper_open[:20], short.gripper_open)


def test_chunk_without_steps_is_refused(world: MujocoWorld) -> None:
    world.reset(BUTTON, 0, 0)
    with pytest.raises(InvalidParameter, match="at least 1 step"):
        world.expert_chunk(0)


@pytest.mark.parametrize("name", [DRAWER, LID])
def test_gripper_closes_only_around_the_handle(world: MujocoWorld, name: str) -> None:
    """And the targets stand still meanwhile: K steps before and K steps after."""
    world.reset(name, 0, 33)
    targets = []
    for _ in follow(world, ExpertFollower(), 160):
        chunk = world.expert_chunk(20)
        targets.append((base_T_tcp(chunk.q[-1])[:3, 3], chunk.gripper_open[-1]))
    closing = next(i for i, (_, is_open) in enumerate(targets) if not is_open)
    grasp = targets[closing][0]
    # The first closed target and those around it are at the grasp.
    for point, _ in targets[closing - 15 : closing + 15]:
        assert np.linalg.norm(point - grasp) < 0.01


@pytest.mark.parametrize("name", NAMES)
def test_elbow_stays_up(world: MujocoWorld, name: str) -> None:
    """The way begins with joints that depend on where the object is, and not on chance."""
    for seed in (40, 41):
        world.reset(name, 0, seed)
        rollout = world.expert_chunk(60)
        assert np.abs(rollout.q[:, 2]).max() < 1.2


@pytest.mark.parametrize("seed", [100_001, 100_007])
def test_way_is_one_on_which_controllers_do_not_hold_the_arm(
    world: MujocoWorld, seed: int
) -> None:
    """With the hand turned the other way the forearm would come to the shoulder here."""
    space = FreeSpace((-0.99, -0.99, 0.005), (0.99, 0.99, 1.29), margin_m=0.012)
    world.reset("open_door", 0, seed)
    targets = world.expert_chunk(200).q
    assert space.clearances(targets).min() > 0.005


def disturb(
    world: MujocoWorld,
    name: str,
    when: Callable[[MujocoWorld], bool],
    what: Callable[[MujocoWorld], None],
    follower: Follower,
) -> bool:
    """Run an episode with one disturbance; whether it is done in the end."""
    world.reset(name, 0, 6)
    disturbed = False
    for _ in follow(world, follower, 350):
        if not disturbed and when(world):
            what(world)
            disturbed = True
    assert disturbed, "the episode never came to the point where it was to be disturbed"
    return world.success()


def let_go(world: MujocoWorld) -> None:
    """Open the gripper for half a second."""
    steps = round(0.5 / world.physics_dt_s)
    world.advance(np.tile(world.state().q, (steps, 1)), True)


def shove_block(world: MujocoWorld) -> None:
    world.data.joint("block_joint").qpos[:2] += [-0.025, 0.016]


def shift_lid(world: MujocoWorld) -> None:
    world.data.joint("lid_joint").qpos[0] += 0.03


def block_close(world: MujocoWorld) -> bool:
    gap = world.data.body("block").xpos - world.data.body("target").xpos
    return bool(np.linalg.norm(gap[:2]) < 0.11)


@pytest.mark.parametrize("follower", [ExpertFollower, lambda: TargetFollower(20)])
@pytest.mark.parametrize(
    ("name", "when", "what"),
    [
        (LID, lambda world: world.data.body("lid").xpos[2] > 0.11, let_go),
        (LID, lambda world: base_T_tcp(world.state().q)[2, 3] < 0.22, shift_lid),
        (DRAWER, lambda world: world.data.joint("drawer_bottom_joint").qpos[0] > 0.06, let_go),
        (BLOCK, block_close, shove_block),
    ],
)
def test_expert_recovers(
    world: MujocoWorld,
    name: str,
    when: Callable[[MujocoWorld], bool],
    what: Callable[[MujocoWorld], None],
    follower: Callable[[], Follower],
) -> None:
    assert disturb(world, name, when, what, follower())


def test_expert_notices_at_once_that_the_lid_was_dropped(world: MujocoWorld) -> None:
    world.reset(LID, 0, 6)
    for _ in follow(world, ExpertFollower(), 350):
        if world.data.body("lid").xpos[2] > 0.14:
            break
    assert not world.expert_chunk(1).gripper_open[0]
    let_go(world)
    assert world.expert_chunk(1).gripper_open[0]


def test_expert_tries_again_where_its_way_ended_without_success(world: MujocoWorld) -> None:
    world.reset(BLOCK, 0, 6)
    target = world.model.body("target")
    ahead = world.data.body("target").xpos - world.data.body("block").xpos
    moved = False
    for _ in follow(world, ExpertFollower(), 350):
        if not moved and block_close(world):
            target.pos[:2] += 0.04 * ahead[:2] / np.linalg.norm(ahead[:2])
            moved = True
    assert moved
    assert world.success()


def test_expert_waits_for_a_learner_that_does_not_move(world: MujocoWorld) -> None:
    """Its progress is measured: time alone brings nothing."""
    world.reset(LID, 0, 7)
    q = world.state().q
    before = world.expert_chunk(20)
    world.advance(np.tile(q, (round(3.0 / world.physics_dt_s), 1)), True)
    after = world.expert_chunk(20)
    np.testing.assert_allclose(after.q, before.q, atol=2e-3)


def test_itinerary_is_exact_and_takes_the_shorter_turn_of_the_hand(world: MujocoWorld) -> None:
    world.reset(BUTTON, 0, 0)
    q = world.state().q
    above = top_down((0.45, 0.1, 0.3), 2.9)
    below = top_down((0.45, 0.1, 0.1), 2.9)
    waypoints = (
        Waypoint("above", above, gripper_open=True),
        Waypoint("below", below, gripper_open=True, straight=True),
    )
    stops = plan_itinerary(waypoints, world._ik, q)
    assert [stop.dwell_steps for stop in stops] == [20, 0, 0, 0, 20]
    half_turn = below @ np.diag([-1.0, -1.0, 1.0, 1.0])
    distance_m, angle_rad = pose_error(base_T_tcp(stops[-1].q), half_turn)
    assert distance_m < 1e-4
    assert angle_rad < 1e-3
    assert np.abs(stops[-1].q - q).max() < 1.6


def test_placement_out_of_reach_is_an_error_with_advice(
    world: MujocoWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genima.sim.placement._PLACEMENTS", 2)

    class FarButton(PushButton):
        def place(self, model, data, rng) -> None:  # type: ignore[no-untyped-def]
            model.body("button_base").pos[:] = (1.5, 0.0, 0.0)

    world.reset(BUTTON, 0, 0)
    with pytest.raises(WorldError, match=r"push_button.*smaller"):
        place_feasibly(FarButton(), world.model, world.data, np.random.default_rng(0), world._ik)
