# SPDX-License-Identifier: Apache-2.0
"""Recording episodes as they happen, and reading them back. No ROS is needed for either."""
