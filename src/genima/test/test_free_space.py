# SPDX-License-Identifier: Apache-2.0
"""Behaviour of the gate's workspace and self-collision limits."""

import sys
from pathlib import Path

import numpy as np
import pytest

from genima.arrays import Array, Float
from genima.errors import InvalidCommand, InvalidParameter, MissingDependency
from genima.kinematics import LINK8_T_TCP, Q_HOME, base_T_tcp, frame_poses
from genima.limits import RobotModel, limits_of
from genima.safety import CommandGate, GateParameters, GateReason, GateState, JointReading
from genima.safety.arm_shape import CAPSULES, PAIRS
from genima.safety.capsule_distance import segment_distances
from genima.safety.free_space import FreeSpace
from genima.safety.gate_types import JointCommand
from genima.safety.stop_check import StopCheck
from genima.safety.tick_limiter import TickLimiter

PANDA = limits_of(RobotModel.PANDA)
H = 0.02
LOW, HIGH = (-1.0, -1.0, -0.05), (1.0, 1.0, 1.3)
#: The hand is turned back into the forearm.
Q_FOLDED = np.array([0.0, -0.3, 0.0, -2.2, 0.0, 0.0, 2.3])


def random_postures(count: int, seed: int = 0) -> Float[Array, "n 7"]:
    return np.random.default_rng(seed).uniform(PANDA.q_min, PANDA.q_max, (count, 7))


def space(margin_m: float = 0.01) -> FreeSpace:
    return FreeSpace(LOW, HIGH, margin_m)


# Shape


def test_capsules_hold_all_of_the_meshes() -> None:
    trimesh = pytest.importorskip("trimesh", reason="trimesh is not installed")
    sys.path.insert(0, str(Path(__file__).parents[3] / "tools"))
    try:
        import fit_capsules
        from genima.sim.panda_meshes import source_folder

        folder = source_folder()
    except (ImportError, MissingDependency):
        pytest.skip("the robot's meshes are not installed")
    finally:
        sys.path.pop(0)
    for number, link in enumerate(fit_capsules.LINKS):
        mesh = fit_capsules.load(folder, link)
        assert isinstance(mesh, trimesh.Trimesh)
        corners = mesh.vertices[mesh.faces]
        if number >= 8:  # the hand and its fingers
            corners = corners @ LINK8_T_TCP[:3, :3].T
        held = np.zeros(len(corners), bool)
        for capsule in (c for c in CAPSULES if c.link == min(number, 8)):
            ends = np.concatenate([capsule.start_m, capsule.end_m])
            away = fit_capsules.distance_to_axis(corners.reshape(-1, 3), ends).reshape(-1, 3)
            held |= away.max(axis=1) <= capsule.radius_m
        assert held.all(), f"{link}: {np.count_nonzero(~held)} triangles stick out"


def test_links_that_are_not_compared_never_come_near() -> None:
    poses = frame_poses(random_postures(4000))
    ends = {
        i: np.stack([(poses[:, c.link] @ np.append(p, 1.0))[:, :3] for p in c[2:4]])
        for i, c in enumerate(CAPSULES)
    }
    for i, one in enumerate(CAPSULES):
        for j, other in enumerate(CAPSULES):
            if (i, j) in PAIRS or other.link - one.link < 3:
                continue
            apart = segment_distances(*ends[i], *ends[j]) - one.radius_m - other.radius_m
            least_m = -1e-9 if one.name == "the end of the forearm" else 0.05
            assert apart.min() > least_m, f"{one.name} and {other.name}"


def test_distance_of_segments_is_that_of_their_nearest_points() -> None:
    rng = np.random.default_rng(1)
    a, b, c, d = rng.normal(size=(4, 200, 3))
    c[:20], d[:20] = a[:20] + 0.3, b[:20] + 0.3  # parallel
    d[20:40] = c[20:40]  # without length
    b[40:60] = a[40:60]
    got = segment_distances(a, b, c, d)
    s = np.linspace(0.0, 1.0, 200)[:, None, None]
    for k in range(200):
        one, other = a[k] + s * (b[k] - a[k]), c[k] + s * (d[k] - c[k])
        dense = np.linalg.norm(one - np.swapaxes(other, 0, 1), axis=-1).min()
        assert dense - 0.02 <= got[k] <= dense + 1e-6


def test_clearance_changes_no_faster_than_the_joints_reach() -> None:
    q = random_postures(500)
    turn = np.random.default_rng(2).uniform(-0.1, 0.1, q.shape)
    free = space()
    change = np.abs(free.clearances(q + turn) - free.clearances(q))
    assert (change <= np.abs(turn) @ free.reach_m.T + 1e-9).all()
    assert change.max() > 0.05


def test_way_to_rest_is_what_braking_does() -> None:
    limiter = TickLimiter(PANDA, H, Q_HOME)
    for t in np.arange(1, 20) * H:
        limiter.track(Q_HOME + 0.5 * 2.0 * t**2 * np.array([1, -1, 0.5, 1, -1, 0.1, 0]))
    way = limiter.way_to_rest()
    assert (way[0] == limiter.q).all() and len(way) > 4
    for q in way[1:]:
        assert limiter.brake() == pytest.approx(q, abs=1e-12)
    limiter.brake()
    assert limiter.standing


# What the gate does with it


def drive(gate: CommandGate, q_end: Float[Array, "7"], ticks: int = 200) -> Float[Array, "n 7"]:
    """Follow a straight path from home; returns the outputs, and asserts that it holds."""
    gate.reset(JointReading(Q_HOME, 0.0), 0.0)
    q, stream = Q_HOME, []
    for tick in range(1, ticks + 1):
        share = min(1.0, tick / (0.6 * ticks))
        wanted = Q_HOME + (3 * share**2 - 2 * share**3) * (q_end - Q_HOME)
        # Whoever plans the motion begins anew where the gate holds.
        near = q + np.clip(wanted - q, -0.05, 0.05)
        now_s = tick * H
        q = gate.step(JointCommand(near, now_s), JointReading(q, now_s), now_s).q
        stream.append(q)
    return np.array(stream)


