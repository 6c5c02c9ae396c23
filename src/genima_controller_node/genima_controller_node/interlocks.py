# SPDX-License-Identifier: Apache-2.0
"""What from outside forbids the controller to move the arm."""

import time
from collections.abc import Callable, Sequence

from genima_msgs.msg import DriverStatus, EmergencyStop

from genima.errors import NotReady
from genima.safety import EmergencyStop as EmergencyStopMemory
from genima_ros.crowd import crowd
from genima_ros.lifecycle import GenimaNode
from genima_ros.qos import EMERGENCY_STOP, LATCHED

#: A driver repeats its status once a second; what one said that is gone is forgotten [s].
_DRIVER_MEMORY_S = 3.0
_UNABLE = (DriverStatus.DISCONNECTED, DriverStatus.HALTED)
_HOLDS = (DriverStatus.HOLDING, DriverStatus.FOLLOWING)


class Interlocks:
    """Hears emergency stops and the arm's driver, and notices other commanders.

    Args:
        node: Subscribes.
        dry_run: The arm is left to others.
        on_stop: Told at once why the arm must halt.
    """

    def __init__(self, node: GenimaNode, dry_run: bool, on_stop: Callable[[str], None]) -> None:
        self._node = node
        self._dry_run = dry_run
        self._on_stop = on_stop
        self._stops = EmergencyStopMemory()
        self._driver = ("", 0.0)
        self._arm_held = True
        node.subscribe(EmergencyStop, "estop", self._on_emergency_stop, EMERGENCY_STOP)
        node.subscribe(DriverStatus, "driver_status", self._on_driver, LATCHED)

    def stop_reason(self) -> str:
        """Why the arm must halt, in a sentence; empty if it need not."""
        now_s = time.monotonic()
        words, heard_s = self._driver
        return self._stops.reason(now_s) or (words if now_s - heard_s < _DRIVER_MEMORY_S else "")

    def arm_held(self) -> bool:
        """Whether the arm's driver holds the arm; true where no driver speaks, and in a dry run.

        What is sent before is lost, or is far ahead of the arm once it is held.
        """
        silent = time.monotonic() - self._driver[1] >= _DRIVER_MEMORY_S
        return self._dry_run or silent or self._arm_held

    def rivals(self) -> str:
        """That others command the arm as well, in a sentence; empty if nobody does."""
        return "" if self._dry_run else crowd(self._node, "joint_trajectory")

    def strangers(self) -> str:
        """That targets or instructions come from several nodes; empty if they do not."""
        return crowd(self._node, "target_tile", "instruction")

    def require_flow(self, waiting: Sequence[str]) -> None:
        """Refuse to begin while something is missing, or forbids it.

        Args:
            waiting: Cameras without camera_info.

        Raises:
            NotReady: With the sentence.
        """
        if waiting:
            raise NotReady(
                f"no usable camera_info from {waiting}; start these cameras, and see whether "
                "their names are those of cameras_file"
            )
        if self._node.count_publishers(self._node.resolve_topic_name("target_tile")) == 0:
            raise NotReady("nobody publishes target_tile; start the diffusion node")
        if reason := self.stop_reason() or self.rivals() or self.strangers():
            raise NotReady(reason)

    def _on_emergency_stop(self, message: EmergencyStop) -> None:
        self._stops.hear(message.pressed, message.source, time.monotonic())
        self._tell()

    def _on_driver(self, message: DriverStatus) -> None:
        words = f"the arm's driver cannot move it: {message.reason}"
        self._arm_held = message.state in _HOLDS
        self._driver = (words if message.state in _UNABLE else "", time.monotonic())
        self._tell()

    def _tell(self) -> None:
        if reason := self.stop_reason():
            self._on_stop(reason)
