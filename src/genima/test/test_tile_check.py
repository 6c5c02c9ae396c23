# SPDX-License-Identifier: Apache-2.0
"""Which drawings are let pass to the controller."""

from dataclasses import dataclass

import numpy as np
import pytest

from genima.arrays import Array, Float, UInt8
from genima.decode import DecodedTarget, TargetDecoder, Verdict
from genima.diffusion.tile_check import CheckSettings, TileCheck
from genima.kinematics import Q_HOME

from . import decode_cases as cases

SIDE = 2 * cases.POLICY.image_size_px
GOAL = "push the maroon button"
HOME = np.array(Q_HOME)
TILE = np.zeros((8, 8, 3), np.uint8)


def check_of(decoder: TargetDecoder) -> TileCheck:
    return TileCheck(decoder, cases.LIMITS, cases.POLICY.horizon_s, CheckSettings())


@pytest.fixture(scope="module")
def decoder() -> TargetDecoder:
    return TargetDecoder(cases.RIG, cases.POLICY)


def drawn(q_target: Float[Array, "7"], rng: np.random.Generator) -> UInt8[Array, "t t 3"]:
    case = cases.Case(q_target, HOME, gripper_open=True)
    return cases.tiled(case.drawn_on(cases.plain_scene(rng)))


def test_drawing_of_the_arm_nearby_passes(decoder: TargetDecoder) -> None:
    tile = drawn(HOME + 0.2, np.random.default_rng(0))
    checked = check_of(decoder)(tile, HOME, GOAL, 0.0)
    assert checked.fault == ""
    assert checked.decoded.q is not None
    np.testing.assert_allclose(checked.decoded.q, HOME + 0.2, atol=0.05)


@pytest.mark.parametrize("kind", ["white", "black", "noise", "the scene", "another picture"])
def test_drawing_of_anything_else_is_bad(kind: str, decoder: TargetDecoder) -> None:
    rng = np.random.default_rng(1)
    tile = {
        "white": lambda: np.full((SIDE, SIDE, 3), 255),
        "black": lambda: np.zeros((SIDE, SIDE, 3)),
        "noise": lambda: rng.uniform(0, 255, (SIDE, SIDE, 3)),
        "the scene": lambda: cases.tiled(cases.plain_scene(rng)),
        "another picture": lambda: cases.tiled(
            {name: cases.texture(rng) for name in cases.POLICY.cameras}
        ),
    }[kind]()
    checked = check_of(decoder)(tile.astype(np.uint8), HOME, GOAL, 0.0)
    assert checked.fault.startswith("the drawing cannot be followed: ")


@dataclass
class Reads:
    """A decoder that reads what the test says."""

    q: Float[Array, "7"]
    residual_px: float = 0.5

    def decode(self, tile: Array, q_now: Array) -> DecodedTarget:
        centres = np.zeros((4, 3))
        return DecodedTarget(self.q, True, Verdict.OK, 0.95, self.residual_px, centres)


def moved(joint: int, angle_rad: float) -> Float[Array, "7"]:
    q = HOME.copy()
    q[joint] += angle_rad
    return q


def test_drawing_that_fits_badly_is_bad() -> None:
    reads = Reads(HOME, residual_px=4.5)
    fault = check_of(reads)(TILE, HOME, GOAL, 0.0).fault  # type: ignore[arg-type]
    assert "4.5 px off the arm" in fault and "4.0 px are allowed" in fault


def test_target_that_the_arm_cannot_reach_within_the_horizon_is_bad() -> None:
    reads = Reads(moved(1, 2.4))
    check = check_of(reads)  # type: ignore[arg-type]
    assert check(TILE, HOME, GOAL, 0.0).fault == ""
    reads.q = moved(1, 2.6)
    fault = check(TILE, HOME, GOAL, 10.0).fault
    assert fault == ("the drawn target is 149 deg from the arm at joint 2; 145 deg can be meant")


def test_target_further_away_than_any_of_the_training_is_bad() -> None:
    reads = Reads(moved(1, 0.9))
    farthest_rad = (0.1, 0.6, *(0.1,) * 5)
    limits, horizon_s = cases.LIMITS, cases.POLICY.horizon_s
    check = TileCheck(reads, limits, horizon_s, CheckSettings(), farthest_rad)  # type: ignore[arg-type]
    assert check(TILE, HOME, GOAL, 0.0).fault == ""
    reads.q = moved(1, 1.0)
    fault = check(TILE, HOME, GOAL, 10.0).fault
    assert fault == "the drawn target is 57 deg from the arm at joint 2; 54 deg can be meant"


def test_jump_against_the_last_good_target_is_bad_until_it_can_be_meant() -> None:
    reads = Reads(moved(0, -0.7))
    check = check_of(reads)  # type: ignore[arg-type]
    assert check(TILE, HOME, GOAL, 10.0).fault == ""
    reads.q = moved(0, 0.7)
    faults = [check(TILE, HOME, GOAL, 10.0 + 0.2 * step).fault for step in (1, 2, 3)]
    assert all("from the last drawn target at joint 1" in fault for fault in faults[:2])
    assert faults[2] == ""  # 0.6 s at 2.2 rad/s, and the margin


def test_bad_target_is_not_what_the_next_one_is_compared_with() -> None:
    reads = Reads(HOME)
    check = check_of(reads)  # type: ignore[arg-type]
    for angle_rad, stamp_s, good in ((0.0, 10.0, True), (1.5, 10.2, False), (0.1, 10.4, True)):
        reads.q = moved(0, angle_rad)
        assert (check(TILE, HOME, GOAL, stamp_s).fault == "") is good


@pytest.mark.parametrize(("goal", "stamp_s"), [("open the drawer", 10.2), (GOAL, 0.5)])
def test_another_goal_or_another_world_may_begin_elsewhere(goal: str, stamp_s: float) -> None:
    reads = Reads(moved(0, -0.7))
    check = check_of(reads)  # type: ignore[arg-type]
    assert check(TILE, HOME, GOAL, 10.0).fault == ""
    reads.q = moved(0, 0.7)
    assert check(TILE, HOME, goal, stamp_s).fault == ""
