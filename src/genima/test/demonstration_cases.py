# SPDX-License-Identifier: Apache-2.0
"""Demonstrations for tests: invented ones, which are fast, and one of the simulated world."""

from pathlib import Path

import numpy as np

from genima.cameras import Camera, CameraRig, load_rig
from genima.data.demonstration import Demonstration
from genima.data.training_set import TrainingSet
from genima.data.training_set_info import TrainingSetInfo
from genima.intrinsics import Intrinsics
from genima.kinematics import Q_HOME

CAMERAS_YAML = Path(__file__).parents[3] / "config" / "cameras.yaml"
STEP_S = 0.05
TASK = "push_button"


def small_rig(size_px: int = 32) -> CameraRig:
    """The rig of the configuration with small images."""
    rig = load_rig(CAMERAS_YAML)
    return CameraRig({name: _scaled(camera, size_px) for name, camera in rig.cameras.items()})


def _scaled(camera: Camera, size_px: int) -> Camera:
    k = camera.intrinsics
    scale = size_px / k.width
    pinhole = (value * scale for value in (k.fx, k.fy, k.cx, k.cy))
    intrinsics = Intrinsics(size_px, size_px, *pinhole)
    pose = camera.parent_T_cam
    return Camera(camera.name, intrinsics, camera.parent_frame, pose, camera.frame_id)


def invented(n: int = 24, seed: int = 0, size_px: int = 32, **changes) -> Demonstration:
    """A swinging arm with noise for images; nothing is wrong with it."""
    rng = np.random.default_rng(seed)
    rig = changes.pop("rig", None) or small_rig(size_px)
    t_s = np.arange(n) * STEP_S
    phase = rng.uniform(0, 2 * np.pi, 7)
    q = Q_HOME + 0.3 * np.sin(t_s[:, None] * 2.0 + phase)
    q_command = q + 0.01
    q_command[0] = np.nan
    gripper_open = t_s < t_s[n // 2]
    fields = {
        "task": TASK,
        "variation": 0,
        "descriptions": ("push the button", "press the button"),
        "seed": seed,
        "success": True,
        "source": "invented",
        "step_s": STEP_S,
        "stamps_s": 100.0 + t_s,
        "q": q,
        "dq": 0.6 * np.cos(t_s[:, None] * 2.0 + phase),
        "gripper_open": gripper_open,
        "q_command": q_command,
        "gripper_command": gripper_open,
        "rig": rig,
        "images": {
            name: rng.integers(0, 256, (n, size_px, size_px, 3), dtype=np.uint8)
            for name in rig.cameras
        },
    }
    return Demonstration(**(fields | changes))


def new_set(root: Path, rig: CameraRig | None = None) -> TrainingSet:
    return TrainingSet.create(root, TrainingSetInfo(STEP_S, rig or small_rig()))


def set_of(root: Path, *demonstrations: Demonstration) -> TrainingSet:
    """A training set that holds these."""
    made = new_set(root, demonstrations[0].rig)
    for episode, demonstration in enumerate(demonstrations):
        made.write(demonstration, episode)
    return made


def simulated(task: str = TASK, seed: int = 0, steps: int = 40) -> Demonstration:
    """The beginning of an episode of the embedded world, with its expert and its images."""
    from genima.sim.expert_rollout import ExpertFollower
    from genima.sim.mujoco_world import MujocoWorld
    from genima.sim.renderer import MujocoRenderer

    rig = load_rig(CAMERAS_YAML)
    world = MujocoWorld(rig)
    renderer = MujocoRenderer(world)
    descriptions = world.reset(task, 0, seed)
    follower = ExpertFollower()
    follower.begin(world)
    states, images, commands = [world.state()], [renderer.render(world.snapshot())], [None]
    for _ in range(steps - 1):
        chunk = world.expert_chunk(1)
        commands.append((chunk.q[0], bool(chunk.gripper_open[0])))
        follower.step(world)
        states.append(world.state())
        images.append(renderer.render(world.snapshot()))
    renderer.close()
    world.close()
    opened = np.array([state.gripper_open for state in states])
    return Demonstration(
        task=task,
        variation=0,
        descriptions=descriptions,
        seed=seed,
        success=None,
        source="simulated for a test",
        step_s=STEP_S,
        stamps_s=np.array([state.time_s for state in states]),
        q=np.array([state.q for state in states]),
        dq=np.array([state.dq for state in states]),
        gripper_open=opened,
        q_command=np.array([np.full(7, np.nan) if c is None else c[0] for c in commands]),
        gripper_command=np.array([opened[0], *(c[1] for c in commands[1:])]),
        rig=rig,
        images={name: np.stack([frame[name] for frame in images]) for name in rig.cameras},
        gripper_width_m=np.array([state.gripper_width_m for state in states]),
    )
