# SPDX-License-Identifier: Apache-2.0
"""Episodes that begin beside the expert's first place."""

import numpy as np
import pytest

from genima.cameras import CameraRig
from genima.collect.episode import roll_out
from genima.collect.plan import CollectionPlan, DemonstrationSeed
from genima.errors import InvalidParameter
from genima.evaluation.plan import WorldName
from genima.kinematics import base_T_tcp
from genima.sim.mujoco_world import Q_START, MujocoWorld
from genima.sim.scenery import Scenery
from genima.sim.start_beside import FARTHEST_M, NEAREST_M
from genima.sim.task import registered_tasks


def world(share: float) -> MujocoWorld:
    return MujocoWorld(CameraRig({}), scenery=Scenery(starts_beside=share))


@pytest.mark.parametrize("task", sorted(registered_tasks()))
def test_hand_begins_some_centimetres_beside_its_first_place_and_touches_nothing(
    task: str,
) -> None:
    beside = world(1.0)
    for seed in range(3):
        beside.reset(task, 0, seed)
        state = beside.state()
        # Within a second the expert is at its first place and stays there.
        there = beside.expert_chunk(20).q[-1]
        gap_m = np.linalg.norm((base_T_tcp(there) - base_T_tcp(state.q))[:3, 3])
        assert NEAREST_M - 1e-3 < gap_m < FARTHEST_M + 1e-3
        assert not state.dq.any()
        assert state.gripper_open


def test_share_of_the_seeds_begins_there_and_each_the_same_way_again() -> None:
    worlds = world(0.5), world(0.5)
    starts = []
    for seed in range(20):
        for one in worlds:
            one.reset("push_button", 0, seed)
        first, second = (one.state().q for one in worlds)
        assert np.array_equal(first, second)
        starts.append(first)
    beside = sum(not np.allclose(q, Q_START) for q in starts)
    assert 5 <= beside <= 15


def test_scene_of_a_seed_is_the_same_from_wherever_it_begins() -> None:
    worlds = world(0.0), world(1.0)
    for one in worlds:
        one.reset("open_drawer", 0, 3)
    near, beside = (one.data.xpos[one.model.body("cabinet").id] for one in worlds)
    assert np.array_equal(near, beside)


@pytest.mark.parametrize("task", ["open_drawer", "slide_block_to_target"])
def test_expert_does_the_task_from_there(task: str) -> None:
    beside = world(1.0)
    for seed in range(2):
        steps = roll_out(beside, DemonstrationSeed(task, seed), max_steps=200).steps
        assert not np.allclose(steps[0].state.q, Q_START)


def test_no_share_and_other_worlds_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="give a share from 0 to 1"):
        CollectionPlan(("push_button",), 1, starts_beside=1.5)
    with pytest.raises(InvalidParameter, match="leave starts_beside out"):
        CollectionPlan(("push_button",), 1, world=WorldName.RLBENCH, starts_beside=0.5)
