# SPDX-License-Identifier: Apache-2.0
"""The verbs of `genima dataset`, as a person runs them."""

import os
import pickle
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from genima.data.training_set import TrainingSet
from genima.recording.episode_info import StreamInfo

from .cli_cases import Run, genima
from .demonstration_cases import TASK, invented, new_set, set_of
from .recording_cases import Script, record


def dataset(*arguments: object) -> Run:
    return genima("dataset", *arguments)


@pytest.fixture
def two_tasks(tmp_path) -> Path:
    root = tmp_path / "set"
    made = set_of(root, invented(24), invented(30, seed=1, success=False))
    made.write(invented(16, task="open_drawer", success=None), 0)
    return root


def row(output: str, name: str) -> list[str]:
    """Cells of a table's row."""
    line = next(line for line in output.splitlines() if name in line)
    return [cell.strip() for cell in re.split("[│┃]", line)[1:-1]]


def test_info_counts_what_a_training_set_holds(two_tasks):
    done = dataset("info", two_tasks)
    assert done.returncode == 0, done.stderr
    assert "front, wrist, left_shoulder, right_shoulder: 32x32 px at 20 Hz" in done.stdout
    assert row(done.stdout, TASK)[:5] == [TASK, "2", "54", "0:00:03", "50%"]
    assert row(done.stdout, "open_drawer")[:5] == ["open_drawer", "1", "16", "0:00:01", "-"]
    total = row(done.stdout, "all")
    assert total[:5] == ["all", "3", "70", "0:00:04", "50% of 2"]
    files = [path for path in two_tasks.rglob("episode*/**/*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    assert total[5] == f"{size / 1000:.1f} kB" or total[5] == f"{size / 1e6:.1f} MB"


def test_info_names_an_episode_that_it_cannot_count(two_tasks):
    (two_tasks / TASK / "variation0/episodes/episode1/metadata.json").write_text("{")
    done = dataset("info", two_tasks)
    assert done.returncode == 0
    assert row(done.stdout, TASK)[1] == "1"
    assert re.search(r"episode1/metadata\.json: is no JSON", done.stdout)


def test_info_counts_what_a_recording_holds(tmp_path):
    root = tmp_path / "recorded"
    image, camera_info = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"
    streams = {
        "/front/color/image_raw": StreamInfo(image, 9),
        "/wrist/color/image_raw": StreamInfo(image, 8),
        "/wrist/color/camera_info": StreamInfo(camera_info, 50),
    }
    record(root, Script(length_s=0.3), started_s=10.0, ended_s=70.0, streams=streams)
    record(root, Script(length_s=0.3), success=False, task="open_drawer")
    done = dataset("info", root)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{root}: recording" in done.stdout
    assert "left_shoulder, right_shoulder: 64x48 rgb8" in done.stdout
    assert row(done.stdout, "episodes")[2] == "images"
    assert row(done.stdout, TASK)[:5] == [TASK, "1", "9", "0:01:00", "100%"]
    assert row(done.stdout, "open_drawer")[:5] == ["open_drawer", "1", "0", "0:00:00", "0%"]


def test_folder_without_a_data_set_is_one_sentence(tmp_path):
    for verb in (["info"], ["validate"], ["inspect", "--episode", "0", "--out", tmp_path]):
        done = dataset(verb[0], tmp_path, *verb[1:])
        assert done.returncode == 2
        assert done.stdout == "" and done.stderr.count("\n") == 1
        assert str(tmp_path) in done.stderr


def test_validate_is_silent_success_for_a_clean_set(two_tasks):
    done = dataset("validate", two_tasks)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Nothing wrong: 3 episodes, 70 steps, 280 images.\n"


def test_validate_names_each_finding_with_episode_and_frame(two_tasks):
    episode = two_tasks / TASK / "variation0/episodes/episode1"
    (episode / "wrist_rgb/7.png").unlink()
    (episode / "front_rgb/3.png").write_bytes(b"")
    done = dataset("validate", two_tasks)
    assert done.returncode == 1
    where = f"{TASK}/variation0/episode1"
    assert done.stdout.splitlines() == [
        f"{where}: frame 3: unreadable image: front_rgb/3.png cannot be read",
        f"{where}: frame 7: missing frame: wrist lacks frame 7 of 30",
        "2 findings in 1 of 3 episodes.",
    ]
    quick = dataset("validate", two_tasks, "--quick")
    assert quick.returncode == 1
    assert quick.stdout.splitlines()[-1] == "1 finding in 1 of 3 episodes."


def test_validate_refuses_an_empty_set_and_an_unknown_robot(tmp_path):
    new_set(tmp_path)
    done = dataset("validate", tmp_path)
    assert (done.returncode, "holds no episodes" in done.stdout) == (1, True)
    done = dataset("validate", tmp_path, "--robot", "ur5")
    assert done.returncode == 2 and "panda, fr3" in done.stderr


def test_validate_does_not_run_what_is_hidden_in_a_pickle(two_tasks, tmp_path):
    class Payload:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'pwned'}",)

    episode = two_tasks / TASK / "variation0/episodes/episode0"
    (episode / "low_dim_obs.pkl").write_bytes(pickle.dumps(Payload()))
    done = dataset("validate", two_tasks)
    assert done.returncode == 1
    assert "posix.system" in done.stdout and "low_dim_obs.pkl" in done.stdout
    assert not (tmp_path / "pwned").exists()


def test_long_lists_of_findings_are_cut_short(tmp_path):
    demonstration = invented(100)
    stamps_s = demonstration.stamps_s + 0.04 * (np.arange(100) % 2)
    images = {name: np.zeros_like(f) for name, f in demonstration.images.items()}
    set_of(tmp_path, replace(demonstration, stamps_s=stamps_s, images=images))
    lines = dataset("validate", tmp_path).stdout.splitlines()
    assert len(lines) == 22
    assert re.search(r"and \d+ findings more", lines[-2])


def test_inspect_draws_three_pictures(two_tasks, tmp_path):
    out = tmp_path / "pictures"
    done = dataset("inspect", two_tasks, "--task", TASK, "--episode", 1, "--out", out)
    assert done.returncode == 0, done.stderr
    names = [f"{TASK}_variation0_episode1_{kind}.png" for kind in ("cameras", "joints", "stamps")]
    assert done.stdout.splitlines() == [str(out / name) for name in names]
    for name in names:
        picture = cv2.imread(str(out / name))
        assert min(picture.shape[:2]) > 400
        assert picture.std() > 10  # something is drawn


def test_contact_sheet_shows_the_images_of_each_camera(tmp_path):
    colours = {"front": 40, "wrist": 90, "left_shoulder": 140, "right_shoulder": 190}
    demonstration = invented(16)
    images = {
        name: np.stack([flat(colours[name], t) for t in range(16)])
        for name in demonstration.images
    }
    words = ("open the $5 {box} \\frac", "x")
    set_of(tmp_path / "set", replace(demonstration, images=images, descriptions=words))
    done = dataset("inspect", tmp_path / "set", "--episode", 0, "--out", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    sheet = cv2.imread(str(tmp_path / f"{TASK}_variation0_episode0_cameras.png"))
    seen = {tuple(colour) for colour in sheet.reshape(-1, 3)[:, ::-1].tolist()}
    steps = np.unique(np.linspace(0, 15, 8).round().astype(int)).tolist()
    assert {(c, t * 15, 7) for c in colours.values() for t in steps} <= seen


def flat(red: int, t: int) -> np.ndarray:
    return np.full((32, 32, 3), (red, t * 15, 7), np.uint8)


def test_even_one_step_can_be_inspected(tmp_path):
    set_of(tmp_path / "set", invented(1, source="a long story " * 40))
    done = dataset("inspect", tmp_path / "set", "--episode", 0, "--out", tmp_path / "pictures")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list((tmp_path / "pictures").iterdir())) == 3


def test_damaged_episode_can_be_inspected(tmp_path):
    demonstration = invented(12)
    q = demonstration.q.copy()
    q[3] = np.nan
    q[:, 4] = np.nan
    made = set_of(tmp_path / "set", replace(demonstration, q=q))
    episode = made.folder(TASK, 0)
    (episode / "front_rgb/0.png").unlink()
    (episode / "wrist_rgb/11.png").write_bytes(b"no image")
    done = dataset("inspect", made.root, "--episode", 0, "--out", tmp_path / "pictures")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list((tmp_path / "pictures").iterdir())) == 3


