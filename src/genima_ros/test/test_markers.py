# SPDX-License-Identifier: Apache-2.0
import numpy as np
from visualization_msgs.msg import Marker

from genima.geometry import rotation_from_quat_xyzw
from genima.kinematics import Q_HOME
from genima.spheres import Sphere, sphere_colours, sphere_poses
from genima_ros.conversions import seconds
from genima_ros.markers import no_markers, target_markers

POSES = sphere_poses(np.array(Q_HOME))


def markers(gripper_open: bool = True) -> list[Marker]:
    return target_markers(POSES, gripper_open, 5.5, lifetime_s=2.0, alpha=0.5).markers


def test_there_is_one_marker_a_sphere_where_it_is() -> None:
    got = markers()
    assert [marker.ns for marker in got] == [sphere.name.lower() for sphere in Sphere]
    for marker, pose in zip(got, POSES, strict=True):
        p, q = marker.pose.position, marker.pose.orientation
        np.testing.assert_allclose([p.x, p.y, p.z], pose[:3, 3])
        rotation = rotation_from_quat_xyzw(np.array([q.x, q.y, q.z, q.w]))
        np.testing.assert_allclose(rotation, pose[:3, :3], atol=1e-9)
        assert marker.header.frame_id == "panda_link0"
        assert seconds(marker.header.stamp) == 5.5


def test_markers_have_the_spheres_colours_and_are_seen_through() -> None:
    for marker, rgb in zip(markers(), sphere_colours(True), strict=True):
        colour = marker.color
        np.testing.assert_allclose([colour.r, colour.g, colour.b], rgb / 255.0, atol=1e-6)
        assert colour.a == 0.5


def test_gripper_sphere_shows_whether_the_gripper_is_open() -> None:
    opened, closed = markers(True), markers(False)
    differ = [a.ns for a, b in zip(opened, closed, strict=True) if a.color != b.color]
    assert differ == ["gripper"]


def test_markers_vanish_by_themselves() -> None:
    assert all(seconds(marker.lifetime) == 2.0 for marker in markers())
    assert {marker.type for marker in markers()} == {Marker.SPHERE}


def test_all_markers_can_be_removed() -> None:
    assert [marker.action for marker in no_markers().markers] == [Marker.DELETEALL]
