# SPDX-License-Identifier: Apache-2.0
"""Which step is drawn at which, with which gripper and cameras, and the actions that fit."""

from dataclasses import replace

import numpy as np
import pytest

from genima.cameras import CameraRig
from genima.data.drawing import tiles_of
from genima.data.targets import Windows, require_fit, target_steps
from genima.errors import InvalidDataset
from genima.policy import Policy
from genima.spheres import GRIPPER_CLOSED_RGB, SPHERE_RGB, Sphere
from genima.tiles import untile

from .demonstration_cases import invented, small_rig

POLICY = Policy(image_size_px=64)
K = POLICY.horizon_steps


def test_target_lies_k_steps_ahead_and_stops_at_the_last_step() -> None:
    assert target_steps(25, 20).tolist() == [*range(20, 25), *[24] * 20]
    assert target_steps(3, 20).tolist() == [2, 2, 2]
    assert target_steps(1, 20).tolist() == [0]


def test_window_shows_joints_and_gripper_of_its_target_step() -> None:
    demonstration = invented(n=50)  # closes after step 25
    windows = Windows(demonstration, POLICY)
    assert len(windows) == 50
    for step, target in ((0, 20), (5, 25), (29, 49), (30, 49), (49, 49)):
        window = windows[step]
        assert (window.q == demonstration.q[step]).all()
        assert (window.q_target == demonstration.q[target]).all()
        assert window.gripper_open == demonstration.gripper_open[step]
        assert window.gripper_target == demonstration.gripper_open[target]
    assert windows[4].gripper_target and not windows[5].gripper_target


def test_chunk_is_the_commands_after_its_step() -> None:
    demonstration = invented(n=50)
    window = Windows(demonstration, POLICY)[7]
    assert (window.q_chunk == demonstration.q_command[8:28]).all()
    assert (window.gripper_chunk == demonstration.gripper_command[8:28]).all()
    assert not window.padded.any()


def test_chunk_past_the_end_repeats_the_last_command_and_says_so() -> None:
    demonstration = invented(n=50)
    window = Windows(demonstration, POLICY)[45]
    assert window.padded.tolist() == [False] * 4 + [True] * 16
    assert (window.q_chunk[:4] == demonstration.q_command[46:]).all()
    assert (window.q_chunk[4:] == demonstration.q_command[49]).all()
    assert Windows(demonstration, POLICY)[49].padded.all()


def test_where_no_command_was_given_the_measured_position_stands_for_it() -> None:
    demonstration = invented(n=30, q_command=np.full((30, 7), np.nan))
    window = Windows(demonstration, POLICY)[3]
    assert (window.q_chunk == demonstration.q[4:24]).all()


@pytest.mark.parametrize("step", [-1, 50])
def test_step_that_does_not_exist_is_no_window(step: int) -> None:
    with pytest.raises(IndexError):
        Windows(invented(n=50), POLICY)[step]


def gripper_pixels(step: int) -> tuple[int, int]:
    """Pixels in the colour of the open and of the closed gripper in the target tile of a step."""
    demonstration = invented(n=50, size_px=64)
    black = {name: np.zeros((50, 64, 64, 3), np.uint8) for name in POLICY.cameras}
    windows = Windows(demonstration, POLICY)
    _, target = tiles_of(black, step, windows[step], windows.cameras, POLICY)
    colours = (SPHERE_RGB[Sphere.GRIPPER], GRIPPER_CLOSED_RGB)
    opened, closed = (int((target == colour).all(axis=-1).sum()) for colour in colours)
    return opened, closed


def test_gripper_sphere_has_the_colour_of_the_target_step() -> None:
    assert gripper_pixels(4)[0] > 0 and gripper_pixels(4)[1] == 0
    assert gripper_pixels(5)[0] == 0 and gripper_pixels(5)[1] > 0  # at step 5 it is still open


def test_every_step_has_spheres_up_to_the_last() -> None:
    demonstration = invented(n=24, size_px=64)
    windows = Windows(demonstration, POLICY)
    for step, window in enumerate(windows):
        tile, target = tiles_of(demonstration.images, step, window, windows.cameras, POLICY)
        for name, image in untile(tile, POLICY.cameras).items():
            assert (image == demonstration.images[name][step]).all()
        assert (tile != target).any(), step


def test_wrist_camera_stands_where_the_arm_is_and_not_where_it_shall_be() -> None:
    demonstration = invented(n=50, size_px=64)
    windows = Windows(demonstration, POLICY)
    black = {name: np.zeros((50, 64, 64, 3), np.uint8) for name in POLICY.cameras}
    start = replace(windows[0], q=demonstration.q[20])
    moved = replace(start, q=start.q + 0.05)
    tiles = [
        untile(tiles_of(black, 0, window, windows.cameras, POLICY)[1], POLICY.cameras)
        for window in (start, moved)
    ]
    assert tiles[0]["wrist"].any()
    assert (tiles[0]["wrist"] != tiles[1]["wrist"]).any()
    assert all((tiles[0][n] == tiles[1][n]).all() for n in POLICY.cameras if n != "wrist")


def test_images_of_another_size_are_brought_to_the_policy_s() -> None:
    demonstration = invented(n=24, size_px=32)
    windows = Windows(demonstration, POLICY)
    tile, _ = tiles_of(demonstration.images, 0, windows[0], windows.cameras, POLICY)
    assert tile.shape == (128, 128, 3)
    assert {camera.intrinsics.width for camera in windows.cameras} == {64}


def test_data_without_a_camera_of_the_policy_are_refused() -> None:
    rig = small_rig()
    without = CameraRig({name: rig.cameras[name] for name in rig.cameras if name != "wrist"})
    with pytest.raises(InvalidDataset, match=r"this set has no camera \['wrist'\]; it has"):
        require_fit("this set", without, 0.05, POLICY)


def test_data_of_another_rate_are_refused() -> None:
    with pytest.raises(InvalidDataset, match=r"steps of 0\.0333333 s, the policy of 0\.05 s"):
        require_fit("this set", small_rig(), 1 / 30, POLICY)
