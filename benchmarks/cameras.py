# SPDX-License-Identifier: Apache-2.0
"""What publishing four cameras costs: the camera node on librealsense's software devices.

CPU shares are of one core, for the whole process. `--seconds 600` shows losses in the long run.
"""

import argparse
import itertools
import multiprocessing
import os
import threading
import time
from multiprocessing.synchronize import Event

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from genima.evaluation.domain import claim_domain
from genima.realsense.capture import Capture, ColourFrame
from genima.realsense.devices import DeviceInfo
from genima.realsense.frames import ColourSettings
from genima.realsense.live import LiveCamera
from genima.realsense.software import SoftwareCamera
from genima.timing import DeadlineLoop
from genima_recorder import camera_node
from genima_ros.dds import set_up_dds
from genima_ros.qos import RECORDING

NAMES = ("front", "wrist", "left_shoulder", "right_shoulder")


class Discard:
    """Takes frames and does nothing with them."""

    def on_frame(self, name: str, frame: ColourFrame) -> None:
        """Do nothing."""

    def on_trouble(self, name: str, sentence: str) -> None:
        """Say it."""
        print(f"{name}: {sentence}")

    on_recovery = on_trouble

    def on_defect(self, error: Exception) -> None:
        """Give up."""
        raise error


def feed(
    cameras: dict[str, SoftwareCamera], settings: ColourSettings, stop: threading.Event
) -> None:
    shape = (settings.height, settings.width, 3)
    image = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    numbers = itertools.count(1)

    def send() -> None:
        number = next(numbers)
        for camera in cameras.values():
            camera.send(image, time.time(), number)

    DeadlineLoop(1 / settings.rate_hz).run(send, stop.is_set)


def cpu_share(seconds: float) -> float:
    """CPU time of this process, in cores, over the next seconds."""
    began_s, used_s = time.monotonic(), time.process_time()
    time.sleep(seconds)
    return (time.process_time() - used_s) / (time.monotonic() - began_s)


def subscribe(domain: int, stop: Event, counts: "multiprocessing.Queue[dict[str, int]]") -> None:
    """Count images in a process of its own, without decoding them."""
    set_up_dds()
    rclpy.init(domain_id=domain)
    node = rclpy.create_node("subscriber")
    heard = dict.fromkeys(NAMES, 0)

    def count(name: str) -> None:
        heard[name] += 1

    for name in NAMES:
        topic = f"{name}/color/image_raw"
        node.create_subscription(Image, topic, lambda _, n=name: count(n), RECORDING, raw=True)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while not stop.is_set():
        executor.spin_once(timeout_sec=0.2)
    counts.put(heard)
    rclpy.try_shutdown()


def sources(cameras: dict[str, SoftwareCamera], settings: ColourSettings) -> dict[str, LiveCamera]:
    return {
        name: LiveCamera(name, settings, lambda serial: cameras[serial].device) for name in cameras
    }


def capture_only(cameras: dict[str, SoftwareCamera], settings: ColourSettings, s: float) -> float:
    captures = [
        Capture(name, source, Discard(), time.time)
        for name, source in sources(cameras, settings).items()
    ]
    for capture in captures:
        capture.start()
    share = cpu_share(s)
    for capture in captures:
        capture.stop()
    return share


def publish(
    cameras: dict[str, SoftwareCamera], settings: ColourSettings, s: float, domain: int
) -> None:
    camera_node.make_sources = lambda *_: sources(cameras, settings)
    set_up_dds()
    rclpy.init(domain_id=domain)
    node = camera_node.CameraNode()
    node.set_parameters([Parameter("cameras", value=[f"{name}={name}" for name in NAMES])])
    node.trigger_configure()
    fresh = multiprocessing.get_context("spawn")
    stop, counts = fresh.Event(), fresh.Queue()
    subscriber = fresh.Process(target=subscribe, args=(domain, stop, counts))
    subscriber.start()
    while any(node.count_subscribers(f"{name}/color/image_raw") == 0 for name in NAMES):
        time.sleep(0.1)
    node.trigger_activate()
    share = cpu_share(s)
    captures = dict(node._captures)
    node.trigger_deactivate()
    time.sleep(1.0)  # what is still on its way
    stop.set()
    heard = counts.get()
    subscriber.join()
    node.destroy_node()
    rclpy.try_shutdown()
    print(f"captured and published  {share:.3f} of a core")
    for name, capture in captures.items():
        report = capture.report(0.0)
        print(
            f"  {name:15s} {report.frames} frames at {report.rate_hz:.2f} Hz, "
            f"{report.lost} lost before us, {heard[name]} heard by a subscriber"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    seconds = parser.parse_args().seconds
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    settings = ColourSettings(640, 480, 30)
    cameras = {
        name: SoftwareCamera(DeviceInfo("Software D435", name, "3.2"), settings) for name in NAMES
    }
    stop = threading.Event()
    feeder = threading.Thread(target=feed, args=(cameras, settings, stop), daemon=True)
    feeder.start()
    print(f"fed only                {cpu_share(seconds / 3):.3f} of a core")
    print(f"captured                {capture_only(cameras, settings, seconds / 3):.3f} of a core")
    with claim_domain() as domain:
        publish(cameras, settings, seconds, domain)
    stop.set()
    feeder.join()


if __name__ == "__main__":
    main()
