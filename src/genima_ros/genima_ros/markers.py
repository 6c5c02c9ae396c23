# SPDX-License-Identifier: Apache-2.0
"""Sphere targets as RViz markers."""

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from genima.approval.target import ShownTarget, joint_positions_of
from genima.arrays import Array, Float
from genima.geometry import quat_xyzw_from_rotation, rotation_from_quat_xyzw, transform
from genima.spheres import Sphere, sphere_colours
from genima_ros.conversions import duration_message, seconds, time_message

#: Diameter of a marker [m]: as large as the spheres of the front camera.
_DIAMETER_M = 0.16


def target_markers(
    base_T_spheres: Float[Array, "4 4 4"],
    gripper_open: bool,
    stamp_s: float,
    lifetime_s: float,
    alpha: float,
) -> MarkerArray:
    """One marker a sphere, in panda_link0; they vanish by themselves when no newer ones come."""
    markers = []
    colours = sphere_colours(gripper_open) / 255.0
    for sphere, base_T_sphere, rgb in zip(Sphere, base_T_spheres, colours, strict=True):
        marker = Marker(ns=sphere.name.lower(), id=0, type=Marker.SPHERE, action=Marker.ADD)
        marker.header.frame_id = "panda_link0"
        marker.header.stamp = time_message(stamp_s)
        x, y, z = base_T_sphere[:3, 3].tolist()
        quat = quat_xyzw_from_rotation(base_T_sphere[:3, :3]).tolist()
        marker.pose = Pose(
            position=Point(x=x, y=y, z=z),
            orientation=Quaternion(x=quat[0], y=quat[1], z=quat[2], w=quat[3]),
        )
        marker.scale = Vector3(x=_DIAMETER_M, y=_DIAMETER_M, z=_DIAMETER_M)
        r, g, b = rgb.tolist()
        marker.color = ColorRGBA(r=r, g=g, b=b, a=alpha)
        marker.lifetime = duration_message(lifetime_s)
        markers.append(marker)
    return MarkerArray(markers=markers)


def shown_target(message: MarkerArray) -> ShownTarget | None:
    """The inverse of `target_markers`; None if markers show no target.

    Raises:
        ValueError: They are not spheres as `target_markers` makes them.
    """
    markers = {marker.ns: marker for marker in message.markers}
    names = [sphere.name.lower() for sphere in Sphere]
    if set(markers) != set(names):
        return None
    poses = []
    for name in names:
        pose = markers[name].pose
        at, turn = pose.position, pose.orientation
        quat = np.array([turn.x, turn.y, turn.z, turn.w])
        if not abs(float(quat @ quat) - 1.0) < 1e-3:
            raise ValueError(f"marker {name!r} has no orientation")
        poses.append(transform(rotation_from_quat_xyzw(quat), np.array([at.x, at.y, at.z])))
    gripper = markers[names[-1]]
    colour = 255.0 * np.array([gripper.color.r, gripper.color.g, gripper.color.b])
    open_off, closed_off = (np.abs(sphere_colours(o)[-1] - colour).sum() for o in (True, False))
    q = joint_positions_of(np.stack(poses))
    return ShownTarget(q, bool(open_off < closed_off), seconds(gripper.header.stamp))


def no_markers() -> MarkerArray:
    """Removes all markers of a topic."""
    return MarkerArray(markers=[Marker(action=Marker.DELETEALL)])
