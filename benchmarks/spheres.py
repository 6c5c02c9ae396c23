# SPDX-License-Identifier: Apache-2.0
"""How long drawing four spheres takes, beside OpenGL in the same run; single-threaded both.

Times are CPU times of this process, so that other load on the machine counts little.

python benchmarks/spheres.py [--arms 20] [--rounds 5]
"""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated

import cv2
import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from genima.arrays import Array, Float
from genima.cameras import CameraRig, load_rig
from genima.limits import RobotModel, limits_of
from genima.policy import Policy
from genima.spheres import draw_spheres, render_spheres, sphere_poses
from genima.spheres_pyrender import PyrenderSpheres
from genima.spheres_torch import CameraBatch, render_spheres_batch
from genima.view import CameraView

REPOSITORY = Path(__file__).parents[1]
Draw = Callable[[Float[Array, "4 4 4"], bool, CameraView], object]
Arms = list[Float[Array, "7"]]

console = Console()


def main(
    arms: Annotated[int, typer.Option(help="Random arm configurations to draw.")] = 20,
    rounds: Annotated[int, typer.Option(help="Repetitions; the best of them counts.")] = 5,
) -> None:
    """Time all ways of drawing the same spheres and print the ratios."""
    os.environ["LP_NUM_THREADS"] = "1"  # llvmpipe reads it when the first context is made
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    policy = Policy()
    rig = load_rig(REPOSITORY / "config" / "cameras.yaml")
    limits = limits_of(RobotModel.PANDA)
    rng = np.random.default_rng(0)
    q_arms = list(rng.uniform(limits.q_min, limits.q_max, size=(arms, 7)))
    table = Table("camera", "ours ms", "worst", "rebuilt ms", "moved ms", "÷ rebuilt", "÷ moved")
    all_times_ms = np.zeros((3, arms))
    for name in policy.cameras:
        times_ms = time_camera(rig, name, policy.sphere_radii_m[name], q_arms, rounds)
        all_times_ms += times_ms
        table.add_row(name, *row(times_ms))
    table.add_section()
    table.add_row("all four", *row(all_times_ms))
    console.print(table)
    console.print(
        "mean and worst of the arms; beside pyrender with meshes rebuilt for each frame, and with "
        "persistent meshes that are moved\n÷ is how many times faster ours is; wanted: 10 and 3"
    )
    time_torch(rig, policy, q_arms, rounds)


def row(times_ms: Float[Array, "3 arms"]) -> list[str]:
    ours, rebuilt, moved = times_ms.mean(axis=1)
    ratios = [f"{rebuilt / ours:.0f} x", f"{moved / ours:.0f} x"]
    return [f"{ours:.3f}", f"{times_ms[0].max():.3f}", f"{rebuilt:.1f}", f"{moved:.1f}", *ratios]


def time_camera(
    rig: CameraRig, name: str, radius_m: float, q_arms: Arms, rounds: int
) -> Float[Array, "3 arms"]:
    """Best time for each drawing [ms]: ours laid over an image, pyrender rebuilt, and moved."""
    targets = [sphere_poses(q) for q in q_arms]
    views = [rig.cameras[name].view(np.roll(q_arms, 1, axis=0)[i]) for i in range(len(q_arms))]
    pinhole = rig.cameras[name].intrinsics
    image = np.zeros((pinhole.height, pinhole.width, 3), np.uint8)

    def draw_ours(poses: Float[Array, "4 4 4"], gripper_open: bool, view: CameraView) -> object:
        return draw_spheres(image, render_spheres(poses, gripper_open, view, radius_m))

    with closing(PyrenderSpheres(pinhole, radius_m)) as opengl:
        draws: tuple[Draw, ...] = (draw_ours, opengl.draw_rebuilding, opengl.draw_persistent)
        times_s = np.empty((rounds, len(draws), len(targets)))
        for draw in draws:
            draw(targets[0], True, views[0])  # shaders, caches
        for i, j, k in np.ndindex(times_s.shape):
            start_s = process_time()
            draws[j](targets[k], True, views[k])
            times_s[i, j, k] = process_time() - start_s
    return 1e3 * times_s.min(axis=0)


def time_torch(rig: CameraRig, policy: Policy, q_arms: Arms, rounds: int) -> None:
    """Print the time of the batched twin, whose batch is all arms with four cameras each."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pinholes = [rig.cameras[name].intrinsics for name in policy.cameras]
    poses = [[rig.cameras[name].view(q).base_T_cam for name in policy.cameras] for q in q_arms]
    cameras = CameraBatch(
        height=pinholes[0].height,
        width=pinholes[0].width,
        pinhole=torch.tensor([(p.fx, p.fy, p.cx, p.cy) for p in pinholes], device=device),
        base_T_cam=torch.tensor(np.array(poses), device=device),
        radii_m=torch.tensor([policy.sphere_radii_m[n] for n in policy.cameras], device=device),
    )
    targets = torch.tensor(np.array([sphere_poses(q) for q in q_arms]), device=device)
    gripper_open = torch.ones(len(q_arms), dtype=torch.bool, device=device)
    clock_s = process_time if device.type == "cpu" else perf_counter
    best_s = float("inf")
    for _ in range(rounds):
        start_s = clock_s()
        render_spheres_batch(targets, gripper_open, cameras).rgb.cpu()
        best_s = min(best_s, clock_s() - start_s)
    console.print(
        f"torch twin on {device}: {1e3 * best_s / len(q_arms):.2f} ms a tile of four images, "
        f"in a batch of {len(q_arms)}"
    )


if __name__ == "__main__":
    typer.run(main)