def test_inspect_asks_for_a_task_where_there_are_several(two_tasks, tmp_path):
    done = dataset("inspect", two_tasks, "--episode", 0, "--out", tmp_path)
    assert done.returncode == 2 and "--task" in done.stderr
    done = dataset("inspect", two_tasks, "--task", TASK, "--episode", 9, "--out", tmp_path)
    assert done.returncode == 2 and "there are episodes [0, 1]" in done.stderr
    (tmp_path / "file").write_text("")
    wrong = dataset(
        "inspect", two_tasks, "--task", TASK, "--episode", 0, "--out", tmp_path / "file"
    )
    assert wrong.returncode == 2 and "--out" in wrong.stderr


def test_rlbench_set_comes_back_through_export_and_import(tmp_path):
    made = set_of(tmp_path / "set", invented(12))
    done = dataset("export", made.root, "--to", "rlbench", "--out", tmp_path / "rlbench")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path / 'rlbench'}: exported 1 episode\n"
    done = dataset("import", tmp_path / "rlbench", "--to", tmp_path / "back")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path / 'back'}: imported 1 episode\n"
    assert np.allclose(TrainingSet.open(tmp_path / "back").load(TASK, 0).q, invented(12).q)


def test_import_of_a_recording_names_what_it_leaves_out(tmp_path):
    recording = record(tmp_path / "recorded", Script(length_s=0.4))
    record(recording, Script(length_s=0.4), success=False)
    done = dataset("import", recording, "--to", tmp_path / "set", "--size", 32)
    assert done.returncode == 1
    left_out, sentence = done.stdout.splitlines()
    assert left_out.startswith("left out episode_000001: is marked as failed")
    assert sentence == f"{tmp_path / 'set'}: imported 1 episode; 1 left out"
    done = dataset("import", recording, "--to", tmp_path / "all", "--size", 32, "--failed")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'all'}: imported 2 episodes\n")
    info = TrainingSet.open(tmp_path / "all").info
    assert (info.image_size_px, info.step_s) == (32, 0.05)


def test_set_is_exported_to_lerobot(tmp_path):
    made = set_of(tmp_path / "set", invented(12, size_px=64))
    done = dataset("export", made.root, "--to", "lerobot", "--out", tmp_path / "lerobot")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "lerobot/meta/info.json").exists()


def test_exchange_refuses_what_makes_no_sense(tmp_path):
    made = set_of(tmp_path / "set", invented(2))
    for arguments, words in (
        (("export", made.root, "--to", "hdf5", "--out", tmp_path / "a"), "lerobot, rlbench"),
        (("export", made.root, "--to", "rlbench", "--out", made.root), "not empty"),
        (("import", made.root, "--to", tmp_path / "b"), "training set already"),
        (("import", tmp_path / "nowhere", "--to", tmp_path / "c"), "nowhere"),
    ):
        done = dataset(*arguments)
        assert done.returncode == 2 and words in done.stderr, done
        assert done.stderr.count("\n") == 1
