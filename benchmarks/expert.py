#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How often experts succeed, and followers who know only where the expert will be in a second."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "src" / "genima"))

from genima.cameras import load_rig
from genima.sim.expert_rollout import ExpertFollower, Follower, TargetFollower, roll_out
from genima.sim.mujoco_world import MujocoWorld

CAMERAS = Path(__file__).parents[1] / "config" / "cameras.yaml"
NOISE_RAD = np.radians(0.3)
FOLLOWERS: dict[str, Callable[[int], Follower]] = {
    "expert, asked at every step": lambda _: ExpertFollower(),
    **{f"target, horizon {h}": lambda _, h=h: TargetFollower(h) for h in (20, 10, 5)},
    **{
        f"noise, horizon {h}, {late} steps late": lambda seed, h=h, late=late: TargetFollower(
            h, NOISE_RAD, late, seed
        )
        for h in (20, 10, 5)
        for late in (0, 5, 10)
    },
}


def main() -> None:
    world = MujocoWorld(load_rig(CAMERAS))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=world.task_names())
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=100_000)
    given = parser.parse_args()
    print("| task | follower | successes | steps: median, 95 %, longest | CPU ms an episode |")
    print("|---|---|---|---|---|")
    for task in given.tasks:
        for name, follower in FOLLOWERS.items():
            began = process_time()
            seeds = range(given.seed, given.seed + given.episodes)
            rollouts = [roll_out(world, task, seed, follower(seed)) for seed in seeds]
            cpu_ms = 1e3 * (process_time() - began) / given.episodes
            steps = [rollout.steps for rollout in rollouts if rollout.success] or [0]
            usual, most = np.percentile(steps, [50, 95])
            failed = [s for s, rollout in zip(seeds, rollouts, strict=True) if not rollout.success]
            print(
                f"| {task} | {name} | {given.episodes - len(failed)} of {given.episodes} | "
                f"{usual:.0f}, {most:.0f}, {max(steps)} | {cpu_ms:.0f} |",
                f"failed: {failed}" if failed else "",
                flush=True,
            )


if __name__ == "__main__":
    main()
