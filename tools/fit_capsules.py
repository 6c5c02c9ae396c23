#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fits capsules to the Panda's meshes and prints the table of `genima.safety.arm_shape`.

Each link is cut by the planes that let capsules enclose its pieces most tightly.
A capsule is convex, so it holds a piece of mesh if it holds the corners of its triangles. The
meshes are those of the wheel `dm-robotics-panda`, which the embedded world is made of.
"""

from pathlib import Path

import numpy as np
import trimesh
from scipy.optimize import minimize

from genima.sim.panda_meshes import source_folder

#: How many capsules each mesh gets.
LINKS = {"link0": 1, "link1": 2, "link2": 2, "link3": 2, "link4": 2, "link5": 2}
LINKS |= {"link6": 2, "link7": 1, "hand": 1, "fingers": 1}
CUTS = 7  # planes tried along each axis
GROWTH_M = 5e-4  # so that rounding the printed numbers uncovers nothing
#: Where the fingers' frame is in the hand's [m], and how far each can open [m].
FINGER_Z_M, FINGER_STROKE_M = 0.0584, 0.04


def load(folder: Path, link: str) -> trimesh.Trimesh:
    """A link's mesh in its own frame; both fingers in the hand's, wide open and closed."""
    if link != "fingers":
        return trimesh.load(folder / f"{link}.obj", force="mesh", process=False)
    finger = trimesh.load(folder / "finger.obj", force="mesh", process=False)
    copies = []
    for side in (1.0, -1.0):
        for way_m in (0.0, FINGER_STROKE_M):
            vertices = finger.vertices * [side, side, 1.0] + [0.0, side * way_m, FINGER_Z_M]
            copies.append(trimesh.Trimesh(vertices, finger.faces, process=False))
    return trimesh.util.concatenate(copies)


def distance_to_axis(points: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """How far points (n, 3) are from the axis between two ends (6,) [m]."""
    start, way = ends[:3], ends[3:] - ends[:3]
    along = np.clip((points - start) @ way / max(way @ way, 1e-12), 0.0, 1.0)
    return np.linalg.norm(points - start - along[:, None] * way, axis=1)


def volume(points: np.ndarray, ends: np.ndarray) -> float:
    """Of the capsule with these ends that holds all points [m^3]."""
    radius = distance_to_axis(points, ends).max()
    length = np.linalg.norm(ends[3:] - ends[:3])
    return np.pi * radius**2 * (length + 4.0 / 3.0 * radius)


def fit(corners: np.ndarray, starts: int = 6) -> tuple[float, np.ndarray]:
    """The smallest capsule found around the corners of triangles: volume, and both ends.

    Args:
        corners: Of the triangles (t, 3, 3) [m].
        starts: From how many axes to search; with 1, briefly.
    """
    points = trimesh.convex.convex_hull(corners.reshape(-1, 3)).vertices
    middle = points.mean(axis=0)
    axes = np.linalg.svd(points - middle, full_matrices=False)[2]
    found = []
    for axis in [*axes, *np.eye(3)][:starts]:
        span = (points - middle) @ axis
        ends = [middle + 0.6 * end * axis for end in (span.min(), span.max())]
        found.append(
            minimize(
                lambda ends: 1e3 * volume(points, ends),
                np.concatenate(ends),
                method="Nelder-Mead",
                options={
                    "maxiter": 300 if starts == 1 else 2000,
                    "xatol": 1e-5,
                    "fatol": 1e-6,
                    "adaptive": True,
                },
            )
        )
    best = min(found, key=lambda result: result.fun)
    return float(best.fun), best.x


def cut(corners: np.ndarray) -> list[np.ndarray]:
    """Both sides of a piece, along the plane that lets capsules enclose them most tightly."""
    middles = corners.mean(axis=1)
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    best: tuple[float, list[np.ndarray]] | None = None
    for axis in range(3):
        for share in np.linspace(0.2, 0.8, CUTS):
            above = middles[:, axis] > low[axis] + share * (high - low)[axis]
            sides = [corners[above], corners[~above]]
            total = sum(fit(side, starts=1)[0] for side in sides)
            if best is None or total < best[0]:
                best = total, sides
    assert best is not None
    return best[1]


def main() -> None:
    """Print one row for each capsule: link, both ends and radius [m]."""
    folder = source_folder()
    for link, count in LINKS.items():
        mesh = load(folder, link)
        pieces = [mesh.vertices[mesh.faces]]
        while len(pieces) < count:
            largest = max(range(len(pieces)), key=lambda i: fit(pieces[i], starts=1)[0])
            pieces += cut(pieces.pop(largest))
        for piece in pieces:
            ends = fit(piece)[1]
            radius = distance_to_axis(piece.reshape(-1, 3), ends).max() + GROWTH_M
            print(f"    {link}: {np.append(ends, radius).round(4).tolist()}", flush=True)


if __name__ == "__main__":
    main()
