# SPDX-License-Identifier: Apache-2.0
"""The camera node: as a process on recordings, and through its life on a software device."""

import itertools
import os
import signal
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image

from genima.errors import CameraError, MissingDependency
from genima.evaluation.domain import claim_domain
from genima.intrinsics import Intrinsics
from genima.launching.ament import executable
from genima.launching.processes import die_with
from genima.realsense.calibration import ColourCalibration
from genima.realsense.devices import DeviceInfo
from genima.realsense.frames import ColourSettings
from genima.realsense.live import LiveCamera
from genima.realsense.sdk import load_sdk
from genima.realsense.software import Recorder, SoftwareCamera
from genima.timing import DeadlineLoop
from genima_recorder import camera_node
from genima_recorder.camera_parameters import CameraParameters
from genima_ros.conversions import image_to_rgb
from genima_ros.diagnostics import Level
from genima_ros.parameters import check_parameters
from genima_ros.qos import DIAGNOSTICS, IMAGE_PUBLISHER

try:
    load_sdk()
except MissingDependency as error:
    pytest.skip(str(error), allow_module_level=True)

ROOT = Path(__file__).parents[3]
NAMES = ("front", "wrist", "left_shoulder", "right_shoulder")
SETTINGS = ColourSettings(64, 48, 30)
CALIBRATION = ColourCalibration(
    Intrinsics.from_ros(np.array([[60.5, 0, 31.25], [0, 61.5, 23.75], [0, 0, 1.0]]), 64, 48),
    (-0.05, 0.06, -0.0006, 0.0008, -0.02),
)
#: Longest wait for anything [s]; a test that needs it has failed. Machines may be busy.
PATIENCE_S = 60.0
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
BUILT = pytest.mark.skipif(
    not os.environ.get("AMENT_PREFIX_PATH"), reason="the workspace is not built and sourced"
)


def picture(camera: int) -> np.ndarray:
    """Red, green and blue from left to right, and a grey that tells the cameras apart."""
    image = np.zeros((48, 64, 3), np.uint8)
    for channel in range(3):
        image[:, channel * 16 : channel * 16 + 16, channel] = 255
    image[:, 48:] = 50 * (camera + 1)
    return image


def software_camera(name: str) -> SoftwareCamera:
    return SoftwareCamera(DeviceInfo("D435", f"serial-{name}", "3.2"), SETTINGS, CALIBRATION)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("recordings")
    cameras = [software_camera(name) for name in NAMES]
    paths = [folder / f"{name}.db3" for name in NAMES]
    recorder = Recorder(cameras, paths)
    numbers = itertools.count(1)
    sent: list[int] = []

    def send() -> None:
        number = next(numbers)
        for k, camera in enumerate(cameras):
            camera.send(picture(k), 1.7e9 + number / SETTINGS.rate_hz, number)
        sent.append(number)

    DeadlineLoop(1 / SETTINGS.rate_hz).run(send, lambda: len(sent) == 30)
    recorder.close()
    return dict(zip(NAMES, paths, strict=True))


class Watcher:
    """Hears what the camera node publishes."""

    def __init__(self, domain: int) -> None:
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = rclpy.create_node("watcher", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.images: dict[str, list[Image]] = defaultdict(list)
        self.infos: dict[str, list[CameraInfo]] = defaultdict(list)
        self.health: list[DiagnosticStatus] = []
        for name in NAMES:
            for kind, topic, heard in (
                (Image, "image_raw", self.images),
                (CameraInfo, "camera_info", self.infos),
            ):
                self.node.create_subscription(
                    kind, f"{name}/color/{topic}", heard[name].append, IMAGE_PUBLISHER
                )
        self.node.create_subscription(
            DiagnosticArray, "/diagnostics", lambda m: self.health.extend(m.status), DIAGNOSTICS
        )

    def until(self, condition: Callable[[], object], what: str) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            self._executor.spin_once(timeout_sec=0.1)
            assert time.monotonic() < end_s, f"never came: {what}; health {self.health[-1:]}"

    def close(self) -> None:
        self._executor.shutdown(timeout_sec=1.0)
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)


@pytest.fixture
def domain() -> Iterator[int]:
    with claim_domain() as number:
        yield number


