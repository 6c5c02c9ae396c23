# SPDX-License-Identifier: Apache-2.0
"""Stands for RLBench and PyRep in tests: the part of their interface that the server uses.

Written from their documentation; the arm goes most of the way to where it is told in each step,
and a task is done where its seed says. Tasks that are named after a fault have it at their third
step.
"""

import enum
import logging
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
from rlbench_cases import CAMERAS, WORLD_T_BASE, world_T_tip
from rlbench_pictures import picture

from genima.cameras import load_rig
from genima.geometry import quat_xyzw_from_rotation

#: Where RLBench's own are, or nearly so.
RIG = load_rig(Path(__file__).parents[5] / "config" / "cameras.yaml")
Q_START = np.radians([0.0, 10.0, 0.0, -50.0, 0.0, 70.0, 45.0])
FAULT_STEP = 3


class InvalidActionError(Exception):
    pass


class BoundaryError(Exception):
    pass


class InvalidTaskName(Exception):
    pass


class RenderMode(enum.Enum):
    OPENGL = 0
    OPENGL3 = 1


class _Settings:
    def __init__(self, **given):
        vars(self).update(given)


class _ActionMode:
    def __init__(self, arm=None, gripper=None):
        self.parts = (arm, gripper)


class Touch:
    """Go to a place that the seed gives, close the gripper there, and go back half way."""

    name = "touch"
    descriptions = ("touch the thing", "reach for it")
    variations = 2

    def plan(self):
        return True

    def step(self, count):
        pass


class Crash(Touch):
    def step(self, count):
        if count == FAULT_STEP:
            print("the physics engine is unhappy", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)


class Hang(Touch):
    def step(self, count):
        if count == FAULT_STEP:
            time.sleep(1000)


class Invalid(Touch):
    def step(self, count):
        if count == FAULT_STEP:
            raise InvalidActionError("A path could not be found")


class Quit(Touch):
    def step(self, count):
        if count == FAULT_STEP:
            sys.exit("somebody pressed the button that ends everything")


class Unplaceable(Touch):
    def place(self):
        raise BoundaryError("it does not fit on the table")


class Impossible(Touch):
    """Its planner fails with every scene."""

    def plan(self):
        return False


class Fickle(Touch):
    """Its planner fails with every third scene, and draws numbers that nobody can foresee."""

    tries = 0

    def plan(self):
        self.tries += 1
        np.random.uniform(size=os.urandom(1)[0])
        return self.tries % 3 != 1


class NotFinite(Touch):
    """Its encoders give no numbers from the third step on."""


TASKS = {
    "press_switch": Crash,  # a name of the paper's tasks, for whole graphs
    "crash": Crash,
    "hang": Hang,
    "invalid": Invalid,
    "quit": Quit,
    "unplaceable": Unplaceable,
    "impossible": Impossible,
    "fickle": Fickle,
    "not_finite": NotFinite,
}


def name_to_task_class(name):
    if name.startswith("no_such"):
        raise InvalidTaskName(f"The task file '{name}' does not exist or cannot be compiled.")
    return TASKS.get(name, Touch)


class Demo:
    def __init__(self, observations, random_seed):
        self._observations, self.random_seed = observations, random_seed

    def __len__(self):
        return len(self._observations)

    def __getitem__(self, index):
        return self._observations[index]


