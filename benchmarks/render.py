# SPDX-License-Identifier: Apache-2.0
"""How fast targets are drawn on one core, on the fly and into files, with real demonstrations.

Times are CPU times of this process, so that other load on the machine counts little. "As the
original" decodes a texture file for each image and lays spheres over it with NumPy masks, but
uses our spheres: its own take a hundred times longer, see benchmarks/spheres.py.

LP_NUM_THREADS=1 OMP_NUM_THREADS=1 python benchmarks/render.py [--tiles 400] [--picture FILE.png]
"""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Annotated

import cv2
import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from genima.arrays import Array, UInt8
from genima.cameras import load_rig
from genima.collect.episode import record, roll_out, square_rig
from genima.collect.plan import DemonstrationSeed
from genima.data.backgrounds import Backgrounds
from genima.data.demonstration import Demonstration
from genima.data.drawing import LEAST_ALPHA
from genima.data.render_plan import RenderKind, RenderPlan
from genima.data.render_set import draw_all, open_render
from genima.data.targets import Window, Windows
from genima.data.targets_torch import ObservationTargets, RandomBackgroundTargets
from genima.data.textures import TextureBank, procedural_bank
from genima.data.training_set import TrainingSet
from genima.data.training_set_info import TrainingSetInfo
from genima.policy import Policy
from genima.sim.mujoco_world import MujocoWorld
from genima.sim.renderer import MujocoRenderer
from genima.spheres import paint_spheres, render_spheres, sphere_poses

REPOSITORY = Path(__file__).parents[1]
POLICY = Policy()
TASKS = ("push_button", "open_drawer")
RANDOM, AS_ORIGINAL = "random backgrounds", "  the same as the original"
Draw = Callable[[int], object]

console = Console()


