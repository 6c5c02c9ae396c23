# SPDX-License-Identifier: Apache-2.0
"""What `genima calib solve` leaves: the calibration, and beside it what a later check needs."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from genima.calibration import Calibration, checked_pose, save_calibration
from genima.cameras import BASE_FRAME
from genima.errors import CalibrationError
from genima.files import write_text
from genima.geometry import quat_xyzw_from_rotation
from genima.handeye.board import read_board
from genima.handeye.placed_board import PlacedBoard
from genima.handeye.solve import Solution
from genima.strict_yaml import read_mapping, require_keys, require_numbers, require_text

_MARKER_FRAME = "calibration_board"
_HEADER = (
    "# Written beside the calibration: where the board was, and how well everything fitted.\n"
)


def solution_file(calibration: Path) -> Path:
    """The file beside a calibration."""
    return calibration.with_suffix(".solution.yaml")


def replaced_file(calibration: Path) -> Path:
    """Where a calibration goes that another one replaces."""
    return calibration.with_name(calibration.name + ".before")


def save_solution(solution: Solution, path: Path) -> None:
    """Write `path` for easy_handeye2 and the suite, and the file beside it.

    A calibration that was there is kept as `replaced_file` says.

    Raises:
        CalibrationError: The folder cannot be written, or the pose is none that a camera has.
    """
    setup, pose = solution.setup, solution.parent_T_cam
    quat = quat_xyzw_from_rotation(pose[:3, :3]).tolist()
    checked_pose(pose[:3, 3].tolist(), quat, "the solved calibration")
    hand = setup.parent_frame if setup.in_hand else setup.board_frame
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.replace(replaced_file(path))
        write_text(solution_file(path), _HEADER + yaml.safe_dump(_entries(solution), width=99))
        save_calibration(
            Calibration(setup.parent_frame, setup.frame_id, pose, path),
            effector_frame=hand,
            marker_frame=_MARKER_FRAME,
            name=path.stem,
        )
    except OSError as error:
        raise CalibrationError(
            f"{path}: cannot be written ({error.strerror}); name another place with --out"
        ) from error


def _entries(solution: Solution) -> dict[str, Any]:
    setup, mount = solution.setup, solution.mount_T_board
    return {
        "camera": setup.camera,
        "board": setup.board.entries(),
        "board_frame": setup.board_frame,
        "board_pose": {
            "xyz": mount[:3, 3].tolist(),
            "quat_xyzw": quat_xyzw_from_rotation(mount[:3, :3]).tolist(),
        },
        "samples_used": len(solution.used),
        "samples_taken": len(solution.samples),
        "residual_px": round(solution.residual_px, 4),
        "deviation_m": round(solution.camera_m, 6),
        "deviation_rad": round(solution.camera_rad, 6),
        "board_scale": round(solution.scale, 6),
    }


def load_placed_board(path: Path) -> PlacedBoard:
    """The board of a file that `save_solution` wrote.

    Raises:
        CalibrationError: It cannot be read, or lacks the board.
    """
    root = read_mapping(path, CalibrationError)
    keys = {"board", "board_frame", "board_pose"}
    require_keys(root, keys, set(root) - keys, str(path), CalibrationError)
    pose, where = root["board_pose"], f"{path}: board_pose"
    require_keys(pose, {"xyz", "quat_xyzw"}, set(), where, CalibrationError)
    mount_T_board = checked_pose(
        require_numbers(pose["xyz"], 3, where, CalibrationError),
        require_numbers(pose["quat_xyzw"], 4, where, CalibrationError),
        where,
    )
    board_frame = require_text(root, "board_frame", str(path), CalibrationError)
    return PlacedBoard(read_board(root["board"], f"{path}: board"), board_frame, mount_T_board)


def calibration_of(cameras_file: Path, camera: str) -> Path | None:
    """The calibration that cameras.yaml names for a camera, if it names one."""
    entry = read_mapping(cameras_file, CalibrationError)["cameras"].get(camera, {})
    return cameras_file.parent / entry["calibration"] if "calibration" in entry else None


def cameras_yaml_lines(solution: Solution, path: Path) -> str:
    """The entry of cameras.yaml that uses the calibration."""
    setup, k = solution.setup, solution.setup.intrinsics
    numbers = ", ".join(
        f"{key}: {value:.7g}"
        for key, value in zip(
            ("width", "height", "fx", "fy", "cx", "cy"),
            (k.width, k.height, k.fx, k.fy, k.cx, k.cy),
            strict=True,
        )
    )
    return (
        f"  {setup.camera}:\n"
        f"    frame_id: {setup.frame_id}\n"
        f"    parent_frame: {setup.parent_frame}\n"
        f"    intrinsics: {{{numbers}}}\n"
        f"    calibration: {path.name}\n"
    )


def mount_words(solution: Solution) -> str:
    """Where the camera is, in words."""
    setup = solution.setup
    standing = setup.parent_frame == BASE_FRAME
    x, y, z = np.round(solution.parent_T_cam[:3, 3] * 1e3, 1)
    place = "stands" if standing else "hangs"
    return f"camera {setup.camera} {place} at {x:g}, {y:g}, {z:g} mm in {setup.parent_frame}"
