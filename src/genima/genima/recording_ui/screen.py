# SPDX-License-Identifier: Apache-2.0
"""The screen of `genima record`, as a function of what is to be shown."""

import math

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from genima.recording_ui.bindings import Mode, bindings
from genima.recording_ui.dialogue import DialogueView, Tone
from genima.recording_ui.snapshot import Health, RecorderSnapshot, RecorderState, StreamSnapshot

#: Lines of the screen that are no streams.
_OTHER_LINES = 11
_COLOURS = {
    Health.GOOD: "green",
    Health.WAITING: "bright_black",
    Health.IMPERFECT: "yellow",
    Health.BAD: "bold red",
}
_TONES = {Tone.PLAIN: "", Tone.GOOD: "green", Tone.WARNING: "yellow", Tone.ERROR: "bold red"}
_REASONS = {
    RecorderState.IDLE: "yellow",
    RecorderState.RECORDING: "yellow",
    RecorderState.FAULT: "bold red",
}
_WORST_FIRST = (Health.BAD, Health.IMPERFECT, Health.WAITING, Health.GOOD)
_MB, _GB = 1e6, 1e9
#: Disk left for less than this is shown in red [s].
_DISK_SHORT_S = 300.0
#: More than this waiting for the disk is shown in yellow [bytes].
_QUEUE_LONG = 64 * _MB


def screen(view: DialogueView, height: int) -> RenderableType:
    """Draw everything.

    Args:
        view: What is to be shown.
        height: Lines that there are.
    """
    parts: list[RenderableType] = [_headline(view)]
    if view.snapshot is not None:
        parts.append(_work(view, view.snapshot))
    if view.snapshot is not None and view.state is not None:  # else the figures are old
        parts += [
            Text(),
            _streams(view.snapshot.streams, max(1, height - _OTHER_LINES)),
            Text(),
            _storage(view.snapshot),
        ]
    parts += [_note(view), _message(view), _footer(view)]
    return Group(*parts)


def state_words(view: DialogueView) -> tuple[str, str]:
    """What goes on in a few words, and a colour."""
    snapshot, state = view.snapshot, view.state
    if snapshot is None:
        return "LOOKING FOR THE RECORDER", "yellow"
    if state is None:
        return "THE RECORDER DOES NOT ANSWER", "red"
    if state is RecorderState.RECORDING:
        return f"● RECORDING episode {snapshot.episode}", "red"
    if state is RecorderState.REVIEW:
        return f"■ TAKE ENDED: keep episode {snapshot.episode}?", "yellow"
    if state is RecorderState.FAULT:
        return "CANNOT RECORD", "red"
    if view.reset_left_s > 0:
        return f"PREPARE THE SCENE: {math.ceil(view.reset_left_s)} s", "blue"
    if snapshot.reason:
        return "NOT READY", "yellow"
    return f"READY for episode {snapshot.episode}", "green"


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any."""
    tenths = round(10 * max(0.0, seconds))
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{minutes:02d}:{tenths / 10:04.1f}"
    return f"{hours}:{tail}" if hours else tail


def episodes(view: DialogueView) -> str:
    """How many episodes there are, of how many."""
    kept = view.snapshot.kept if view.snapshot else 0
    wanted = view.wanted.episodes
    if not wanted:
        return f"{kept} kept"
    return f"{kept} of {wanted} kept" + (", all that were wanted" if kept >= wanted else "")


def _headline(view: DialogueView) -> RenderableType:
    words, colour = state_words(view)
    row = Table.grid(expand=True)
    row.add_column(ratio=1)
    row.add_column(justify="right")
    time = f"take {clock(view.take_s)}" if view.state and view.state.open_take else ""
    row.add_row(words, time)
    style = f"bold {'black' if colour in ('yellow', 'green') else 'white'} on {colour}"
    return Padding(row, 1, style=style)


def _work(view: DialogueView, snapshot: RecorderSnapshot) -> RenderableType:
    row = Table.grid(expand=True, padding=(0, 1))
    row.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    row.add_column(justify="right", no_wrap=True)
    of = snapshot if snapshot.state.open_take else view.wanted
    what = Text(of.task, style="bold").append(f"  {of.instruction}", style="not bold")
    row.add_row(what, Text(episodes(view), style="bold"))
    return row


def _streams(streams: tuple[StreamSnapshot, ...], most: int) -> RenderableType:
    table = Table.grid(expand=True, padding=(0, 2))
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for _ in range(6):
        table.add_column(justify="right", no_wrap=True)
    titles = ("stream", "rate", "lost", "gaps", "jitter", "age", "")
    table.add_row(*(Text(title, style="dim") for title in titles))
    shown = list(streams)
    if len(shown) > most:  # those that need a look must not be the ones that are left out
        ranked = sorted(shown, key=lambda stream: _WORST_FIRST.index(stream.health))
        kept = ranked[: most - 1]
        shown = [stream for stream in shown if stream in kept]
    for stream in shown:
        table.add_row(*_cells(stream), style=_COLOURS[stream.health])
    if len(shown) < len(streams):
        table.add_row(f"and {len(streams) - len(shown)} more; enlarge the window to see them")
    return table


def _cells(stream: StreamSnapshot) -> tuple[Text | str, ...]:
    return (
        Text(stream.topic),  # a name is no markup
        _number(stream.rate_hz, "{:.1f} Hz"),
        str(stream.lost),
        str(stream.gaps),
        _number(stream.jitter_s * 1e3, "{:.1f} ms"),
        _age(stream.age_s),
        stream.health.value,
    )


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else form.format(value)


def _age(age_s: float) -> str:
    if age_s < 0:
        return "never"
    return f"{age_s:.2f} s" if age_s < 10 else clock(age_s)


def _storage(snapshot: RecorderSnapshot) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    short = 0 <= snapshot.disk_left_s < _DISK_SHORT_S
    left = f"disk left {snapshot.disk_free_bytes / _GB:.1f} GB"
    if snapshot.disk_left_s >= 0:
        left += f", {snapshot.disk_left_s / 60:.0f} min"
    text.append(left, style="bold red" if short else "")
    text.append(f"   take {snapshot.written_bytes / _MB:.0f} MB")
    queue_style = "yellow" if snapshot.queue_bytes > _QUEUE_LONG else ""
    text.append(f"   queue {snapshot.queue_bytes / _MB:.1f} MB", style=queue_style)
    if snapshot.discarded:
        text.append(f"   discarded {snapshot.discarded}")
    text.append(f"   {snapshot.dataset}", style="dim")
    return text


def _note(view: DialogueView) -> Text:
    if view.mode is Mode.NOTE:
        return Text(f"note: {view.note}▏", style="bold")
    return Text(f"note: {view.note}" if view.note else "")


def _message(view: DialogueView) -> Text:
    snapshot, state = view.snapshot, view.state
    if view.mode is Mode.CONFIRM_DISCARD:
        return Text("discard this take? It cannot be brought back.", style="bold yellow")
    asked = view.mode is Mode.QUIT
    if snapshot is not None and snapshot.reason and state in _REASONS and not asked:
        return Text(snapshot.reason, style=_REASONS[state])
    return Text(view.message.text, style=_TONES[view.message.tone])


def _footer(view: DialogueView) -> Text:
    text = Text()
    if view.pending is not None:
        return text.append(f" waiting for the recorder: {view.pending.value} ", style="reverse")
    for key, binding in bindings(view.mode, view.state).items():
        text.append(f" {key} ", style="reverse")
        text.append(f" {binding.label}  ")
    return text