class TaskEnvironment:
    def __init__(self, task, config):
        self._task, self._config = task, config

    def variation_count(self):
        return self._task.variations

    def set_variation(self, variation):
        self._variation = variation

    def reset(self):
        if hasattr(self._task, "place"):
            self._task.place()
        self._goal = Q_START + np.random.uniform(-0.3, 0.3, 7)
        self._q, self._dq, self._open = Q_START.copy(), np.zeros(7), True
        self._count, self._touched = 0, False
        return list(self._task.descriptions), self._observe()

    def get_demos(self, amount, live_demos, max_attempts):
        assert (amount, live_demos) == (1, True)
        for _ in range(max_attempts):
            state = np.random.get_state()
            self.reset()
            if not self._task.plan():
                logging.info("Bad demo. Error in task impossible. No path to waypoint 1.")
                continue
            return [Demo(self._plan(), state)]
        raise RuntimeError("Could not collect demos. Maybe a problem with the task?")

    def reset_to_demo(self, demo):
        np.random.set_state(demo.random_seed)
        return self.reset()

    def step(self, action):
        if action.shape != (8,):
            raise InvalidActionError(f"Expected the shape (8,), but got {action.shape}.")
        self._count += 1
        self._task.step(self._count)
        self._move(action[:7], action[7] > 0.5)
        return self._observe(), float(self._touched), self._touched

    def _move(self, q, is_open):
        self._dq = 0.9 * (q - self._q) / 0.05
        self._q = self._q + 0.9 * (q - self._q)
        self._open = bool(is_open)
        self._touched |= not is_open and np.abs(self._q - self._goal).max() < 0.03

    def _plan(self):
        """As RLBench's planner: the gripper closes between two recorded steps."""
        ease = 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, 30))
        there = Q_START + ease[:, None] * (self._goal - Q_START)
        back = self._goal - 0.5 * ease[:, None] * (self._goal - Q_START)
        observations = [self._observe()]
        for q, is_open in [(q, True) for q in there[1:]] + [(q, False) for q in back]:
            self._q, self._dq, self._open = q, np.zeros(7), is_open
            observations.append(self._observe(np.append(q, float(is_open))))
        return observations

    def _observe(self, command=None):
        size = self._config.front_camera.image_size[0]
        tip = world_T_tip(self._q)
        misc = {"variation_index": self._variation, "joint_position_action": command}
        images = {}
        for camera in CAMERAS:
            if not getattr(self._config, f"{camera}_camera").rgb:
                continue
            # Vision sensors have x to the left and y up, and so negative focal lengths.
            view = RIG.cameras[camera].view(self._q)
            misc[f"{camera}_camera_extrinsics"] = (
                WORLD_T_BASE @ view.base_T_cam @ np.diag([-1.0, -1.0, 1.0, 1.0])
            )
            f = -view.intrinsics.fx * size / view.intrinsics.width
            misc[f"{camera}_camera_intrinsics"] = np.array(
                [[f, 0.0, size / 2], [0.0, f, size / 2], [0.0, 0.0, 1.0]]
            )
            images[f"{camera}_rgb"] = picture(camera, self._count, size)
        broken = isinstance(self._task, NotFinite) and self._count >= FAULT_STEP
        return _Settings(
            joint_positions=np.full(7, np.nan) if broken else self._q.copy(),
            joint_velocities=self._dq.copy(),
            gripper_open=float(self._open),
            gripper_pose=np.append(tip[:3, 3], quat_xyzw_from_rotation(tip[:3, :3])),
            gripper_joint_positions=np.full(2, 0.04 * self._open),
            misc=misc,
            **images,
        )


class Environment:
    def __init__(self, action_mode, obs_config, headless, **limits):
        assert headless and limits == {"arm_max_velocity": 2.0, "arm_max_acceleration": 8.0}
        arm, gripper = action_mode.parts
        assert (type(arm).__name__, type(gripper).__name__) == ("JointPosition", "Discrete")
        self._config = obs_config
        self._launched = False

    def launch(self):
        assert os.environ["COPPELIASIM_ROOT"] in os.environ["LD_LIBRARY_PATH"].split(":")
        print("QMutex: destroying locked mutex", flush=True)  # as CoppeliaSim likes to
        if os.environ.get("DOUBLE_HANGS_AT_LAUNCH"):
            time.sleep(1000)
        fate = Path(os.environ.get("DOUBLE_LAUNCHES", "/nowhere"))  # a word for each launch
        if fate.exists():
            word, _, rest = fate.read_text().partition(" ")
            fate.write_text(rest)
            if word == "fails":
                raise RuntimeError("could not connect to display")
        if file := os.environ.get("DOUBLE_HAS_A_CHILD"):  # as CoppeliaSim may
            Path(file).write_text(str(subprocess.Popen(["sleep", "1000"]).pid))
        self._launched = True

    def get_task(self, task_class):
        assert self._launched
        return TaskEnvironment(task_class(), self._config)


def _module(name, **content):
    module = types.ModuleType(name)
    vars(module).update(content)
    sys.modules[name] = module


_module("rlbench.action_modes")
_module("rlbench.action_modes.action_mode", MoveArmThenGripper=_ActionMode)
for _file, _class in (("arm", "JointPosition"), ("gripper", "Discrete")):
    _module(
        f"rlbench.action_modes.{_file}_action_modes", **{_class: type(_class, (_ActionMode,), {})}
    )
_module("rlbench.utils", InvalidTaskName=InvalidTaskName, name_to_task_class=name_to_task_class)
_module(
    "rlbench.observation_config",
    CameraConfig=type("CameraConfig", (_Settings,), {}),
    ObservationConfig=type("ObservationConfig", (_Settings,), {}),
)
_module("pyrep")
_module("pyrep.const", RenderMode=RenderMode)
