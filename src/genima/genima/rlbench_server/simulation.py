# SPDX-License-Identifier: Apache-2.0
"""RLBench as it is: one environment, one task at a time, everything in the main thread."""

from __future__ import annotations

import logging
import random
import re
from typing import Any, NamedTuple

import numpy as np

CAMERAS = ("wrist", "front", "left_shoulder", "right_shoulder")
RENDERERS = ("opengl", "opengl3")
#: What the paper's demonstrations were planned with; RLBench's own are half as fast.
MAX_VELOCITY, MAX_ACCELERATION = 2.0, 8.0


class Refused(Exception):
    """It cannot be done, and the simulator is as good as before."""


class Episode(NamedTuple):
    """What an episode begins with.

    Attributes:
        descriptions: Wordings of the instruction.
        observation: RLBench's first observation.
        demo: RLBench's demonstration of the same scene; None if none was asked for.
        scene: Which scene of its seed, counted from 0; the planner failed with those before it.
    """

    descriptions: list[str]
    observation: Any
    demo: Any
    scene: int


class Simulation:
    """One CoppeliaSim with RLBench's scene.

    Args:
        image_size_px: Side of the images [px].
        renderer: `opengl`, or `opengl3`, which draws shadows and takes longer.
    """

    def __init__(self, image_size_px: int, renderer: str) -> None:
        from rlbench import Environment
        from rlbench.action_modes.action_mode import MoveArmThenGripper
        from rlbench.action_modes.arm_action_modes import JointPosition
        from rlbench.action_modes.gripper_action_modes import Discrete

        self._bad_demos = _BadDemos()
        logging.getLogger().addHandler(self._bad_demos)
        logging.getLogger().setLevel(logging.INFO)
        self._task: Any = None
        self._task_file = ""
        self._environment = Environment(
            action_mode=MoveArmThenGripper(JointPosition(), Discrete()),
            obs_config=_observation_config(image_size_px, renderer),
            headless=True,
            arm_max_velocity=MAX_VELOCITY,
            arm_max_acceleration=MAX_ACCELERATION,
        )
        self._environment.launch()

    def reset(
        self, task_file: str, variation: int, seed: int, demonstrate: bool, attempts: int
    ) -> Episode:
        """Begin an episode.

        A seed has a row of scenes, and which they are depends on the arguments alone. Which of
        them is taken also depends on the planner, which draws numbers that nobody seeds.

        Args:
            task_file: Name of the task's file in RLBench, without its ending.
            variation: Which variation of it.
            seed: Seed of the poses.
            demonstrate: Let RLBench's planner do the task first, then go back to the scene that
                it did.
            attempts: How many of the seed's scenes the planner is given.

        Raises:
            Refused: There is no such task or variation, or the planner failed.
        """
        task = self._load(task_file)
        if not 0 <= variation < task.variation_count():
            raise Refused(
                f"task {task_file!r} has no variation {variation}; "
                f"give one from 0 to {task.variation_count() - 1}"
            )
        task.set_variation(variation)
        if not demonstrate:
            _seed(seed, 0)
            descriptions, observation = task.reset()
            return Episode(list(map(str, descriptions)), observation, None, 0)
        scene, demo = self._demonstrate(task, seed, attempts)
        _seed(seed, scene)
        descriptions, observation = task.reset_to_demo(demo)
        return Episode(list(map(str, descriptions)), observation, demo, scene)

    def step(self, action: Any) -> tuple[Any, bool]:
        """Make one step of 50 ms; the gripper moves to its end in it.

        Args:
            action: Joint positions [rad] and the gripper (1 open, 0 closed), (8,).

        Returns:
            The observation after it, and whether the task is done.
        """
        if self._task is None:
            raise Refused("there is no episode yet; reset first")
        observation, reward, _ = self._task.step(np.array(action, float))
        return observation, bool(reward >= 1.0)

    def _load(self, task_file: str) -> Any:
        from rlbench.utils import InvalidTaskName, name_to_task_class

        if task_file == self._task_file:
            return self._task
        if not re.fullmatch(r"[a-z][a-z0-9_]*", task_file):
            raise Refused(f"{task_file!r} is no name of a task file")
        try:
            task_class = name_to_task_class(task_file)
        except InvalidTaskName as error:
            raise Refused(f"this RLBench has no task {task_file!r} ({error})") from error
        self._task_file, self._task = "", None
        self._task = self._environment.get_task(task_class)
        self._task_file = task_file
        return self._task

    def _demonstrate(self, task: Any, seed: int, attempts: int) -> tuple[int, Any]:
        """The first scene that the planner can do, and how it did it."""
        self._bad_demos.newest = "no reason given"
        for scene in range(attempts):
            _seed(seed, scene)
            try:
                return scene, task.get_demos(1, live_demos=True, max_attempts=1)[0]
            except RuntimeError:
                continue
        raise Refused(
            f"RLBench's planner failed {attempts} times with {self._task_file}, seed {seed}: "
            f"{self._bad_demos.newest}"
        )


def _seed(seed: int, scene: int) -> None:
    """Seed what RLBench draws its scenes with."""
    random.seed(f"{seed} {scene}")
    np.random.seed([seed % 2**32, seed >> 32, scene])


class _BadDemos(logging.Handler):
    """Remembers why RLBench gave a demonstration up: it logs that and raises something else."""

    newest = ""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith("Bad demo."):
            self.newest = text[len("Bad demo.") :].strip()


def arrays_of(observation: Any) -> dict[str, Any]:
    """An observation as arrays; cameras in RLBench's own conventions."""
    misc = observation.misc
    arrays = {
        "joint_positions": observation.joint_positions,
        "joint_velocities": observation.joint_velocities,
        "gripper_pose": observation.gripper_pose,
        "gripper_open": [float(observation.gripper_open)],
        "gripper_joint_positions": observation.gripper_joint_positions,
    }
    if misc.get("joint_position_action") is not None:
        arrays["joint_position_action"] = misc["joint_position_action"]
    for camera in CAMERAS:
        arrays[f"{camera}_rgb"] = getattr(observation, f"{camera}_rgb")
        for kind in ("extrinsics", "intrinsics"):
            arrays[f"{camera}_camera_{kind}"] = misc[f"{camera}_camera_{kind}"]
    return arrays


def path_of(demo: Any) -> dict[str, Any]:
    """Where the arm went in a demonstration."""
    steps = [demo[index] for index in range(len(demo))]
    return {
        "demo_joint_positions": [step.joint_positions for step in steps],
        "demo_gripper_open": [float(step.gripper_open) for step in steps],
    }


def _observation_config(image_size_px: int, renderer: str) -> Any:
    from pyrep.const import RenderMode
    from rlbench.observation_config import CameraConfig, ObservationConfig

    def camera(sees: bool) -> Any:
        return CameraConfig(
            rgb=sees,
            depth=False,
            point_cloud=False,
            mask=False,
            image_size=[image_size_px, image_size_px],
            render_mode=getattr(RenderMode, renderer.upper()),
        )

    cameras = {f"{name}_camera": camera(sees=True) for name in CAMERAS}
    return ObservationConfig(
        overhead_camera=camera(sees=False),
        joint_forces=False,
        gripper_joint_positions=True,
        **cameras,
    )
