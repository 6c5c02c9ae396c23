# SPDX-License-Identifier: Apache-2.0
"""Curves of an episode: joints and commands, the gripper, and the times between stamps."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genima.arrays import Array, Float
from genima.data.demonstration import Demonstration
from genima.limits import JointLimits

_MEASURED, _COMMANDED, _FORBIDDEN = "#1f77b4", "#f5b26b", "#d62728"
_WIDE = 4.0  # so that a command that is followed can still be seen behind what was measured
#: A joint that hardly moves is drawn over this range all the same [rad].
_LEAST_RANGE_RAD = 0.5


def joint_plots(demonstration: Demonstration, limits: JointLimits, title: str) -> Figure:
    """A panel for each joint and one for the gripper."""
    figure = Figure(figsize=(12, 8.5), facecolor="white", layout="constrained")
    figure.suptitle(title, fontsize=12, fontweight="bold")
    panels = figure.subplots(4, 2, sharex=True).T.ravel()
    t_s = _elapsed_s(demonstration)
    for joint in range(7):
        _plot_joint(panels[joint], t_s, demonstration, limits, joint)
    _plot_gripper(panels[7], t_s, demonstration)
    for axes in panels:
        axes.grid(color="#e5e5e5")
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.01)
    for axes in (panels[3], panels[7]):
        axes.set_xlabel("time [s]")
    lines, names = panels[0].get_legend_handles_labels()
    figure.legend(lines, names, loc="upper right", ncols=3, frameon=False, fontsize=9)
    return figure


def _elapsed_s(demonstration: Demonstration) -> Float[Array, "n"]:
    return np.asarray(demonstration.stamps_s - demonstration.stamps_s[0])


def _plot_joint(
    axes: Axes,
    t_s: Float[Array, "n"],
    demonstration: Demonstration,
    limits: JointLimits,
    joint: int,
) -> None:
    q, command = demonstration.q[:, joint], demonstration.q_command[:, joint]
    low, high = float(limits.q_min[joint]), float(limits.q_max[joint])
    axes.plot(t_s, command, color=_COMMANDED, linewidth=_WIDE, label="commanded")
    axes.plot(t_s, q, color=_MEASURED, linewidth=1.5, label="measured")
    bottom, top = _range_rad(np.concatenate([q, command]))
    axes.set_ylim(bottom, top)
    for edge, beyond in ((low, bottom), (high, top)):
        if bottom < edge < top:
            axes.axhspan(edge, beyond, color=_FORBIDDEN, alpha=0.12, linewidth=0)
            axes.axhline(edge, color=_FORBIDDEN, linewidth=1)
    label = f"joint {joint + 1}   limits {low:.2f} to {high:.2f} rad"
    axes.set_title(label, fontsize=9, loc="left", color="#333333")
    axes.set_ylabel("[rad]", fontsize=9)


def _range_rad(positions: Float[Array, "m"]) -> tuple[float, float]:
    seen = positions[np.isfinite(positions)]
    lowest, highest = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 0.0)
    half = max(_LEAST_RANGE_RAD, highest - lowest) * 0.55
    return (lowest + highest) / 2 - half, (lowest + highest) / 2 + half


def _plot_gripper(axes: Axes, t_s: Float[Array, "n"], demonstration: Demonstration) -> None:
    told = demonstration.gripper_command.astype(float)
    is_open = demonstration.gripper_open.astype(float)
    axes.step(t_s, told, where="post", color=_COMMANDED, linewidth=_WIDE)
    axes.step(t_s, is_open, where="post", color=_MEASURED, linewidth=1.5)
    axes.set_yticks([0, 1], ["closed", "open"])
    axes.set_ylim(-0.15, 1.15)
    axes.set_title("gripper", fontsize=9, loc="left", color="#333333")
    if demonstration.gripper_width_m is not None:
        width = axes.twinx()
        width.plot(t_s, demonstration.gripper_width_m * 1e3, color="#7f7f7f", linewidth=1)
        width.set_ylabel("width [mm]", fontsize=9, color="#7f7f7f")
        width.set_ylim(-12, 92)
        width.spines[["top", "left"]].set_visible(False)


def stamp_plots(demonstration: Demonstration, title: str) -> Figure:
    """The time between each step and the one before it, in order and as a histogram."""
    figure = Figure(figsize=(12, 4), facecolor="white", layout="constrained")
    figure.suptitle(title, fontsize=12, fontweight="bold")
    course, histogram = figure.subplots(1, 2, width_ratios=(2, 1))
    intervals_ms = np.diff(demonstration.stamps_s) * 1e3
    due_ms = demonstration.step_s * 1e3
    course.plot(np.arange(1, len(demonstration)), intervals_ms, ".-", color=_MEASURED, lw=0.8)
    course.axhline(due_ms, color=_COMMANDED, linewidth=1, label=f"{due_ms:g} ms are due")
    course.set_xlabel("step")
    course.set_ylabel("time since the step before [ms]")
    # Rounding is no jitter: at least this far above and below what is due.
    finite_ms = intervals_ms[np.isfinite(intervals_ms)]
    reach_ms = max(0.1 * due_ms, 1.1 * np.abs(finite_ms - due_ms).max(initial=0.0))
    course.set_ylim(due_ms - reach_ms, due_ms + reach_ms)
    course.legend(frameon=False, loc="upper right")
    edges = np.linspace(due_ms - reach_ms, due_ms + reach_ms, 42)
    histogram.hist(finite_ms, edges, color=_MEASURED)
    histogram.set_xlabel("time between two steps [ms]")
    histogram.set_ylabel("how often")
    histogram.set_title(_rate(finite_ms), fontsize=9, loc="left", color="#333333")
    for axes in (course, histogram):
        axes.grid(color="#e5e5e5")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _rate(intervals_ms: Float[Array, "m"]) -> str:
    if not len(intervals_ms) or intervals_ms.mean() <= 0:
        return "no rate"
    return (
        f"{1e3 / intervals_ms.mean():.2f} Hz; standard deviation {intervals_ms.std():.2f} ms, "
        f"longest {intervals_ms.max():.1f} ms"
    )