@pytest.fixture
def watcher(domain: int) -> Iterator[Watcher]:
    watcher = Watcher(domain)
    yield watcher
    watcher.close()


def start_process(domain: int, log: Path, *words: str) -> "subprocess.Popen[bytes]":
    program = executable("genima_recorder", "camera_node", os.environ)
    given = [part for word in words for part in ("-p", word)]
    with log.open("wb") as output:
        return subprocess.Popen(
            [str(program), "--ros-args", *given],
            env=os.environ
            | {
                "ROS_DOMAIN_ID": str(domain),
                "ROS_LOG_DIR": str(log.parent),
                "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with(os.getpid()),
        )


@BUILT
@pytest.mark.graph
def test_four_recordings_are_published_at_once_as_realsense_ros_would(
    recordings: dict[str, Path], watcher: Watcher, domain: int, tmp_path: Path
) -> None:
    cameras = ", ".join(f"'{name}={path}'" for name, path in recordings.items())
    process = start_process(
        domain, tmp_path / "log", f"cameras:=[{cameras}]", "width:=64", "height:=48"
    )
    watcher.until(
        lambda: all(
            len(heard[name]) > 40 for heard in (watcher.images, watcher.infos) for name in NAMES
        ),
        "images of all cameras",
    )
    watcher.until(
        lambda: watcher.health and watcher.health[-1].message == "4 cameras stream",
        "good health of all cameras",
    )
    process.send_signal(signal.SIGTERM)
    watcher.until(lambda: process.poll() is not None, "the end of the node")
    assert process.returncode == 0, (tmp_path / "log").read_text()
    for k, name in enumerate(NAMES):
        image, info = watcher.images[name][-1], watcher.infos[name][-1]
        assert image.header.frame_id == info.header.frame_id == f"{name}_color_optical_frame"
        assert (image.encoding, image.width, image.height, image.step) == ("rgb8", 64, 48, 192)
        np.testing.assert_array_equal(image_to_rgb(image), picture(k))
        assert (info.width, info.height, info.distortion_model) == (64, 48, "plumb_bob")
        np.testing.assert_allclose(info.k, [60.5, 0, 31.25, 0, 61.5, 23.75, 0, 0, 1], atol=1e-5)
        np.testing.assert_allclose(info.d, CALIBRATION.distortion, atol=1e-7)
        stamps = [(m.header.stamp.sec, m.header.stamp.nanosec) for m in watcher.images[name]]
        assert stamps == sorted(stamps)
        told = {(m.header.stamp.sec, m.header.stamp.nanosec) for m in watcher.infos[name]}
        # One of either may have been lost on its way to this busy test, but not nearly all.
        assert len(told & set(stamps)) > 0.9 * len(stamps)
    values = {entry.key: entry.value for entry in watcher.health[-1].values}
    assert values["front state"] == "streaming" and values["front clock"] == "recorded"
    assert float(values["wrist rate [Hz]"]) > 27


@BUILT
@pytest.mark.graph
@pytest.mark.skipif(len(load_sdk().context().query_devices()) > 0, reason="a camera is connected")
def test_node_without_a_camera_ends_with_a_sentence(domain: int, tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = start_process(domain, log, "cameras:=['front=831612073525']")
    assert process.wait(PATIENCE_S) == 1
    (line,) = [line for line in log.read_text().splitlines() if "cannot configure" in line]
    assert "not connected: front (831612073525); no RealSense camera is connected" in line


class Rig:
    """The node in this process, with one software camera that can be plugged in and out."""

    def __init__(self, node: Any) -> None:
        self.node = node
        self.camera: SoftwareCamera | None = software_camera("front")
        self.said: list[str] = []
        self.sending = threading.Event()
        self.sending.set()
        self.behind_s = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def find(self, serial: str) -> object:
        if self.camera is None:
            raise CameraError(f"no camera with serial number {serial} is connected")
        return self.camera.device

    def make_sources(self, cameras: dict[str, str], settings: ColourSettings, _: bool) -> Any:
        return {name: LiveCamera(serial, settings, self.find) for name, serial in cameras.items()}

    def _send(self) -> None:
        numbers = itertools.count(1)
        while not self._ended.wait(1 / SETTINGS.rate_hz):
            camera, number = self.camera, next(numbers)
            if camera is not None and self.sending.is_set():
                camera.send(picture(0), time.time() - self.behind_s, number)

    def close(self) -> None:
        self._ended.set()
        self._thread.join()


@pytest.fixture
def rig(domain: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    rclpy.init(args=[], domain_id=domain)
    node = camera_node.CameraNode()
    rig = Rig(node)
    logger = node.get_logger()
    logger.error = logger.warning = rig.said.append  # type: ignore[method-assign]
    node.get_logger = lambda: logger  # type: ignore[method-assign]
    for name, value in (("cameras", ["front=1"]), ("width", 64), ("height", 48)):
        node.set_parameters([Parameter(name, value=value)])
    monkeypatch.setattr(camera_node, "make_sources", rig.make_sources)
    yield rig
    if not node.finalized:
        node.trigger_shutdown()
    rig.close()
    node.destroy_node()
    rclpy.try_shutdown()


def test_only_an_active_node_publishes_and_it_can_be_activated_again(
    rig: Rig, watcher: Watcher
) -> None:
    assert rig.node.trigger_configure() is SUCCESS
    for _ in range(2):
        assert rig.node._health().message == "not active"
        assert rig.node.trigger_activate() is SUCCESS
        seen = len(watcher.images["front"])
        watcher.until(lambda seen=seen: len(watcher.images["front"]) > seen + 2, "images")
        assert rig.node.trigger_deactivate() is SUCCESS
        assert rig.node._captures == {}
    assert not rig.said


def test_lost_camera_is_an_error_by_name_and_its_return_is_told(
    rig: Rig, watcher: Watcher
) -> None:
    rig.node.trigger_configure()
    rig.node.trigger_activate()
    watcher.until(lambda: rig.node._health().level is Level.OK, "good health")
    rig.camera = None
    watcher.until(lambda: rig.node._health().level is Level.ERROR, "bad health")
    assert "camera 'front'" in rig.said[0] and "serial-front" in rig.said[0]
    assert rig.node._health().message.startswith("camera 'front': ")
    rig.camera = software_camera("front")
    watcher.until(lambda: rig.node._health().level is not Level.ERROR, "recovery")
    assert rig.said[-1].startswith("camera 'front': ") and "sends again" in rig.said[-1]
    assert rig.node._health().values["front times lost"] == "1"


def test_slow_camera_is_warned_about(rig: Rig, watcher: Watcher) -> None:
    rig.node.trigger_configure()
    rig.node.trigger_activate()
    watcher.until(lambda: rig.node._health().level is Level.OK, "good health")
    rig.sending.clear()
    watcher.until(lambda: float(rig.node._health().values["front age [s]"]) > 0.5, "a gap")
    rig.sending.set()
    watcher.until(lambda: rig.node._health().level is Level.WARN, "a warning")
    assert "camera 'front' delivers" in rig.node._health().message
    watcher.until(lambda: rig.node._health().level is Level.OK, "good health again")


@pytest.mark.parametrize("behind_s", [5.0, -5.0])
def test_stamps_that_are_off_are_warned_about(rig: Rig, watcher: Watcher, behind_s: float) -> None:
    rig.behind_s = behind_s
    rig.node.trigger_configure()
    rig.node.trigger_activate()
    watcher.until(lambda: "stamps its images" in rig.node._health().message, "a warning")
    assert f"{behind_s:.1f} s before this computer's time" in rig.node._health().message
    assert rig.node._health().level is Level.WARN


def test_malformed_list_of_cameras_fails_configuration_and_can_be_mended(rig: Rig) -> None:
    rig.node.set_parameters([Parameter("cameras", value=["front"])])
    assert rig.node.trigger_configure() is FAILURE
    assert "cannot configure: camera 'front': must be <name>=<serial number>" in rig.said[0]
    rig.node.set_parameters([Parameter("cameras", value=["front=1"])])
    assert rig.node.trigger_configure() is SUCCESS


def test_parameter_file_names_the_cameras_of_the_policy_in_valid_values() -> None:
    (section,) = yaml.safe_load((ROOT / "config" / "realsense.yaml").read_text()).values()
    values = check_parameters(section["ros__parameters"], CameraParameters, "cameras")
    assert values == CameraParameters()
    assert sorted(entry.rstrip("=") for entry in values.cameras) == sorted(NAMES)
