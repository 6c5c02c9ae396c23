# SPDX-License-Identifier: Apache-2.0
"""`genima calib check`: reads what was asked for, checks, writes pictures, prints."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from genima.calibration import load_calibration
from genima.cameras import BASE_FRAME, Camera, load_rig
from genima.errors import CalibrationError, InvalidParameter
from genima.handeye.board import Board
from genima.handeye.capture import HAND_FRAME, camera_of
from genima.handeye.check import CheckedImage, PointError, check_folder, load_points, summary
from genima.handeye.placed_board import PlacedBoard
from genima.handeye.result_files import calibration_of, load_placed_board, solution_file
from genima.handeye.samples import Sample, SampleFolder, SampleSetup, load_samples

#: Errors in the table; the pictures show all.
_SHOWN = 12
_NOTHING_MARKED = (
    "no points to compare: look whether the spheres sit on the joints, or mark points of the "
    "robot and give them as --points"
)
_BOARD_NOT_FOUND = (
    "the board was not found, so nothing was checked: put it back where it was and see that the "
    "camera shows it, or mark points of the robot and give them as --points"
)


@dataclass(frozen=True)
class CheckRequest:
    """What is to be checked.

    Attributes:
        camera: Name of the camera.
        cameras_file: cameras.yaml.
        samples: Folder of images with joints, or None for `image`.
        image: One image, or None for `samples`.
        joints: Its seven joint positions [rad], with commas.
        points: File of marked points.
        calibration: Instead of what cameras.yaml says.
    """

    camera: str
    cameras_file: Path
    samples: Path | None
    image: Path | None
    joints: str
    points: Path | None
    calibration: Path | None


def run(asked: CheckRequest, out: Path, limit_px: float, console: Console) -> bool:
    """Check; whether the average error of all points is within the limit.

    Where there is nothing to compare with it is, but not where the board should have been seen.

    Raises:
        CalibrationError: Something cannot be read, or does not fit together.
        InvalidParameter: There is no such camera, or the joints are not seven numbers.
    """
    camera = _calibrated(asked)
    folder = _folder(asked, camera)
    if folder.setup.camera != asked.camera:
        raise CalibrationError(
            f"{folder.path}: shows camera {folder.setup.camera!r}, not {asked.camera!r}; give "
            "its own images"
        )
    if not folder.samples:
        raise CalibrationError(f"{folder.path}: holds no samples; take some")
    camera = replace(camera, intrinsics=folder.setup.intrinsics)
    points = load_points(asked.points) if asked.points else []
    placed = _placed_board(asked)
    checked = check_folder(folder, camera, points, placed)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for picture in checked:
            _write(out / f"check_{Path(picture.name).stem}.png", picture)
    except OSError as error:
        raise CalibrationError(f"{out}: cannot be written ({error.strerror})") from error
    errors = [error for picture in checked for error in picture.errors]
    if errors:
        console.print(_table(errors))
    nothing = _BOARD_NOT_FOUND if placed else _NOTHING_MARKED
    console.print(summary(errors) if errors else nothing, highlight=False, soft_wrap=True)
    console.print(f"pictures: {out}/check_*.png", highlight=False, soft_wrap=True)
    if not errors:
        return placed is None
    return float(np.mean([error.error_px for error in errors])) <= limit_px


def _calibrated(asked: CheckRequest) -> Camera:
    """The camera as the calibration in question has it."""
    camera = camera_of(load_rig(asked.cameras_file), asked.camera)
    if asked.calibration is None:
        return camera
    found = load_calibration(asked.calibration)
    found.require_frames(found.parent_frame, camera.frame_id)
    return replace(camera, parent_frame=found.parent_frame, parent_T_cam=found.parent_T_cam)


def _folder(asked: CheckRequest, camera: Camera) -> SampleFolder:
    if asked.samples is not None:
        return load_samples(asked.samples)
    if asked.image is None:
        raise InvalidParameter("give a folder of samples, or --image with --joints")
    words = asked.joints.replace(",", " ").split()
    try:
        q = np.array([float(word) for word in words])
    except ValueError:
        q = np.empty(0)
    if q.shape != (7,) or not np.isfinite(q).all():
        raise InvalidParameter(
            f"--joints is {asked.joints!r}; give seven joint positions in radians, with commas"
        )
    mount = HAND_FRAME if camera.parent_frame == BASE_FRAME else BASE_FRAME
    setup = SampleSetup(
        camera.name, camera.frame_id, camera.parent_frame, mount, Board(), camera.intrinsics
    )
    return SampleFolder(asked.image.parent, setup, [Sample(asked.image.name, q)])


def _placed_board(asked: CheckRequest) -> PlacedBoard | None:
    """The board that the calibration was made with, where its place was kept."""
    calibration = asked.calibration or calibration_of(asked.cameras_file, asked.camera)
    if calibration is None or not solution_file(calibration).exists():
        return None
    return load_placed_board(solution_file(calibration))


def _table(errors: Sequence[PointError]) -> Table:
    rows = Table(title="largest errors", title_justify="left")
    for heading in ("image", "point", "right, px", "down, px", "error, px", "there, mm"):
        rows.add_column(heading, justify="left" if heading in ("image", "point") else "right")
    for error in sorted(errors, key=lambda e: -e.error_px)[:_SHOWN]:
        right, down = error.seen - error.expected
        numbers = (right, down, error.error_px, error.at_point_m * 1e3)
        rows.add_row(error.image, error.name, *(f"{number:.1f}" for number in numbers))
    return rows


def _write(path: Path, checked: CheckedImage) -> None:
    _, content = cv2.imencode(".png", cv2.cvtColor(checked.picture, cv2.COLOR_RGB2BGR))
    path.write_bytes(content.tobytes())
