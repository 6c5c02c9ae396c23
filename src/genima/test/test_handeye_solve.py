# SPDX-License-Identifier: Apache-2.0
"""Calibrations from boards that the MuJoCo world renders, and from corners with known errors."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from genima.arrays import Array, Float, UInt8
from genima.errors import CalibrationError
from genima.geometry import invert, pose_error, rotation_x, rotation_z, transform
from genima.handeye.closed_form import camera_pose, mean_pose
from genima.handeye.detection import BoardDetector, Sighting, board_pose
from genima.handeye.refine import Estimate, Noise, adjust
from genima.handeye.simulated import BoardWorld
from genima.handeye.solve import Solution, observations, solve_sightings

from . import handeye_cases as cases

JOINT_NOISE_RAD = np.deg2rad(0.1)
PIXEL_NOISE = 3.0  # of 255, on each channel
CORNER_NOISE_PX = 0.15
SAMPLES = 30
SETUPS = [cases.eye_in_hand, cases.eye_on_base]


def noisy(image: UInt8[Array, "h w 3"], rng: np.random.Generator) -> UInt8[Array, "h w 3"]:
    return np.clip(image + rng.normal(0, PIXEL_NOISE, image.shape), 0, 255).astype(np.uint8)


def errors(solution: Solution, setup: cases.Setup) -> tuple[float, float]:
    """Distance [mm] and angle [deg] to the truth."""
    distance_m, angle_rad = pose_error(solution.parent_T_cam, setup.camera.parent_T_cam)
    return float(distance_m) * 1e3, float(np.rad2deg(angle_rad))


def measured(
    setup: cases.Setup, seed: int, count: int = SAMPLES
) -> tuple[Float[Array, "n 7"], list[Sighting]]:
    """Joints and corners of samples, with noise on both."""
    rng = np.random.default_rng(seed)
    q = setup.postures(count, rng)
    sightings = setup.sightings(q, CORNER_NOISE_PX, rng)
    return q + rng.normal(0, JOINT_NOISE_RAD, q.shape), sightings


@pytest.mark.parametrize("make", SETUPS)
def test_rendered_board_gives_the_camera_within_two_millimetres_and_a_fifth_of_a_degree(
    make: Callable[[], cases.Setup],
) -> None:
    setup, rng = make(), np.random.default_rng(3)
    q = setup.postures(SAMPLES, rng)
    detector, sightings = BoardDetector(setup.board), []
    with BoardWorld([setup.camera], setup.board, setup.board_frame, setup.frame_T_board) as world:
        for posture in q:
            image = world.images(posture)[setup.camera.name]
            sightings.append(detector.find(noisy(image, rng)))
    solution = solve_sightings(
        setup.samples, q + rng.normal(0, JOINT_NOISE_RAD, q.shape), sightings
    )
    millimetres, degrees = errors(solution, setup)
    assert millimetres < 2.0 and degrees < 0.2
    assert len(solution.used) >= SAMPLES - 2
    assert not solution.scale_is_wrong


@pytest.mark.parametrize("make", SETUPS)
def test_exact_measurements_give_the_exact_camera_and_board(
    make: Callable[[], cases.Setup],
) -> None:
    setup = make()
    q = setup.postures(12, np.random.default_rng(0))
    solution = solve_sightings(setup.samples, q, setup.sightings(q, 0.0, np.random.default_rng(0)))
    np.testing.assert_allclose(solution.parent_T_cam, setup.camera.parent_T_cam, atol=1e-6)
    np.testing.assert_allclose(solution.mount_T_board, setup.frame_T_board, atol=1e-6)
    assert solution.residual_px < 1e-3


@pytest.mark.parametrize("make", SETUPS)
def test_samples_with_wrong_joints_are_left_out(make: Callable[[], cases.Setup]) -> None:
    setup = make()
    q, sightings = measured(setup, 1)
    wrong = [2, 9, 17, 18, 23, 28]
    q[wrong] += np.random.default_rng(1).normal(0, np.deg2rad(4.0), (len(wrong), 7))
    solution = solve_sightings(setup.samples, q, sightings)
    left_out = [i for i, sample in enumerate(solution.samples) if not sample.used]
    assert set(wrong) <= set(left_out) and len(left_out) <= len(wrong) + 1
    assert all(solution.samples[i].reason == "contradicts the others" for i in wrong)
    millimetres, degrees = errors(solution, setup)
    assert millimetres < 3.0 and degrees < 0.2


def test_image_without_a_board_says_so_and_does_no_harm() -> None:
    setup = cases.eye_on_base()
    q, sightings = measured(setup, 0)
    sightings[4] = Sighting(np.empty(0, int), np.empty((0, 2)))
    sightings[5] = Sighting(sightings[5].ids[:3], sightings[5].uv[:3])
    solution = solve_sightings(setup.samples, q, sightings)
    reasons = [sample.reason for sample in solution.samples]
    assert reasons[4] == "the board was not found"
    assert reasons[5] == "only 3 corners of the board were found"
    assert errors(solution, setup)[0] < 3.0


def test_stated_deviation_is_that_of_the_errors() -> None:
    """Errors of the place, in standard deviations: below one axis' worst, on average."""
    setup, ratios = cases.eye_on_base(), []
    for seed in range(8):
        solution = solve_sightings(setup.samples, *measured(setup, seed, 20))
        ratios.append(errors(solution, setup)[0] * 1e-3 / solution.camera_m)
    assert 0.4 < np.sqrt(np.mean(np.square(ratios))) < 2.0


