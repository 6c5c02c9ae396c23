# SPDX-License-Identifier: Apache-2.0
"""Behaviour of the MuJoCo world."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genima.arrays import Array, Float
from genima.cameras import load_rig
from genima.errors import InvalidCommand, InvalidParameter, UnknownTask, WorldError
from genima.ik import InverseKinematics
from genima.kinematics import base_T_tcp
from genima.sim.mujoco_world import Q_START, MujocoWorld
from genima.sim.panda import GRIPPER_STROKE_M

ROOT = Path(__file__).parents[3]
TASK = "push_button"
LID = "take_lid_off_saucepan"


@pytest.fixture(scope="module")
def shared() -> MujocoWorld:
    return MujocoWorld(load_rig(ROOT / "config" / "cameras.yaml"))


@pytest.fixture
def world(shared: MujocoWorld) -> MujocoWorld:
    shared.reset(TASK, 0, 0)
    return shared


def wander(steps: int, seed: int = 5) -> Float[Array, "n 7"]:
    """A smooth way from the start."""
    rng = np.random.default_rng(seed)
    phase = np.linspace(0.0, 1.0, steps)[:, None]
    return Q_START + 0.25 * np.sin(np.pi * phase) * rng.uniform(-1.0, 1.0, 7)


def hold(world: MujocoWorld, seconds: float, gripper_open: bool = True) -> None:
    steps = round(seconds / world.physics_dt_s)
    world.advance(np.tile(Q_START, (steps, 1)), gripper_open)


def follow_expert(world: MujocoWorld, steps: int) -> None:
    q = world.state().q
    for _ in range(steps):
        if world.success():
            return
        chunk = world.expert_chunk(1)
        world.advance(np.linspace(q, chunk.q[0], 26)[1:], bool(chunk.gripper_open[0]))
        q = chunk.q[0]


def test_reset_gives_instruction_and_start(world: MujocoWorld) -> None:
    descriptions = world.reset(TASK, 0, 3)
    assert descriptions and all(isinstance(text, str) for text in descriptions)
    state = world.state()
    np.testing.assert_array_equal(state.q, Q_START)
    np.testing.assert_array_equal(state.dq, np.zeros(7))
    assert state.gripper_open
    assert state.gripper_width_m == pytest.approx(GRIPPER_STROKE_M)
    assert state.time_s == 0.0
    assert not world.success()


@pytest.mark.parametrize("task", [TASK, LID])
def test_same_seed_and_commands_give_the_same_state_bit_for_bit(task: str) -> None:
    rig = load_rig(ROOT / "config" / "cameras.yaml")
    finals = []
    for _ in range(2):
        world = MujocoWorld(rig)
        world.reset(task, 0, 11)
        world.advance(wander(400), True)
        world.advance(wander(200)[::-1], False)
        finals.append((world.data.qpos.copy(), world.data.qvel.copy()))
    np.testing.assert_array_equal(finals[0][0], finals[1][0])
    np.testing.assert_array_equal(finals[0][1], finals[1][1])


def test_earlier_episode_leaves_no_trace(world: MujocoWorld) -> None:
    world.reset(LID, 0, 2)
    fresh = world.data.qpos.copy()
    world.reset(TASK, 0, 9)
    world.advance(wander(300), False)
    world.reset(LID, 0, 2)
    np.testing.assert_array_equal(world.data.qpos, fresh)


def test_seeds_differ(world: MujocoWorld) -> None:
    world.reset(LID, 0, 1)
    one = world.data.qpos.copy()
    world.reset(LID, 0, 2)
    assert np.abs(world.data.qpos - one).max() > 1e-3


def test_snapshots_and_questions_do_not_alter_the_state(world: MujocoWorld) -> None:
    way = wander(300)
    for row in way:
        world.advance(row[None], True)
    plain = world.data.qpos.copy()
    world.reset(TASK, 0, 0)
    for row in way:
        world.snapshot()
        world.state()
        world.success()
        world.expert_chunk(20)
        world.advance(row[None], True)
    np.testing.assert_array_equal(world.data.qpos, plain)


def test_snapshot_stays_as_it_was_taken(world: MujocoWorld) -> None:
    snapshot = world.snapshot()
    before = snapshot.geom_xpos.copy()
    world.advance(wander(100), True)
    np.testing.assert_array_equal(snapshot.geom_xpos, before)
    np.testing.assert_array_equal(snapshot.state.q, Q_START)
    assert np.abs(world.snapshot().geom_xpos - before).max() > 1e-3


def test_splitting_a_command_changes_nothing(world: MujocoWorld) -> None:
    way = wander(100)
    world.advance(way, True)
    whole = world.data.qpos.copy()
    world.reset(TASK, 0, 0)
    for part in np.split(way, 10):
        world.advance(part, True)
    np.testing.assert_array_equal(world.data.qpos, whole)
    assert world.state().time_s == pytest.approx(0.2)


def test_arm_lags_a_moving_command_by_about_twenty_milliseconds(world: MujocoWorld) -> None:
    speed, steps = 0.5, 500
    way = np.tile(Q_START, (steps, 1))
    way[:, 0] += speed * world.physics_dt_s * np.arange(1, steps + 1)
    world.advance(way, True)
    lag = way[-1, 0] - world.state().q[0]
    assert 0.01 < lag / speed < 0.03
    assert world.state().dq[0] == pytest.approx(speed, rel=0.05)


def test_gripper_closes_within_half_a_second_and_opens_again(world: MujocoWorld) -> None:
    hold(world, 0.5, gripper_open=False)
    assert world.state().gripper_width_m < 0.005
    assert not world.state().gripper_open
    hold(world, 0.02, gripper_open=True)
    assert not world.state().gripper_open  # told to, but not there yet
    hold(world, 0.6, gripper_open=True)
    assert world.state().gripper_open


def test_gripper_that_holds_something_is_closed(shared: MujocoWorld) -> None:
    shared.reset(LID, 0, 0)
    follow_expert(shared, 400)
    assert shared.success()
    state = shared.state()
    assert 0.005 < state.gripper_width_m < GRIPPER_STROKE_M
    assert not state.gripper_open


def test_table_stops_the_fingers(world: MujocoWorld) -> None:
    under_the_table = base_T_tcp(Q_START)
    under_the_table[:3, 3] = 0.45, 0.3, -0.05
    down = InverseKinematics().solve(under_the_table, Q_START)
    world.advance(np.linspace(Q_START, down, 1000), True)
    height_m = world.data.body("panda_hand_tcp").xpos[2]
    assert 0.0 < height_m < 0.02


def test_expert_answers_for_the_state_of_now(world: MujocoWorld) -> None:
    world.advance(wander(75)[:50], True)
    chunk = world.expert_chunk(20)
    np.testing.assert_array_equal(chunk.q_now, world.state().q)
    assert chunk.q.shape == (20, 7)
    assert chunk.gripper_open.shape == (20,)


def test_unknown_task_is_refused_with_the_known_ones(world: MujocoWorld) -> None:
    with pytest.raises(UnknownTask, match=f"fold_laundry.*{TASK}"):
        world.reset("fold_laundry", 0, 0)
    assert world.state().time_s == 0.0  # the episode before it is still there


@pytest.mark.parametrize(("variation", "seed"), [(99, 0), (-1, 0), (0, -1)])
def test_variation_or_seed_out_of_range_is_refused(
    world: MujocoWorld, variation: int, seed: int
) -> None:
    with pytest.raises(InvalidParameter):
        world.reset(TASK, variation, seed)


@pytest.mark.parametrize(
    "q_cmd", [np.zeros(7), np.zeros((1, 6)), np.full((1, 7), np.nan), np.full((2, 7), np.inf)]
)
def test_malformed_command_is_refused_and_nothing_moves(
    world: MujocoWorld, q_cmd: Float[Array, "n 7"]
) -> None:
    with pytest.raises(InvalidCommand, match=r"\(n, 7\)"):
        world.advance(q_cmd, True)
    np.testing.assert_array_equal(world.state().q, Q_START)


def test_world_without_a_task_says_so() -> None:
    world = MujocoWorld(load_rig(ROOT / "config" / "cameras.yaml"))
    with pytest.raises(WorldError, match="reset"):
        world.state()


def test_diverged_physics_is_an_error(world: MujocoWorld) -> None:
    world.data.qvel[:] = 1e12
    with pytest.raises(WorldError, match="diverged"):
        hold(world, 0.01)


def test_step_that_the_physics_cannot_make_loses_the_episode_only(world: MujocoWorld) -> None:
    world.model.opt.solver = 99
    with pytest.raises(WorldError, match=r"failed: .*; reset the world"):
        hold(world, 0.01)
    world.reset(TASK, 0, 0)
    hold(world, 0.01)


@pytest.mark.parametrize("dt_s", [0.0, -0.002, 0.003, 0.1])
def test_physics_step_must_divide_the_control_step(dt_s: float) -> None:
    with pytest.raises(InvalidParameter, match="physics_dt_s"):
        MujocoWorld(load_rig(ROOT / "config" / "cameras.yaml"), physics_dt_s=dt_s)


def test_stepping_needs_no_graphics() -> None:
    code = (
        "import sys; from pathlib import Path; from genima.cameras import load_rig;"
        "from genima.sim.mujoco_world import MujocoWorld;"
        f"w = MujocoWorld(load_rig(Path({str(ROOT / 'config' / 'cameras.yaml')!r})));"
        f"w.reset({TASK!r}, 0, 0); w.snapshot();"
        "assert not any(m.split('.')[0] in ('OpenGL', 'torch') for m in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": path()})


def path() -> str:
    return ":".join(entry for entry in sys.path if entry)
