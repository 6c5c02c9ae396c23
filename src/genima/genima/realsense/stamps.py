# SPDX-License-Identifier: Apache-2.0
"""When a frame was taken, in this computer's time."""

from collections import deque

from genima.realsense.frames import FrameClock

#: How long an offset between two clocks is trusted [s]; they drift by less than 1 ms in it.
_WINDOW_S = 10.0


class FrameStamps:
    """Turns the times of one camera's frames into stamps.

    Times by the system's clock are stamps already. Of another clock only the order and the
    intervals are known, so its offset is taken from the frame of the last seconds that arrived
    with the least delay. A stamp is then late by that delay (exposure and transport, some
    10 to 40 ms), but carries no jitter of the transport, and never lies after the arrival.
    """

    def __init__(self) -> None:
        # (time, offset), the offsets growing: those that are or may yet become the least.
        self._offsets_s: deque[tuple[float, float]] = deque()
        self._last_s = float("-inf")

    def stamp_s(self, clock: FrameClock, time_s: float, arrived_s: float) -> float:
        """The stamp of a frame, in the clock of `arrived_s`.

        Args:
            clock: Which clock `time_s` was read from.
            time_s: When the frame was taken [s].
            arrived_s: When it was received, by the system's clock [s].
        """
        if clock is FrameClock.SYSTEM:
            return time_s
        if time_s < self._last_s:  # the camera was plugged in anew, or a recording repeats
            self._offsets_s.clear()
        self._last_s = time_s
        offset_s = arrived_s - time_s
        while self._offsets_s and self._offsets_s[-1][1] >= offset_s:
            self._offsets_s.pop()
        self._offsets_s.append((time_s, offset_s))
        while self._offsets_s[0][0] < time_s - _WINDOW_S:
            self._offsets_s.popleft()
        return time_s + self._offsets_s[0][1]
