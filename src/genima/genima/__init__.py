# SPDX-License-Identifier: Apache-2.0
"""GENIMA for ROS 2: the ROS-free library (spheres, tiles, decoding, control, worlds)."""

__version__ = "0.1.0"
