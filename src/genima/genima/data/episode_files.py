# SPDX-License-Identifier: Apache-2.0
"""The files of one episode of a training set."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from genima.data.demonstration import Demonstration
from genima.data.png_frames import PngFrames
from genima.data.rig_json import rig_from_json, rig_to_json
from genima.data.rlbench_motion import motion_of, to_rlbench
from genima.data.rlbench_pickle import RlbenchDemo, demo_bytes, read_demo
from genima.data.training_set_info import read_json
from genima.errors import InvalidDataset
from genima.files import json_bytes, write_file

_Value = TypeVar("_Value", int, bool)

EPISODE_FORMAT = "genima-demonstration"
EPISODE_VERSION = 1
METADATA = "metadata.json"
LOW_DIM_OBS = "low_dim_obs.pkl"


def rgb_folder(episode: Path, camera: str) -> Path:
    """Where a camera's images are."""
    return episode / f"{camera}_rgb"


def write_low_dim(folder: Path, demonstration: Demonstration) -> None:
    """Write everything but the images."""
    write_file(folder / LOW_DIM_OBS, demo_bytes(to_rlbench(demonstration)))
    write_file(folder / METADATA, json_bytes(_to_json(demonstration)))


@dataclass(frozen=True)
class EpisodeFacts:
    """What `metadata.json` alone tells, without the joints.

    Attributes:
        steps: How many steps there are.
        success: Whether the task was done; None if nobody said.
    """

    steps: int
    success: bool | None


def read_facts(folder: Path) -> EpisodeFacts:
    """Read the little that a summary needs, which is fast.

    Raises:
        InvalidDataset: `metadata.json` is missing or malformed.
    """
    content = read_json(folder / METADATA, EPISODE_FORMAT, EPISODE_VERSION)
    try:
        return EpisodeFacts(len(content["stamps_s"]), content["success"])
    except (KeyError, TypeError) as error:
        raise _malformed(folder / METADATA, error) from error


def read_episode(folder: Path) -> Demonstration:
    """Read an episode; images are read when they are asked for.

    Raises:
        InvalidDataset: A file is missing, damaged or contradicts another.
    """
    return assemble_episode(folder, read_demo(folder / LOW_DIM_OBS))


def assemble_episode(folder: Path, demo: RlbenchDemo) -> Demonstration:
    """The episode whose `low_dim_obs.pkl` has been read.

    Raises:
        InvalidDataset: As for `read_episode`.
    """
    file = folder / METADATA
    content = read_json(file, EPISODE_FORMAT, EPISODE_VERSION)
    motion = motion_of(demo, str(folder / LOW_DIM_OBS))
    rig = rig_from_json(content.get("cameras"), str(file))
    try:
        size_px = next(iter(rig.cameras.values())).intrinsics.width
        images = {
            name: PngFrames(rgb_folder(folder, name), len(motion.q), size_px)
            for name in rig.cameras
        }
        return Demonstration(
            task=str(content["task"]),
            variation=int(content["variation"]),
            descriptions=tuple(str(text) for text in content["descriptions"]),
            seed=_optional(content, "seed", int),
            success=_optional(content, "success", bool),
            source=str(content["source"]),
            step_s=float(content["step_s"]),
            stamps_s=np.array(content["stamps_s"], float),
            rig=rig,
            images=images,
            **vars(motion),
        )
    except InvalidDataset as error:
        raise InvalidDataset(f"{folder}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise _malformed(file, error) from error


def _optional(content: dict[str, Any], key: str, kind: type[_Value]) -> _Value | None:
    value = content[key]
    if value is not None and type(value) is not kind:
        raise TypeError(f"{key} is {value!r}")
    return value


def _malformed(file: Path, error: Exception) -> InvalidDataset:
    what = f"lacks the key {error}" if isinstance(error, KeyError) else f"is malformed ({error})"
    return InvalidDataset(f"{file}: {what}; restore it, or remove the episode")


def _to_json(demonstration: Demonstration) -> dict[str, Any]:
    return {
        "format": EPISODE_FORMAT,
        "version": EPISODE_VERSION,
        "task": demonstration.task,
        "variation": demonstration.variation,
        "descriptions": list(demonstration.descriptions),
        "seed": None if demonstration.seed is None else int(demonstration.seed),
        "success": None if demonstration.success is None else bool(demonstration.success),
        "source": demonstration.source,
        "step_s": demonstration.step_s,
        "stamps_s": demonstration.stamps_s.tolist(),
        "cameras": rig_to_json(demonstration.rig),
    }
