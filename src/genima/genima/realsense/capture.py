# SPDX-License-Identifier: Apache-2.0
"""A thread for each camera: takes its frames, notices when it is lost, and gets it back."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from genima.arrays import Array, UInt8
from genima.errors import CameraError
from genima.realsense.calibration import ColourCalibration
from genima.realsense.frames import FrameClock, FrameSource, SensorFrame
from genima.realsense.stamps import FrameStamps
from genima.timing import RateMeter

#: How soon the request to stop is noticed [s].
_POLL_S = 0.1
#: A camera that streams and is silent for so long is lost [s].
LOST_AFTER_S = 1.0
#: How long a camera may take to its first frame [s]: several start at once and measure the light.
FIRST_FRAME_WITHIN_S = 5.0
#: First and longest pause before a lost camera is tried again [s].
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0
_JOIN_WITHIN_S = 2.0
_OWN_CLOCK = (
    "stamps by its own clock, which is mapped to this computer's by the time of arrival, so that "
    "stamps are late by the transport; for exact ones use a firmware and a kernel with metadata"
)


class CameraState(Enum):
    """What a camera is doing."""

    STARTING = "starting"
    STREAMING = "streaming"
    LOST = "lost"
    ENDED = "ended"  #: A recording that is not repeated.
    STOPPED = "stopped"


@dataclass(frozen=True, eq=False)
class ColourFrame:
    """A frame of a camera, in this computer's time.

    Attributes:
        image: RGB; as in `SensorFrame`, to be copied rather than kept.
        stamp_s: When it was taken [s].
        number: As counted by the camera.
        calibration: Of the stream.
    """

    image: UInt8[Array, "h w 3"]
    stamp_s: float
    number: int
    calibration: ColourCalibration


@dataclass(frozen=True)
class CameraReport:
    """How a camera fares.

    Attributes:
        state: What it is doing.
        trouble: What is wrong, in one sentence; empty if nothing.
        clock: Where its stamps come from; None before the first frame.
        rate_hz: Of the newest frames [1/s]; NaN before the second.
        age_s: Time since the newest stamp [s]; infinite before the first.
        frames: How many came.
        lost: How many frame numbers were missing between them.
        losses: How often the camera itself was lost.
    """

    state: CameraState
    trouble: str
    clock: FrameClock | None
    rate_hz: float
    age_s: float
    frames: int
    lost: int
    losses: int


class CaptureListener(Protocol):
    """Told by the capture threads what happens."""

    def on_frame(self, name: str, frame: ColourFrame) -> None:
        """A frame came."""

    def on_trouble(self, name: str, sentence: str) -> None:
        """A camera was lost or works badly; not repeated while it stays so."""

    def on_recovery(self, name: str, sentence: str) -> None:
        """A camera that was lost sends again."""

    def on_defect(self, error: Exception) -> None:
        """A capture has ended by an exception that should not have happened."""


class Capture:
    """Supervises one camera.

    Args:
        name: Of the camera.
        source: Where its frames come from.
        listener: Told what happens, from the capture's thread.
        now_s: The system's clock [s].
    """

    def __init__(
        self,
        name: str,
        source: FrameSource,
        listener: CaptureListener,
        now_s: Callable[[], float],
    ) -> None:
        self._name = name
        self._source = source
        self._listener = listener
        self._now_s = now_s
        self._state = CameraState.STARTING
        self._trouble = ""
        self._frames = self._lost = self._losses = 0
        self._number: int | None = None
        self._clock: FrameClock | None = None
        self._stamps = FrameStamps()
        self._meter = RateMeter()
        self._pause_s = _FIRST_PAUSE_S
        self._lock = threading.Lock()  # what a report is made of
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"capture {name}", daemon=True)

    def start(self) -> None:
        """Begin; a capture is started once."""
        self._thread.start()

    def request_stop(self) -> None:
        """Have it end soon, so that several can end at the same time."""
        self._stop.set()

    def stop(self) -> None:
        """End the thread and let go of the camera; does not wait for one that hangs in USB."""
        self.request_stop()
        self._thread.join(timeout=_JOIN_WITHIN_S)

    def report(self, now_s: float) -> CameraReport:
        """How the camera fares."""
        with self._lock:
            return CameraReport(
                self._state,
                self._trouble,
                self._clock,
                self._meter.rate_hz,
                self._meter.age_s(now_s),
                self._frames,
                self._lost,
                self._losses,
            )

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._stream_once()
                if self._state is CameraState.LOST:
                    self._stop.wait(self._pause_s)
                    self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
                else:
                    break
        except Exception as error:
            self._enter(CameraState.STOPPED, f"the capture has ended: {error}")
            self._listener.on_defect(error)

    def _stream_once(self) -> None:
        """From start to stop of the source; the state says afterwards why it ended."""
        try:
            with self._replugging():
                self._source.start()
            self._stream()
        except CameraError as error:
            self._lose(str(error))
        finally:
            with suppress(RuntimeError):  # of librealsense, for a camera that has gone already
                self._source.stop()

    @contextmanager
    def _replugging(self) -> Iterator[None]:
        """What librealsense says of a camera that goes or comes in this moment is a loss."""
        try:
            yield
        except RuntimeError as error:
            raise CameraError(
                f"{self._source.description} does not answer ({error}); it is tried again"
            ) from error

    def _stream(self) -> None:
        silent_s, allowed_s = 0.0, FIRST_FRAME_WITHIN_S
        while not self._stop.is_set():
            with self._replugging():
                frame = self._source.wait(_POLL_S)
                ended = frame is None and self._source.ended
            if frame is not None:
                silent_s, allowed_s = 0.0, LOST_AFTER_S
                self._take(frame)
            elif ended:
                self._enter(CameraState.ENDED, f"{self._source.description} has ended")
                return
            else:
                silent_s += _POLL_S
                if silent_s >= allowed_s:
                    raise CameraError(
                        f"{self._source.description} has sent nothing for {allowed_s:g} s; check "
                        "its cable, and that it is in a USB 3 port; it is tried again"
                    )
        self._enter(CameraState.STOPPED, "")

    def _take(self, frame: SensorFrame) -> None:
        arrived_s = self._now_s()
        stamp_s = self._stamps.stamp_s(frame.clock, frame.time_s, arrived_s)
        with self._lock:
            if self._number is not None and self._state is CameraState.STREAMING:
                # A number that goes back is a recording that begins anew.
                self._lost += max(0, frame.number - self._number - 1)
            self._number, self._clock = frame.number, frame.clock
            self._frames += 1
            self._meter.tick(stamp_s)
        if self._state is not CameraState.STREAMING:
            self._begin(frame)
        self._listener.on_frame(
            self._name, ColourFrame(frame.image, stamp_s, frame.number, frame.calibration)
        )

    def _begin(self, frame: SensorFrame) -> None:
        """The first frame since a start."""
        self._pause_s = _FIRST_PAUSE_S
        if self._state is CameraState.LOST:
            self._listener.on_recovery(self._name, f"{self._source.description} sends again")
        advice = self._source.advice
        if frame.clock is FrameClock.CAMERA:
            advice = advice or _OWN_CLOCK
        trouble = f"{self._source.description} {advice}" if advice else ""
        self._enter(CameraState.STREAMING, trouble)

    def _lose(self, sentence: str) -> None:
        if self._state is CameraState.STREAMING:
            self._losses += 1
        self._enter(CameraState.LOST, sentence)

    def _enter(self, state: CameraState, trouble: str) -> None:
        news = trouble and trouble != self._trouble
        with self._lock:
            self._state, self._trouble = state, trouble
        if news:
            self._listener.on_trouble(self._name, trouble)
