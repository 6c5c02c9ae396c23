# SPDX-License-Identifier: Apache-2.0
"""What all episodes of a training set have in common: its `metadata.json`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genima.cameras import CameraRig
from genima.data.rig_json import rig_from_json, rig_to_json
from genima.errors import InvalidDataset
from genima.kinematics import JOINT_NAMES

SET_FORMAT = "genima-training"
SET_VERSION = 1
#: The gripper comes first in the state and last in the action, as in the original.
STATE_LAYOUT: tuple[str, ...] = ("gripper_open", *JOINT_NAMES)
ACTION_LAYOUT: tuple[str, ...] = (*JOINT_NAMES, "gripper_open")


@dataclass(frozen=True, eq=False)
class TrainingSetInfo:
    """What all episodes of a training set have in common.

    Attributes:
        step_s: Nominal time between two steps [s].
        rig: The cameras, with the intrinsics of the images as they are stored.
    """

    step_s: float
    rig: CameraRig

    def __post_init__(self) -> None:
        if not 0 < self.step_s < np.inf:
            raise InvalidDataset(f"step_s is {self.step_s}; it must be above 0")
        sizes = {(c.intrinsics.width, c.intrinsics.height) for c in self.rig.cameras.values()}
        if len(sizes) != 1 or any(width != height for width, height in sizes):
            raise InvalidDataset(
                f"cameras with images of {sorted(sizes)} px; a training set has square images, "
                "all of one size"
            )

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of the cameras."""
        return tuple(self.rig.cameras)

    @property
    def image_size_px(self) -> int:
        """Side of every image [px]."""
        return next(iter(self.rig.cameras.values())).intrinsics.width

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "format": SET_FORMAT,
            "version": SET_VERSION,
            "step_s": self.step_s,
            "image_size_px": self.image_size_px,
            "state": list(STATE_LAYOUT),
            "action": list(ACTION_LAYOUT),
            "cameras": rig_to_json(self.rig),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any], where: str) -> "TrainingSetInfo":
        """The inverse of `to_json`.

        Raises:
            InvalidDataset: A key is missing or malformed.
        """
        rig = rig_from_json(content.get("cameras"), where)
        step_s = content.get("step_s")
        if not isinstance(step_s, int | float) or isinstance(step_s, bool):
            raise InvalidDataset(f"{where}: step_s is {step_s!r}; it must be a number of seconds")
        for key, layout in (("state", STATE_LAYOUT), ("action", ACTION_LAYOUT)):
            if content.get(key) != list(layout):
                raise InvalidDataset(
                    f"{where}: the layout {key!r} is {content.get(key)}; must be {list(layout)}"
                )
        return cls(float(step_s), rig)

    def difference(self, other: "TrainingSetInfo") -> str:
        """How another set's description differs, in words; empty if it does not."""
        parts = []
        if self.step_s != other.step_s:
            parts.append(f"step_s {other.step_s:g} instead of {self.step_s:g}")
        if set(self.cameras) != set(other.cameras):
            parts.append(f"cameras {list(other.cameras)} instead of {list(self.cameras)}")
        elif self.image_size_px != other.image_size_px:
            parts.append(f"images of {other.image_size_px} px instead of {self.image_size_px} px")
        else:
            mine, others = rig_to_json(self.rig), rig_to_json(other.rig)
            moved = [name for name in mine if mine[name] != others[name]]
            if moved:
                parts.append(f"another calibration of {moved}")
        return ", ".join(parts)


def read_json(path: Path, kind: str, version: int) -> dict[str, Any]:
    """Read one of our JSON files, of one format and version.

    Raises:
        InvalidDataset: The file is missing, is no JSON, or is of another format or version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidDataset(
            f"{path}: cannot be read ({error.strerror}); check the path"
        ) from None
    except ValueError as error:
        raise InvalidDataset(f"{path}: is no JSON ({error}); restore it") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != kind:
        raise InvalidDataset(f"{path}: has the format {found!r}; must be {kind!r}")
    if content.get("version") != version:
        raise InvalidDataset(
            f"{path}: is of version {content.get('version')!r} of {kind}, this program reads "
            f"version {version}; use the program that wrote it"
        )
    return dict(content)
