# SPDX-License-Identifier: Apache-2.0
"""How punctual the 50 Hz controller is beside four cameras at 20 Hz, on the real node graph.

Run it on an otherwise idle machine:

    source tools/environment.bash && python benchmarks/realtime.py

The arm works on a task all the time. A deadline that was skipped counts as missed.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from genima_ros.qos import DIAGNOSTICS

_START_LIMIT_S = 60.0
_NODES = ("sim_bridge_node", "diffusion_node", "controller_node")


class Watch(Node):
    """Keeps the newest diagnostics of each node."""

    def __init__(self) -> None:
        super().__init__("watch")
        self.health: dict[str, dict[str, str]] = {}
        self.create_subscription(DiagnosticArray, "/diagnostics", self._take, DIAGNOSTICS)

    def _take(self, message: DiagnosticArray) -> None:
        for status in message.status:
            values = {item.key: item.value for item in status.values}
            self.health[status.name] = values | {"message": status.message}


def wait_until(watch: Watch, done: Callable[[], bool], limit_s: float) -> bool:
    """Spin until something holds."""
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        rclpy.spin_once(watch, timeout_sec=0.2)
        if done():
            return True
    return False


def cpu_seconds() -> dict[str, float]:
    """CPU time that each node has used so far [s]."""
    ticks = os.sysconf("SC_CLK_TCK")
    used = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_text()
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        for name in _NODES:
            if f"/{name}\0" in command:
                used[name] = (int(fields[11]) + int(fields[12])) / ticks
    return used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--image-quality", default="shadows", choices=("fast", "shadows"))
    arguments = parser.parse_args()
    os.environ["ROS_DOMAIN_ID"] = str(80 + os.getpid() % 20)
    launch = subprocess.Popen(
        [
            *("genima", "launch", "sim.launch.xml", "task:=take_lid_off_saucepan"),
            f"image_quality:={arguments.image_quality}",
        ],
        start_new_session=True,
    )
    rclpy.init()
    watch = Watch()
    try:
        ready = wait_until(
            watch,
            lambda: (
                watch.health.get("/controller", {}).get("cameras without camera_info") == "none"
            ),
            _START_LIMIT_S,
        )
        if not ready:
            sys.exit(f"the graph did not start within {_START_LIMIT_S} s: {watch.health}")
        before, began_s = cpu_seconds(), time.monotonic()
        goal = ["genima", "execute", "take lid off the saucepan"]
        limit = ["--time-limit", str(arguments.seconds)]
        execute = subprocess.Popen([*goal, *limit], stdout=subprocess.DEVNULL)
        wait_until(watch, lambda: execute.poll() is not None, arguments.seconds + 10)
        after, elapsed_s = cpu_seconds(), time.monotonic() - began_s
        report(watch.health, {n: (after[n] - before[n]) / elapsed_s for n in after}, elapsed_s)
    finally:
        launch.send_signal(signal.SIGINT)
        launch.wait(timeout=20)
        watch.destroy_node()
        rclpy.try_shutdown()


def report(health: dict[str, dict[str, str]], load: dict[str, float], elapsed_s: float) -> None:
    """Print the figures as a Markdown table."""
    print(f"\n| after {elapsed_s:.0f} s | |\n|---|---|")
    for name in ("/controller", "/diffusion"):
        for key, value in health.get(name, {}).items():
            print(f"| {name[1:]}: {key} | {value} |")
    for name, share in load.items():
        print(f"| {name}: cores used | {share:.2f} |")


if __name__ == "__main__":
    main()
