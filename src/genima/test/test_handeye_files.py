# SPDX-License-Identifier: Apache-2.0
"""Boards on paper, folders of samples, and what a solved calibration leaves."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from genima.calibration import load_calibration
from genima.cameras import load_rig
from genima.errors import CalibrationError, InvalidParameter
from genima.handeye import report, result_files
from genima.handeye.board import Board, MarkerDictionary, load_board, save_board
from genima.handeye.detection import BoardDetector
from genima.handeye.printing import PNG_DPI, print_board
from genima.handeye.samples import SAMPLES_FILE, Sample, SampleFolder, load_samples
from genima.handeye.solve import Solution, solve_sightings

from . import handeye_cases as cases

MM = 25.4


def solved(setup: cases.Setup) -> tuple[Solution, SampleFolder]:
    rng = np.random.default_rng(0)
    q = setup.postures(10, rng)
    solution = solve_sightings(setup.samples, q, setup.sightings(q, 0.1, rng))
    return solution, SampleFolder(Path(), setup.samples, [Sample("x.png", row) for row in q])


def test_printed_board_has_its_true_size_and_is_read(tmp_path: Path) -> None:
    board = Board(5, 4, 0.04, 0.03)
    page = print_board(board, tmp_path / "board.png")
    assert page.paper == "A4"
    picture = cv2.imread(str(page.path))
    height_mm, width_mm = (n / PNG_DPI * MM for n in picture.shape[:2])
    assert (width_mm, height_mm) == pytest.approx((297, 210), abs=0.1)
    small = cv2.resize(picture, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    sighting = BoardDetector(board).find(small)
    assert len(sighting) == len(board.corners)
    px_per_m = 0.2 * PNG_DPI / MM * 1e3
    steps = np.diff(sighting.uv[np.argsort(sighting.ids)].reshape(3, 4, 2), axis=1)
    np.testing.assert_allclose(steps[..., 0] / px_per_m, board.square_m, atol=1e-4)
    assert np.abs(steps[..., 1]).max() < 0.2  # rows run to the right, as the board's x does


@pytest.mark.parametrize(
    ("board", "paper", "size_mm"),
    [(Board(), "A4", (297, 210)), (Board(5, 7, 0.05, 0.038), "A3", (297, 420))],
)
def test_pdf_has_the_size_of_the_smallest_paper_that_takes_it(
    tmp_path: Path, board: Board, paper: str, size_mm: tuple[float, float]
) -> None:
    assert print_board(board, tmp_path / "board.pdf").paper == paper
    content = (tmp_path / "board.pdf").read_bytes()
    found = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", content)
    assert found is not None
    assert [float(points) / 72 * MM for points in found.groups()] == pytest.approx(
        size_mm, abs=0.1
    )


@pytest.mark.parametrize("name", ["board.jpg", "board"])
def test_board_is_written_as_pdf_or_png_only(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidParameter, match=r"as \.pdf or \.png"):
        print_board(Board(), tmp_path / name)


def test_board_that_fits_no_paper_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="fits no paper up to A1"):
        print_board(Board(9, 9, 0.1, 0.075), tmp_path / "board.pdf")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"squares_x": 2}, "give 3 to 40"),
        ({"square_m": 36.0}, "give metres"),
        ({"marker_m": 0.036}, "takes 0.3 to 0.9"),
        ({"squares_x": 12, "squares_y": 12}, "needs 72 markers, DICT_4X4_50 has 50"),
    ],
)
def test_impossible_board_is_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidParameter, match=sentence):
        Board(**values)


def test_board_file_is_read_back(tmp_path: Path) -> None:
    board = Board(9, 6, 0.03, 0.02, MarkerDictionary.DICT_5X5_100)
    save_board(board, tmp_path / "board.yaml")
    assert load_board(tmp_path / "board.yaml") == board


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda c: c.pop("square_m"), r"lacks \['square_m'\]"),
        (lambda c: c.update(squares_x=7.5), "whole numbers"),
        (lambda c: c.update(dictionary="DICT_9X9"), "DICT_9X9.*must be one of"),
        (lambda c: c.update(square_m="36"), "finite numbers"),
        (lambda c: c.update(square_m=36), "give metres"),
    ],
)
def test_wrong_board_file_is_refused(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], Any], sentence: str
) -> None:
    content = Board().entries()
    spoil(content)
    (tmp_path / "board.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(CalibrationError, match=sentence) as error:
        load_board(tmp_path / "board.yaml")
    assert str(tmp_path / "board.yaml") in str(error.value)


def test_samples_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    setup = replace(cases.eye_on_base().samples, distortion=(0.1, -0.05, 0.0, 0.0, 0.0))
    folder = SampleFolder(tmp_path / "new", setup)
    folder.save()
    image = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    folder.add(image, np.linspace(-1, 1, 7))
    read = load_samples(tmp_path / "new")
    assert read.setup == setup
    np.testing.assert_allclose(read.q, [np.linspace(-1, 1, 7)], atol=1e-9)
    pinhole = replace(read, setup=replace(setup, distortion=()))
    np.testing.assert_array_equal(pinhole.image(0), image)
    assert (read.image(0) != image).any()  # freed from its lens


def test_lens_is_taken_out_of_images(tmp_path: Path) -> None:
    """A grid of points, drawn as a distorting lens shows them, lands where a pinhole's is."""
    setup = replace(cases.eye_on_base().samples, distortion=(-0.2, 0.05, 0.001, -0.002, 0.0))
    K, lens = setup.intrinsics.K_ros, np.array(setup.distortion)
    grid = np.stack(np.meshgrid([-0.3, 0.0, 0.3], [-0.2, 0.0, 0.2]), -1).reshape(-1, 2)
    points = np.column_stack([grid, np.ones(len(grid))])
    bent, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), K, lens)
    image = np.zeros((480, 640, 3), np.uint8)
    for u, v in bent[:, 0]:
        centre = (round(u * 16), round(v * 16))
        cv2.circle(image, centre, 6 * 16, (255, 255, 255), -1, cv2.LINE_AA, 4)
    folder = SampleFolder(tmp_path, setup)
    folder.save()
    straight = folder.add(image, np.zeros(7)).image(0)
    _, _, _, centres = cv2.connectedComponentsWithStats((straight[..., 0] > 99).astype(np.uint8))
    expected = grid * (K[0, 0], K[1, 1]) + K[:2, 2]
    for point in expected:
        assert np.linalg.norm(centres[1:] - point, axis=1).min() < 0.4


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda c: c.pop("board"), r"lacks \['board'\]"),
        (lambda c: c.update(boards=1), r"unknown keys \['boards'\]"),
        (lambda c: c.update(parent_frame="world"), "'world' is no frame"),
        (lambda c: c.update(board_frame="panda_link0"), "one of both must be panda_link0"),
        (lambda c: c.update(parent_frame="panda_hand"), "one of both must be panda_link0"),
        (lambda c: c.update(distortion=[0.1]), r"distortion \[0.1\]"),
        (lambda c: c["intrinsics"].update(fx=-600), "focal lengths"),
        (lambda c: c.update(samples={}), "must be a list"),
        (lambda c: c["samples"][0].update(q=[0, 0, 0]), "7 finite numbers"),
        (lambda c: c["samples"][0].update(q=[0, -45, 0, -135, 0, 90, 45]), "give radians"),
    ],
)
def test_wrong_list_of_samples_is_refused(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], Any], sentence: str
) -> None:
    folder = SampleFolder(tmp_path, cases.eye_on_base().samples)
    folder.save()
    folder.add(np.zeros((480, 640, 3), np.uint8), np.zeros(7))
    content = yaml.safe_load((tmp_path / SAMPLES_FILE).read_text())
    spoil(content)
    (tmp_path / SAMPLES_FILE).write_text(yaml.safe_dump(content))
    with pytest.raises(CalibrationError, match=sentence) as error:
        load_samples(tmp_path)
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)


