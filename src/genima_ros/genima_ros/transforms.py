# SPDX-License-Identifier: Apache-2.0
"""Poses as transform messages."""

from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3

from genima.arrays import Array, Float
from genima.geometry import quat_xyzw_from_rotation
from genima_ros.conversions import time_message


def transform_message(
    parent_T_child: "Float[Array, '4 4']", parent: str, child: str, stamp_s: float
) -> TransformStamped:
    """The pose of a frame in its parent."""
    x, y, z = parent_T_child[:3, 3].tolist()
    quat = quat_xyzw_from_rotation(parent_T_child[:3, :3]).tolist()
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp = time_message(stamp_s)
    message.transform = Transform(
        translation=Vector3(x=x, y=y, z=z),
        rotation=Quaternion(x=quat[0], y=quat[1], z=quat[2], w=quat[3]),
    )
    return message
