# SPDX-License-Identifier: Apache-2.0
"""Cameras through librealsense's software device: the path of a real one but for the USB bus."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import cv2
import numpy as np
import pytest

from genima.errors import CameraError, InvalidParameter, MissingDependency
from genima.intrinsics import Intrinsics
from genima.realsense.calibration import ColourCalibration, read_calibration
from genima.realsense.capture import CameraState, Capture
from genima.realsense.devices import DeviceInfo, find_device, require_serials
from genima.realsense.frames import ColourSettings, FrameClock, SensorFrame
from genima.realsense.live import LiveCamera
from genima.realsense.sdk import load_sdk
from genima.realsense.software import SoftwareCamera
from genima.realsense.sources import make_sources, parse_cameras

try:
    rs = load_sdk()
except MissingDependency as error:
    pytest.skip(str(error), allow_module_level=True)

from .software_cameras import (
    PATIENCE_S,
    SERIAL,
    SETTINGS,
    Bus,
    Listener,
    fed,
    software_camera,
    stripes,
)

DISTORTION = (-0.055, 0.066, -0.0006, 0.0008, -0.021)


def live(bus: Bus, settings: ColourSettings = SETTINGS) -> LiveCamera:
    return LiveCamera(SERIAL, settings, bus.find)


@contextmanager
def captured(bus: Bus, now_s: Callable[[], float]) -> Iterator[tuple[Capture, Listener]]:
    listener = Listener()
    capture = Capture("front", live(bus), listener, now_s)
    capture.start()
    try:
        yield capture, listener
    finally:
        capture.stop()
        assert not listener.defects


def one_frame(camera: SoftwareCamera, source: LiveCamera, **given: object) -> object:
    camera.send(**({"image": stripes(), "time_s": 1.7e9, "number": 1} | given))
    frame = source.wait(PATIENCE_S)
    assert frame is not None
    return frame


def test_colours_arrive_as_red_green_blue() -> None:
    camera = software_camera()
    source = live(Bus(camera))
    source.start()
    frame = one_frame(camera, source)
    source.stop()
    assert frame.image.shape == (48, 64, 3) and frame.image.dtype == np.uint8
    np.testing.assert_array_equal(frame.image, stripes())


def test_image_is_read_only_and_outlives_later_frames_and_the_stream() -> None:
    camera = software_camera()
    source = live(Bus(camera))
    source.start()
    frames = [
        one_frame(camera, source, image=np.full((48, 64, 3), value, np.uint8))
        for value in range(8)
    ]
    source.stop()
    assert [int(frame.image.max()) for frame in frames] == list(range(8))
    with pytest.raises(ValueError, match="read-only"):
        frames[0].image[0, 0, 0] = 1


def test_times_carry_the_clock_that_they_were_read_from() -> None:
    camera = software_camera()
    source = live(Bus(camera))
    source.start()
    frame = one_frame(camera, source, time_s=1_700_000_000.125)
    assert (frame.time_s, frame.clock) == (1_700_000_000.125, FrameClock.SYSTEM)
    frame = one_frame(camera, source, time_s=12.5, clock=FrameClock.CAMERA, number=7)
    assert (frame.time_s, frame.clock, frame.number) == (12.5, FrameClock.CAMERA, 7)
    source.stop()


def test_calibration_is_that_of_the_stream() -> None:
    intrinsics = Intrinsics.from_ros(
        np.array([[60.5, 0.0, 31.25], [0.0, 61.5, 23.5], [0.0, 0.0, 1.0]]), 64, 48
    )
    wanted = ColourCalibration(intrinsics, DISTORTION)
    camera = SoftwareCamera(DeviceInfo("D405", SERIAL, "3.2"), SETTINGS, wanted)
    source = live(Bus(camera))
    source.start()
    got = one_frame(camera, source).calibration
    source.stop()
    np.testing.assert_allclose(got.intrinsics.K_ros, intrinsics.K_ros, atol=1e-5)
    assert (got.intrinsics.width, got.intrinsics.height) == (64, 48)
    np.testing.assert_allclose(got.distortion, DISTORTION, atol=1e-7)


class Profile:
    """A stream profile with the intrinsics that are given."""

    def __init__(self, model: object, coeffs: tuple[float, ...]) -> None:
        self.raw = rs.intrinsics()
        self.raw.width, self.raw.height, self.raw.fx, self.raw.fy = 640, 480, 390.0, 391.0
        self.raw.ppx, self.raw.ppy, self.raw.model, self.raw.coeffs = 321.5, 238.25, model, coeffs

    def as_video_stream_profile(self) -> "Profile":
        return self

    def get_intrinsics(self) -> object:
        return self.raw


@pytest.mark.parametrize("model", ["none", "brown_conrady", "inverse_brown_conrady"])
def test_opencv_projects_as_the_sdk_does_with_the_coefficients(model: str) -> None:
    profile = Profile(getattr(rs.distortion, model), DISTORTION)
    calibration = read_calibration(profile)
    pixels = [[u, v] for u in range(0, 641, 64) for v in range(0, 481, 48)]
    rays = [rs.rs2_deproject_pixel_to_point(profile.raw, pixel, 1.0) for pixel in pixels]
    K, still = calibration.intrinsics.K_ros, np.zeros(3)
    again, _ = cv2.projectPoints(np.array(rays), still, still, K, np.array(calibration.distortion))
    assert np.abs(again[:, 0] - pixels).max() < 0.02
    moved = np.abs(np.array(rays)[:, :2] * [390, 391] + [321.5, 238.25] - pixels).max()
    assert (moved > 4.0) == (model != "none")  # px that this lens bends


def test_lens_that_camera_info_cannot_express_is_refused() -> None:
    with pytest.raises(CameraError, match="lens model 'kannala_brandt4'"):
        read_calibration(Profile(rs.distortion.kannala_brandt4, DISTORTION))


def test_stream_that_is_not_offered_is_refused_with_those_that_are() -> None:
    source = live(Bus(software_camera()), replace(SETTINGS, rate_hz=90))
    with pytest.raises(
        CameraError, match=rf"^{SERIAL} \(.*\) offers no .*at 90 Hz.* offers 64x48 at 30 Hz$"
    ):
        source.check()


def test_exposure_is_set_and_one_out_of_range_is_refused() -> None:
    settings = replace(SETTINGS, exposure=200)
    camera = SoftwareCamera(DeviceInfo("D435", SERIAL, "3.2"), settings)
    source = live(Bus(camera), replace(SETTINGS, exposure=150))
    source.check()
    source.start()
    (sensor,) = camera.device.query_sensors()
    assert sensor.get_option(rs.option.exposure) == 150
    assert sensor.get_option(rs.option.enable_auto_exposure) == 0
    source.stop()
    live(Bus(camera)).start()
    assert sensor.get_option(rs.option.enable_auto_exposure) == 1
    with pytest.raises(CameraError, match="'exposure' from 1 to 200, got 201; 0 is automatic"):
        live(Bus(camera), replace(SETTINGS, exposure=201)).check()
    with pytest.raises(CameraError, match="has no option 'white_balance'; leave it at 0"):
        live(Bus(camera), replace(SETTINGS, white_balance_k=4000)).check()


def test_camera_that_another_program_holds_is_refused_with_what_to_do() -> None:
    camera = software_camera()
    (sensor,) = camera.device.query_sensors()
    sensor.open(sensor.get_stream_profiles()[0])
    with pytest.raises(CameraError, match=r"cannot be opened .* end other programs that use it"):
        live(Bus(camera)).start()


def test_camera_streams_again_after_a_stop() -> None:
    camera = software_camera()
    source = live(Bus(camera))
    for number in (1, 2):
        source.start()
        assert one_frame(camera, source, number=number).number == number
        source.stop()
        source.stop()


def test_usb_2_is_warned_about_and_usb_3_is_not() -> None:
    assert "USB 2.1, which two cameras overfill" in DeviceInfo("D435", SERIAL, "2.1").advice
    assert DeviceInfo("D435", SERIAL, "3.2").advice == ""
    assert DeviceInfo("D435", SERIAL, "").advice == ""
    camera = software_camera(usb="2.1")
    with fed(camera, time.time), captured(Bus(camera), time.time) as (capture, listener):
        listener.wait_for(lambda: len(listener.frames) > 2)
        assert capture.report(0.0).state is CameraState.STREAMING
        (trouble,) = listener.troubles
        assert trouble.startswith(SERIAL) and "USB 3 port" in trouble
        assert capture.report(0.0).trouble == trouble


def test_stamps_of_the_systems_clock_are_passed_on() -> None:
    camera = software_camera()
    with captured(Bus(camera), lambda: 99.0) as (_, listener), fed(camera, lambda: 1.7e9 + 0.25):
        listener.wait_for(lambda: len(listener.frames) > 1)
    assert {frame.stamp_s for frame in listener.frames} == {1.7e9 + 0.25}


def test_stamps_of_the_cameras_clock_are_mapped_and_said_to_be() -> None:
    camera = software_camera()
    hardware = fed(camera, time.monotonic, FrameClock.CAMERA)
    with hardware, captured(Bus(camera), time.time) as (capture, listener):
        listener.wait_for(lambda: len(listener.frames) > 3)
        report = capture.report(time.time())
    assert report.clock is FrameClock.CAMERA and -0.001 < report.age_s < PATIENCE_S
    assert "stamps by its own clock" in report.trouble


def test_missing_frame_numbers_are_counted() -> None:
    camera = software_camera()
    with captured(Bus(camera), time.time) as (capture, listener):
        while not listener.frames:  # what comes before the stream is open goes nowhere
            camera.send(stripes(), time.time(), 1)
        for number in (2, 5, 6, 9):
            camera.send(stripes(), time.time(), number)
        listener.wait_for(lambda: listener.frames[-1].number == 9)
        report = capture.report(time.time())
    assert report.lost == 4 and report.losses == 0


def test_lost_camera_is_named_and_comes_back_when_plugged_in_again() -> None:
    bus = Bus(software_camera())
    with captured(bus, time.time) as (capture, listener):
        with fed(bus.cameras[0], time.time):
            listener.wait_for(lambda: len(listener.frames) > 2)
            bus.cameras.clear()
        listener.wait_for(lambda: len(listener.troubles) == 2)
        silent, absent = listener.troubles
        assert SERIAL in silent and "sent nothing for 1 s; check its cable" in silent
        assert absent == f"no camera with serial number {SERIAL} is connected"
        assert capture.report(time.time()).state is CameraState.LOST
        before = len(listener.frames)
        bus.cameras.append(software_camera())
        with fed(bus.cameras[0], time.time):
            listener.wait_for(lambda: len(listener.frames) > before + 2)
        assert len(listener.recoveries) == 1 and SERIAL in listener.recoveries[0]
        report = capture.report(time.time())
    assert report.losses == 1 and report.lost == 0


def test_camera_that_is_absent_at_the_start_is_waited_for() -> None:
    bus = Bus()
    with captured(bus, time.time) as (capture, listener):
        bus.wait_for_searches(3)
        assert len(listener.troubles) == 1  # said once, not at each try
        assert capture.report(0.0).state is CameraState.LOST
        bus.cameras.append(software_camera())
        with fed(bus.cameras[0], time.time):
            listener.wait_for(lambda: bool(listener.frames))
        assert capture.report(0.0).losses == 0


class Replugged:
    """A camera of which librealsense fails in one call, as while it is plugged in anew."""

    ended = False
    advice = ""
    description = SERIAL

    def __init__(self, fails_in: str) -> None:
        self._fails_in = fails_in
        self.failed = False
        self.starts = 0

    def _fail(self, where: str) -> None:
        if where == self._fails_in and not self.failed:
            self.failed = True
            raise RuntimeError("bad optional access")

    def check(self) -> None:
        """It is never asked."""

    def start(self) -> None:
        self.starts += 1
        self._fail("start")

    def wait(self, timeout_s: float) -> SensorFrame | None:
        self._fail("wait")
        if self._fails_in == "stop" and not self.failed:
            raise CameraError("it is lost")
        calibration = ColourCalibration(Intrinsics(64, 48, 60.0, 60.0, 32.0, 24.0), (0.0,) * 5)
        return SensorFrame(stripes(), time.time(), FrameClock.SYSTEM, self.starts, calibration)

    def stop(self) -> None:
        self._fail("stop")


@pytest.mark.parametrize("call", ["start", "wait", "stop"])
def test_failure_of_librealsense_while_a_camera_is_replugged_is_a_loss(call: str) -> None:
    source, listener = Replugged(call), Listener()
    capture = Capture("front", source, listener, time.time)
    capture.start()
    listener.wait_for(lambda: bool(listener.frames))
    capture.stop()
    assert source.failed and source.starts == 2
    assert not listener.defects and len(listener.recoveries) == 1
    if call != "stop":
        (trouble,) = listener.troubles
        assert trouble == f"{SERIAL} does not answer (bad optional access); it is tried again"


def test_defect_of_the_listener_ends_the_capture_and_is_reported() -> None:
    class Broken(Listener):
        def on_frame(self, name: str, frame: object) -> None:
            raise ZeroDivisionError("on purpose")

    camera, listener = software_camera(), Broken()
    capture = Capture("front", live(Bus(camera)), listener, time.time)
    capture.start()
    with fed(camera, time.time):
        listener.wait_for(lambda: bool(listener.defects))
    assert isinstance(listener.defects[0], ZeroDivisionError)
    assert capture.report(0.0).state is CameraState.STOPPED
    assert "on purpose" in capture.report(0.0).trouble
    capture.stop()


def test_unknown_serial_is_refused_with_those_that_are_connected() -> None:
    infos = [DeviceInfo("D435", "111", "3.2"), DeviceInfo("D405", "222", "2.1")]
    with pytest.raises(CameraError) as caught:
        require_serials({"front": "111", "wrist": "333", "left_shoulder": "444"}, infos)
    assert str(caught.value) == (
        "not connected: wrist (333), left_shoulder (444); connected are 111 (D435, USB 3.2), "
        "222 (D405, USB 2.1); serial numbers are set in realsense.yaml"
    )


@pytest.mark.skipif(len(rs.context().query_devices()) > 0, reason="a camera is connected")
def test_without_any_camera_the_sentence_says_what_to_check() -> None:
    with pytest.raises(CameraError, match=r"number 999 is connected; no RealSense .*udev rules"):
        find_device("999")
    with pytest.raises(CameraError, match=r"not connected: front \(999\); no RealSense camera"):
        make_sources({"front": "999"}, SETTINGS, True)
    with pytest.raises(CameraError, match="no serial number is given for front, wrist"):
        make_sources({"front": "", "wrist": ""}, SETTINGS, True)
    with pytest.raises(CameraError, match=r"none is given: write e\.g\. front=831612073525"):
        make_sources({}, SETTINGS, True)


def test_cameras_are_read_from_their_list() -> None:
    entries = ["front=831612073525", " wrist = /data/wrist=1.db3", "left_shoulder="]
    assert parse_cameras(entries) == {
        "front": "831612073525",
        "wrist": "/data/wrist=1.db3",
        "left_shoulder": "",
    }


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (["831612073525"], "must be <name>=<serial number>"),
        (["front camera=1"], "must be <name>=<serial number>"),
        (["front=1", "front=2"], "camera 'front' is given twice"),
        (["front=1", "wrist=1"], "'front' and 'wrist' have the same serial number or file 1"),
    ],
)
def test_contradictory_list_of_cameras_is_refused(entries: list[str], said: str) -> None:
    with pytest.raises(InvalidParameter, match=said):
        parse_cameras(entries)


@pytest.mark.parametrize(
    "wrong", [{"width": 0}, {"rate_hz": 0}, {"exposure": -1}, {"white_balance_k": -1}]
)
def test_senseless_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidParameter):
        replace(SETTINGS, **wrong)
