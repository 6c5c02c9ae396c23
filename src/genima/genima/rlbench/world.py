# SPDX-License-Identifier: Apache-2.0
"""RLBench as a `World`. Its physics step is a policy step: RLBench has no shorter one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.cameras import CameraRig
from genima.errors import (
    CalibrationError,
    InvalidCommand,
    InvalidParameter,
    NotReady,
    UnknownTask,
    WorldDown,
    WorldError,
)
from genima.rlbench.cameras import require_same_cameras
from genima.rlbench.expert import DemonstrationExpert
from genima.rlbench.installation import Installation
from genima.rlbench.observation import Observation, cameras_of
from genima.rlbench.simulator import RlbenchOptions, Simulator, image_size_of
from genima.rlbench.tasks import RlbenchTask
from genima.rlbench_server.wire import Message
from genima.sim.runner import POLICY_STEP_S
from genima.sim.world import ExpertChunk, WorldState


@dataclass(frozen=True, eq=False)
class RlbenchSnapshot:
    """One moment, drawn already: RLBench draws with each step.

    Attributes:
        images: RGB images by camera.
        state: The arm at the same moment.
    """

    images: Mapping[str, UInt8[Array, "s s 3"]]
    state: WorldState


class RlbenchRenderer:
    """Hands out the images that RLBench has drawn."""

    def render(self, snapshot: RlbenchSnapshot) -> dict[str, UInt8[Array, "s s 3"]]:
        """RGB images of all cameras, by name."""
        return dict(snapshot.images)

    def close(self) -> None:
        """There is nothing to let go of."""


class RlbenchWorld:
    """A `World` that starts its simulator with the first reset, and anew where it has failed.

    A failure is a WorldError that loses the episode, not the world.

    Args:
        rig: The cameras; each reset sees to it that they are RLBench's.
        tasks: Those that can be chosen, by name.
        installation: Where RLBench is.
        options: How it is used.

    Raises:
        InvalidParameter: The rig has other cameras, or not square images of one size.
    """

    physics_dt_s = POLICY_STEP_S

    def __init__(
        self,
        rig: CameraRig,
        tasks: Mapping[str, RlbenchTask],
        installation: Installation,
        options: RlbenchOptions | None = None,
    ) -> None:
        self.rig = rig
        self._tasks = tasks
        self._options = options if options is not None else RlbenchOptions()
        self._simulator = Simulator(installation, image_size_of(rig), self._options)
        self._seen: Observation | None = None
        self._expert: DemonstrationExpert | None = None
        self._steps = 0
        self._success = False
        self._lost = ""
        self._scene = 0

    @property
    def scene(self) -> int:
        """Which scene of its seed this episode has; the planner failed with those before."""
        return self._scene

    @property
    def longest_job_s(self) -> float:
        """How long a reset may take before something else must have gone wrong [s]."""
        return self._options.patience.longest_job_s

    def task_names(self) -> tuple[str, ...]:
        """Tasks that `reset` takes."""
        return tuple(self._tasks)

    def reset(self, task: str, variation: int, seed: int) -> tuple[str, ...]:
        """Begin an episode; see `World.reset`.

        Raises:
            UnknownTask: There is no such task.
            InvalidParameter: The seed is negative.
            WorldError: RLBench refuses or fails.
            WorldDown: Its simulator does not start, or has cameras elsewhere than the rig.
        """
        if task not in self._tasks:
            raise UnknownTask(
                f"there is no task {task!r}; this world has {', '.join(self._tasks)}"
            )
        if seed < 0:
            raise InvalidParameter(f"seed is {seed}; give a whole number from 0 on")
        self._lost, self._scene = "the last reset failed; reset the world", 0
        done = self._simulator.reset(self._tasks[task], variation, seed)
        seen = self._simulator.observation_of(done)
        self._require_cameras(seen)
        descriptions = self._simulator.descriptions_of(done)
        self._expert, self._scene = self._expert_of(done), self._simulator.scene_of(done)
        self._seen, self._steps, self._success, self._lost = seen, 0, False, ""
        return descriptions

    def state(self) -> WorldState:
        """The present state of the arm."""
        seen = self._running()
        return WorldState(
            q=seen.q.copy(),
            dq=seen.dq.copy(),
            gripper_open=seen.gripper_open,
            gripper_width_m=seen.gripper_width_m,
            time_s=self._steps * POLICY_STEP_S,
        )

    def advance(self, q_cmd: Float[Array, "n 7"], gripper_open: bool) -> None:
        """Make one step of RLBench for each row of `q_cmd`; see `World.advance`."""
        self._running()
        q_cmd = np.asarray(q_cmd, dtype=np.float64)
        if q_cmd.ndim != 2 or q_cmd.shape[1] != 7 or not np.isfinite(q_cmd).all():
            raise InvalidCommand(
                f"q_cmd has shape {q_cmd.shape}, finite: {bool(np.isfinite(q_cmd).all())}; "
                "give finite joint positions of shape (n, 7), one row a step"
            )
        if self._lost:
            raise WorldError(self._lost)
        try:
            for row in q_cmd:
                self._step(row, gripper_open)
        except WorldError as error:
            self._lost = str(error)
            raise

    def snapshot(self) -> RlbenchSnapshot:
        """The present images and state."""
        return RlbenchSnapshot(self._running().images, self.state())

    def success(self) -> bool:
        """Whether the task is done in the present state."""
        self._running()
        return self._success

    def expert_chunk(self, horizon_steps: int) -> ExpertChunk:
        """What RLBench's planner did next when it was here."""
        self._running()
        if self._expert is None:
            raise NotReady(
                "this world was started without an expert, since that makes each reset slower; "
                "start it with one (rlbench_expert:=true)"
            )
        return self._expert.chunk(horizon_steps)

    def close(self) -> None:
        """End the simulator; a reset brings it back."""
        self._simulator.close()
        self._seen = self._expert = None

    def _require_cameras(self, seen: Observation) -> None:
        try:
            require_same_cameras(self.rig, cameras_of(seen))
        except CalibrationError as error:
            raise WorldDown(str(error)) from error

    def _step(self, q: Float[Array, "7"], gripper_open: bool) -> None:
        done = self._simulator.step(np.append(q, float(gripper_open)))
        self._seen = self._simulator.observation_of(done)
        self._success = done.values.get("success") is True
        self._steps += 1
        if self._expert is not None:
            self._expert.update(self._seen.q, gripper_open)

    def _expert_of(self, done: Message) -> DemonstrationExpert | None:
        if not self._options.expert:
            return None
        q, gripper_open = self._simulator.path_of(done)
        return DemonstrationExpert(q, gripper_open)

    def _running(self) -> Observation:
        if self._seen is None:
            raise WorldError("the world has no task yet; call reset first")
        return self._seen
