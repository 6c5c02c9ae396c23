#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How exactly cameras are found from rendered boards, and what the adjustment of joints wins."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src" / "genima"), str(ROOT / "src" / "genima" / "test")]

import handeye_cases as cases  # noqa: E402

from genima.geometry import invert, pose_error  # noqa: E402
from genima.handeye.closed_form import camera_pose, mean_pose  # noqa: E402
from genima.handeye.detection import BoardDetector, Sighting, board_pose  # noqa: E402
from genima.handeye.refine import Estimate, Noise, adjust  # noqa: E402
from genima.handeye.simulated import BoardWorld  # noqa: E402
from genima.handeye.solve import observations, solve_sightings  # noqa: E402

SETUPS: dict[str, Callable[[], cases.Setup]] = {
    "in hand, board on the table": cases.eye_in_hand,
    "standing, board in the hand at 1 m": cases.eye_on_base,
    "standing, board in the hand at 1.3 m": lambda: cases.eye_on_base(distance_m=1.3),
}
PIXEL_NOISE = 3.0
CORNER_NOISE_PX = 0.1
#: Of each joint [deg]: new for each sample, or the same in all of them.
JOINT_NOISE = {
    "0.1 deg each sample": (0.1, 0.0),
    "0.02 deg each sample": (0.02, 0.0),
    "0.1 deg in all samples alike": (0.0, 0.1),
    "none": (0.0, 0.0),
}


def sightings_of(
    setup: cases.Setup, q: np.ndarray, rng: np.random.Generator, world: BoardWorld | None
) -> list[Sighting]:
    """Corners found in rendered images, or projected with noise."""
    if world is None:
        return setup.sightings(q, CORNER_NOISE_PX, rng)
    detector, found = BoardDetector(setup.board), []
    for posture in q:
        image = world.images(posture)[setup.camera.name]
        noisy = image + rng.normal(0, PIXEL_NOISE, image.shape)
        found.append(detector.find(np.clip(noisy, 0, 255).astype(np.uint8)))
    return found


def errors(pose: np.ndarray, setup: cases.Setup) -> tuple[float, float]:
    """Distance [mm] and angle [deg] to the truth."""
    distance_m, angle_rad = pose_error(pose, setup.camera.parent_T_cam)
    return float(distance_m) * 1e3, float(np.rad2deg(angle_rad))


def solved(
    setup: cases.Setup, q: np.ndarray, sightings: list[Sighting]
) -> dict[str, tuple[float, float]]:
    """Errors of each way to solve."""
    observed = observations(setup.samples, q, sightings)
    mounts = observed.parent_T_mount(q)
    poses = [board_pose(s, setup.board, setup.camera.intrinsics) for s in sightings]
    posed = np.array([pose is not None for pose in poses])
    boards = np.array([pose for pose in poses if pose is not None])
    start = camera_pose(mounts[posed], boards)
    first = Estimate(start, mean_pose(invert(mounts[posed]) @ start @ boards))
    exact = adjust(observed.only(posed), first, Noise(joint_rad=0.0)).estimate.parent_T_cam
    best = solve_sightings(setup.samples, q, sightings).parent_T_cam
    return {
        "closed form": errors(start, setup),
        "corners only": errors(exact, setup),
        "corners and joints": errors(best, setup),
    }


def run(name: str, make: Callable[[], cases.Setup], arguments: argparse.Namespace) -> None:
    setup = make()
    results: dict[tuple[str, str], list[tuple[float, float]]] = {}
    spent_s = 0.0
    with BoardWorld([setup.camera], setup.board, setup.board_frame, setup.frame_T_board) as world:
        for seed in range(arguments.seeds):
            rng = np.random.default_rng(100_000 + seed)
            q = setup.postures(arguments.samples, rng)
            found = sightings_of(setup, q, rng, None if arguments.corners else world)
            for noise, (each_deg, alike_deg) in JOINT_NOISE.items():
                off = rng.normal(0, each_deg, q.shape) + rng.normal(0, alike_deg, 7)
                begin_s = process_time()
                for way, error in solved(setup, q + np.deg2rad(off), found).items():
                    results.setdefault((noise, way), []).append(error)
                spent_s += process_time() - begin_s
    print(f"\n**{name}**\n")
    print("| joint noise | solved by | mm: median, worst | deg: median, worst |")
    print("|---|---|---|---|")
    for (noise, way), rows in results.items():
        mm, deg = np.array(rows).T
        print(
            f"| {noise} | {way} | {np.median(mm):.2f}, {mm.max():.2f} "
            f"| {np.median(deg):.3f}, {deg.max():.3f} |"
        )
    print(
        f"\n{spent_s / arguments.seeds / len(JOINT_NOISE):.2f} s of CPU for the three", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument(
        "--corners", action="store_true", help="project corners instead of rendering images"
    )
    arguments = parser.parse_args()
    images = f"corners with noise of {CORNER_NOISE_PX} px"
    if not arguments.corners:
        images = f"images of 640x480 with noise of {PIXEL_NOISE:g} of 255"
    print(f"{arguments.seeds} seeds, {arguments.samples} samples each, {images}")
    for name, make in SETUPS.items():
        run(name, make, arguments)


if __name__ == "__main__":
    main()
