# SPDX-License-Identifier: Apache-2.0
"""What RLBench's simulator says of one moment, checked."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.cameras import CameraRig
from genima.data.rlbench_classes import RlbenchDemo, RlbenchObservation
from genima.data.rlbench_demonstration import rig_of
from genima.data.rlbench_frames import world_T_base_of
from genima.rlbench_server.wire import Message, WireError

CAMERAS = ("wrist", "front", "left_shoulder", "right_shoulder")

_NUMBERS = {
    "joint_positions": (7,),
    "joint_velocities": (7,),
    "gripper_pose": (7,),
    "gripper_open": (1,),
    "gripper_joint_positions": (2,),
}
_CAMERA_NUMBERS = {"extrinsics": (4, 4), "intrinsics": (3, 3)}
_COMMAND = "joint_position_action"


@dataclass(frozen=True, eq=False)
class Observation:
    """One moment.

    Attributes:
        q: Measured joint positions [rad], (7,).
        dq: Measured joint velocities [rad/s], (7,).
        gripper_open: Whether RLBench calls the gripper open.
        gripper_width_m: Distance between the fingertips [m].
        images: RGB images by camera.
        fields: The same in RLBench's own terms, without images.
    """

    q: Float[Array, "7"]
    dq: Float[Array, "7"]
    gripper_open: bool
    gripper_width_m: float
    images: Mapping[str, UInt8[Array, "s s 3"]]
    fields: RlbenchObservation

    @property
    def image_size_px(self) -> int:
        """Side of the images [px]."""
        return len(next(iter(self.images.values())))


def observation_of(message: Message, image_size_px: int) -> Observation:
    """The observation in a message.

    Args:
        message: As the simulator sent it.
        image_size_px: Side of the images that it was asked for [px].

    Raises:
        WireError: Something is missing, or of another shape, or not finite.
    """
    arrays = message.arrays
    numbers = {name: _finite(arrays, name, shape) for name, shape in _NUMBERS.items()}
    misc = {
        f"{camera}_camera_{kind}": _finite(arrays, f"{camera}_camera_{kind}", shape)
        for camera in CAMERAS
        for kind, shape in _CAMERA_NUMBERS.items()
    }
    if _COMMAND in arrays:
        misc[_COMMAND] = _finite(arrays, _COMMAND, (8,))
    size = image_size_px
    images = {camera: _image(arrays, f"{camera}_rgb", (size, size, 3)) for camera in CAMERAS}
    is_open = bool(numbers["gripper_open"][0] > 0.5)
    return Observation(
        q=numbers["joint_positions"],
        dq=numbers["joint_velocities"],
        gripper_open=is_open,
        gripper_width_m=float(numbers["gripper_joint_positions"].sum()),
        images=images,
        fields=RlbenchObservation(**numbers | {"gripper_open": float(is_open)}, misc=misc),
    )


def cameras_of(observation: Observation) -> CameraRig:
    """Where RLBench's cameras are, in our terms.

    Raises:
        InvalidDataset: The observation contradicts itself.
    """
    demo = RlbenchDemo([observation.fields])
    q = observation.q[np.newaxis]
    size = observation.image_size_px
    where = "RLBench's first observation"
    shapes = dict.fromkeys(CAMERAS, (size, size))
    return rig_of(demo, q, world_T_base_of(demo, q, where), shapes)


def _finite(arrays: Mapping[str, Array], name: str, shape: tuple[int, ...]) -> Array:
    array = arrays.get(name)
    if array is None or array.shape != shape or array.dtype != np.float64:
        raise WireError(f"{name} is missing or not of shape {shape}")
    if not np.isfinite(array).all():
        raise WireError(f"{name} is not finite")
    return array


def _image(arrays: Mapping[str, Array], name: str, shape: tuple[int, ...]) -> Array:
    array = arrays.get(name)
    if array is None or array.shape != shape or array.dtype != np.uint8:
        raise WireError(f"{name} is missing or no image of {shape[0]} x {shape[1]} pixels")
    return array
