# SPDX-License-Identifier: Apache-2.0
"""How much room the disk has, and how long it will last."""

import math
import os
from collections import deque
from pathlib import Path

from genima.errors import NotReady

#: The rate of writing is told over this time [s].
_WINDOW_S = 5.0
_GB = 1e9


class DiskWatch:
    """Watches the disk that a data set is on.

    Args:
        folder: On the disk.
        reserve_bytes: What must stay free.

    Attributes:
        stored_share: What is written of each byte that comes; NaN while that is not known.
    """

    def __init__(self, folder: Path, reserve_bytes: int) -> None:
        self._folder = folder
        self._reserve_bytes = reserve_bytes
        self._came: deque[tuple[float, int]] = deque()
        self._bytes = 0
        self.stored_share = 1.0

    def add(self, count: int) -> None:
        """So many bytes came that are or would be recorded, before they are compressed."""
        self._bytes += count

    def tick(self, now_s: float) -> None:
        """Note how many bytes came up to now; to be called a few times a second."""
        self._came.append((now_s, self._bytes))
        while now_s - self._came[0][0] > _WINDOW_S:
            self._came.popleft()

    @property
    def free_bytes(self) -> int:
        """What is free for us; 0 where the disk has gone, which `require_room` says."""
        try:
            return self._free()
        except OSError:
            return 0

    def _free(self) -> int:
        figures = os.statvfs(self._folder)
        return figures.f_bavail * figures.f_frsize

    @property
    def left_s(self) -> float:
        """How long the disk lasts at the present rate [s]; NaN if that rate is not known."""
        if len(self._came) < 2 or self._came[-1][1] == self._came[0][1]:
            return math.nan
        (begin_s, before), (end_s, after) = self._came[0], self._came[-1]
        room = max(0, self.free_bytes - self._reserve_bytes)
        return room * (end_s - begin_s) / ((after - before) * self.stored_share)

    def require_room(self) -> None:
        """Refuse to go on below the reserve.

        Raises:
            NotReady: There is less free than the reserve, or the folder or its disk has gone.
        """
        try:
            free = self._free()
        except OSError as error:
            raise NotReady(
                f"{self._folder} has gone ({error.strerror}); see whether it was deleted, and "
                "whether its disk is still there"
            ) from error
        if free < self._reserve_bytes:
            raise NotReady(
                f"the disk of {self._folder} is full: {free / _GB:.2f} GB are free and "
                f"{self._reserve_bytes / _GB:.2f} GB must stay so; make room or use another disk"
            )
