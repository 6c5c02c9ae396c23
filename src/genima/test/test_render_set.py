# SPDX-License-Identifier: Apache-2.0
"""`genima render`: drawn copies of data sets, made in any number of goes."""

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from threading import Event

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from genima.arrays import Array, UInt8
from genima.cli.app import build_app
from genima.data.png_frames import read_png
from genima.data.training_set import TrainingSet
from genima.errors import GenimaError, InvalidDataset, InvalidParameter
from genima.launching.processes import descendants
from genima.policy import Policy

from .demonstration_cases import TASK, invented, set_of

CAMERAS = Policy().cameras
SIZE_PX = 48


@pytest.fixture(autouse=True)
def small_bank(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few procedural pictures, kept for the whole session."""
    cache = tmp_path_factory.getbasetemp() / "pictures"
    monkeypatch.setenv("GENIMA_CACHE", str(cache))
    bank = "genima.data.render_run.procedural_bank"
    from genima.data.textures import procedural_bank

    monkeypatch.setattr(bank, lambda: procedural_bank(count=16, side_px=64))


@pytest.fixture
def source(tmp_path: Path) -> TrainingSet:
    return set_of(tmp_path / "data", *(invented(6 + i, i, SIZE_PX) for i in range(3)))


def render(*arguments: object) -> str:
    result = CliRunner().invoke(build_app(), ["render", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def episode(root: Path, number: int) -> Path:
    return root / TASK / "variation0" / "episodes" / f"episode{number}"


def pictures(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*.png"))
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def spheres_seen(image: UInt8[Array, "s s 3"], other: UInt8[Array, "s s 3"]) -> bool:
    return bool((image != other).any())


def test_observations_get_a_clean_tile_and_a_target_at_every_step(source: TrainingSet) -> None:
    assert "3 episodes, 21 steps drawn" in render(source.root)
    copy = source.root.with_name("data_rgb_rendered")
    for number, steps in enumerate((6, 7, 8)):
        demonstration = source.load(TASK, number)
        folder = episode(copy, number)
        for kind in ("tiled_rgb", "tiled_rgb_rendered"):
            names = {path.name for path in (folder / kind).iterdir()}
            assert names == {f"{step}.png" for step in range(steps)}
        for step in range(steps):
            tile = read_png(folder / "tiled_rgb" / f"{step}.png")
            assert (tile[:SIZE_PX, :SIZE_PX] == demonstration.images["wrist"][step]).all()
            assert (tile[:SIZE_PX, SIZE_PX:] == demonstration.images["front"][step]).all()
            target = read_png(folder / "tiled_rgb_rendered" / f"{step}.png")
            assert spheres_seen(target, tile)


def test_camera_images_are_replaced_on_random_backgrounds_up_to_the_last(
    source: TrainingSet,
) -> None:
    render(source.root, "--kind", "random")
    copy = TrainingSet.open(source.root.with_name("data_rnd_bg"))
    for number in range(3):
        before, after = source.load(TASK, number), copy.load(TASK, number)
        assert (before.q == after.q).all()
        assert len(after) == len(after.images["wrist"]) == 6 + number
        for camera in CAMERAS:
            frames = [after.images[camera][step] for step in range(len(after))]
            assert len({frame.tobytes() for frame in frames}) == len(frames)
            kept = [(a == b).mean() for a, b in zip(frames, before.images[camera], strict=True)]
            assert max(kept) < 0.2, "something of the observation is left"


@pytest.mark.parametrize(("kind", "suffix"), [("rgb", "rgb_rendered"), ("random", "rnd_bg")])
def test_copy_is_a_training_set_that_shares_what_is_not_drawn(
    source: TrainingSet, kind: str, suffix: str
) -> None:
    depth = episode(source.root, 0) / "front_depth"
    depth.mkdir()
    (depth / "0.png").write_bytes(b"packed depth")
    render(source.root, "--kind", kind)
    copy = source.root.with_name(f"data_{suffix}")
    assert len(list(TrainingSet.open(copy).keys())) == 3
    shared = ["low_dim_obs.pkl", "metadata.json", "front_depth/0.png"]
    for name in [*shared, *(["front_rgb/3.png"] if kind == "rgb" else [])]:
        assert (episode(copy, 0) / name).samefile(episode(source.root, 0) / name)
    descriptions = copy / TASK / "variation0" / "variation_descriptions.pkl"
    assert pickle.loads(descriptions.read_bytes()) == list(invented().descriptions)


def test_drawing_a_copy_changes_nothing_in_the_data_set(source: TrainingSet) -> None:
    before = pictures(source.root)
    render(source.root)
    render(source.root, "--kind", "random")
    assert pictures(source.root) == before


def test_backgrounds_follow_from_the_seed_whatever_the_workers(
    source: TrainingSet, tmp_path: Path
) -> None:
    made = {}
    for name, options in {"1": [], "2": ["--workers", 2], "other": ["--seed", 1]}.items():
        render(source.root, "--kind", "random", "--out", tmp_path / name, *options)
        made[name] = pictures(tmp_path / name / "data_rnd_bg")
    assert made["1"] == made["2"]
    assert all(made["1"][name] != made["other"][name] for name in made["1"])


def test_same_command_goes_on_where_a_killed_one_stopped(source: TrainingSet) -> None:
    render(source.root)
    copy = source.root.with_name("data_rgb_rendered")
    whole = pictures(copy)
    done = episode(copy, 1)
    unfinished = done.with_name(".episode1.part")
    done.rename(unfinished)
    (unfinished / "tiled_rgb" / "5.png").unlink()
    (unfinished / "tiled_rgb" / "4.png").write_bytes(b"half a pict")
    assert "1 episodes, 7 steps drawn" in render(source.root)
    assert pictures(copy) == whole
    assert not unfinished.exists()
    assert "all episodes were there already" in render(source.root)


def is_running(process: int) -> bool:
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())  # a zombie has none
    except OSError:
        return False


def test_killed_command_leaves_no_worker_and_no_half_episode(tmp_path: Path) -> None:
    source = set_of(tmp_path / "data", *(invented(60, i, SIZE_PX) for i in range(6)))
    command = [sys.executable, "-m", "genima.cli", "render", str(source.root), "--workers", "2"]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": ":".join(sys.path)})
    folder = episode(source.root.with_name("data_rgb_rendered"), 0).parent
    waiting = Event()
    while not folder.is_dir() and process.poll() is None:
        waiting.wait(0.01)
    workers = descendants(process.pid)
    process.kill()
    process.wait()
    for _ in range(2000):
        if not any(map(is_running, workers)):
            break
        waiting.wait(0.01)
    assert not any(map(is_running, workers))
    finished = {path.name for path in folder.glob("episode*")}
    for name in finished:
        assert len(list((folder / name / "tiled_rgb_rendered").iterdir())) == 60
    assert f"{6 - len(finished)} episodes" in render(source.root)
    assert sorted(path.name for path in folder.iterdir()) == [f"episode{i}" for i in range(6)]


def test_episodes_that_are_new_in_the_data_set_are_added(source: TrainingSet) -> None:
    render(source.root)
    source.write(invented(9, 9, SIZE_PX), 3)
    assert "1 episodes, 9 steps drawn" in render(source.root)


def test_copy_of_other_settings_is_not_gone_on_with(source: TrainingSet, tmp_path: Path) -> None:
    render(source.root, "--kind", "random")
    with pytest.raises(InvalidDataset, match="drawn otherwise: seed 2, there 0; repeat"):
        render(source.root, "--kind", "random", "--seed", 2)
    policy = tmp_path / "policy.yaml"
    policy.write_text("horizon_steps: 10\n")
    with pytest.raises(InvalidDataset, match="horizon_steps 10, there 20"):
        render(source.root, "--kind", "random", "--policy", policy)


def test_folder_that_holds_something_else_is_left_alone(source: TrainingSet) -> None:
    there = source.root.with_name("data_rgb_rendered")
    there.mkdir()
    (there / "thesis.tex").write_text("years of work")
    with pytest.raises(InvalidDataset, match="was not made by this command"):
        render(source.root)
    assert [path.name for path in there.iterdir()] == ["thesis.tex"]


def test_damaged_episode_is_named_and_the_others_are_drawn(source: TrainingSet) -> None:
    (episode(source.root, 1) / "front_rgb" / "2.png").write_bytes(b"no picture")
    with pytest.raises(InvalidDataset, match="1 of 3 episodes could not be drawn"):
        render(source.root)
    copy = TrainingSet.open(source.root.with_name("data_rgb_rendered"))
    assert copy.episodes(TASK) == [0, 2]


def test_policy_whose_cameras_the_data_set_lacks_is_refused(
    source: TrainingSet, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(json.dumps({
        "cameras": ["wrist", "lower_wrist", "front", "right_shoulder"],
        "sphere_radii_m": dict.fromkeys(
            ["wrist", "lower_wrist", "front", "right_shoulder"], 0.05
        ),
    }))  # fmt: skip
    with pytest.raises(InvalidDataset, match=r"no camera \['lower_wrist'\]"):
        render(source.root, "--policy", policy)


def test_own_textures_are_used_and_broken_ones_are_named(
    source: TrainingSet, tmp_path: Path
) -> None:
    folder = tmp_path / "textures"
    folder.mkdir()
    cv2.imwrite(str(folder / "grey.png"), np.full((70, 70, 3), 128, np.uint8))
    (folder / "torn.jpg").write_bytes(b"\xff\xd8 torn")
    output = re.sub(r"\s+", " ", render(source.root, "--kind", "random", "--textures", folder))
    assert "1 of 2 pictures in" in output and "are left out: torn.jpg" in output
    copy = TrainingSet.open(source.root.with_name("data_rnd_bg"))
    corner = copy.load(TASK, 0).images["front"][0][-8:, :8].reshape(-1, 3)
    assert len(np.unique(corner, axis=0)) == 1, "not an even background"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--kind", "both"], "kind is 'both'; allowed: rgb, random"),
        (["--textures", "somewhere"], "are for --kind random only"),
        (["--kind", "random", "--textures", "nowhere"], "nowhere is no folder"),
    ],
)
def test_wrong_option_is_refused_in_a_sentence(
    source: TrainingSet, options: list[str], complaint: str
) -> None:
    with pytest.raises(InvalidParameter, match=complaint):
        render(source.root, *options)


def test_folder_without_a_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GenimaError, match="is no training set"):
        render(tmp_path / "nowhere")
