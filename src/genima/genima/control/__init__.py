# SPDX-License-Identifier: Apache-2.0
"""From chunks of actions to a smooth command; from trajectory messages to a followed motion."""

from genima.control.chunk import ActionChunk
from genima.control.follower import FollowerState, JointSample, TrajectoryFollower
from genima.control.minimum_jerk import minimum_jerk_chunk
from genima.control.splicer import ChunkSplicer, CommandSample

__all__ = [
    "ActionChunk",
    "ChunkSplicer",
    "CommandSample",
    "FollowerState",
    "JointSample",
    "TrajectoryFollower",
    "minimum_jerk_chunk",
]
