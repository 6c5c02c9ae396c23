# SPDX-License-Identifier: Apache-2.0
"""What is recorded: topics, types, nominal rates."""

from collections.abc import Iterable

from genima.recording.stream import StreamSpec
from genima_recorder.message_definitions import definition_of
from genima_recorder.recorder_parameters import RecorderParameters

_IMAGE = "sensor_msgs/msg/Image"
_COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
_JOINT_STATE = "sensor_msgs/msg/JointState"
LEADER_TOPIC = "leader/joint_states"


def stream_specs(parameters: RecorderParameters, cameras: Iterable[str]) -> list[StreamSpec]:
    """All streams of a take; topics are named as if there were no namespace."""
    specs = [spec for camera in cameras for spec in _camera_specs(parameters, camera)]
    joints_s = 1.0 / parameters.joint_states_rate_hz
    specs.append(_spec("joint_states", _JOINT_STATE, period_s=joints_s, required=True))
    if parameters.leader_rate_hz:
        leader_s = 1.0 / parameters.leader_rate_hz
        specs.append(_spec(LEADER_TOPIC, _JOINT_STATE, period_s=leader_s, required=True))
    specs.append(_spec("joint_trajectory", "trajectory_msgs/msg/JointTrajectory"))
    specs.append(_spec("gripper_command", "genima_msgs/msg/GripperCommand", latched=True))
    specs.append(_spec("instruction", "std_msgs/msg/String", latched=True))
    return specs


def _camera_specs(parameters: RecorderParameters, camera: str) -> list[StreamSpec]:
    images = StreamSpec(
        f"/{camera}/color/image_raw",
        _IMAGE,
        definition_of(_IMAGE),
        period_s=1.0 / parameters.camera_rate_hz,
        required=True,
        camera=camera,
        compressed_definition=definition_of(_COMPRESSED_IMAGE),
    )
    topic = f"{camera}/color/camera_info"
    return [images, _spec(topic, "sensor_msgs/msg/CameraInfo", required=True, latched=True)]


def _spec(
    topic: str,
    type_name: str,
    *,
    period_s: float = 0.0,
    required: bool = False,
    latched: bool = False,
) -> StreamSpec:
    definition = definition_of(type_name)
    return StreamSpec(f"/{topic}", type_name, definition, period_s, required, latched)