def test_image_that_is_missing_broken_or_of_another_size_is_named(tmp_path: Path) -> None:
    folder = SampleFolder(tmp_path, cases.eye_on_base().samples)
    folder.save()
    folder = folder.add(np.zeros((240, 320, 3), np.uint8), np.zeros(7))
    with pytest.raises(CalibrationError, match=r"000.png: is 320x240 px.*640x480"):
        folder.image(0)
    (tmp_path / "000.png").write_bytes(b"no image")
    with pytest.raises(CalibrationError, match=r"000.png: is no image"):
        folder.image(0)
    (tmp_path / "000.png").unlink()
    with pytest.raises(CalibrationError, match=r"000.png: cannot be read"):
        folder.image(0)


@pytest.mark.parametrize("make", [cases.eye_in_hand, cases.eye_on_base])
def test_solved_calibration_is_loaded_by_the_rig(
    tmp_path: Path, make: Callable[[], cases.Setup]
) -> None:
    solution, _ = solved(make())
    path = tmp_path / f"{solution.setup.camera}.calib"
    result_files.save_solution(solution, path)
    found = load_calibration(path)
    assert found.parent_frame == solution.setup.parent_frame
    assert found.child_frame == solution.setup.frame_id
    np.testing.assert_allclose(found.parent_T_cam, solution.parent_T_cam, atol=1e-9)
    rig_file = tmp_path / "cameras.yaml"
    rig_file.write_text("cameras:\n" + result_files.cameras_yaml_lines(solution, path))
    camera = load_rig(rig_file).cameras[solution.setup.camera]
    np.testing.assert_allclose(camera.parent_T_cam, solution.parent_T_cam, atol=1e-9)
    assert camera.intrinsics == solution.setup.intrinsics
    assert result_files.calibration_of(rig_file, solution.setup.camera) == path


