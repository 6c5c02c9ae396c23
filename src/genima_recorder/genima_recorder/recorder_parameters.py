# SPDX-License-Identifier: Apache-2.0
"""Parameters of the recorder node."""

from dataclasses import dataclass

from genima_ros.parameters import parameter


@dataclass(frozen=True)
class RecorderParameters:
    """What `config/recorder.yaml` sets."""

    autostart: bool = parameter(True, "Configure and activate without being told.")
    dataset: str = parameter("", "Folder of the data set that takes are recorded into.")
    resume: bool = parameter(False, "Go on with a data set that is there already.")
    cameras_file: str = parameter("", "File that says where the cameras are.")
    pacing: str = parameter(
        "realtime",
        "Judge silence by the wall clock, or by the stamps of a world that waits.",
        choices=("realtime", "lockstep"),
    )
    task: str = parameter("", "Task of a take whose start names none.")
    instruction: str = parameter(
        "", "Instruction of a take whose start names none while none came on its topic."
    )
    camera_rate_hz: float = parameter(
        30.0, "Nominal rate of the cameras.", unit="Hz", minimum=0.1, maximum=1000.0
    )
    joint_states_rate_hz: float = parameter(
        100.0, "Nominal rate of joint_states.", unit="Hz", minimum=0.1, maximum=2000.0
    )
    leader_rate_hz: float = parameter(
        0.0,
        "Nominal rate of leader/joint_states; 0: there is no leader.",
        unit="Hz",
        minimum=0.0,
        maximum=2000.0,
    )
    lost_after_s: float = parameter(
        1.0,
        "A camera or arm that is silent for so long ends the take.",
        unit="s",
        minimum=0.1,
        maximum=60.0,
    )
    image_storage: str = parameter(
        "raw", "How images are written.", choices=("raw", "png", "jpeg")
    )
    jpeg_quality: int = parameter(95, "Quality of JPEG images.", minimum=1, maximum=100)
    encoder_threads: int = parameter(
        2, "Images that are compressed at once; raw ones need none.", minimum=1, maximum=64
    )
    queue_mib: int = parameter(
        512, "Most that may wait for the disk.", unit="MiB", minimum=16, maximum=65536
    )
    waiting_limit_s: float = parameter(
        0.0,
        "A take ends when a message has waited for the disk for so long; 0: never.",
        unit="s",
        minimum=0.0,
        maximum=600.0,
    )
    disk_reserve_mib: int = parameter(
        1024, "A take ends when less of the disk is free.", unit="MiB", minimum=16
    )
