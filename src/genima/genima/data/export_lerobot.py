# SPDX-License-Identifier: Apache-2.0
"""A training set as a LeRobotDataset v3."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from genima.arrays import Array, Float
from genima.data import lerobot_layout as layout
from genima.data.demonstration import Demonstration
from genima.data.lerobot_statistics import Statistics, vector_statistics
from genima.data.lerobot_tables import FrameTable, write_episodes, write_tasks
from genima.data.lerobot_video import CODEC, PIXEL_FORMAT, CameraVideo
from genima.data.rig_json import rig_to_json
from genima.data.staged_folder import staged_folder
from genima.data.training_set import TrainingSet
from genima.errors import InvalidDataset

#: What LeRobot has no place for: where the cameras are and where each episode comes from.
GENIMA_PATH = "meta/genima.json"

Progress = Callable[[int, int], None]


def export_lerobot(training_set: TrainingSet, out: Path, progress: Progress | None = None) -> None:
    """Write all demonstrations as a LeRobotDataset v3 in a new folder.

    State and action are the seven joints [rad] and the gripper (1 is open). LeRobot's action of a
    frame is what was commanded after it, so it is our command of the next step; the last frame
    repeats the last one. Where no command was recorded, the position that followed stands for it.

    Args:
        training_set: What is written.
        out: The new folder.
        progress: Told how many episodes of how many are done.

    Raises:
        InvalidDataset: `out` is not empty, there are no demonstrations, or the step is no whole
            fraction of a second.
    """
    keys = list(training_set.keys())
    if not keys:
        raise InvalidDataset(f"{training_set.root} holds no demonstrations that could be exported")
    fps = _frames_per_second(training_set.info.step_s)
    with staged_folder(out) as folder:
        writer = _Writer(folder, training_set, fps)
        try:
            for done, key in enumerate(keys, 1):
                writer.add(training_set.load(key.task, key.episode, key.variation), str(key))
                if progress is not None:
                    progress(done, len(keys))
        finally:
            writer.close()
        writer.write_metadata()


def _frames_per_second(step_s: float) -> int:
    fps = round(1 / step_s)
    if fps < 1 or abs(fps * step_s - 1) > 1e-6:
        raise InvalidDataset(
            f"steps of {step_s:g} s are {1 / step_s:g} a second; LeRobot takes a whole number of "
            "frames a second, so use another step"
        )
    return fps


def state_rows(demonstration: Demonstration) -> Float[Array, "n 8"]:
    """The state at each step: joints [rad], then 1 for an open gripper."""
    return np.column_stack([demonstration.q, demonstration.gripper_open])


def action_rows(demonstration: Demonstration) -> Float[Array, "n 8"]:
    """The action after each step, laid out as the state."""
    given = demonstration.commanded[:, None]
    q_command = np.where(given, demonstration.q_command, demonstration.q)
    led_to = np.column_stack([q_command, demonstration.gripper_command])
    return np.concatenate([led_to[1:], led_to[-1:]])


class _Writer:
    """Everything that is open while a data set is written."""

    def __init__(self, root: Path, training_set: TrainingSet, fps: int) -> None:
        self._root = root
        self._info = training_set.info
        self._fps = fps
        self._frames = FrameTable(root)
        size_px = self._info.image_size_px
        keys = {camera: layout.image_key(camera) for camera in self._info.cameras}
        self._videos = {c: CameraVideo(root, key, fps, size_px) for c, key in keys.items()}
        self._instructions: dict[str, int] = {}
        self._episodes: list[dict[str, Any]] = []
        self._sources: list[dict[str, Any]] = []
        self._columns: dict[str, list[Array]] = {}
        self._written = 0

    def add(self, demonstration: Demonstration, key: str) -> None:
        """Append a demonstration."""
        columns = self._columns_of(demonstration)
        self._frames.add(columns)
        statistics = {name: vector_statistics(_rows(rows)) for name, rows in columns.items()}
        row = self._episode_row(demonstration)
        for camera, video in self._videos.items():
            place, histogram = video.add_episode(demonstration.images[camera])
            name = layout.image_key(camera)
            row[f"videos/{name}/chunk_index"] = place.chunk_index
            row[f"videos/{name}/file_index"] = place.file_index
            row[f"videos/{name}/from_timestamp"] = place.from_s
            row[f"videos/{name}/to_timestamp"] = place.to_s
            statistics[name] = histogram.statistics()
        row |= dict(_flat(statistics))
        self._episodes.append(row)
        self._sources.append(_source(demonstration, key))
        for name, rows in columns.items():
            self._columns.setdefault(name, []).append(rows)
        self._written += len(demonstration)

    def close(self) -> None:
        """Finish the open files."""
        self._frames.close()
        for video in self._videos.values():
            video.close()

    def write_metadata(self) -> None:
        """Write what is known only at the end."""
        write_tasks(self._root, list(self._instructions))
        write_episodes(self._root, self._episodes)
        statistics = {
            name: vector_statistics(_rows(np.concatenate(rows)))
            for name, rows in self._columns.items()
        }
        for camera, video in self._videos.items():
            statistics[layout.image_key(camera)] = video.histogram.statistics()
        self._write_json(layout.STATS_PATH, statistics)
        self._write_json(layout.INFO_PATH, self._info_json())
        cameras = rig_to_json(self._info.rig)
        self._write_json(GENIMA_PATH, {"cameras": cameras, "episodes": self._sources})

    def _columns_of(self, demonstration: Demonstration) -> dict[str, Array]:
        n = len(demonstration)
        frame = np.arange(n)
        task = self._instructions.setdefault(demonstration.instruction, len(self._instructions))
        return {
            layout.STATE: state_rows(demonstration).astype(np.float32),
            layout.ACTION: action_rows(demonstration).astype(np.float32),
            "timestamp": (frame / self._fps).astype(np.float32),
            "frame_index": frame,
            "episode_index": np.full(n, len(self._episodes)),
            "index": frame + self._written,
            "task_index": np.full(n, task),
        }

    def _episode_row(self, demonstration: Demonstration) -> dict[str, Any]:
        return {
            "episode_index": len(self._episodes),
            "tasks": [demonstration.instruction],
            "length": len(demonstration),
            "data/chunk_index": 0,
            "data/file_index": 0,
            "dataset_from_index": self._written,
            "dataset_to_index": self._written + len(demonstration),
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
        }

    def _info_json(self) -> dict[str, Any]:
        size_px = self._info.image_size_px
        video = {
            "video.height": size_px,
            "video.width": size_px,
            "video.codec": CODEC,
            "video.pix_fmt": PIXEL_FORMAT,
            "video.is_depth_map": False,
            "video.fps": self._fps,
            "video.channels": 3,
            "has_audio": False,
        }
        return {
            "codebase_version": layout.VERSION,
            "robot_type": layout.ROBOT_TYPE,
            "total_episodes": len(self._episodes),
            "total_frames": self._written,
            "total_tasks": len(self._instructions),
            "chunks_size": layout.FILES_PER_CHUNK,
            "data_files_size_in_mb": layout.DATA_FILE_MB,
            "video_files_size_in_mb": layout.VIDEO_FILE_MB,
            "fps": self._fps,
            "splits": {"train": f"0:{len(self._episodes)}"},
            "data_path": layout.DATA_PATH,
            "video_path": layout.VIDEO_PATH,
            "features": layout.features(self._info.cameras, size_px, self._fps, video),
        }

    def _write_json(self, path: str, content: dict[str, Any]) -> None:
        text = json.dumps(content, indent=4, allow_nan=False, ensure_ascii=False)
        (self._root / path).write_text(text + "\n", encoding="utf-8")


def _rows(values: Array) -> Array:
    return values if values.ndim == 2 else values[:, None]


def _flat(statistics: dict[str, Statistics]) -> Iterator[tuple[str, Any]]:
    for feature, values in statistics.items():
        for name, value in values.items():
            yield f"stats/{feature}/{name}", value


def _source(demonstration: Demonstration, key: str) -> dict[str, Any]:
    return {
        "from": key,
        "source": demonstration.source,
        "success": demonstration.success,
        "seed": demonstration.seed,
        "commanded_steps": int(demonstration.commanded.sum()),
    }
