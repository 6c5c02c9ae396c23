# SPDX-License-Identifier: Apache-2.0
"""The screen of `genima estop`, as a function of what is to be shown."""

from rich.align import Align
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from genima.estop.button import CALM_S, ButtonView

_NOBODY = (
    "NOBODY HEARS THIS STOP: start controller and driver, in the same ROS domain and with the "
    "same --namespace"
)


def screen(view: ButtonView) -> RenderableType:
    """Draw everything."""
    colour = "white on red" if view.pressed else "white on green"
    words = "PRESSED: THE ARM STOPS" if view.pressed else "ANY KEY STOPS THE ARM"
    panel = Panel(Align.center(Text(f"\n{words}\n", style="bold")), style=colour)
    heard = Text("heard by " + ", ".join(view.listeners), style="green")
    listeners = heard if view.listeners else Text(_NOBODY, style="bold red")
    return Group(
        panel, Text(), listeners, Text(f"this stop is {view.name!r}"), Text(), _hint(view)
    )


def _hint(view: ButtonView) -> Text:
    if not view.pressed:
        return Text("keys count only while this window has the focus")
    if not view.calm:
        return Text(f"touch nothing for {CALM_S:.0f} s; then it can be released")
    return Text("r  release; nothing moves until a new goal and recover     q  quit, pressed")
