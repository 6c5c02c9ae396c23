# SPDX-License-Identifier: Apache-2.0
"""The screen of `genima approve`, as a function of what is to be shown."""

import math

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from genima.approval.dialogue import KEYS, ApprovalView, Order
from genima.approval.target import Motion, ShownTarget
from genima.control.session_types import SessionState

_HEADLINES = {
    SessionState.IDLE: ("IDLE: waits for an instruction", "blue"),
    SessionState.WAITING: ("WAITS for a target to be drawn", "blue"),
    SessionState.RUNNING: ("THE ARM MOVES", "red"),
    SessionState.HOLDING: ("THE ARM HOLDS", "yellow"),
    SessionState.HALTED: ("HALTED", "red"),
}
_LABELS = {
    Order.APPROVE: "let it move",
    Order.REJECT: "refuse this target",
    Order.QUIT: "quit (the arm waits on)",
}
#: Motions and fits from which on a number is shown in yellow, and in red.
_LARGE_RAD, _VERY_LARGE_RAD = math.radians(20.0), math.radians(45.0)
_POOR_FIT, _VERY_POOR_FIT = 0.6, 0.4
_BAR = 20
_BAR_FULL_RAD = math.radians(60.0)


def screen(view: ApprovalView) -> RenderableType:
    """Draw everything."""
    parts: list[RenderableType] = [_headline(view), Text()]
    if view.controller is not None:
        parts.append(_facts(view))
        if view.asks and view.motion is not None and view.target is not None:
            parts += [Text(), _joints(view.motion, view.target)]
        elif view.asks:
            parts += [Text(), Text("what it wants to do is not shown: refuse it", style="red")]
    if view.message:
        parts += [Text(), Text(view.message, style="red" if view.failed else "green")]
    return Group(*parts, Text(), _footer(view))


def headline(view: ApprovalView) -> tuple[str, str]:
    """What goes on in a few words, and a colour."""
    if view.controller is None:
        if view.heard:
            return "THE CONTROLLER DOES NOT ANSWER", "red"
        return "LOOKING FOR THE CONTROLLER", "yellow"
    if view.asks:
        return "MAY THE ARM DO THIS?", "yellow"
    return _HEADLINES.get(view.controller.state, ("A NEW TARGET IS COMING", "yellow"))


def _headline(view: ApprovalView) -> Text:
    words, colour = headline(view)
    ink = "black" if colour == "yellow" else "white"
    return Text(f" {words} ", style=f"bold {ink} on {colour}")


def _facts(view: ApprovalView) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    controller = view.controller
    assert controller is not None
    table.add_row("instruction", Text(controller.instruction or "none", overflow="fold"))
    if controller.reason:
        table.add_row("reason", Text(controller.reason, overflow="fold"))
    table.add_row("chunks done", str(controller.chunks))
    if controller.fit >= 0.0:
        colour = _graded(-controller.fit, -_POOR_FIT, -_VERY_POOR_FIT)
        table.add_row("fit of the drawing", Text(f"{controller.fit:.2f} of 1", style=colour))
    if view.asks and view.motion is not None:
        motion = view.motion
        colour = _graded(motion.largest_rad, _LARGE_RAD, _VERY_LARGE_RAD)
        words = f"{math.degrees(motion.largest_rad):.1f} degrees, joint {motion.largest_joint}"
        table.add_row("largest motion", Text(words, style=colour))
        table.add_row("fingertips move", f"{100 * motion.tip_m:.1f} cm")
    if view.asks and view.target is not None:
        table.add_row("gripper after it", "open" if view.target.gripper_open else "closed")
    return table


def _graded(value: float, large: float, very_large: float) -> str:
    return "bold red" if value >= very_large else "yellow" if value >= large else "green"


def _joints(motion: Motion, target: ShownTarget) -> Table:
    table = Table.grid(padding=(0, 2))
    for justify in ("left", "right", "right", "left"):
        table.add_column(justify=justify)  # type: ignore[arg-type]
    table.add_row("joint", "motion", "target", "", style="dim")
    for joint, (by_rad, to_rad) in enumerate(zip(motion.joints_rad, target.q, strict=True), 1):
        full = min(round(_BAR * abs(by_rad) / _BAR_FULL_RAD), _BAR)
        colour = _graded(abs(by_rad), _LARGE_RAD, _VERY_LARGE_RAD)
        table.add_row(
            str(joint),
            f"{math.degrees(by_rad):+.1f} deg",
            f"{math.degrees(to_rad):.1f} deg",
            Text("#" * full, style=colour),
        )
    return table


def _footer(view: ApprovalView) -> Text:
    footer = Text()
    for key, order in KEYS.items():
        shown = order is not Order.APPROVE or view.motion is not None
        if order is Order.QUIT or (view.asks and shown):
            footer.append(f" {key} ", style="bold reverse")
            footer.append(f" {_LABELS[order]}   ")
    return footer
