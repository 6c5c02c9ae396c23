# SPDX-License-Identifier: Apache-2.0
"""Where things are in a LeRobotDataset v3, and what its info.json says."""

from collections.abc import Sequence
from typing import Any

from genima.kinematics import JOINT_NAMES

VERSION = "v3.0"
ROBOT_TYPE = "panda"
FILES_PER_CHUNK = 1000
DATA_FILE_MB = 100
VIDEO_FILE_MB = 200

_FILE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
DATA_PATH = f"data/{_FILE}.parquet"
VIDEO_PATH = f"videos/{{video_key}}/{_FILE}.mp4"
EPISODES_PATH = f"meta/episodes/{_FILE}.parquet"
TASKS_PATH = "meta/tasks.parquet"
INFO_PATH = "meta/info.json"
STATS_PATH = "meta/stats.json"

STATE = "observation.state"
ACTION = "action"
_NAMES = [f"{name}.pos" for name in (*JOINT_NAMES, "gripper")]

#: Every data set has these, each one number, with this type.
INDEX_FEATURES = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}


def image_key(camera: str) -> str:
    """The name of a camera's images."""
    return f"observation.images.{camera}"


def features(cameras: Sequence[str], size_px: int, fps: int, video: dict[str, Any]) -> Any:
    """What a frame of the data set holds.

    Args:
        cameras: Their names.
        size_px: Side of their square images [px].
        fps: Frames a second.
        video: What is said of each video.
    """
    vector = {"dtype": "float32", "shape": [len(_NAMES)], "names": _NAMES, "fps": fps}
    image = {
        "dtype": "video",
        "shape": [size_px, size_px, 3],
        "names": ["height", "width", "channels"],
        "info": video,
    }
    return {
        STATE: vector,
        ACTION: vector,
        **{image_key(camera): image for camera in cameras},
        **{
            name: {"dtype": dtype, "shape": [1], "names": None, "fps": fps}
            for name, dtype in INDEX_FEATURES.items()
        },
    }