def main(
    tiles: Annotated[int, typer.Option(help="Random steps to draw in each round.")] = 400,
    rounds: Annotated[int, typer.Option(help="Repetitions.")] = 5,
    picture: Annotated[Path | None, typer.Option(help="Where to put a contact sheet.")] = None,
) -> None:
    """Time all ways of drawing the same steps."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    bank = procedural_bank()
    with TemporaryDirectory() as folder:
        data_set = collect(Path(folder) / "demonstrations")
        demonstrations = [data_set.load(key.task, key.episode) for key in list(data_set.keys())]
        if picture:
            sheet = contact_sheet(demonstrations, bank)
            cv2.imwrite(str(picture), sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        steps = np.random.default_rng(0).integers(0, sum(map(len, demonstrations)), tiles)
        time_drawing(ways_to_draw(demonstrations, bank, Path(folder)), steps.tolist(), rounds)
        time_copies(data_set, bank)


def collect(folder: Path) -> TrainingSet:
    """An episode of each task, as `genima collect` records it."""
    rig = load_rig(REPOSITORY / "config" / "cameras.yaml")
    data_set = TrainingSet.create(folder, TrainingSetInfo(POLICY.step_s, square_rig(rig)))
    world = MujocoWorld(rig)
    renderer = MujocoRenderer(world)
    for task in TASKS:
        rollout = roll_out(world, DemonstrationSeed(task, 0), max_steps=400)
        with data_set.writer(task, 0, 0) as writer:
            record(rollout, renderer, square_rig(rig), writer)
    renderer.close()
    world.close()
    return data_set


def ways_to_draw(
    demonstrations: list[Demonstration], bank: TextureBank, folder: Path
) -> dict[str, Draw]:
    """By name, what is timed; each takes the index of a step among all demonstrations."""
    windows = [
        (w, w[i]) for w in (Windows(d, POLICY) for d in demonstrations) for i in range(len(w))
    ]
    controller = RandomBackgroundTargets(demonstrations, POLICY, bank)
    diffusion = ObservationTargets(demonstrations, POLICY)
    files = texture_files(bank, folder)
    rng = np.random.default_rng(0)
    backgrounds = Backgrounds(bank, POLICY.image_size_px)
    blank = np.zeros((POLICY.image_size_px, POLICY.image_size_px, 3), np.uint8)
    return {
        RANDOM: lambda i: controller[i],
        AS_ORIGINAL: lambda i: as_original(*windows[i], files, rng),
        "  of it, spheres": lambda i: paint_all(*windows[i], blank),
        "  of it, backgrounds": lambda i: [backgrounds.draw(rng) for _ in range(4)],
        "observation and target": lambda i: diffusion[i],
    }


def time_drawing(ways: dict[str, Draw], steps: list[int], rounds: int) -> None:
    times_ms: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, draw in ways.items():
            start_s = process_time()
            for step in steps:
                draw(step)
            times_ms[name].append(1e3 * (process_time() - start_s) / len(steps))
    table = Table("tile of four images, 512 px", "ms, least", "ms, median", "tiles/s, median")
    for name, times in times_ms.items():
        median = float(np.median(times))
        table.add_row(name, f"{min(times):.2f}", f"{median:.2f}", f"{1e3 / median:.0f}")
    console.print(table)
    faster = np.median(np.divide(times_ms[AS_ORIGINAL], times_ms[RANDOM]))
    console.print(
        f"{faster:.1f} times faster than as the original; wanted: 300 tiles/s on one core\n"
        f"{processor()}, load {os.getloadavg()[0]:.1f}"
    )


def as_original(
    windows: Windows, window: Window, files: list[Path], rng: np.random.Generator
) -> torch.Tensor:
    """A texture file for each image, resized; spheres laid over it with masks."""
    base_T_spheres = sphere_poses(window.q_target)
    images = []
    for camera in windows.cameras:
        texture = cv2.imread(str(files[rng.integers(len(files))]))
        texture = cv2.resize(texture, (POLICY.image_size_px, POLICY.image_size_px))
        radius_m = POLICY.sphere_radii_m[camera.name]
        layer = render_spheres(
            base_T_spheres, window.gripper_target, camera.view(window.q), radius_m
        )
        alpha = rng.uniform(LEAST_ALPHA, 1.0)
        texture[layer.mask] = layer.rgb[layer.mask] * alpha + texture[layer.mask] * (1 - alpha)
        images.append(texture)
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()


def paint_all(windows: Windows, window: Window, image: UInt8[Array, "s s 3"]) -> None:
    base_T_spheres = sphere_poses(window.q_target)
    for camera in windows.cameras:
        radius_m = POLICY.sphere_radii_m[camera.name]
        view = camera.view(window.q)
        paint_spheres(image, base_T_spheres, window.gripper_target, view, radius_m, 0.8)


def texture_files(bank: TextureBank, folder: Path) -> list[Path]:
    """Some pictures of the bank as JPEG files."""
    files = [folder / f"{i}.jpg" for i in range(64)]
    for file, image in zip(files, bank.pictures[: len(files)], strict=True):
        cv2.imwrite(str(file), image)
    return files


def time_copies(data_set: TrainingSet, bank: TextureBank) -> None:
    """Time `genima render`, PNG files included."""
    for kind in RenderKind:
        plan = RenderPlan(data_set.root, kind, POLICY)
        start_s, steps = process_time(), 0
        with open_render(plan, plan.target(None)) as jobs:
            for done in draw_all(jobs, bank if kind is RenderKind.RANDOM else None, workers=1):
                steps += done.steps
        per_step_ms = 1e3 * (process_time() - start_s) / steps
        console.print(f"genima render --kind {kind.value}: {per_step_ms:.1f} ms a step")


def contact_sheet(demonstrations: list[Demonstration], bank: TextureBank) -> UInt8[Array, "h w 3"]:
    """The same steps on observations above and on random backgrounds below; BGR."""
    diffusion = ObservationTargets(demonstrations, POLICY)
    controller = RandomBackgroundTargets(demonstrations, POLICY, bank)
    above, below = [], []
    for step in np.linspace(0, len(controller) - 1, 9).astype(int)[1::2].tolist():
        above.append(cell(diffusion[step]["target"].permute(1, 2, 0).numpy()))
        wrist, front, right, left = controller[step]["images"].permute(0, 2, 3, 1).numpy()
        below.append(cell(np.vstack([np.hstack([wrist, front]), np.hstack([right, left])])))
    return cv2.cvtColor(np.vstack([np.hstack(above), np.hstack(below)]), cv2.COLOR_RGB2BGR)


def cell(tile: UInt8[Array, "2s 2s 3"]) -> UInt8[Array, "c c 3"]:
    small = cv2.resize(tile, (200, 200), interpolation=cv2.INTER_AREA)
    return cv2.copyMakeBorder(small, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "an unknown processor")


if __name__ == "__main__":
    typer.run(main)
