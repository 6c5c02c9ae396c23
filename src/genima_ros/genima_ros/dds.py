# SPDX-License-Identifier: Apache-2.0
"""How messages travel between the nodes, and how far."""

import os
from pathlib import Path

from genima.dds_ports import clear_unfinished_ports

_PROFILES = Path(__file__).with_name("fastdds.xml")


def set_up_dds() -> None:
    """Stay on this computer, and have losses repaired; to be called before `rclpy.init`.

    Whoever can send to the nodes can move the arm: without a word from the operator only programs
    on this computer can. Fast DDS repairs losses within 20 ms. What the operator has set in
    ROS_AUTOMATIC_DISCOVERY_RANGE and FASTRTPS_DEFAULT_PROFILES_FILE is left alone. What a killed
    program left half made is cleared away, since this one would wait for it without an end.
    """
    clear_unfinished_ports()
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(_PROFILES))
