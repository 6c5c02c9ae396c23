# SPDX-License-Identifier: Apache-2.0
"""Quality of service of every topic of the suite, in one place (after REP-2003)."""

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy


def _profile(
    reliability: ReliabilityPolicy, durability: DurabilityPolicy, depth: int
) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=reliability,
        durability=durability,
    )


#: Camera images: the newest wins. Best effort also hears reliable publishers.
IMAGES = _profile(ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE, 2)
#: Camera images of a world that waits: a lost one would cost time.
IMAGES_LOCKSTEP = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 2)
#: What a simulated camera publishes with: reliable, so that every kind of subscriber hears it, and
#: deep enough to send again what a busy recorder has not got yet.
IMAGE_PUBLISHER = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 10)
#: Joint states come at up to 1 kHz and must not queue.
JOINT_STATES = _profile(ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE, 1)
#: As JOINT_STATES, of a world that waits.
JOINT_STATES_LOCKSTEP = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 1)
#: What a simulated arm publishes with; deep for the same reason as IMAGE_PUBLISHER.
JOINT_STATES_PUBLISHER = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 100)
#: Who records wants every message of a simulated world, though it is busy now and then.
RECORDING = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 100)
#: Must arrive, and an old one is worthless: tiles, trajectories, camera_info.
RELIABLE_LATEST = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 1)
#: Whoever joins late must know it too: instruction, status, markers, gripper command, requests.
LATCHED = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL, 1)
#: Emergency stops: several sources may speak at the same time, and none may be lost.
EMERGENCY_STOP = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL, 20)
#: Diagnostics of several nodes share a topic.
DIAGNOSTICS = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 10)
