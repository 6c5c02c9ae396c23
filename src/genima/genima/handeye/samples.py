# SPDX-License-Identifier: Apache-2.0
"""Samples of a calibration in a folder: images, and the joint positions while each was taken.

`samples.yaml` names camera, board and frames, and each image with its joints. `genima calib
capture` writes it; for pictures that were taken otherwise it is written by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from genima.arrays import Array, Float, UInt8
from genima.cameras import BASE_FRAME
from genima.errors import CalibrationError, InvalidParameter
from genima.files import write_file, write_text
from genima.handeye.board import Board, read_board
from genima.intrinsics import Intrinsics
from genima.kinematics import FRAME_NAMES
from genima.strict_yaml import read_mapping, require_keys, require_numbers, require_text

SAMPLES_FILE = "samples.yaml"
_IMAGE_KEYS = ("width", "height", "fx", "fy", "cx", "cy")
#: OpenCV takes so many coefficients of a lens; none is a lens that does not distort.
_COEFFICIENTS = (0, 4, 5, 8)
#: More than any joint of the robot turns [rad]; degrees are.
_LARGEST_Q_RAD = 7.0


@dataclass(frozen=True)
class SampleSetup:
    """What all samples have in common.

    Attributes:
        camera: Name of the camera.
        frame_id: Its optical frame.
        parent_frame: The frame that it is fixed to; the base for a camera that stands.
        board_frame: The frame that the board is fixed to; the base if the camera is in the hand.
        board: The board.
        intrinsics: Of the images.
        distortion: Coefficients of the lens as OpenCV and ROS (plumb_bob) give them.
    """

    camera: str
    frame_id: str
    parent_frame: str
    board_frame: str
    board: Board
    intrinsics: Intrinsics
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        unknown = [f for f in (self.parent_frame, self.board_frame) if f not in FRAME_NAMES]
        if unknown:
            raise InvalidParameter(
                f"{unknown[0]!r} is no frame of the robot; use one of {list(FRAME_NAMES)}"
            )
        if (self.parent_frame == BASE_FRAME) == (self.board_frame == BASE_FRAME):
            raise InvalidParameter(
                f"the camera is fixed to {self.parent_frame} and the board to {self.board_frame}; "
                f"one of both must be {BASE_FRAME}, the other a frame of the hand"
            )
        if len(self.distortion) not in _COEFFICIENTS or not np.isfinite(self.distortion).all():
            raise InvalidParameter(
                f"distortion {list(self.distortion)}: give one of {_COEFFICIENTS} coefficients"
            )

    def differences(self, other: "SampleSetup") -> list[str]:
        """Names of what differs."""
        return [f.name for f in fields(self) if getattr(self, f.name) != getattr(other, f.name)]

    @property
    def in_hand(self) -> bool:
        """Whether the camera moves with the hand."""
        return self.parent_frame != BASE_FRAME


@dataclass(frozen=True, eq=False)
class Sample:
    """One image and its joints.

    Attributes:
        image: File name in the folder.
        q: Joint positions [rad].
    """

    image: str
    q: Float[Array, "7"]


@dataclass(frozen=True, eq=False)
class SampleFolder:
    """A folder of samples.

    Attributes:
        path: The folder.
        setup: What they have in common.
        samples: The samples, in the order in which they were taken.
    """

    path: Path
    setup: SampleSetup
    samples: Sequence[Sample] = field(default_factory=tuple)

    @property
    def q(self) -> Float[Array, "n 7"]:
        """Joint positions of all samples [rad]."""
        return np.array([sample.q for sample in self.samples]).reshape(-1, 7)

    def image(self, index: int) -> UInt8[Array, "h w 3"]:
        """The RGB image of a sample, freed from the distortion of the lens.

        Raises:
            CalibrationError: It is missing, no image, or of another size than the others.
        """
        setup, file = self.setup, self.path / self.samples[index].image
        try:
            content = np.frombuffer(file.read_bytes(), np.uint8)
        except OSError as error:
            raise CalibrationError(f"{file}: cannot be read ({error.strerror})") from None
        bgr = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
        if bgr is None:
            raise CalibrationError(f"{file}: is no image that can be read; take it out")
        k = setup.intrinsics
        if bgr.shape[:2] != (k.height, k.width):
            raise CalibrationError(
                f"{file}: is {bgr.shape[1]}x{bgr.shape[0]} px, and {SAMPLES_FILE} describes "
                f"images of {k.width}x{k.height} px; all must be of that size"
            )
        rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
        return rectified(rgb, setup)

    def add(self, image: UInt8[Array, "h w 3"], q: Float[Array, "7"]) -> "SampleFolder":
        """Write one more sample: its image first, so that the list is never ahead of them.

        Args:
            image: RGB, as the camera gave it.
            q: Joint positions [rad].
        """
        name = f"{len(self.samples):03d}.png"
        _, content = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        write_file(self.path / name, content.tobytes())
        grown = SampleFolder(self.path, self.setup, [*self.samples, Sample(name, np.array(q))])
        grown.save()
        return grown

    def save(self) -> None:
        """Write the list of samples."""
        self.path.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(self._entries(), sort_keys=False, default_flow_style=None, width=99)
        write_text(self.path / SAMPLES_FILE, text)

    def _entries(self) -> dict[str, Any]:
        setup = self.setup
        k = setup.intrinsics
        return {
            "camera": setup.camera,
            "frame_id": setup.frame_id,
            "parent_frame": setup.parent_frame,
            "board_frame": setup.board_frame,
            "board": setup.board.entries(),
            "intrinsics": {key: getattr(k, key) for key in _IMAGE_KEYS},
            "distortion": [float(value) for value in setup.distortion],
            "samples": [
                {"image": s.image, "q": [round(float(v), 9) for v in s.q]} for s in self.samples
            ],
        }


def rectified(image: UInt8[Array, "h w 3"], setup: SampleSetup) -> UInt8[Array, "h w 3"]:
    """The image as a pinhole of the same intrinsics sees it."""
    if not np.any(setup.distortion):
        return image
    K, coefficients = setup.intrinsics.K_ros, np.array(setup.distortion, float)
    return np.asarray(cv2.undistort(image, K, coefficients), np.uint8)


def load_samples(path: Path) -> SampleFolder:
    """Read a folder of samples. Images are read when they are asked for.

    Raises:
        CalibrationError: `samples.yaml` is missing, malformed or contradictory.
    """
    file = path / SAMPLES_FILE
    root = read_mapping(file, CalibrationError)
    where = str(file)
    texts = ("camera", "frame_id", "parent_frame", "board_frame")
    required = {*texts, "board", "intrinsics", "samples"}
    require_keys(root, required, {"distortion"}, where, CalibrationError)
    camera, frame_id, parent, mount = (
        require_text(root, key, where, CalibrationError) for key in texts
    )
    values = root["intrinsics"]
    require_keys(values, set(_IMAGE_KEYS), set(), f"{where}: intrinsics", CalibrationError)
    numbers = [values[key] for key in _IMAGE_KEYS]
    numbers = require_numbers(numbers, 6, f"{where}: intrinsics", CalibrationError)
    lens = root.get("distortion", [])
    count = len(lens) if isinstance(lens, list) else 0
    lens = require_numbers(lens, count, f"{where}: distortion", CalibrationError)
    try:
        intrinsics = Intrinsics(int(numbers[0]), int(numbers[1]), *numbers[2:])
        board = read_board(root["board"], f"{where}: board")
        setup = SampleSetup(camera, frame_id, parent, mount, board, intrinsics, tuple(lens))
    except InvalidParameter as error:
        raise CalibrationError(f"{where}: {error}") from error
    entries = root["samples"]
    if not isinstance(entries, list):
        raise CalibrationError(f"{where}: 'samples' must be a list of images and joints")
    return SampleFolder(path, setup, [_read_sample(e, i, where) for i, e in enumerate(entries)])


def _read_sample(entry: Any, index: int, where: str) -> Sample:
    where = f"{where}: sample {index}"
    require_keys(entry, {"image", "q"}, set(), where, CalibrationError)
    image = require_text(entry, "image", where, CalibrationError)
    q = require_numbers(entry["q"], 7, f"{where}: q", CalibrationError)
    if max(map(abs, q)) > _LARGEST_Q_RAD:
        raise CalibrationError(f"{where}: q {q} are suspiciously like degrees; give radians")
    return Sample(image, np.array(q))
