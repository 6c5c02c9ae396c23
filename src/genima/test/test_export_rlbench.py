# SPDX-License-Identifier: Apache-2.0
"""What is exported follows the rules of RLBench's loader, which its licence keeps from here."""

import pickle
import re
import sys
import types
from pathlib import Path

import cv2
import numpy as np
import pytest

from genima.cameras import Camera, CameraRig
from genima.data.export_rlbench import export_rlbench
from genima.data.import_rlbench import import_rlbench
from genima.data.training_set import TrainingSet
from genima.errors import InvalidDataset

from .demonstration_cases import invented, new_set, set_of, small_rig

FOLDERS = [
    f"{camera}_{kind}"
    for camera in ("left_shoulder", "right_shoulder", "overhead", "wrist", "front")
    for kind in ("rgb", "depth", "mask")
]


class Demo:
    """Where RLBench's Demo is looked for."""

    def __len__(self) -> int:
        return len(self._observations)

    def __getitem__(self, i: int):
        return self._observations[i]


class Observation:
    """Where RLBench's Observation is looked for."""


@pytest.fixture
def rlbench_modules(monkeypatch) -> None:
    """RLBench's module names, so that the pickle finds its classes under them."""
    for name in ("rlbench", "rlbench.demo", "rlbench.backend", "rlbench.backend.observation"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["rlbench.demo"].Demo = Demo
    sys.modules["rlbench.backend.observation"].Observation = Observation


def loaded(root: Path, task: str, variation: int) -> list[Demo]:
    """Demonstrations by the rules of rlbench.utils.get_stored_demos."""
    episodes = root / task / f"variation{variation}" / "episodes"
    names = [path.name for path in episodes.iterdir()]
    demos = []
    for name in sorted(names, key=lambda n: int(re.fullmatch(r"episode(\d+)", n)[1])):
        demo = pickle.loads((episodes / name / "low_dim_obs.pkl").read_bytes())
        for folder in FOLDERS:
            files = sorted(path.name for path in (episodes / name / folder).iterdir())
            if files != sorted(f"{i}.png" for i in range(len(demo))):
                raise RuntimeError("Broken dataset assumption")
        demos.append(demo)
    return demos


@pytest.fixture
def source(tmp_path) -> TrainingSet:
    made = new_set(tmp_path / "set")
    for number in (0, 2, 10):
        made.write(invented(6 + number, seed=number), number)
    made.write(invented(5, variation=3, descriptions=("push the red one",)), 0)
    return made


def test_loader_finds_all_demonstrations(source, tmp_path, rlbench_modules) -> None:
    told: list[tuple[int, int]] = []
    export_rlbench(source, tmp_path / "out", lambda done, total: told.append((done, total)))
    assert [len(demo) for demo in loaded(tmp_path / "out", "push_button", 0)] == [6, 8, 16]
    assert [len(demo) for demo in loaded(tmp_path / "out", "push_button", 3)] == [5]
    assert told[-1] == (4, 4)
    for variation, first in ((0, "push the button"), (3, "push the red one")):
        path = tmp_path / "out" / "push_button" / f"variation{variation}"
        texts = pickle.loads((path / "variation_descriptions.pkl").read_bytes())
        assert texts[0] == first


def test_observations_have_what_the_loader_reads(source, tmp_path, rlbench_modules) -> None:
    export_rlbench(source, tmp_path / "out")
    demo = loaded(tmp_path / "out", "push_button", 0)[0]
    original = source.load("push_button", 0)
    for t in range(len(demo)):
        observation = demo[t]
        assert np.array_equal(observation.joint_positions, original.q[t])
        assert observation.gripper_open == original.gripper_open[t]
        assert ("joint_position_action" in observation.misc) == (t > 0)
        assert len(observation.misc["joint_poses"]) == 7
        for camera in ("left_shoulder", "right_shoulder", "overhead", "wrist", "front"):
            assert observation.misc[f"{camera}_camera_extrinsics"].shape == (4, 4)
            assert observation.misc[f"{camera}_camera_intrinsics"][0, 0] < 0
            assert observation.misc[f"{camera}_camera_near"] > 0
            assert observation.misc[f"{camera}_camera_far"] == 4.5
        images = [v for k, v in vars(observation).items() if k.endswith(("_rgb", "_depth"))]
        assert len(images) == 10 and images == [None] * 10


def test_images_are_kept_and_placeholders_are_black_and_far(source, tmp_path) -> None:
    export_rlbench(source, tmp_path / "out")
    episode = tmp_path / "out" / "push_button" / "variation0" / "episodes" / "episode2"
    original = source.load("push_button", 2)
    for camera in original.images:
        image = cv2.imread(str(episode / f"{camera}_rgb" / "4.png"))[:, :, ::-1]
        assert (image == original.images[camera][4]).all()
    assert not cv2.imread(str(episode / "overhead_rgb" / "4.png")).any()
    red, green, blue = np.moveaxis(
        cv2.imread(str(episode / "wrist_depth" / "4.png"))[:, :, ::-1].astype(int), -1, 0
    )
    depth = (red * 65536 + green * 256 + blue) / (2**24 - 1)
    assert depth.shape == (32, 32) and (depth == 1.0).all()
    assert not cv2.imread(str(episode / "front_mask" / "4.png")).any()


def test_readme_tells_what_is_made_up(source, tmp_path) -> None:
    export_rlbench(source, tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text()
    assert "depth of all cameras" in text and "calibration of overhead: black" in text


def test_export_and_import_give_the_same_back(source, tmp_path) -> None:
    export_rlbench(source, tmp_path / "out")
    import_rlbench(tmp_path / "out", tmp_path / "back")
    back = TrainingSet.open(tmp_path / "back")
    assert list(map(str, back.keys())) == list(map(str, source.keys()))
    for key in list(source.keys()):
        before = source.load(key.task, key.episode, key.variation)
        after = back.load(key.task, key.episode, key.variation)
        for name in ("q", "dq", "gripper_open", "gripper_command", "q_command"):
            assert np.array_equal(getattr(before, name), getattr(after, name), equal_nan=True)
        assert before.descriptions == after.descriptions
        for camera, frames in before.images.items():
            assert (np.stack(list(frames)) == np.stack(list(after.images[camera]))).all()
            was, now = before.rig.cameras[camera], after.rig.cameras[camera]
            for q in (before.q[0], before.q[-1]):
                assert np.allclose(was.view(q).base_T_cam, now.view(q).base_T_cam, atol=1e-9)
            assert np.allclose(was.intrinsics.K, now.intrinsics.K)


def test_principal_points_off_the_centre_survive(tmp_path) -> None:
    rig = small_rig()
    k = rig.cameras["front"].intrinsics
    moved = type(k)(k.width, k.height, k.fx, k.fy * 1.01, k.cx + 1.3, k.cy - 0.7)
    rig = rig.with_intrinsics("front", moved)
    export_rlbench(set_of(tmp_path / "set", invented(4, rig=rig)), tmp_path / "out")
    import_rlbench(tmp_path / "out", tmp_path / "back")
    after = TrainingSet.open(tmp_path / "back").load("push_button", 0)
    assert np.allclose(after.rig.cameras["front"].intrinsics.K, moved.K)


def test_cameras_that_rlbench_does_not_know_are_refused(tmp_path) -> None:
    rig = small_rig()
    front = rig.cameras["front"]
    side = Camera("side", front.intrinsics, front.parent_frame, front.parent_T_cam)
    made = set_of(tmp_path / "set", invented(3, rig=CameraRig({**rig.cameras, "side": side})))
    with pytest.raises(InvalidDataset, match=r"cameras \['side'\] have no place"):
        export_rlbench(made, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_full_folder_is_refused(source, tmp_path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").touch()
    with pytest.raises(InvalidDataset, match="is not empty"):
        export_rlbench(source, tmp_path / "out")
