# SPDX-License-Identifier: Apache-2.0
"""Whether an arm can have moved as a demonstration says, and at the times it says."""

from collections.abc import Iterator

import numpy as np

from genima.arrays import Array, Bool, Float
from genima.data.demonstration import Demonstration
from genima.data.findings import Defect, Finding, runs, span
from genima.limits import JointLimits

#: Rounding and the give of a simulated joint stop stay below this [rad].
_LIMIT_TOLERANCE_RAD = 1e-3
#: Share by which a step may be faster than the arm, since positions and stamps are not exact.
_SPEED_TOLERANCE = 0.1
#: Farther ahead than the arm can go in this time [s] no command for the next step is.
_FARTHEST_COMMAND_S = 0.25
#: Long after which a gripper that was told to close has left its outermost tenth [s].
_GRIPPER_S = 1.0
#: Share of a step by which two stamps may be closer or farther apart.
_STAMP_TOLERANCE = 0.5


def check_motion(demonstration: Demonstration, limits: JointLimits) -> Iterator[Finding]:
    """Joints, commands, gripper and stamps."""
    yield from _check_numbers(demonstration)
    yield from _check_limits(demonstration.q, "joint", limits)
    yield from _check_limits(demonstration.q_command, "the command of joint", limits)
    yield from _check_jumps(demonstration, limits)
    yield from _check_commands(demonstration, limits)
    yield from _check_gripper(demonstration)
    yield from _check_stamps(demonstration)


def _check_numbers(demonstration: Demonstration) -> Iterator[Finding]:
    arrays = {
        "joint positions": demonstration.q,
        "joint velocities": demonstration.dq,
        "stamps": demonstration.stamps_s[:, None],
    }
    for name, array in arrays.items():
        for first, last in _runs(~np.isfinite(array).all(axis=1)):
            detail = f"{name} in {span(first, last)} are not finite"
            yield Finding(Defect.NOT_A_NUMBER, detail, first)


def _check_limits(q: Float[Array, "n 7"], what: str, limits: JointLimits) -> Iterator[Finding]:
    low, high = limits.q_min - _LIMIT_TOLERANCE_RAD, limits.q_max + _LIMIT_TOLERANCE_RAD
    outside = (q < low) | (q > high)
    for joint in range(7):
        for first, last in _runs(outside[:, joint]):
            part = q[first : last + 1, joint]
            centre = (low[joint] + high[joint]) / 2
            worst = part[np.argmax(np.abs(part - centre))]
            yield Finding(
                Defect.JOINT_LIMIT,
                f"{what} {joint + 1} is at {worst:.3f} rad in {span(first, last)}; it can go from "
                f"{limits.q_min[joint]:.3f} to {limits.q_max[joint]:.3f} rad",
                first,
            )


def _check_jumps(demonstration: Demonstration, limits: JointLimits) -> Iterator[Finding]:
    # Over a hole in the stamps, which is a finding of its own, the arm may go farther.
    intervals_s = np.fmax(np.diff(demonstration.stamps_s), demonstration.step_s)
    distance = np.abs(np.diff(demonstration.q, axis=0))
    speed = distance / intervals_s[:, None]
    allowed = limits.dq_max * (1 + _SPEED_TOLERANCE)
    for t in np.flatnonzero((speed > allowed).any(axis=1)).tolist():
        joint = int(np.argmax(speed[t] / allowed))
        yield Finding(
            Defect.JUMP,
            f"joint {joint + 1} goes {distance[t, joint]:.3f} rad in a step, "
            f"which is {speed[t, joint]:.2f} rad/s; the arm reaches {limits.dq_max[joint]:g}",
            t + 1,
        )


def _check_commands(demonstration: Demonstration, limits: JointLimits) -> Iterator[Finding]:
    distance = np.abs(demonstration.q_command - demonstration.q)
    far = distance > limits.dq_max * _FARTHEST_COMMAND_S
    for first, last in _runs(far.any(axis=1)):
        step = first + int(np.argmax(distance[first : last + 1].max(axis=1)))
        joint = int(np.argmax(distance[step]))
        yield Finding(
            Defect.FAR_COMMAND,
            f"joint {joint + 1} was told to be {distance[step, joint]:.2f} rad from where it is "
            f"at step {step} ({span(first, last)}); the arm did not follow its commands",
            first,
        )


def _check_gripper(demonstration: Demonstration) -> Iterator[Finding]:
    steps = round(_GRIPPER_S / demonstration.step_s)
    still_open = ~demonstration.gripper_command & demonstration.gripper_open
    for first, last in _runs(still_open):
        if last - first + 1 > steps:
            yield Finding(
                Defect.GRIPPER,
                f"told to close, and still open {(last - first) * demonstration.step_s:.1f} s "
                f"later ({span(first, last)})",
                first,
            )


def _check_stamps(demonstration: Demonstration) -> Iterator[Finding]:
    step_s = demonstration.step_s
    intervals = np.diff(demonstration.stamps_s)
    irregular = ~(np.abs(intervals - step_s) <= _STAMP_TOLERANCE * step_s)
    for first, last in _runs(irregular & np.isfinite(intervals)):
        part = intervals[first : last + 1]
        worst = part[np.argmax(np.abs(part - step_s))]
        rises = "do not rise" if worst <= 0 else "are irregular"
        yield Finding(
            Defect.IRREGULAR_STAMPS,
            f"the stamps {rises}: {worst * 1e3:.1f} ms after the frame before it, where "
            f"{step_s * 1e3:g} ms are due ({span(first + 1, last + 1)})",
            first + 1,
        )


def _runs(flags: Bool[Array, "n"]) -> list[tuple[int, int]]:
    return runs(np.flatnonzero(flags).tolist())
