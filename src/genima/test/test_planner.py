# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest

from genima.arrays import Array, UInt8
from genima.cameras import load_rig
from genima.control.planner import GeometricPlanner, Seen
from genima.decode import TargetDecoder
from genima.kinematics import Q_HOME
from genima.policy import Policy
from genima.spheres import draw_targets
from genima.tiles import tile_images

ROOT = Path(__file__).parents[3]
POLICY = Policy()
RIG = load_rig(ROOT / "config" / "cameras.yaml")
#: Where all spheres can be seen by the cameras [rad].
Q_SEEN = np.deg2rad([0.0, -20.0, 0.0, -125.0, 0.0, 105.0, 45.0])


@pytest.fixture(scope="module")
def planner() -> GeometricPlanner:
    return GeometricPlanner(TargetDecoder(RIG, POLICY))


def blank() -> dict[str, UInt8[Array, "s s 3"]]:
    return {name: np.full((256, 256, 3), 128, np.uint8) for name in POLICY.cameras}


@pytest.mark.parametrize("gripper_open", [False, True])
def test_drawn_target_becomes_the_plan(planner: GeometricPlanner, gripper_open: bool) -> None:
    q_target = Q_SEEN + np.deg2rad([5.0, 3.0, -4.0, 2.0, 3.0, -3.0, 6.0])
    drawn = draw_targets(blank(), q_target, gripper_open, RIG.views(Q_SEEN), POLICY)
    plan = planner.plan(tile_images(drawn, POLICY.cameras), Seen(Q_SEEN, True, "go"))
    assert plan.q_target is not None
    assert np.abs(plan.q_target - q_target).max() < np.deg2rad(2.0)
    assert plan.gripper_open is gripper_open
    assert plan.refusal == ""
    assert plan.fit > 0.5


def test_tile_without_spheres_is_refused_with_a_sentence(planner: GeometricPlanner) -> None:
    plan = planner.plan(tile_images(blank(), POLICY.cameras), Seen(np.array(Q_HOME), True, "go"))
    assert plan.q_target is None
    assert "the drawn target cannot be followed: " in plan.refusal
