# SPDX-License-Identifier: Apache-2.0
"""From a folder of samples to the pose of the camera, with what speaks for and against it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Bool, Float
from genima.cameras import Camera
from genima.errors import CalibrationError
from genima.geometry import invert, pose_error
from genima.handeye.closed_form import MIN_SAMPLES, camera_pose, mean_pose, require_motion
from genima.handeye.detection import MIN_CORNERS, BoardDetector, Sighting, board_pose
from genima.handeye.placed_board import PlacedBoard
from genima.handeye.refine import Adjustment, Estimate, Noise, Observations, adjust
from genima.handeye.samples import SampleFolder, SampleSetup

#: Two samples agree if they put the board to places no further apart: poses from one image are no
#: better at a distance.
_AGREE_M, _AGREE_RAD = 0.03, float(np.deg2rad(4.0))
_DRAWS, _DRAWN = 60, 5
#: A sample is left out if its residual at the board exceeds this many medians, and so much [m].
_OUTLIER_MEDIANS, _OUTLIER_M = 3.5, 0.003
_MOST_ROUNDS = 6
#: Fewer samples that agree than this part are no calibration.
_LEAST_AGREEING = 0.5

_NOISE = Noise()

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class SampleResult:
    """What became of a sample.

    Attributes:
        sighting: The corners that were found.
        residual_px: Root mean square distance of corners from where they should be; NaN if there
            were too few.
        residual_m: The same at the board.
        used: Whether it counts.
        reason: Why it does not.
    """

    sighting: Sighting
    residual_px: float
    residual_m: float
    used: bool
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Solution:
    """A calibrated camera.

    Attributes:
        setup: Camera, board and frames.
        parent_T_cam: Pose of the camera in its parent.
        mount_T_board: Pose of the board in the frame it is fixed to.
        camera_m: Standard deviation of the camera's place, along its worst axis [m].
        camera_rad: Standard deviation of its orientation, about its worst axis [rad].
        scale: Size of the board in the images over the one that was given.
        scale_std: Standard deviation of that.
        samples: What became of each.
    """

    setup: SampleSetup
    parent_T_cam: "Float[Array, '4 4']"
    mount_T_board: "Float[Array, '4 4']"
    camera_m: float
    camera_rad: float
    scale: float
    scale_std: float
    samples: tuple[SampleResult, ...]

    @property
    def camera(self) -> Camera:
        """The camera where it was found to be."""
        setup = self.setup
        pose = self.parent_T_cam
        return Camera(setup.camera, setup.intrinsics, setup.parent_frame, pose, setup.frame_id)

    @property
    def placed_board(self) -> PlacedBoard:
        """The board where it was found to be."""
        return PlacedBoard(self.setup.board, self.setup.board_frame, self.mount_T_board)

    @property
    def used(self) -> list[SampleResult]:
        """The samples that count."""
        return [sample for sample in self.samples if sample.used]

    @property
    def residual_px(self) -> float:
        """Root mean square over all corners of the samples that count [px]."""
        squares = [len(s.sighting) * s.residual_px**2 for s in self.used]
        return float(np.sqrt(sum(squares) / sum(len(s.sighting) for s in self.used)))

    @property
    def scale_is_wrong(self) -> bool:
        """Whether the print seems to have another size than was given."""
        return abs(self.scale - 1.0) > max(0.005, 4.0 * self.scale_std)


def solve(folder: SampleFolder, progress: Progress | None = None) -> Solution:
    """Find the board in all images, then the camera.

    Raises:
        CalibrationError: An image cannot be read, too few show the board, the arm has turned too
            little, or the samples contradict one another.
    """
    detector, sightings = BoardDetector(folder.setup.board), []
    for index in range(len(folder.samples)):
        sightings.append(detector.find(folder.image(index)))
        if progress is not None:
            progress(index + 1, len(folder.samples))
    return solve_sightings(folder.setup, folder.q, sightings)


def solve_sightings(
    setup: SampleSetup, q: Float[Array, "n 7"], sightings: list[Sighting], noise: Noise = _NOISE
) -> Solution:
    """The same from corners that were found before.

    Args:
        setup: Camera, board and frames.
        q: Joint positions of each sample [rad].
        sightings: Of each sample.
        noise: How exact joints and corners are.

    Raises:
        CalibrationError: As for `solve`.
    """
    poses = [board_pose(s, setup.board, setup.intrinsics) for s in sightings]
    posed: Bool[Array, "n"] = np.asarray([pose is not None for pose in poses])
    observed = observations(setup, q, sightings)
    mounts = observed.parent_T_mount(observed.q)
    require_motion(mounts[posed])
    boards = np.array([np.eye(4) if pose is None else pose for pose in poses])
    agreeing: Bool[Array, "n"] = posed.copy()
    agreeing[posed] = _agreeing(mounts[posed], boards[posed])
    adjusted, used = _settle(observed, mounts, boards, posed, agreeing, noise)
    sized = adjust(observed.only(used), adjusted.estimate, noise, with_scale=True)
    return Solution(
        setup=setup,
        parent_T_cam=adjusted.estimate.parent_T_cam,
        mount_T_board=adjusted.estimate.mount_T_board,
        camera_m=adjusted.camera_m,
        camera_rad=adjusted.camera_rad,
        scale=sized.estimate.scale,
        scale_std=sized.scale_std,
        samples=_results(observed, adjusted.estimate, sightings, used),
    )


def observations(
    setup: SampleSetup, q: Float[Array, "n 7"], sightings: list[Sighting]
) -> Observations:
    """Samples as the adjustment takes them."""
    uv = np.full((len(sightings), len(setup.board.corners), 2), np.nan)
    for row, sighting in zip(uv, sightings, strict=True):
        row[sighting.ids] = sighting.uv
    return Observations(
        np.asarray(q, float),
        uv,
        setup.board.corners,
        setup.intrinsics,
        setup.parent_frame,
        setup.board_frame,
    )


def _agreeing(mounts: Float[Array, "n 4 4"], boards: Float[Array, "n 4 4"]) -> Bool[Array, "n"]:
    """The largest group of samples that put the board to the same place.

    Cameras are computed from a few samples each; wrong ones among these spoil only their draw.
    """
    rng = np.random.default_rng(0)
    best: Bool[Array, "n"] = np.zeros(len(mounts), bool)
    spread = np.inf
    for _ in range(_DRAWS):
        drawn = rng.choice(len(mounts), _DRAWN, replace=False)
        parent_T_cam = camera_pose(mounts[drawn], boards[drawn])
        if not np.isfinite(parent_T_cam).all():
            continue
        places = invert(mounts) @ parent_T_cam @ boards
        shift_m, turn_rad = pose_error(mean_pose(places[drawn]), places)
        agree = (shift_m < _AGREE_M) & (turn_rad < _AGREE_RAD)
        wide = float(np.median(shift_m))
        if (agree.sum(), -wide) > (best.sum(), -spread):
            best, spread = agree, wide
    return best


def _settle(
    observed: Observations,
    mounts: Float[Array, "n 4 4"],
    boards: Float[Array, "n 4 4"],
    posed: Bool[Array, "n"],
    used: Bool[Array, "n"],
    noise: Noise,
) -> tuple[Adjustment, Bool[Array, "n"]]:
    """Adjust, leave out what does not fit, take in what does, until nothing changes."""
    for _ in range(_MOST_ROUNDS):
        _require_agreement(int(used.sum()), int(posed.sum()))
        require_motion(mounts[used])
        camera = camera_pose(mounts[used], boards[used])
        start = Estimate(camera, mean_pose(invert(mounts[used]) @ camera @ boards[used]))
        adjusted = adjust(observed.only(used), start, noise)
        _, residuals = _residuals(observed, adjusted.estimate)
        limit = max(_OUTLIER_M, _OUTLIER_MEDIANS * float(np.median(residuals[used])))
        fitting = posed & (np.nan_to_num(residuals, nan=np.inf) <= limit)
        if (fitting == used).all():
            break
        used = fitting
    return adjusted, used


def _require_agreement(agreeing: int, count: int) -> None:
    if agreeing < max(_LEAST_AGREEING * count, MIN_SAMPLES):
        raise CalibrationError(
            f"only {agreeing} of {count} samples agree with one another; see that board_frame and "
            "parent_frame are right, the board did not slip, square_m is as measured, and joints "
            "and images are of the same moments"
        )


def _residuals(
    observed: Observations, estimate: Estimate
) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
    """Root mean square error of each sample's corners, in the image [px] and at the board [m].

    NaN where none was seen.
    """
    errors = observed.errors_px(estimate, observed.q)
    with np.errstate(invalid="ignore"):
        in_image = np.sqrt((errors**2).sum((1, 2)) / observed.seen.sum(1))
    mounts = observed.parent_T_mount(observed.q)
    depth_m = (invert(estimate.parent_T_cam) @ mounts @ estimate.mount_T_board)[:, 2, 3]
    return in_image, in_image * depth_m / observed.intrinsics.fx


def _results(
    observed: Observations,
    estimate: Estimate,
    sightings: list[Sighting],
    used: Bool[Array, "n"],
) -> tuple[SampleResult, ...]:
    in_image, at_board = _residuals(observed, estimate)
    results = []
    for i, sighting in enumerate(sightings):
        reason = ""
        if not len(sighting):
            reason = "the board was not found"
        elif len(sighting) < MIN_CORNERS:
            reason = f"only {len(sighting)} corners of the board were found"
        elif not used[i]:
            reason = "contradicts the others"
        known = len(sighting) >= MIN_CORNERS
        residual_px, residual_m = (
            float(values[i]) if known else float("nan") for values in (in_image, at_board)
        )
        results.append(SampleResult(sighting, residual_px, residual_m, bool(used[i]), reason))
    return tuple(results)
