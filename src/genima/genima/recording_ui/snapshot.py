# SPDX-License-Identifier: Apache-2.0
"""What the recorder says of itself, as the interface sees it."""

import math
from dataclasses import dataclass
from enum import Enum

#: A stream that a take needs is bad when nothing new came for so long [s]; the recorder ends the
#: take then.
SILENT_S = 1.0
#: Jitter is worth a look from this fraction of the period on.
_JITTER_FRACTION = 0.5
#: What was said once and still holds.
_HOLDING_TYPES = ("sensor_msgs/msg/CameraInfo",)


class RecorderState(Enum):
    """As in genima_msgs/RecorderStatus."""

    IDLE = 0
    RECORDING = 1
    REVIEW = 2
    FAULT = 3

    @property
    def open_take(self) -> bool:
        """Whether there is a take that could be lost."""
        return self in (RecorderState.RECORDING, RecorderState.REVIEW)


class Health(Enum):
    """How a stream does: the colour of its row, and the words for who sees no colours."""

    GOOD = "ok"
    WAITING = "waiting"
    IMPERFECT = "look"
    BAD = "bad"


@dataclass(frozen=True)
class StreamSnapshot:
    """How one recorded topic does.

    Attributes:
        topic: Its name.
        type: Of its messages.
        received: Messages written since the take began.
        lost: Messages known to be missing.
        gaps: Times it was silent for longer than its limit.
        rate_hz: Over the last seconds [Hz]; NaN until it came twice.
        jitter_s: Standard deviation of the intervals [s]; NaN until it came twice.
        age_s: Since the last message with a new stamp [s]; negative if none came.
        required: Whether a take needs it.
    """

    topic: str
    type: str = ""
    received: int = 0
    lost: int = 0
    gaps: int = 0
    rate_hz: float = math.nan
    jitter_s: float = math.nan
    age_s: float = -1.0
    required: bool = False

    @property
    def health(self) -> Health:
        """The verdict. Topics that no take needs may be silent: they come on change."""
        if self.age_s < 0:
            return Health.BAD if self.required else Health.WAITING
        if self.required and self.age_s > SILENT_S and self.type not in _HOLDING_TYPES:
            return Health.BAD
        if self.lost or self.gaps or (self.required and self._unsteady):
            return Health.IMPERFECT
        return Health.GOOD

    @property
    def _unsteady(self) -> bool:
        return self.jitter_s * self.rate_hz > _JITTER_FRACTION  # false while one is NaN


@dataclass(frozen=True)
class RecorderSnapshot:
    """What the recorder does, and why.

    Attributes:
        state: What it does.
        reason: Why a take ended, is in danger or cannot begin; empty when all is well.
        dataset: Folder.
        task: Of the present or last take.
        instruction: The same.
        episode: Index of the present or next episode.
        kept: Episodes in the data set.
        discarded: Takes that were thrown away in this session.
        recovered: Takes of a killed session that were recovered at start.
        duration_s: Of the present or last take [s].
        written_bytes: Of the present or last take.
        disk_free_bytes: What is left.
        disk_left_s: The same in time [s]; negative if not known.
        queue_bytes: What waits for the disk.
        streams: The recorded topics.
    """

    state: RecorderState
    reason: str = ""
    dataset: str = ""
    task: str = ""
    instruction: str = ""
    episode: int = 0
    kept: int = 0
    discarded: int = 0
    recovered: int = 0
    duration_s: float = 0.0
    written_bytes: int = 0
    disk_free_bytes: int = 0
    disk_left_s: float = -1.0
    queue_bytes: int = 0
    streams: tuple[StreamSnapshot, ...] = ()
