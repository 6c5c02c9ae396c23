# SPDX-License-Identifier: Apache-2.0
"""Whether the cameras of a demonstration can be where it says, and agree with its data set."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from genima.arrays import Array, Float
from genima.calibration import FARTHEST_CAMERA_M
from genima.cameras import Camera, CameraRig
from genima.data.findings import Defect, Finding, runs, span
from genima.data.rlbench_motion import world_T_camera, world_T_joints, world_T_tip
from genima.data.rlbench_pickle import RlbenchDemo
from genima.geometry import pose_error, rotation_from_quat_xyzw, transform

#: Rounding of a quaternion to six digits stays below this.
_ORTHONORMAL_TOLERANCE = 1e-4
#: Two poses closer than this [m], [rad] are the same one, written by different programs.
_SAME_M, _SAME_RAD = 1e-3, np.deg2rad(0.1)
_NARROWEST_DEG, _WIDEST_DEG = 5.0, 150.0


def check_rig(rig: CameraRig, set_rig: CameraRig) -> Iterator[Finding]:
    """The cameras of an episode, by themselves and beside those of its data set."""
    if set(rig.cameras) != set(set_rig.cameras):
        detail = f"cameras {sorted(rig.cameras)}; the data set has {sorted(set_rig.cameras)}"
        yield Finding(Defect.WRONG_CALIBRATION, detail)
        return
    for name, camera in rig.cameras.items():
        broken = [_wrong(detail) for detail in _impossible(camera)]
        yield from broken
        if not broken:
            yield from map(_wrong, _differences(camera, set_rig.cameras[name]))


def _wrong(detail: str) -> Finding:
    return Finding(Defect.WRONG_CALIBRATION, detail)


def _impossible(camera: Camera) -> Iterator[str]:
    pose, k = camera.parent_T_cam, camera.intrinsics
    rotation = pose[:3, :3]
    error = np.abs(rotation @ rotation.T - np.eye(3)).max()
    last_row = np.array_equal(pose[3], [0.0, 0.0, 0.0, 1.0])
    # Written so that NaN does not pass.
    if not (error < _ORTHONORMAL_TOLERANCE and np.linalg.det(rotation) > 0 and last_row):
        yield (
            f"the pose of {camera.name} is no rotation and translation: its axes are not "
            "orthonormal and right-handed"
        )
        return
    distance = float(np.linalg.norm(pose[:3, 3]))
    if not distance <= FARTHEST_CAMERA_M:
        yield (
            f"{camera.name} is {distance:.4g} m from {camera.parent_frame}, more than "
            f"{FARTHEST_CAMERA_M:g} m; is that millimetres?"
        )
    if not (0 < k.cx < k.width and 0 < k.cy < k.height):
        yield (
            f"the principal point of {camera.name}, ({k.cx:.1f}, {k.cy:.1f}), lies outside its "
            f"image of {k.width}x{k.height} px; were the intrinsics scaled with the image?"
        )
    fov_deg = np.rad2deg(2 * np.arctan(k.width / 2 / np.array([k.fx, k.fy])))
    if not ((fov_deg > _NARROWEST_DEG) & (fov_deg < _WIDEST_DEG)).all():
        yield (
            f"{camera.name} would see {fov_deg[0]:.1f} x {fov_deg[1]:.1f} degrees; were the "
            "intrinsics scaled with the image?"
        )


def _differences(camera: Camera, of_set: Camera) -> Iterator[str]:
    k, k_set = camera.intrinsics, of_set.intrinsics
    if camera.parent_frame != of_set.parent_frame:
        yield (
            f"{camera.name} is fixed to {camera.parent_frame}; in the data set to "
            f"{of_set.parent_frame}"
        )
        return
    distance_m, angle_rad = pose_error(camera.parent_T_cam, of_set.parent_T_cam)
    if distance_m > _SAME_M or angle_rad > _SAME_RAD:
        yield (
            f"{camera.name} is {distance_m * 1e3:.1f} mm and {np.rad2deg(angle_rad):.2f} degrees "
            "from where the data set has it"
        )
    pinhole = np.array([k.fx, k.fy, k.cx, k.cy])
    pinhole_set = np.array([k_set.fx, k_set.fy, k_set.cx, k_set.cy])
    if (np.abs(pinhole - pinhole_set) > 0.5).any():
        yield (
            f"fx, fy, cx, cy of {camera.name} are {np.round(pinhole, 1).tolist()} px; in the "
            f"data set {np.round(pinhole_set, 1).tolist()} px"
        )


def check_poses(demo: RlbenchDemo, q: Float[Array, "n 7"], rig: CameraRig) -> Iterator[Finding]:
    """The poses in `low_dim_obs.pkl` beside those that joints and calibration give."""
    if not np.isfinite(q).all():
        return
    observations = demo.observations
    for name, camera in rig.cameras.items():
        key = f"{name}_camera_extrinsics"
        stored = [o.misc.get(key) for o in observations]
        yield from _compare(stored, world_T_camera(camera, q), f"the pose of camera {name}")
    stored = [getattr(o, "gripper_matrix", None) for o in observations]
    yield from _compare(stored, world_T_tip(q), "the pose of the gripper")
    joints = world_T_joints(q)
    for i in range(7):
        stored = [_joint_pose(o.misc.get("joint_poses"), i) for o in observations]
        yield from _compare(stored, joints[:, i], f"the pose of joint {i + 1}")


def _joint_pose(poses: Any, joint: int) -> Float[Array, "4 4"] | None:
    if not isinstance(poses, list) or len(poses) != 7 or np.shape(poses[joint]) != (7,):
        return None
    pose = np.asarray(poses[joint], float)
    return transform(rotation_from_quat_xyzw(pose[3:]), pose[:3])


def _compare(stored: list[Any], due: Float[Array, "n 4 4"], what: str) -> Iterator[Finding]:
    missing = [t for t, pose in enumerate(stored) if np.shape(pose) != (4, 4)]
    if missing:
        yield Finding(Defect.WRONG_CALIBRATION, f"low_dim_obs.pkl lacks {what}", missing[0])
        return
    distance_m, angle_rad = pose_error(due, np.array(stored, float))
    same = (distance_m <= _SAME_M) & (angle_rad <= _SAME_RAD)
    for first, last in runs(np.flatnonzero(~same).tolist()):
        yield Finding(
            Defect.WRONG_CALIBRATION,
            f"{what} in low_dim_obs.pkl is {distance_m[first] * 1e3:.1f} mm and "
            f"{np.rad2deg(angle_rad[first]):.2f} degrees from where joints and calibration have "
            f"it ({span(first, last)})",
            first,
        )