def test_giving_joints_their_errors_beats_the_closed_form() -> None:
    setup, refined, closed = cases.eye_on_base(), [], []
    for seed in range(6):
        q, sightings = measured(setup, seed)
        observed = observations(setup.samples, q, sightings)
        mounts = observed.parent_T_mount(q)
        poses = np.array([board_pose(s, setup.board, setup.camera.intrinsics) for s in sightings])
        start = camera_pose(mounts, poses)
        board = mean_pose(invert(mounts) @ start @ poses)
        best = adjust(observed, Estimate(start, board), Noise()).estimate.parent_T_cam
        truth = setup.camera.parent_T_cam
        refined.append(pose_error(best, truth)[0])
        closed.append(pose_error(start, truth)[0])
    assert np.mean(refined) < 0.7 * np.mean(closed)


@pytest.mark.skipif(
    not hasattr(cv2, "calibrateHandEye"), reason="OpenCV 5 has no calibrateHandEye for Python"
)
@pytest.mark.parametrize("method", ["CALIB_HAND_EYE_PARK", "CALIB_HAND_EYE_TSAI"])
def test_closed_form_agrees_with_opencv(method: str) -> None:
    setup = cases.eye_in_hand()
    q, sightings = measured(setup, 2)
    mounts = observations(setup.samples, q, sightings).parent_T_mount(q)
    poses = np.array([board_pose(s, setup.board, setup.camera.intrinsics) for s in sightings])
    hand = invert(mounts)  # the hand in the base, as OpenCV wants it
    rotation, shift = cv2.calibrateHandEye(
        list(hand[:, :3, :3]),
        list(hand[:, :3, 3]),
        list(poses[:, :3, :3]),
        list(poses[:, :3, 3]),
        method=getattr(cv2, method),
    )
    theirs = transform(rotation, shift[:, 0])
    distance_m, angle_rad = pose_error(camera_pose(mounts, poses), theirs)
    assert distance_m < 0.004 and angle_rad < np.deg2rad(0.4)


def test_too_few_samples_are_refused() -> None:
    setup = cases.eye_in_hand()
    q, sightings = measured(setup, 0, 5)
    with pytest.raises(CalibrationError, match=r"only 5 samples show the board.* at least 6"):
        solve_sightings(setup.samples, q, sightings)


def test_samples_that_turn_about_one_axis_only_are_refused() -> None:
    setup = cases.eye_in_hand()
    q = np.repeat(setup.q_middle[None], 12, axis=0)
    q[:, 6] += np.linspace(-0.6, 0.6, 12)
    sightings = setup.sightings(q, CORNER_NOISE_PX, np.random.default_rng(0))
    with pytest.raises(CalibrationError, match=r"about one axis and by 0\.\d about a second"):
        solve_sightings(setup.samples, q, sightings)


def test_samples_without_any_rotation_are_refused() -> None:
    setup = cases.eye_on_base()
    q = np.repeat(setup.q_middle[None], 8, axis=0)
    sightings = setup.sightings(q, CORNER_NOISE_PX, np.random.default_rng(0))
    with pytest.raises(CalibrationError, match="turns by 0 degrees about one axis"):
        solve_sightings(setup.samples, q, sightings)


def test_joints_of_other_moments_than_the_images_are_refused() -> None:
    setup = cases.eye_on_base()
    q, sightings = measured(setup, 0)
    with pytest.raises(CalibrationError, match=r"only \d+ of 30 samples agree"):
        solve_sightings(setup.samples, np.roll(q, 1, axis=0), sightings)


def test_print_of_another_size_is_noticed() -> None:
    setup = cases.eye_on_base()
    q, sightings = measured(setup, 5)
    given = replace(setup.board, square_m=0.98 * setup.board.square_m)
    solution = solve_sightings(replace(setup.samples, board=given), q, sightings)
    assert solution.scale_is_wrong
    assert solution.scale == pytest.approx(1 / 0.98, abs=0.004)


def test_board_far_away_is_found_with_all_its_corners() -> None:
    setup = cases.eye_on_base(distance_m=1.3)
    with BoardWorld([setup.camera], setup.board, setup.board_frame, setup.frame_T_board) as world:
        image = world.images(setup.q_middle)["front"]
    sighting = BoardDetector(setup.board).find(image)
    assert len(sighting) == len(setup.board.corners)
    k = setup.camera.intrinsics
    xyz = cases.apply_all(setup.cam_T_board(setup.q_middle[None]), setup.board.corners)[0]
    expected = xyz[:, :2] / xyz[:, 2:] * (k.fx, k.fy) + (k.cx, k.cy)
    found = sighting.uv[np.argsort(sighting.ids)]
    assert np.abs(found - expected).max() < 0.5
    assert np.abs((found - expected).mean(0)).max() < 0.05  # no half pixel anywhere


def test_picture_without_a_board_has_no_corners() -> None:
    sighting = BoardDetector(cases.BOARD).find(np.full((480, 640, 3), 128, np.uint8))
    assert len(sighting) == 0
    assert board_pose(sighting, cases.BOARD, cases.INTRINSICS) is None


def test_pose_of_a_board_is_that_of_its_corners() -> None:
    pose = transform(rotation_z(0.4) @ rotation_x(0.5), np.array([-0.05, 0.02, 0.9]))
    xyz = cases.apply_all(pose[None], cases.BOARD.corners)[0]
    k = cases.INTRINSICS
    uv = xyz[:, :2] / xyz[:, 2:] * (k.fx, k.fy) + (k.cx, k.cy)
    found = board_pose(Sighting(np.arange(len(uv)), uv), cases.BOARD, k)
    np.testing.assert_allclose(found, pose, atol=1e-5)


def test_corners_on_a_line_give_no_pose() -> None:
    row = np.arange(cases.BOARD.squares_x - 1)
    uv = np.column_stack([100.0 + 20 * row, np.full(len(row), 200.0)])
    assert board_pose(Sighting(row, uv), cases.BOARD, cases.INTRINSICS) is None
