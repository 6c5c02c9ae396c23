# SPDX-License-Identifier: Apache-2.0
"""The verbs of `genima calib`, as a person runs them one after the other."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from genima.calibration import load_calibration
from genima.geometry import pose_error
from genima.handeye.board import load_board
from genima.handeye.samples import SampleFolder
from genima.handeye.simulated import BoardWorld
from genima.kinematics import base_T_frame

from . import handeye_cases as cases
from .cli_cases import Run, genima


def calib(*arguments: object) -> Run:
    return genima("calib", *arguments)


def points_of(check: Run) -> int:
    """How many points were compared."""
    found = re.search(r"(\d+) points: ", check.stdout)
    return int(found.group(1)) if found else 0


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of a board in the hand, one of them with joints of another moment."""
    setup, rng = cases.eye_on_base(), np.random.default_rng(4)
    folder = SampleFolder(tmp_path_factory.mktemp("samples"), setup.samples)
    folder.save()
    q = setup.postures(12, rng)
    with BoardWorld([setup.camera], setup.board, setup.board_frame, setup.frame_T_board) as world:
        for i, posture in enumerate(q):
            folder = folder.add(world.images(posture)["front"], posture + 0.05 * (i == 5))
    return folder.path


@pytest.fixture(scope="module")
def solved(samples: Path) -> Run:
    return calib("solve", samples)


def rig_file(folder: Path, calibration: Path) -> Path:
    """cameras.yaml as `solve` says how to write it."""
    content = yaml.safe_load((cases.ROOT / "config" / "cameras.yaml").read_text())
    front = content["cameras"]["front"]
    del front["pose"]
    front["calibration"] = str(calibration)
    k = cases.INTRINSICS
    names = ("width", "height", "fx", "fy", "cx", "cy")
    front["intrinsics"] = {name: getattr(k, name) for name in names}
    path = folder / "cameras.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_board_writes_a_page_and_its_description(tmp_path: Path) -> None:
    made = calib("board", "--out", tmp_path / "my.pdf", "--square-mm", 30, "--marker-mm", 22)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "my.pdf").read_bytes().startswith(b"%PDF")
    assert load_board(tmp_path / "my.yaml").square_m == 0.03
    assert "on A4 at 100 %" in made.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--squares", "7"], "--squares is '7'; give it as 7x5"),
        (["--dictionary", "DICT_1"], "DICT_4X4_50"),
        (["--square-mm", "0"], "give metres"),
        (["--out", "board.svg"], "as .pdf or .png"),
        (["--out", "/nowhere/board.png"], "cannot be written"),
    ],
)
def test_board_that_cannot_be_made_is_refused_with_a_sentence(
    tmp_path: Path, words: list[str], sentence: str
) -> None:
    refused = calib("board", "--out", tmp_path / "b.pdf", *words)
    assert refused.returncode == 2 and sentence in refused.stderr
    assert "Traceback" not in refused.stderr and refused.stderr.count("\n") == 1


def test_solve_finds_the_camera_and_says_what_it_left_out(samples: Path, solved: Run) -> None:
    assert solved.returncode == 0, solved.stderr
    found = load_calibration(samples / "front.calib")
    distance_m, angle_rad = pose_error(found.parent_T_cam, cases.eye_on_base().camera.parent_T_cam)
    assert distance_m < 0.002 and angle_rad < np.deg2rad(0.2)
    assert (samples / "front.png").stat().st_size > 10_000
    assert "11 of 12 samples used" in solved.stdout
    (row,) = [line for line in solved.stdout.splitlines() if "005.png" in line]
    assert "contradicts the others" in row
    assert "calibration: front.calib" in solved.stdout


def test_check_finds_no_error_with_the_solved_calibration(
    samples: Path, solved: Run, tmp_path: Path
) -> None:
    cameras = rig_file(tmp_path, samples / "front.calib")
    words = ["--camera", "front", "--cameras-file", cameras, "--out", tmp_path / "out"]
    done = calib("check", samples, *words)
    assert done.returncode == 0, done.stderr
    assert points_of(done) > 12 * 20  # of 24 corners in each of 12 images
    assert len(list((tmp_path / "out").glob("check_*.png"))) == 12


