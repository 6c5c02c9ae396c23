# SPDX-License-Identifier: Apache-2.0
"""Parameters of the board tracker."""

from dataclasses import dataclass

from genima_ros.parameters import parameter


@dataclass(frozen=True)
class BoardTrackerParameters:
    """What `calibrate.launch.xml` sets."""

    autostart: bool = parameter(True, "Configure and activate without being told.")
    cameras_file: str = parameter("", "File that names the cameras and their frames.")
    camera: str = parameter("front", "Name of the camera that is calibrated.")
    board_file: str = parameter("", "The .yaml of genima calib board; empty: the default board.")
    effector_frame: str = parameter("panda_hand", "Frame of the hand that is published on /tf.")
    marker_frame: str = parameter("calibration_board", "Name that the board's frame gets.")
    publish_effector: bool = parameter(
        True, "Publish the hand's frame; false where robot_state_publisher does."
    )
