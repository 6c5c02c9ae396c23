# SPDX-License-Identifier: Apache-2.0
"""What a person at the robot sees and presses while episodes are recorded.

No part of this knows ROS: `genima_recorder.record_program` feeds it with what the recorder
publishes and hands its orders on.
"""
