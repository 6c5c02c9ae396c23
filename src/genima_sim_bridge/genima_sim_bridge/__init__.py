# SPDX-License-Identifier: Apache-2.0
"""Offers a simulated world under the topics of the robot."""
