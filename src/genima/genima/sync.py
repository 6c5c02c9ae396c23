# SPDX-License-Identifier: Apache-2.0
"""Pictures of several cameras that belong together, and which camera is to blame if none do."""

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from genima.errors import InvalidParameter
from genima.timing import RateMeter

Frame = TypeVar("Frame")

#: A stamp may be ahead of the clock by this much [s]; two computers never quite agree. Calls of
#: several threads may be out of order by as much before that counts as a clock that went back.
_CLOCK_TOLERANCE_S = 0.1
#: Pictures of one camera that are kept to find partners for those of a slower one.
_DEPTH = 16
#: Pictures over which a camera's rate is measured.
_RATE_WINDOW = 15


class Arrival(Enum):
    """What became of a picture."""

    TAKEN = "taken"
    DUPLICATE = "has the stamp of the one before"
    OUT_OF_ORDER = "is older than the one before"
    BAD_STAMP = "is stamped in the future, or with NaN"


class CameraFault(Enum):
    """What is wrong with a camera."""

    MISSING = "has never sent anything"
    STALE = "has stopped sending"
    FROZEN = "sends the same picture again and again"
    BAD_STAMPS = "sends pictures whose stamps cannot be used"
    SLOW = "sends too rarely"


@dataclass(frozen=True)
class CameraReport:
    """Something is wrong with a camera.

    Attributes:
        camera: Its name.
        fault: What is wrong.
        message: The same in a sentence, with numbers.
    """

    camera: str
    fault: CameraFault
    message: str


@dataclass(frozen=True, eq=False)
class FrameSet(Generic[Frame]):
    """One picture of each camera, taken at about the same time.

    Attributes:
        frames: The pictures, by camera.
        stamps_s: When they were taken [s], by camera.
    """

    frames: Mapping[str, Frame]
    stamps_s: Mapping[str, float]

    @property
    def stamp_s(self) -> float:
        """The oldest stamp [s]: what is concluded from the set is as old as that."""
        return min(self.stamps_s.values())


