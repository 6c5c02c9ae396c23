# SPDX-License-Identifier: Apache-2.0
"""Runs declarative XML launch files where ROS's own `launch` package does not exist."""
