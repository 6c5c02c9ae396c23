# SPDX-License-Identifier: Apache-2.0
"""Whether a calibration is right: points of the robot in an image, where they are and should be.

Points are marked by a person in a file, or are corners of a board whose place `genima calib solve`
has found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.cameras import Camera
from genima.errors import CalibrationError
from genima.geometry import apply
from genima.handeye.detection import BoardDetector
from genima.handeye.marks import mark_corners, write_words
from genima.handeye.placed_board import PlacedBoard
from genima.handeye.samples import SampleFolder
from genima.kinematics import FRAME_NAMES, base_T_frame
from genima.policy import Policy
from genima.spheres import paint_spheres, sphere_poses
from genima.strict_yaml import read_mapping, require_keys, require_numbers, require_text

#: The robot stays visible below the spheres.
_OPACITY = 0.55


@dataclass(frozen=True, eq=False)
class MarkedPoint:
    """A point of the robot that somebody found in an image.

    Attributes:
        frame: A frame of the robot.
        frame_p: The point in it [m].
        uv: Where it is in the image [px].
        image: Which image; empty for all of them.
    """

    frame: str
    frame_p: Float[Array, "3"]
    uv: Float[Array, "2"]
    image: str


@dataclass(frozen=True, eq=False)
class PointError:
    """A point, where it is and where the calibration expects it.

    Attributes:
        image: File name of the image.
        name: What it is.
        seen: Where it is [px].
        expected: Where it should be [px].
        at_point_m: The error at the point's distance [m].
    """

    image: str
    name: str
    seen: Float[Array, "2"]
    expected: Float[Array, "2"]
    at_point_m: float

    @property
    def error_px(self) -> float:
        """Distance of both [px]."""
        return float(np.linalg.norm(self.expected - self.seen))


@dataclass(frozen=True, eq=False)
class CheckedImage:
    """An image with the robot drawn into it, and the errors of its points.

    Attributes:
        name: File name.
        picture: The image, enlarged, with spheres and crosses.
        errors: One for each point that was marked or found.
    """

    name: str
    picture: UInt8[Array, "h w 3"]
    errors: tuple[PointError, ...]


def load_points(path: Path) -> list[MarkedPoint]:
    """Read marked points.

    Raises:
        CalibrationError: The file cannot be read, or a point of it is not complete.
    """
    root = read_mapping(path, CalibrationError)
    require_keys(root, {"points"}, set(), str(path), CalibrationError)
    if not isinstance(root["points"], list) or not root["points"]:
        raise CalibrationError(f"{path}: 'points' must be a list of points")
    return [_read_point(e, f"{path}: point {i}") for i, e in enumerate(root["points"])]


def _read_point(entry: Any, where: str) -> MarkedPoint:
    require_keys(entry, {"frame", "uv"}, {"xyz", "image"}, where, CalibrationError)
    frame = require_text(entry, "frame", where, CalibrationError)
    if frame not in FRAME_NAMES:
        raise CalibrationError(
            f"{where}: {frame!r} is no frame of the robot; use one of {list(FRAME_NAMES)}"
        )
    xyz = require_numbers(entry.get("xyz", [0, 0, 0]), 3, f"{where}: xyz", CalibrationError)
    uv = require_numbers(entry["uv"], 2, f"{where}: uv", CalibrationError)
    image = require_text(entry, "image", where, CalibrationError) if "image" in entry else ""
    return MarkedPoint(frame, np.array(xyz), np.array(uv), image)


def check_folder(
    folder: SampleFolder,
    camera: Camera,
    points: Sequence[MarkedPoint],
    placed: PlacedBoard | None,
) -> list[CheckedImage]:
    """Draw the present joints into each image, and compare points.

    Args:
        folder: Images and joints.
        camera: As it was calibrated, with the intrinsics of the images.
        points: What somebody marked.
        placed: A board whose place is known.

    Raises:
        CalibrationError: An image cannot be read, or a point is of an image that is not there.
    """
    names = [sample.image for sample in folder.samples]
    strange = sorted({point.image for point in points if point.image} - set(names))
    if strange:
        raise CalibrationError(f"points are marked in {strange}; the images are {names[:9]}")
    detector = BoardDetector(placed.board) if placed is not None else None
    checked = []
    for index, sample in enumerate(folder.samples):
        image = folder.image(index)
        errors = _marked_errors(camera, sample.q, sample.image, points)
        if placed is not None and detector is not None:
            errors += _board_errors(detector, placed, camera, sample.q, image, sample.image)
        picture = draw_robot(image, camera, sample.q)
        seen = np.array([e.seen for e in errors]).reshape(-1, 2)
        expected = np.array([e.expected for e in errors]).reshape(-1, 2)
        picture = mark_corners(picture, seen, expected)
        write_words(picture, f"{camera.name} {sample.image}  {summary(errors)}")
        checked.append(CheckedImage(sample.image, picture, tuple(errors)))
    return checked


def draw_robot(
    image: UInt8[Array, "h w 3"], camera: Camera, q: Float[Array, "7"]
) -> UInt8[Array, "h w 3"]:
    """The image with the four spheres of the suite where the joints are."""
    drawn = image.copy()
    radii = Policy().sphere_radii_m
    radius_m = radii.get(camera.name, min(radii.values()))
    paint_spheres(drawn, sphere_poses(q), True, camera.view(q), radius_m, _OPACITY)
    return drawn


def summary(errors: Sequence[PointError]) -> str:
    """The errors in a few words."""
    if not errors:
        return "no points"
    px = [error.error_px for error in errors]
    millimetres = [error.at_point_m * 1e3 for error in errors]
    return (
        f"{len(px)} points: {np.mean(px):.1f} px on average, {max(px):.1f} at most "
        f"({np.mean(millimetres):.1f} and {max(millimetres):.1f} mm there)"
    )


def _marked_errors(
    camera: Camera, q: Float[Array, "7"], image: str, points: Sequence[MarkedPoint]
) -> list[PointError]:
    mine = [point for point in points if point.image in ("", image)]
    errors = []
    for point in mine:
        base_p = apply(base_T_frame(q, point.frame), point.frame_p)
        name = point.frame + (f" {point.frame_p.tolist()}" if point.frame_p.any() else "")
        errors.append(_point_error(camera, q, base_p, image, name, point.uv))
    return errors


def _board_errors(
    detector: BoardDetector,
    placed: PlacedBoard,
    camera: Camera,
    q: Float[Array, "7"],
    pixels: UInt8[Array, "h w 3"],
    image: str,
) -> list[PointError]:
    sighting = detector.find(pixels)
    corners = placed.corners_in_base(q)
    return [
        _point_error(camera, q, corners[number], image, f"corner {number}", uv)
        for number, uv in zip(sighting.ids, sighting.uv, strict=True)
    ]


def _point_error(
    camera: Camera,
    q: Float[Array, "7"],
    base_p: Float[Array, "3"],
    image: str,
    name: str,
    seen: Float[Array, "2"],
) -> PointError:
    expected, depth_m = camera.view(q).project(base_p)
    if not np.isfinite(expected).all():
        raise CalibrationError(
            f"{image}: {name} was marked, and by this calibration lies behind the camera; see "
            "that it is this camera's calibration"
        )
    error_m = float(np.linalg.norm(expected - seen) * depth_m / camera.intrinsics.fx)
    return PointError(image, name, seen, expected, error_m)
