#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draw one task as it is trained and under each factor: docs/images/perturbations.jpg."""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "src" / "genima"))

from genima.arrays import Array, UInt8
from genima.cameras import load_rig
from genima.sim.mujoco_world import MujocoWorld
from genima.sim.renderer import MujocoRenderer
from genima.sim.scenery import Factor, Scenery

ROOT = Path(__file__).parents[1]
CAMERAS = ("front", "wrist", "left_shoulder", "right_shoulder")
SIZE_PX, CAPTION_PX, GAP_PX = 150, 24, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="open_drawer")
    parser.add_argument("--seed", type=int, default=100_003)
    parser.add_argument("--episodes", type=int, default=2, help="seeds, one beside the other")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "perturbations.jpg")
    given = parser.parse_args()
    seeds = range(given.seed, given.seed + given.episodes)
    rows = [row(factors, given.task, seeds) for factors in ((), *((f,) for f in Factor))]
    cv2.imwrite(str(given.out), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


def row(factors: tuple[Factor, ...], task: str, seeds: range) -> UInt8[Array, "h w 3"]:
    """What the cameras see of each seed, under the factor's name."""
    world = MujocoWorld(load_rig(ROOT / "config" / "cameras.yaml"), scenery=Scenery(factors))
    renderer = MujocoRenderer(world)
    cells = []
    for seed in seeds:
        world.reset(task, 0, seed)
        images = renderer.render(world.snapshot())
        views = [
            cv2.resize(images[name], (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA)
            for name in CAMERAS
        ]
        edge = [(0, 0), (GAP_PX // 2, GAP_PX // 2), (0, 0)]
        cells.append(np.pad(np.hstack(views), edge, constant_values=255))
    renderer.close()
    pictures = np.hstack(cells)
    caption = np.full((CAPTION_PX, pictures.shape[1], 3), 255, np.uint8)
    text = f"--perturb {factors[0].value}" if factors else f"{task}, as trained"
    cv2.putText(
        caption, text, (6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.46, (40, 40, 40), 1, cv2.LINE_AA
    )
    return np.vstack([caption, pictures])


if __name__ == "__main__":
    main()
