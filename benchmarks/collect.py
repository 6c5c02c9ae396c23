#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Demonstrations a minute and core, and what the time goes to.

    LP_NUM_THREADS=0 OMP_NUM_THREADS=1 python benchmarks/collect.py [--episodes N]

One worker's work, in this process. Processor time is what another load on the machine changes
least; wall time is what a person waits for.
"""

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src" / "genima"))

from genima.cameras import load_rig
from genima.collect.episode import record, roll_out, square_rig
from genima.collect.plan import DemonstrationSeed
from genima.data import demonstration_writer
from genima.data.training_set import TrainingSet
from genima.data.training_set_info import TrainingSetInfo
from genima.sim.mujoco_world import MujocoWorld
from genima.sim.renderer import MujocoRenderer, Quality
from genima.sim.runner import POLICY_STEP_S

ROOT = Path(__file__).parents[1]
MAX_STEPS = 400


class Shares:
    """Processor seconds of named parts."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = defaultdict(float)

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Count what is done inside as a part's."""
        began_s = process_time()
        yield
        self.cpu_s[name] += process_time() - began_s

    def watch(self, owner: Any, method: str, name: str) -> None:
        """Count a method's time as a part's."""
        plain: Callable[..., Any] = getattr(owner, method)

        def counted(*args: Any) -> Any:
            with self.of(name):
                return plain(*args)

        setattr(owner, method, counted)


def measure(quality: Quality, episodes: int, seed: int, root: Path) -> None:
    rig = load_rig(ROOT / "config" / "cameras.yaml")
    world, shares = MujocoWorld(rig), Shares()
    renderer = MujocoRenderer(world, quality)
    training_set = TrainingSet.create(root, TrainingSetInfo(POLICY_STEP_S, square_rig(rig)))
    write_png = demonstration_writer.write_png
    shares.watch(demonstration_writer, "write_png", "PNG files")
    shares.watch(renderer, "render", "rendering")
    wall_s, cpu_s, total = perf_counter(), process_time(), 0
    for task in world.task_names():
        began_s, steps = process_time(), 0
        for episode in range(episodes):
            with shares.of("scene, physics and expert"):
                rollout = roll_out(world, DemonstrationSeed(task, seed + episode), MAX_STEPS)
            steps += len(rollout.steps)
            with training_set.writer(task, 0, episode) as writer:
                record(rollout, renderer, square_rig(rig), writer)
        total += episodes
        mean_s = (process_time() - began_s) / episodes
        print(f"  {task:24s} {steps / episodes:5.0f} steps {60 / mean_s:6.1f} a minute and core")
    cpu_s, wall_s = process_time() - cpu_s, perf_counter() - wall_s
    renderer.close()
    demonstration_writer.write_png = write_png
    rate, by_clock = 60 * total / cpu_s, 60 * total / wall_s
    print(f"  all tasks: {rate:.1f} a minute and core, by the clock {by_clock:.1f}")
    for name, part_s in sorted(shares.cpu_s.items(), key=lambda item: -item[1]):
        print(f"    {name:32s} {part_s / cpu_s:6.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=5, help="of each task")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for quality in (Quality.SHADOWS, Quality.FAST):
        print(f"image quality {quality.name.lower()}:")
        with tempfile.TemporaryDirectory() as folder:
            measure(quality, arguments.episodes, arguments.seed, Path(folder) / "set")


if __name__ == "__main__":
    main()
