# SPDX-License-Identifier: Apache-2.0
"""The screen of `genima estop`, as a function of what is to be shown."""

from rich.align import Align
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from genima.estop.button import CALM_S, ButtonView

_NOBODY = (
    "start controller and panda_driver, or teleop, in the same ROS domain and with the same "
    "--namespace"
)
_RED, _YELLOW, _GREEN = "bright_white on red3", "black on yellow", "bright_white on dark_green"


def screen(view: ButtonView) -> RenderableType:
    """Draw everything."""
    words, colours = _headline(view)
    panel = Panel(Align.center(Text(f"\n{words}\n", style="bold")), style=colours)
    listeners = Text(_heard(view)) if view.listeners else Text(_NOBODY, style="bold red")
    name = Text(f"this stop is {view.name!r}")
    return Group(panel, Text(), listeners, name, Text(), _hint(view))


def _headline(view: ButtonView) -> tuple[str, str]:
    """What a key does, in a few words, and colours."""
    if not view.listeners:
        return f"{'PRESSED, BUT ' * view.pressed}NO ARM HEARS THIS STOP", _YELLOW
    return ("PRESSED: THE ARM STOPS", _RED) if view.pressed else ("ANY KEY STOPS THE ARM", _GREEN)


def _heard(view: ButtonView) -> str:
    """Who hears it; which of the others should, only the operator knows."""
    words = "heard by " + ", ".join(view.listeners)
    return f"{words}; not by {', '.join(view.missing)}" if view.missing else words


def _hint(view: ButtonView) -> Text:
    if not view.pressed:
        return Text("keys count only while this window has the focus")
    if not view.calm:
        return Text(f"touch nothing for {CALM_S:.0f} s; then it can be released")
    return Text("r  release; nothing moves until a new goal and recover     q  quit, pressed")
