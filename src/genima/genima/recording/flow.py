# SPDX-License-Identifier: Apache-2.0
"""Whether all that a take needs flows."""

from collections.abc import Sequence

from genima.recording.stream import Pacing, Stream


class Flow:
    """Judges the streams that a take needs.

    Args:
        streams: All streams.
        pacing: Of the world that they come from.
        lost_after_s: Longest silence that is borne [s].
    """

    def __init__(self, streams: Sequence[Stream], pacing: Pacing, lost_after_s: float) -> None:
        self._needed = [stream for stream in streams if stream.spec.required]
        self._pacing = pacing
        self._lost_after_s = lost_after_s

    def silence(self, now_ns: int) -> str:
        """Which streams are silent, or say the same for ever, in a sentence; empty if none."""
        bad = [stream for stream in self._needed if self._silent(stream, now_ns)]
        silent = [s.spec.topic for s in bad if not self._frozen(s, now_ns)]
        frozen = [s.spec.topic for s in bad if self._frozen(s, now_ns)]
        parts = []
        if silent:
            parts.append(
                f"nothing comes from {', '.join(silent)}; see whether what publishes them runs"
            )
        if frozen:
            parts.append(
                f"{', '.join(frozen)}: the same stamp comes again and again; start what publishes "
                "it anew"
            )
        return "; ".join(parts)

    def is_hole(self, stream: Stream, silent_s: float) -> bool:
        """Whether a stream was away too long, by its stamps: what comes late is not lost."""
        watched = stream.spec.required and stream.spec.period_s > 0
        return watched and silent_s > self._lost_after_s

    def _frozen(self, stream: Stream, now_ns: int) -> bool:
        """Whether a stream that counts as silent does send, but nothing new."""
        if stream.last is None or not stream.frozen:
            return False
        return (now_ns - stream.last.log_time_ns) * 1e-9 <= self._lost_after_s

    def _silent(self, stream: Stream, now_ns: int) -> bool:
        if not stream.spec.period_s:
            return stream.last is None
        if self._pacing is Pacing.REALTIME:
            return stream.age_s(now_ns) > self._lost_after_s
        # A world that waits is as old as its newest message, however long it waits.
        stamps = [s.last.stamp_ns for s in self._needed if s.spec.period_s and s.last]
        return not stamps or stream.behind_s(max(stamps)) > self._lost_after_s
