#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cost of the MuJoCo world: reset, physics, and four camera images in each quality.

    LP_NUM_THREADS=1 OMP_NUM_THREADS=1 python benchmarks/world.py

Processor time is what another load on the machine does not change; wall time is what a robot sees.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "src" / "genima"))

from genima.cameras import load_rig
from genima.sim.mujoco_world import MujocoWorld
from genima.sim.renderer import MujocoRenderer, Quality

ROOT = Path(__file__).parents[1]
TASK = "take_lid_off_saucepan"


def report(name: str, work: Callable[[], object], repeats: int) -> None:
    work()
    cpu_ms, wall_ms = [], []
    for _ in range(repeats):
        cpu, wall = process_time(), perf_counter()
        work()
        cpu_ms.append(1e3 * (process_time() - cpu))
        wall_ms.append(1e3 * (perf_counter() - wall))
    print(
        f"{name:36s} processor: least {min(cpu_ms):7.2f} ms, median {np.median(cpu_ms):7.2f} ms;"
        f" wall: median {np.median(wall_ms):7.2f} ms"
    )


def main() -> None:
    world = MujocoWorld(load_rig(ROOT / "config" / "cameras.yaml"))
    report("reset", lambda: world.reset(TASK, 0, 0), 10)
    command = np.tile(world.state().q, (25, 1))
    report("control step (25 physics steps)", lambda: world.advance(command, True), 100)
    report("snapshot", world.snapshot, 100)
    report("expert chunk", lambda: world.expert_chunk(20), 50)
    snapshot = world.snapshot()
    for quality in (Quality.FAST, Quality.SHADOWS):
        renderer = MujocoRenderer(world, quality)
        report(f"four images, {quality.name}", lambda r=renderer: r.render(snapshot), 20)
        renderer.close()
    renderer = MujocoRenderer(world)
    report("beauty picture", lambda: renderer.beauty(snapshot), 5)
    renderer.close()


if __name__ == "__main__":
    main()