def test_check_of_a_camera_that_was_moved_fails(
    samples: Path, solved: Run, tmp_path: Path
) -> None:
    content = yaml.safe_load((samples / "front.calib").read_text())
    content["transform"]["translation"]["y"] += 0.05
    moved = tmp_path / "front.calib"
    moved.write_text(yaml.safe_dump(content))
    (tmp_path / "front.solution.yaml").write_bytes((samples / "front.solution.yaml").read_bytes())
    words = ["--camera", "front", "--calibration", moved, "--out", tmp_path / "out"]
    config = cases.ROOT / "config" / "cameras.yaml"
    done = calib("check", samples, *words, "--cameras-file", config)
    assert done.returncode == 1 and points_of(done) > 12 * 20
    assert (
        calib("check", samples, *words, "--cameras-file", config, "--limit-px", 99).returncode == 0
    )


def test_check_that_does_not_find_the_board_fails(
    samples: Path, solved: Run, tmp_path: Path
) -> None:
    setup = cases.eye_on_base()
    folder = SampleFolder(tmp_path / "elsewhere", setup.samples)
    folder.save()
    folder.add(np.full((480, 640, 3), 90, np.uint8), setup.q_middle)
    words = ["--camera", "front", "--out", tmp_path / "out", "--cameras-file"]
    cameras = rig_file(tmp_path, samples / "front.calib")
    done = calib("check", folder.path, *words, cameras)
    assert done.returncode == 1 and "the board was not found, so nothing" in done.stdout
    (tmp_path / "front.calib").write_bytes((samples / "front.calib").read_bytes())
    # Where nobody knows of a board, there is only the picture to look at.
    unknown = calib("check", folder.path, *words, rig_file(tmp_path, tmp_path / "front.calib"))
    assert unknown.returncode == 0 and "no points to compare" in unknown.stdout


def test_check_of_one_image_compares_marked_points(
    samples: Path, solved: Run, tmp_path: Path
) -> None:
    setup = cases.eye_on_base()
    content = yaml.safe_load((samples / "samples.yaml").read_text())
    q = np.array(content["samples"][0]["q"])
    uv, _ = setup.camera.view(q).project(base_T_frame(q, "panda_link2")[:3, 3])
    points = tmp_path / "points.yaml"
    mark = {"frame": "panda_link2", "uv": (uv + np.array([3.0, 4.0])).tolist()}
    points.write_text(yaml.safe_dump({"points": [mark]}))
    done = calib(
        "check",
        *("--camera", "front", "--image", samples / "000.png"),
        *("--joints", ",".join(map(str, q)), "--points", points),
        *("--cameras-file", rig_file(tmp_path, samples / "front.calib")),
        *("--out", tmp_path / "out"),
    )
    assert done.returncode in (0, 1), done.stderr
    (row,) = [line for line in done.stdout.splitlines() if "panda_link2" in line]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert float(cells[4]) == pytest.approx(5.0, abs=1.0)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--camera", "rear", "{samples}"], "no camera 'rear'"),
        (["--camera", "wrist", "{samples}"], "shows camera 'front', not 'wrist'"),
        (["--camera", "front", "{out}"], "samples.yaml: cannot be read"),
        (["--camera", "front", "--image", "x.png", "--joints", "1,2"], "seven joint positions"),
        (["--camera", "front", "{samples}", "--points", "no.yaml"], "no.yaml: cannot be read"),
        (["--camera", "front", "{samples}", "--calibration", "no.calib"], "cannot be read"),
    ],
)
def test_check_refuses_what_it_cannot_use(
    samples: Path, tmp_path: Path, words: list[str], sentence: str
) -> None:
    given = [word.format(samples=samples, out=tmp_path) for word in words]
    config = cases.ROOT / "config" / "cameras.yaml"
    done = calib("check", *given, "--cameras-file", config, "--out", tmp_path / "out")
    assert done.returncode == 2 and sentence in done.stderr
    assert "Traceback" not in done.stderr and done.stderr.count("\n") == 1


def test_capture_from_a_folder_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    calib("board", "--out", tmp_path / "board.pdf")
    done = calib(
        "capture",
        *("--camera", "front", "--board", tmp_path / "board.yaml", "--recording", tmp_path),
        *("--cameras-file", cases.ROOT / "config" / "cameras.yaml", "--out", tmp_path / "s"),
    )
    assert done.returncode == 2 and str(tmp_path) in done.stderr
    assert done.stderr.count("\n") == 1