def test_arm_stops_before_it_touches_itself() -> None:
    gate = CommandGate(PANDA, GateParameters(max_limited_steps=1000))
    stream = drive(gate, Q_FOLDED)
    lowest_m = space().clearances(stream).min(axis=1)
    assert lowest_m.min() >= -1e-9
    assert lowest_m[-1] < 0.01  # it came as near as it may
    assert gate.state is GateState.HOLDING


def test_arm_stops_at_the_side_of_its_workspace() -> None:
    gate = CommandGate(
        PANDA, GateParameters(max_limited_steps=1000, workspace_max_m=(1.0, 0.1, 1.3))
    )
    stream = drive(gate, Q_HOME + 0.8 * np.eye(7)[0])
    y = base_T_tcp(stream)[:, 1, 3]
    assert y.max() <= 0.1 + 1e-9
    assert y[-1] > 0.09
    output = gate.step(JointCommand(stream[-1] + 0.05, 5.0), JointReading(stream[-1], 5.0), 5.0)
    assert output.reason is GateReason.WORKSPACE
    assert "tool centre at" in output.message and "0.1, 1.3] m" in output.message


def test_gate_lets_the_arm_go_back_from_the_side() -> None:
    gate = CommandGate(PANDA, GateParameters(workspace_max_m=(1.0, 0.1, 1.3)))
    q = drive(gate, Q_HOME + 0.8 * np.eye(7)[0], ticks=150)[-1]
    gate.reset(JointReading(q, 10.0), 10.0)
    output = gate.step(
        JointCommand(q - 0.002 * np.eye(7)[0], 10.02), JointReading(q, 10.02), 10.02
    )
    assert output.state is GateState.PASSING


def test_commands_that_press_on_against_the_side_halt_in_the_end() -> None:
    gate = CommandGate(
        PANDA, GateParameters(max_limited_steps=20, workspace_max_m=(1.0, 0.1, 1.3))
    )
    drive(gate, Q_HOME + 0.8 * np.eye(7)[0])
    assert gate.state is GateState.HALTED


def test_target_that_the_arm_must_not_reach_is_objected_to() -> None:
    gate = CommandGate(PANDA)
    assert gate.objection(np.array([Q_HOME, Q_HOME + 0.1])) == ""
    words = gate.objection(np.array([Q_HOME, Q_FOLDED]))
    assert "the forearm and the" in words and "must stay 0.01 m apart" in words
    low = Q_HOME + np.array([0.0, 2.1, 0.0, 0.56, 0.0, 0.0, 0.0])
    assert "the tool centre at" in gate.objection(low[None])


def test_arm_that_stands_a_little_outside_may_stay_and_come_back_but_goes_no_further() -> None:
    y = base_T_tcp(Q_HOME + 0.1 * np.eye(7)[0])[1, 3]
    check = StopCheck(FreeSpace(LOW, (1.0, y - 0.005, 1.3), margin_m=0.01))
    q = Q_HOME + 0.1 * np.eye(7)[0]
    check.reset(q)
    assert check.fault(q[None]) is None
    assert check.fault(q[None] - 0.001 * np.eye(7)[0]) is None
    fault = check.fault(q[None] + 0.001 * np.eye(7)[0])
    assert fault is not None and fault.reason is GateReason.WORKSPACE


def test_arm_that_was_outside_of_one_side_stays_within_the_others() -> None:
    x, y, _ = base_T_tcp(Q_HOME)[:3, 3]
    check = StopCheck(FreeSpace(LOW, (x - 0.03, y + 0.001, 1.3), margin_m=0.05))
    check.reset(Q_HOME)
    assert check.fault(Q_HOME[None]) is None
    aside = Q_HOME + 0.02 * np.eye(7)[0]  # 1 cm out in y, less than it is out in x
    assert check.fault(aside[None]) is not None
    assert check.objection(aside[None]) is not None


def test_arm_that_has_come_back_goes_not_out_again() -> None:
    x = base_T_tcp(Q_HOME)[0, 3]
    check = StopCheck(FreeSpace(LOW, (x - 0.03, 1.0, 1.3), margin_m=0.05))
    check.reset(Q_HOME)
    back = Q_HOME - 0.5 * np.eye(7)[3]  # the elbow bends
    assert base_T_tcp(back)[0, 3] < x - 0.03
    for share in np.linspace(0.0, 1.0, 100):
        assert check.fault((Q_HOME + share * (back - Q_HOME))[None]) is None
    assert check.fault(Q_HOME[None]) is not None
    assert check.fault(back[None]) is None


def test_arm_that_stands_outside_is_not_begun_with() -> None:
    gate = CommandGate(PANDA)
    with pytest.raises(InvalidCommand, match="apart; move it back by hand"):
        gate.reset(JointReading(Q_FOLDED, 0.0), 0.0)
    assert gate.state is GateState.UNSEEDED


@pytest.mark.parametrize(
    ("low", "high"),
    [((0.0, 0.0), (1.0, 1.0)), ((1.0, 0, 0), (0.5, 1, 1)), ((np.nan, 0, 0), (1, 1, 1))],
)
def test_workspace_that_makes_no_sense_is_refused(low: tuple, high: tuple) -> None:
    with pytest.raises(InvalidParameter, match="workspace_min_m, workspace_max_m"):
        GateParameters(workspace_min_m=low, workspace_max_m=high)