class FrameSync(Generic[Frame]):
    """Finds the newest set of pictures whose stamps agree.

    The result depends on the pictures and not on the order in which the cameras' messages arrive.
    When the clock goes back, everything is forgotten.

    Args:
        cameras: Their names.
        slop_s: How far stamps may be from that of the slowest camera [s].
        stale_after_s: Silence after which a camera is reported [s].
        min_rate_hz: Rate below which a camera is reported; 0 for never.
        same_picture: Whether two pictures have the same content; None to trust the stamps.
        frozen_after: Equal pictures in a row after which a camera is reported as frozen.
    """

    def __init__(
        self,
        cameras: Sequence[str],
        slop_s: float,
        stale_after_s: float = 0.5,
        min_rate_hz: float = 0.0,
        same_picture: Callable[[Frame, Frame], bool] | None = None,
        frozen_after: int = 30,
    ) -> None:
        if not cameras or len(set(cameras)) != len(cameras):
            raise InvalidParameter(f"cameras: got {list(cameras)}; give different names")
        if not (slop_s >= 0 and stale_after_s > 0 and min_rate_hz >= 0 and frozen_after >= 1):
            raise InvalidParameter(
                f"slop_s {slop_s} (0 or more), stale_after_s {stale_after_s} (above 0), "
                f"min_rate_hz {min_rate_hz} (0 or more) or frozen_after {frozen_after} (above 0) "
                "is out of range"
            )
        self._names = tuple(cameras)
        self._slop_s = slop_s
        self._stale_after_s = stale_after_s
        self._min_rate_hz = min_rate_hz
        self._same_picture = same_picture
        self._frozen_after = frozen_after
        self._counts: Counter[Arrival] = Counter()
        self.reset()

    def reset(self) -> None:
        """Forget all pictures and all times; the counts stay."""
        self._cameras: dict[str, _Camera[Frame]] = {name: _Camera() for name in self._names}
        self._began_s = math.inf
        self._now_s = -math.inf
        self._taken_stamp_s = -math.inf

    @property
    def counts(self) -> Mapping[Arrival, int]:
        """How many pictures came, by what became of them."""
        return {arrival: self._counts[arrival] for arrival in Arrival}

    def push(self, camera: str, stamp_s: float, frame: Frame, now_s: float) -> Arrival:
        """Take a picture.

        Raises:
            InvalidParameter: There is no such camera.
        """
        if camera not in self._cameras:
            raise InvalidParameter(f"no camera {camera!r}; cameras are {list(self._names)}")
        self._observe_clock(now_s)
        arrival = self._cameras[camera].push(stamp_s, frame, now_s, self._same_picture)
        self._counts[arrival] += 1
        return arrival

    def newest(self) -> FrameSet[Frame] | None:
        """The newest set whose stamps agree, whether it was asked for before or not."""
        cameras = self._cameras
        if any(not camera.frames for camera in cameras.values()):
            return None
        slowest = min(cameras.values(), key=lambda camera: camera.newest_s)
        for reference_s, _ in reversed(slowest.frames):
            nearest = {name: camera.nearest(reference_s) for name, camera in cameras.items()}
            if all(abs(stamp_s - reference_s) <= self._slop_s for stamp_s, _ in nearest.values()):
                return FrameSet(
                    frames={name: frame for name, (_, frame) in nearest.items()},
                    stamps_s={name: stamp_s for name, (stamp_s, _) in nearest.items()},
                )
        return None

    def take(self) -> FrameSet[Frame] | None:
        """The newest set if it is newer than the one taken before, else None."""
        found = self.newest()
        if found is None or found.stamp_s <= self._taken_stamp_s:
            return None
        self._taken_stamp_s = found.stamp_s
        return found

    def reports(self, now_s: float) -> list[CameraReport]:
        """What is wrong with the cameras at a time, in their order; empty if nothing is."""
        self._observe_clock(now_s)
        found = [self._report(name, now_s) for name in self._names]
        return [report for report in found if report is not None]

    def _observe_clock(self, now_s: float) -> None:
        if now_s < self._now_s - _CLOCK_TOLERANCE_S:
            self.reset()
        self._now_s = max(now_s, self._now_s)
        self._began_s = min(self._began_s, now_s)

    def _report(self, name: str, now_s: float) -> CameraReport | None:
        camera = self._cameras[name]
        if camera.heard_s is None:
            text = f"has sent nothing since the start, {now_s - self._began_s:.1f} s ago"
            return CameraReport(name, CameraFault.MISSING, f"camera {name!r} {text}")
        if now_s - camera.heard_s > self._stale_after_s:
            text = f"has sent nothing for {now_s - camera.heard_s:.1f} s"
            return CameraReport(name, CameraFault.STALE, f"camera {name!r} {text}")
        stuck = now_s - camera.changed_s > self._stale_after_s
        if stuck and camera.last in (Arrival.OUT_OF_ORDER, Arrival.BAD_STAMP):
            text = f"sends a picture that {camera.last.value}; see to its clock"
            return CameraReport(name, CameraFault.BAD_STAMPS, f"camera {name!r} {text}")
        if (stuck and camera.last is Arrival.DUPLICATE) or camera.repeats >= self._frozen_after:
            text = f"sends the picture of {now_s - camera.changed_s:.1f} s ago again and again"
            return CameraReport(name, CameraFault.FROZEN, f"camera {name!r} {text}")
        if camera.rate.rate_hz < self._min_rate_hz:
            text = f"sends {camera.rate.rate_hz:.1f} pictures a second, at least "
            text += f"{self._min_rate_hz:g} are needed"
            return CameraReport(name, CameraFault.SLOW, f"camera {name!r} {text}")
        return None


class _Camera(Generic[Frame]):
    """What is remembered of one camera."""

    def __init__(self) -> None:
        self.frames: deque[tuple[float, Frame]] = deque(maxlen=_DEPTH)
        self.rate = RateMeter(_RATE_WINDOW)
        self.heard_s: float | None = None  # anything at all, by the caller's clock
        self.changed_s = -math.inf  # a picture with a new stamp and new content
        self.last = Arrival.TAKEN  # what became of the newest message
        self.repeats = 0  # new stamps with the newest content again

    @property
    def newest_s(self) -> float:
        return self.frames[-1][0]

    def push(
        self,
        stamp_s: float,
        frame: Frame,
        now_s: float,
        same_picture: Callable[[Frame, Frame], bool] | None,
    ) -> Arrival:
        self.heard_s = now_s
        self.last = self._judge(stamp_s, now_s)
        if self.last is not Arrival.TAKEN:
            return self.last
        if self.frames and same_picture is not None and same_picture(self.frames[-1][1], frame):
            self.repeats += 1
        else:
            self.repeats = 0
            self.changed_s = now_s
        self.frames.append((stamp_s, frame))
        self.rate.tick(stamp_s)
        return Arrival.TAKEN

    def _judge(self, stamp_s: float, now_s: float) -> Arrival:
        if not -math.inf < stamp_s <= now_s + _CLOCK_TOLERANCE_S:
            return Arrival.BAD_STAMP
        if not self.frames or stamp_s > self.newest_s:
            return Arrival.TAKEN
        return Arrival.DUPLICATE if stamp_s == self.newest_s else Arrival.OUT_OF_ORDER

    def nearest(self, reference_s: float) -> tuple[float, Frame]:
        """The picture taken closest to a time; of two as close, the newer."""
        return min(reversed(self.frames), key=lambda entry: abs(entry[0] - reference_s))
