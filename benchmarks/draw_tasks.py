#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draw every task of the embedded world before and after its expert: docs/images/tasks.jpg."""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "src" / "genima"))

from genima.arrays import Array, UInt8
from genima.cameras import load_rig
from genima.sim.expert_rollout import ExpertFollower, follow
from genima.sim.mujoco_world import MujocoWorld
from genima.sim.renderer import MujocoRenderer
from genima.sim.world import Snapshot

ROOT = Path(__file__).parents[1]
WIDTH_PX, HEIGHT_PX, CAPTION_PX, GAP_PX = 340, 255, 24, 8
COLUMNS = 2
CROP = slice(60, 420), slice(60, 540)  # of the beauty picture: the table's middle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+")
    parser.add_argument("--seed", type=int, default=100_002)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "tasks.jpg")
    given = parser.parse_args()
    world = MujocoWorld(load_rig(ROOT / "config" / "cameras.yaml"))
    renderer = MujocoRenderer(world)
    cells = [cell(world, renderer, task, given.seed) for task in given.tasks or world.task_names()]
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % COLUMNS)
    rows = [np.hstack(cells[i : i + COLUMNS]) for i in range(0, len(cells), COLUMNS)]
    cv2.imwrite(str(given.out), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    renderer.close()


def cell(
    world: MujocoWorld, renderer: MujocoRenderer, task: str, seed: int
) -> UInt8[Array, "h w 3"]:
    """A task at its start and at success, under its name and instruction."""
    instruction = world.reset(task, 0, seed)[0]
    start = world.snapshot()
    steps = max(follow(world, ExpertFollower(), 400))
    if not world.success():
        sys.exit(f"the expert of {task} did not succeed with seed {seed}; give another --seed")
    pictures = np.hstack([picture(renderer, start), picture(renderer, world.snapshot())])
    caption = np.full((CAPTION_PX, pictures.shape[1], 3), 255, np.uint8)
    text = f'{task}: "{instruction}", {steps * 0.05:.1f} s'
    cv2.putText(
        caption, text, (2, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.46, (40, 40, 40), 1, cv2.LINE_AA
    )
    edge = [(0, GAP_PX), (GAP_PX // 2, GAP_PX // 2), (0, 0)]
    return np.pad(np.vstack([caption, pictures]), edge, constant_values=255)


def picture(renderer: MujocoRenderer, snapshot: Snapshot) -> UInt8[Array, "h w 3"]:
    """The world as people see it."""
    cropped = renderer.beauty(snapshot)[CROP]
    return cv2.resize(cropped, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main()