#: Fields of easy_handeye2_msgs/HandeyeCalibrationParameters, with their types.
PARAMETERS = {
    "name": str,
    "calibration_type": str,
    "robot_base_frame": str,
    "robot_effector_frame": str,
    "tracking_base_frame": str,
    "tracking_marker_frame": str,
    "freehand_robot_movement": bool,
    "move_group_namespace": str,
    "move_group": str,
}


@pytest.mark.parametrize(
    ("make", "kind", "effector"),
    [
        (cases.eye_in_hand, "eye_in_hand", "panda_hand_tcp"),
        (cases.eye_on_base, "eye_on_base", "panda_hand"),
    ],
)
def test_file_has_the_fields_that_easy_handeye2_sets_in_its_message_and_no_other(
    tmp_path: Path, make: Callable[[], cases.Setup], kind: str, effector: str
) -> None:
    """It reads a file by setting a field of the message for each key, of exactly its type."""
    solution, _ = solved(make())
    result_files.save_solution(solution, tmp_path / "mine.calib")
    content = yaml.full_load((tmp_path / "mine.calib").read_text())
    assert set(content) == {"parameters", "transform"}
    parameters = content["parameters"]
    assert {key: type(value) for key, value in parameters.items()} == PARAMETERS
    assert parameters["name"] == "mine" and parameters["calibration_type"] == kind
    assert parameters["robot_base_frame"] == "panda_link0"
    assert parameters["robot_effector_frame"] == effector
    pose = content["transform"]
    assert {key: list(value) for key, value in pose.items()} == {
        "translation": ["x", "y", "z"],
        "rotation": ["x", "y", "z", "w"],
    }
    assert all(type(v) is float for part in pose.values() for v in part.values())


def test_calibration_that_was_there_is_kept(tmp_path: Path) -> None:
    solution, _ = solved(cases.eye_on_base())
    path = tmp_path / "front.calib"
    path.write_text("the one before")
    result_files.save_solution(solution, path)
    assert result_files.replaced_file(path).read_text() == "the one before"


def test_place_of_the_board_is_read_back(tmp_path: Path) -> None:
    solution, _ = solved(cases.eye_on_base())
    result_files.save_solution(solution, tmp_path / "front.calib")
    placed = result_files.load_placed_board(result_files.solution_file(tmp_path / "front.calib"))
    assert placed.board == solution.setup.board
    assert placed.board_frame == "panda_hand"
    np.testing.assert_allclose(placed.mount_T_board, solution.mount_T_board, atol=1e-9)


def test_report_names_what_was_left_out_and_a_wrong_print() -> None:
    solution, _ = solved(cases.eye_on_base())
    first = replace(solution.samples[0], used=False, reason="contradicts the others")
    odd = replace(solution, samples=(first, *solution.samples[1:]), scale=1.02)
    rows = report.table(odd, [f"{i}.png" for i in range(10)])
    assert rows.row_count == 10
    assert next(iter(rows.columns[4].cells)) == "contradicts the others"
    said = " ".join(report.sentences(odd))
    assert "9 of 10 samples used" in said
    assert "seem to be 36.72 mm wide and not 36" in said
    assert "seem to be" not in " ".join(report.sentences(solution))
