# SPDX-License-Identifier: Apache-2.0
"""Cameras without hardware, what tests of the camera library share."""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from genima.arrays import Array, UInt8
from genima.errors import CameraError
from genima.realsense.capture import ColourFrame
from genima.realsense.devices import DeviceInfo, device_info
from genima.realsense.frames import ColourSettings, FrameClock
from genima.realsense.software import SoftwareCamera

SETTINGS = ColourSettings(width=64, height=48, rate_hz=30)
SERIAL = "831612073525"
#: Longest wait for anything [s]; a test that needs it has failed. Machines may be busy.
PATIENCE_S = 20.0


def software_camera(serial: str = SERIAL, usb: str = "3.2") -> SoftwareCamera:
    return SoftwareCamera(DeviceInfo("Software D435", serial, usb), SETTINGS)


def stripes(height: int = 48, width: int = 64) -> UInt8[Array, "h w 3"]:
    """Red, green and blue from left to right."""
    image = np.zeros((height, width, 3), np.uint8)
    for channel, part in enumerate(np.array_split(np.arange(width), 3)):
        image[:, part, channel] = 255
    return image


class Bus:
    """What is plugged in, in place of librealsense's list of USB devices."""

    def __init__(self, *cameras: SoftwareCamera) -> None:
        self.cameras = list(cameras)
        self._searches = threading.Semaphore(0)

    def wait_for_searches(self, count: int) -> None:
        for _ in range(count):
            assert self._searches.acquire(timeout=PATIENCE_S)

    def find(self, serial: str) -> object:
        self._searches.release()
        for camera in self.cameras:
            if device_info(camera.device).serial == serial:
                return camera.device
        raise CameraError(f"no camera with serial number {serial} is connected")


@contextmanager
def fed(
    camera: SoftwareCamera, now_s: Callable[[], float], clock: FrameClock = FrameClock.SYSTEM
) -> Iterator[None]:
    """Have a camera send frames, numbered from 1, stamped by `now_s`."""
    stop = threading.Event()

    def run() -> None:
        numbers = itertools.count(1)
        while not stop.wait(1.0 / SETTINGS.rate_hz):
            camera.send(stripes(), now_s(), next(numbers), clock)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Listener:
    """Remembers what a capture tells, and waits for it."""

    def __init__(self) -> None:
        self.frames: list[ColourFrame] = []
        self.troubles: list[str] = []
        self.recoveries: list[str] = []
        self.defects: list[Exception] = []
        self._news = threading.Condition()

    def _note(self, where: list, what: object) -> None:
        with self._news:
            where.append(what)
            self._news.notify_all()

    def on_frame(self, name: str, frame: ColourFrame) -> None:
        self._note(self.frames, replace(frame, image=frame.image.copy()))

    def on_trouble(self, name: str, sentence: str) -> None:
        self._note(self.troubles, sentence)

    def on_recovery(self, name: str, sentence: str) -> None:
        self._note(self.recoveries, sentence)

    def on_defect(self, error: Exception) -> None:
        self._note(self.defects, error)

    def wait_for(self, what: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(what, PATIENCE_S), vars(self)
