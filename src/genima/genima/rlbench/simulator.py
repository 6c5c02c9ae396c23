# SPDX-License-Identifier: Apache-2.0
"""What can be asked of RLBench's server, what its answers mean, and how long they may take."""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from genima.arrays import Array, Bool, Float
from genima.cameras import CameraRig
from genima.errors import GenimaError, InvalidParameter, WorldDown
from genima.rlbench.installation import Installation
from genima.rlbench.observation import CAMERAS, Observation, cameras_of, observation_of
from genima.rlbench.simulator_process import Cause, SimulatorProcess
from genima.rlbench.tasks import RlbenchTask
from genima.rlbench_server.wire import Message, WireError

Q_START: Float[Array, "7"] = np.deg2rad([0.0, 10.0, 0.0, -50.0, 0.0, 70.0, 45.0])
"""Where RLBench's arm stands at the beginning of an episode [rad]."""
Q_START.setflags(write=False)


class RenderMode(Enum):
    """How CoppeliaSim draws. Only the slower one has shadows."""

    FAST = "opengl"
    SHADOWS = "opengl3"


@dataclass(frozen=True)
class Patience:
    """How long the simulator may take before it is given up [s].

    Attributes:
        launch_s: To start.
        reset_s: To put a task into the scene.
        demonstrate_s: To plan and do a task, with as many scenes as it tries.
        step_s: For a step; closing the gripper takes many of RLBench's own.
    """

    launch_s: float = 90.0
    reset_s: float = 60.0
    demonstrate_s: float = 300.0
    step_s: float = 60.0

    @property
    def longest_job_s(self) -> float:
        """For a reset or a demonstration, with the start of a simulator before it."""
        return 2.0 * self.launch_s + self.reset_s + self.demonstrate_s


@dataclass(frozen=True)
class RlbenchOptions:
    """How RLBench is used.

    Attributes:
        render_mode: How images are drawn.
        expert: Have RLBench's planner do each scene before it begins: then there is an expert to
            be asked, and each scene is one that can be done, as in RLBench's own evaluations.
        attempts: How many scenes of a seed the planner is given.
        patience: When the simulator is given up.
    """

    render_mode: RenderMode = RenderMode.SHADOWS
    expert: bool = True
    attempts: int = 10
    patience: Patience = Patience()


class Simulator:
    """One RLBench; started with the first request, and anew after a failure.

    Args:
        installation: Where RLBench is.
        image_size_px: Side of the images [px].
        options: How it is used.
    """

    def __init__(
        self, installation: Installation, image_size_px: int, options: RlbenchOptions
    ) -> None:
        self._process = SimulatorProcess(installation)
        self._size = image_size_px
        self._options = options

    def reset(self, task: RlbenchTask, variation: int, seed: int) -> Message:
        """Put a task into the scene."""
        self._launch()
        options, patience = self._options, self._options.patience
        limit_s = patience.reset_s + patience.demonstrate_s * options.expert
        values = _scene(task, variation, seed, options.attempts) | {"demonstrate": options.expert}
        return self._process.request("reset", values, {}, limit_s)

    def demonstrate(
        self, task: RlbenchTask, variation: int, seed: int
    ) -> tuple[tuple[str, ...], list[Observation]]:
        """Have RLBench's planner do a task; wordings of the instruction, and all observations."""
        self._launch()
        values = _scene(task, variation, seed, self._options.attempts)
        limit_s = self._options.patience.reset_s + self._options.patience.demonstrate_s
        observations: list[Observation] = []
        for message in self._process.stream("demonstrate", values, limit_s):
            if message.kind == "done":
                return self.descriptions_of(message), observations
            observations.append(self.observation_of(message))
        raise AssertionError("a stream ends with what is done")

    def step(self, action: Float[Array, "8"]) -> Message:
        """Make one step."""
        limit_s = self._options.patience.step_s
        return self._process.request("step", {}, {"action": action}, limit_s)

    def observation_of(self, message: Message) -> Observation:
        """The observation that an answer brings."""
        try:
            return observation_of(message, self._size)
        except WireError as error:
            raise self._process.fault(Cause.GARBAGE, str(error)) from None

    def descriptions_of(self, message: Message) -> tuple[str, ...]:
        """The wordings that an answer brings; the first is the instruction."""
        found = message.values.get("descriptions")
        if not isinstance(found, list) or not found or not all(isinstance(d, str) for d in found):
            raise self._process.fault(Cause.GARBAGE, f"its descriptions are {found!r}")
        return tuple(found)

    def scene_of(self, message: Message) -> int:
        """Which scene of its seed an answer is about."""
        scene = message.values.get("scene")
        if type(scene) is not int or not 0 <= scene < self._options.attempts:
            raise self._process.fault(Cause.GARBAGE, f"its scene is {scene!r}")
        return scene

    def path_of(self, message: Message) -> tuple[Float[Array, "n 7"], Bool[Array, "n"]]:
        """The joint positions [rad] of the demonstration in an answer, and its gripper."""
        q = message.arrays.get("demo_joint_positions", np.empty(0))
        is_open = message.arrays.get("demo_gripper_open", np.empty(0))
        if q.ndim != 2 or q.shape[1] != 7 or is_open.shape != q.shape[:1] or len(q) < 2:
            raise self._process.fault(
                Cause.GARBAGE, f"its demonstration has shapes {q.shape} and {is_open.shape}"
            )
        return q, is_open > 0.5

    def close(self) -> None:
        """End the simulator."""
        self._process.kill()

    def _launch(self) -> None:
        """Start it, unless it runs.

        Raises:
            WorldDown: It does not start.
        """
        if self._process.running:
            return
        values = {
            "image_size_px": self._size,
            "renderer": self._options.render_mode.value,
        }
        try:
            self._process.start()
            self._process.request("launch", values, {}, self._options.patience.launch_s)
        except GenimaError as error:  # whatever it is, it is the fault of no task and no seed
            raise WorldDown(str(error)) from error


def read_cameras(
    installation: Installation, task: RlbenchTask, image_size_px: int, options: RlbenchOptions
) -> CameraRig:
    """Start RLBench once and see where its cameras are.

    Raises:
        WorldError: It fails.
    """
    simulator = Simulator(installation, image_size_px, replace(options, expert=False))
    try:
        return cameras_of(simulator.observation_of(simulator.reset(task, 0, 0)))
    finally:
        simulator.close()


def image_size_of(rig: CameraRig) -> int:
    """Side of the images that RLBench is to draw [px].

    Raises:
        InvalidParameter: The rig has other cameras, or not square images of one size.
    """
    sizes = {(c.intrinsics.width, c.intrinsics.height) for c in rig.cameras.values()}
    if set(rig.cameras) != set(CAMERAS) or len(sizes) != 1:
        raise InvalidParameter(
            f"RLBench has the cameras {sorted(CAMERAS)} with images of one size; the cameras file "
            f"has {sorted(rig.cameras)} with {sorted(sizes)} px"
        )
    ((width, height),) = sizes
    if width != height:
        raise InvalidParameter(f"RLBench's images are square; the cameras file has {sizes} px")
    return width


def _scene(task: RlbenchTask, variation: int, seed: int, attempts: int) -> dict[str, object]:
    return {
        "task_file": task.file,
        "variation": variation,
        "seed": seed,
        "attempts": attempts,
    }
