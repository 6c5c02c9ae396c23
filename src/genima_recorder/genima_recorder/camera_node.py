# SPDX-License-Identifier: Apache-2.0
"""Publishes the colour streams of RealSense cameras, on the topics of realsense-ros."""

from sensor_msgs.msg import CameraInfo, Image

from genima.realsense.calibration import ColourCalibration
from genima.realsense.capture import (
    LOST_AFTER_S,
    CameraReport,
    CameraState,
    Capture,
    ColourFrame,
)
from genima.realsense.frames import ColourSettings
from genima.realsense.sources import make_sources, parse_cameras
from genima_recorder.camera_parameters import CameraParameters
from genima_ros.conversions import camera_info, rgb_to_image
from genima_ros.diagnostics import Health, Level
from genima_ros.lifecycle import GenimaNode, run_node
from genima_ros.qos import IMAGE_PUBLISHER

#: A camera that delivers less than this share of its rate is complained of.
_LEAST_RATE = 0.9
#: Stamps further ahead of this computer's clock than this are wrong [s].
_MOST_AHEAD_S = 0.1


class CameraNode(GenimaNode):
    """One capture thread for each camera; frames are published from there."""

    def __init__(self) -> None:
        super().__init__("cameras", CameraParameters)
        self._captures: dict[str, Capture] = {}

    def configure(self) -> None:
        """Find the cameras and connect the topics."""
        p = self.parameters
        settings = ColourSettings(p.width, p.height, p.rate_hz, p.exposure, p.white_balance_k)
        self._sources = make_sources(parse_cameras(p.cameras), settings, p.repeat_recordings)
        self._images, self._infos = {}, {}
        self._calibrations: dict[str, tuple[ColourCalibration, CameraInfo]] = {}
        for name, source in self._sources.items():
            topic = f"{name}/color"
            self._images[name] = self.advertise(Image, f"{topic}/image_raw", IMAGE_PUBLISHER)
            self._infos[name] = self.advertise(CameraInfo, f"{topic}/camera_info", IMAGE_PUBLISHER)
            self.get_logger().info(f"camera {name!r}: {source.description}")
        self.report_health(self._health)

    def activate(self) -> None:
        """Start all streams; one that does not start is tried again and again."""
        self._captures = {
            name: Capture(name, source, self, self.now_s) for name, source in self._sources.items()
        }
        for capture in self._captures.values():
            capture.start()

    def deactivate(self) -> None:
        """Stop all streams."""
        for capture in self._captures.values():
            capture.request_stop()
        for capture in self._captures.values():
            capture.stop()
        self._captures = {}

    def on_frame(self, name: str, frame: ColourFrame) -> None:
        """Publish a frame with its camera_info."""
        image = rgb_to_image(frame.image, _frame_id(name), frame.stamp_s)
        info = self._info(name, frame.calibration)
        info.header.stamp = image.header.stamp
        self._infos[name].publish(info)
        self._images[name].publish(image)

    def on_trouble(self, name: str, sentence: str) -> None:
        """Say what is wrong with a camera."""
        self.get_logger().error(f"camera {name!r}: {sentence}")

    def on_recovery(self, name: str, sentence: str) -> None:
        """Say that a camera is well again."""
        self.get_logger().warning(f"camera {name!r}: {sentence}")

    def on_defect(self, error: Exception) -> None:
        """Note that a capture has ended; its camera's health says so too."""
        self.report_defect(error)

    def _info(self, name: str, calibration: ColourCalibration) -> CameraInfo:
        """The camera_info of a camera; made anew only if its calibration is another one."""
        known, info = self._calibrations.get(name, (None, None))
        if known is not calibration:
            info = camera_info(calibration.intrinsics, _frame_id(name), 0.0)
            info.d = list(calibration.distortion)
            self._calibrations[name] = calibration, info
        return info

    def _health(self) -> Health:
        now_s = self.now_s()
        reports = {name: capture.report(now_s) for name, capture in self._captures.items()}
        values = {
            f"{name} {key}": value
            for name, report in reports.items()
            for key, value in _figures(report).items()
        }
        lost = [
            f"camera {name!r}: {report.trouble}"
            for name, report in reports.items()
            if report.state not in (CameraState.STARTING, CameraState.STREAMING)
        ]
        if lost:
            return Health(Level.ERROR, "; ".join(lost), values)
        if not reports:
            return Health(Level.OK, "not active", values)
        troubles = [self._trouble(name, report) for name, report in reports.items()]
        if any(troubles):
            return Health(Level.WARN, "; ".join(filter(None, troubles)), values)
        return Health(Level.OK, f"{len(reports)} cameras stream", values)

    def _trouble(self, name: str, report: CameraReport) -> str:
        """What is wrong with a camera that is not lost; empty if nothing."""
        if report.state is CameraState.STARTING:
            return f"camera {name!r} starts"
        if report.trouble:
            return f"camera {name!r}: {report.trouble}"
        if not -_MOST_AHEAD_S < report.age_s < LOST_AFTER_S:
            return (
                f"camera {name!r} stamps its images {report.age_s:.1f} s before this computer's "
                "time; plug it in anew"
            )
        wanted_hz = self.parameters.rate_hz
        if report.rate_hz < _LEAST_RATE * wanted_hz:
            return f"camera {name!r} delivers {report.rate_hz:.1f} of {wanted_hz} frames a second"
        return ""


def _frame_id(name: str) -> str:
    return f"{name}_color_optical_frame"


def _figures(report: CameraReport) -> dict[str, str]:
    """What is published of a report."""
    return {
        "state": report.state.value,
        "rate [Hz]": f"{report.rate_hz:.2f}",
        "age [s]": f"{report.age_s:.3f}",
        "frames": str(report.frames),
        "frames lost": str(report.lost),
        "times lost": str(report.losses),
        "clock": report.clock.value if report.clock else "",
    }


def main() -> None:
    """Run the node."""
    run_node(CameraNode)


if __name__ == "__main__":
    main()
