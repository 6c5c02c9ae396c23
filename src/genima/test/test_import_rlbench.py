# SPDX-License-Identifier: Apache-2.0
"""Data sets of RLBench's generator become training sets."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from genima.data.import_rlbench import import_rlbench
from genima.data.training_set import TrainingSet
from genima.errors import InvalidDataset
from genima.geometry import apply, invert

from . import rlbench_cases as cases
from .rlbench_cases import Script, generate


def imported(tmp_path, script=None):
    generate(tmp_path / "rlbench", script or Script())
    import_rlbench(tmp_path / "rlbench", tmp_path / "set")
    return TrainingSet.open(tmp_path / "set").load("open_drawer", 0)


def refused(tmp_path, script) -> str:
    generate(tmp_path / "rlbench", script)
    with pytest.raises(InvalidDataset) as error:
        import_rlbench(tmp_path / "rlbench", tmp_path / "set")
    assert not (tmp_path / "set").exists()
    return str(error.value)


@pytest.mark.parametrize("camera", ["front", "wrist", "left_shoulder", "right_shoulder"])
def test_point_is_seen_in_the_pixel_where_rlbench_saw_it(tmp_path, camera) -> None:
    made, script = imported(tmp_path), Script()
    for step in (0, 5, 11):
        q = cases.arm_at(step)
        world_p = cases.world_T_tip(q)[:3, 3] + [0.03, -0.02, 0.01]
        pixel = cases.project(cases.world_T_sensor(camera, q), script.intrinsics(), world_p)
        view = made.rig.cameras[camera].view(made.q[step])
        cam_p = apply(invert(view.base_T_cam), apply(invert(cases.WORLD_T_BASE), world_p))
        assert cam_p[2] > 0
        u, v, depth = view.intrinsics.K @ cam_p
        assert (u / depth, v / depth) == pytest.approx(tuple(pixel), abs=0.01)
        assert view.intrinsics.fx > 0


def test_front_camera_sees_up_as_up(tmp_path) -> None:
    view = imported(tmp_path).rig.cameras["front"].view(cases.arm_at(0))
    down = view.base_T_cam[:3, 1]
    assert down[2] < -0.5, "y of an optical frame points down"


def test_motion_and_commands_are_those_of_the_pickle(tmp_path) -> None:
    made = imported(tmp_path)
    assert np.array_equal(made.q, [cases.arm_at(step) for step in range(12)])
    assert np.array_equal(made.dq[:, 0], 0.1 * np.arange(12))
    assert list(made.commanded) == [False] + [True] * 11
    assert np.allclose(made.q_command[1:], made.q[1:] + 0.01)
    assert list(made.gripper_open) == [True] * 7 + [False] * 5
    assert list(made.gripper_command) == [True] * 7 + [False] * 5
    assert np.allclose(made.gripper_width_m, [0.08] * 7 + [0.0] * 5)
    assert np.allclose(np.diff(made.stamps_s), 0.05) and made.step_s == 0.05
    assert made.success is True and made.seed is None
    assert made.descriptions == ("open drawer number 0", "pull it")


def test_place_of_the_arm_is_taken_from_the_data_and_told(tmp_path) -> None:
    assert "(-0.2680, -0.0060, 0.7500)" in imported(tmp_path).source


def test_four_cameras_are_kept_with_their_images(tmp_path) -> None:
    made = imported(tmp_path)
    assert set(made.images) == {"front", "wrist", "left_shoulder", "right_shoulder"}
    for camera in made.images:
        for step in (0, 11):
            assert (made.images[camera][step] == cases.image_of(camera, step, 32, 32)).all()


def test_images_that_are_not_square_are_cropped_with_their_intrinsics(tmp_path) -> None:
    made = imported(tmp_path, Script(width=48))
    k = made.rig.cameras["front"].intrinsics
    assert (k.width, k.height, k.cx, k.cy) == (32, 32, 16.0, 16.0)
    assert k.fx == pytest.approx(-Script(width=48).intrinsics()[0, 0])
    assert made.images["front"][0].shape == (32, 32, 3)


def test_variations_and_episodes_keep_their_numbers_in_natural_order(tmp_path) -> None:
    for variation, episode in ((0, 10), (0, 2), (10, 0), (2, 0)):
        generate(tmp_path / "rlbench", Script(steps=3), "open_drawer", variation, episode)
    (tmp_path / "rlbench" / "open_drawer" / "variation0" / "episodes" / "notes.txt").touch()
    told: list[tuple[int, int]] = []
    report = import_rlbench(
        tmp_path / "rlbench", tmp_path / "set", lambda done, total: told.append((done, total))
    )
    assert [line.partition(",")[0] for line in report.imported] == [
        "open_drawer/variation0/episode2",
        "open_drawer/variation0/episode10",
        "open_drawer/variation2/episode0",
        "open_drawer/variation10/episode0",
    ]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    made = TrainingSet.open(tmp_path / "set")
    assert made.load("open_drawer", 0, 10).instruction == "open drawer number 10"


def test_data_sets_of_older_versions_have_no_commands(tmp_path) -> None:
    made = imported(tmp_path, Script(with_commands=False))
    assert not made.commanded.any()
    assert (made.gripper_command == made.gripper_open).all()


class Hostile:
    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def test_hostile_episode_is_left_out_and_does_nothing(tmp_path) -> None:
    hostile = Hostile()
    hostile.path = str(tmp_path / "touched")
    generate(tmp_path / "rlbench", Script(steps=3))
    bad = generate(tmp_path / "rlbench", Script(steps=3), episode=1)
    (bad / "low_dim_obs.pkl").write_bytes(pickle.dumps(hostile))
    report = import_rlbench(tmp_path / "rlbench", tmp_path / "set")
    assert len(report.imported) == 1
    (skipped,) = report.skipped
    assert skipped.startswith("open_drawer/variation0/episode1: ") and "refused" in skipped
    assert not (tmp_path / "touched").exists()


def test_episode_that_lacks_an_image_is_left_out(tmp_path) -> None:
    generate(tmp_path / "rlbench", Script(steps=3))
    bad = generate(tmp_path / "rlbench", Script(steps=3), episode=1)
    (bad / "wrist_rgb" / "2.png").unlink()
    report = import_rlbench(tmp_path / "rlbench", tmp_path / "set")
    assert "wrist_rgb has 2 images for 3 observations" in report.skipped[0]
    assert TrainingSet.open(tmp_path / "set").episodes("open_drawer") == [0]


def test_arm_that_is_no_panda_is_refused(tmp_path) -> None:
    def spoil(step: int, fields: dict) -> None:
        fields["gripper_pose"] = fields["gripper_pose"] + np.array([0.02 * step, 0, 0, 0, 0, 0, 0])

    assert "contradict each other" in refused(tmp_path, Script(spoil=spoil))


def test_camera_that_moves_is_refused(tmp_path) -> None:
    def spoil(step: int, fields: dict) -> None:
        pose = fields["misc"]["front_camera_extrinsics"].copy()
        pose[0, 3] += 0.001 * step
        fields["misc"]["front_camera_extrinsics"] = pose

    message = refused(tmp_path, Script(spoil=spoil))
    assert "camera 'front' moves by" in message


def test_positive_focal_lengths_are_refused(tmp_path) -> None:
    def spoil(step: int, fields: dict) -> None:
        for camera in cases.CAMERAS:
            key = f"{camera}_camera_intrinsics"
            fields["misc"][key] = np.abs(fields["misc"][key])

    assert "RLBench's are both negative" in refused(tmp_path, Script(spoil=spoil))


@pytest.mark.parametrize("lacking", ["gripper_pose", "joint_positions", "misc"])
def test_observation_without_a_field_is_named(tmp_path, lacking) -> None:
    def spoil(step: int, fields: dict) -> None:
        if step == 4:
            del fields[lacking]

    assert lacking in refused(tmp_path, Script(spoil=spoil))


def test_camera_without_calibration_is_named(tmp_path) -> None:
    def spoil(step: int, fields: dict) -> None:
        del fields["misc"]["wrist_camera_extrinsics"]

    assert "camera 'wrist' has no extrinsics" in refused(tmp_path, Script(spoil=spoil))


def test_intrinsics_of_other_images_are_refused(tmp_path) -> None:
    script = Script()
    script.intrinsics = Script(width=64, height=64).intrinsics
    assert "images of 32x32 px with intrinsics for about 64x64 px" in refused(tmp_path, script)


def test_folder_without_episodes_is_refused(tmp_path) -> None:
    with pytest.raises(InvalidDataset, match="holds no episodes of RLBench"):
        import_rlbench(tmp_path, tmp_path / "set")
