# SPDX-License-Identifier: Apache-2.0
"""What all episodes of a data set have in common, and how to tell that another one has not."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from genima.cameras import Camera, CameraRig
from genima.errors import InvalidDataset
from genima.files import write_text
from genima.geometry import quat_xyzw_from_rotation

DATASET_FILE = "dataset.json"
CAMERAS_FILE = "cameras.yaml"
#: First line of the latter; other files of this name are not ours.
CAMERAS_HEADING = "# The cameras that this data set was recorded with."
FORMAT = "genima-recording"
VERSION = 1


class ImageStorage(Enum):
    """How images are written."""

    RAW = "raw"
    PNG = "png"
    JPEG = "jpeg"


@dataclass(frozen=True)
class CameraFacts:
    """What a camera sends, and where it is.

    Attributes:
        width: Of its images [px].
        height: Of its images [px].
        encoding: Of its images, such as `rgb8`.
    """

    width: int
    height: int
    encoding: str

    def __str__(self) -> str:
        return f"{self.width}x{self.height} {self.encoding}"


@dataclass(frozen=True)
class DatasetInfo:
    """What episodes must share to be of one data set.

    Attributes:
        cameras: What each camera sends, by name.
        rates_hz: Nominal rate of each stream, by topic [Hz].
        joints: Names in the follower's joint states, in any order.
        image_storage: How images are written.
        jpeg_quality: 1 to 100; counts for JPEG only.
    """

    cameras: Mapping[str, CameraFacts]
    rates_hz: Mapping[str, float]
    joints: tuple[str, ...]
    image_storage: ImageStorage = ImageStorage.RAW
    jpeg_quality: int = 95
    versions: Mapping[str, str] = field(default_factory=dict)


def differences(stored: DatasetInfo, wanted: DatasetInfo) -> list[str]:
    """Why episodes of `wanted` may not join those of `stored`: a line each; empty if they may.

    A camera or rate that only one of them names is a difference; versions may differ.
    """
    lines = [
        *_differ("camera", stored.cameras, wanted.cameras),
        *_differ("rate [Hz] of", stored.rates_hz, wanted.rates_hz),
    ]
    if set(stored.joints) != set(wanted.joints):
        lines.append(f"joints: {sorted(stored.joints)} before, {sorted(wanted.joints)} now")
    before, now = _storage(stored), _storage(wanted)
    if before != now:
        lines.append(f"images: {before} before, {now} now")
    return lines


def _differ(what: str, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterable[str]:
    for name in sorted({*stored, *wanted}):
        before, now = stored.get(name, "none"), wanted.get(name, "none")
        if before != now:
            yield f"{what} {name}: {before} before, {now} now"


def _storage(info: DatasetInfo) -> str:
    jpeg = info.image_storage is ImageStorage.JPEG
    return info.image_storage.value + (f" of quality {info.jpeg_quality}" if jpeg else "")


def rig_differences(stored: CameraRig, wanted: CameraRig) -> list[str]:
    """Which cameras stand or see otherwise than when the data set was begun: a line each."""
    lines = []
    for name in sorted(stored.cameras.keys() & wanted.cameras.keys()):
        before, now = (_camera_content(rig.cameras[name]) for rig in (stored, wanted))
        lines += [
            f"{key} of camera {name}: {before[key]} before, {now[key]} now"
            for key in before
            if not _same(before[key], now[key])
        ]
    return lines


def _same(before: Any, now: Any) -> bool:
    """Whether texts are equal, or numbers but for rounding."""
    if isinstance(before, dict):
        return all(_same(before[key], now[key]) for key in before)
    return before == now if isinstance(before, str) else np.allclose(before, now, atol=1e-6)


def write_dataset(path: Path, info: DatasetInfo, rig: CameraRig) -> None:
    """Begin a data set: `cameras.yaml`, then `dataset.json`, which makes it one."""
    text = f"{CAMERAS_HEADING}\n"
    text += yaml.safe_dump(rig_content(rig), sort_keys=False, default_flow_style=None)
    write_text(path / CAMERAS_FILE, text)
    content = {"format": FORMAT, "version": VERSION} | asdict(info)
    content["image_storage"] = info.image_storage.value
    write_text(path / DATASET_FILE, json.dumps(content, indent=2) + "\n")


def read_dataset(path: Path) -> DatasetInfo:
    """Read `dataset.json`.

    Raises:
        InvalidDataset: There is none, or it is of another format.
    """
    file = path / DATASET_FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if (content.pop("format"), content.pop("version")) != (FORMAT, VERSION):
            raise ValueError(f"it is not in format {FORMAT!r}, version {VERSION}")
        cameras = {name: CameraFacts(**facts) for name, facts in content.pop("cameras").items()}
        joints, storage = tuple(content.pop("joints")), ImageStorage(content.pop("image_storage"))
        return DatasetInfo(cameras=cameras, joints=joints, image_storage=storage, **content)
    except FileNotFoundError as error:
        raise InvalidDataset(
            f"{path} holds no recorded data set: it has no {DATASET_FILE}"
        ) from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidDataset(f"{file} cannot be read: {error}; use another folder") from error


def rig_content(rig: CameraRig) -> dict[str, Any]:
    """As `cameras.load_rig` reads it, with the poses of calibration files written out."""
    return {"cameras": {name: _camera_content(camera) for name, camera in rig.cameras.items()}}


def _camera_content(camera: Camera) -> dict[str, Any]:
    quat = quat_xyzw_from_rotation(camera.parent_T_cam[:3, :3])
    return {
        "frame_id": camera.frame_id,
        "parent_frame": camera.parent_frame,
        "intrinsics": asdict(camera.intrinsics),
        "pose": {
            "xyz": [round(float(v), 9) for v in camera.parent_T_cam[:3, 3]],
            "quat_xyzw": [round(float(v), 9) for v in quat],
        },
    }
