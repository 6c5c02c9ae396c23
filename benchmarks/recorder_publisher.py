# SPDX-License-Identifier: Apache-2.0
"""Publishes what four cameras and an arm would, each image different and numbered in its stamp.

Says on standard output, as one line of JSON a second, how many images it has sent.
"""

import argparse
import array
import json
import time

import numpy as np
import rclpy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, Image, JointState

from genima.kinematics import JOINT_NAMES
from genima.timing import DeadlineLoop
from genima_ros.conversions import time_message
from genima_ros.dds import set_up_dds
from genima_ros.qos import IMAGE_PUBLISHER, JOINT_STATES_PUBLISHER, RELIABLE_LATEST

CAMERAS = ("front", "wrist", "left_shoulder", "right_shoulder")
WIDTH, HEIGHT = 640, 480
#: Pictures that are sent in turn; each is given its number before it is sent.
_PICTURES = 4


def pictures() -> list[array.array]:
    """Noise, which nothing on the way can make smaller."""
    noise = np.random.default_rng(0).integers(0, 256, (_PICTURES, HEIGHT * WIDTH * 3), np.uint8)
    return [array.array("B", picture.tobytes()) for picture in noise]


class Cameras:
    """Four cameras and an arm."""

    def __init__(self, rate_hz: float) -> None:
        self._node = rclpy.create_node("benchmark_cameras")
        self._images = {
            name: self._node.create_publisher(Image, f"{name}/color/image_raw", IMAGE_PUBLISHER)
            for name in CAMERAS
        }
        self._infos = {
            name: self._node.create_publisher(
                CameraInfo, f"{name}/color/camera_info", RELIABLE_LATEST
            )
            for name in CAMERAS
        }
        self._joints = self._node.create_publisher(
            JointState, "joint_states", JOINT_STATES_PUBLISHER
        )
        self._message = Image(height=HEIGHT, width=WIDTH, encoding="rgb8", step=3 * WIDTH)
        self._pictures = pictures()
        self._rate_hz = rate_hz
        self._begin_s = time.time()
        self.sent = 0
        self.longest_s = 0.0

    def shoot(self) -> None:
        """Publish one picture of each camera, and the joints."""
        began_s = time.perf_counter()
        stamp = time_message(self._begin_s + self.sent / self._rate_hz)
        picture = self._pictures[self.sent % _PICTURES]
        for i, name in enumerate(CAMERAS):
            picture[:8] = array.array("B", (4 * self.sent + i).to_bytes(8, "little"))
            self._message.data = picture
            self._message.header.stamp = stamp
            self._images[name].publish(self._message)
        joints = JointState(name=list(JOINT_NAMES), position=[0.0] * 7, velocity=[0.0] * 7)
        joints.header.stamp = stamp
        self._joints.publish(joints)
        self.sent += 1
        if self.sent % int(self._rate_hz) == 0:
            self._tell(stamp)
        self.longest_s = max(self.longest_s, time.perf_counter() - began_s)

    def _tell(self, stamp: object) -> None:
        for publisher in self._infos.values():
            info = CameraInfo(width=WIDTH, height=HEIGHT)
            info.header.stamp = stamp
            publisher.publish(info)
        print(json.dumps({"sent": self.sent, "longest_s": self.longest_s}), flush=True)
        self.longest_s = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--rate", type=float, default=30.0)
    given = parser.parse_args()
    set_up_dds()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    cameras = Cameras(given.rate)
    count = round(given.seconds * given.rate)
    DeadlineLoop(1.0 / given.rate).run(cameras.shoot, lambda: cameras.sent >= count)
    print(json.dumps({"sent": cameras.sent, "done": True}), flush=True)


if __name__ == "__main__":
    main()
