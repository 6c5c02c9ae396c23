# SPDX-License-Identifier: Apache-2.0
"""The embedded world: a Panda and a task in MuJoCo. Needs no graphics."""

from dataclasses import dataclass

import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.cameras import CameraRig
from genima.errors import InvalidCommand, InvalidParameter, WorldError
from genima.ik import InverseKinematics
from genima.sim.expert import WaypointExpert
from genima.sim.panda import (
    ARM_ACTUATORS,
    ARM_JOINTS,
    FINGER_JOINTS,
    GRIPPER_ACTUATOR,
    GRIPPER_STROKE_M,
)
from genima.sim.perturbation import PlacedScene
from genima.sim.perturbation_set import Perturbations
from genima.sim.placement import place_feasibly
from genima.sim.pose_grid import place_on_grid
from genima.sim.scene import scene_spec
from genima.sim.scenery import AS_LEARNT, Poses, Scenery
from genima.sim.start_beside import start_beside
from genima.sim.task import Task, make_task, registered_tasks
from genima.sim.world import ExpertChunk, WorldState

Q_START: Float[Array, "7"] = np.deg2rad([0.0, -20.0, 0.0, -125.0, 0.0, 105.0, 45.0])
"""Where the arm stands at the beginning of an episode [rad]: 0.43 m up, the hand pointing down.

RLBench's own start, (0, 10, 0, -50, 0, 70, 45) degrees, has the wrist out of the front camera's
picture, so that a target drawn near it could not be read.
"""
Q_START.setflags(write=False)

CONTROL_STEP_S = 0.05
#: Sets the chance of where episodes begin apart from all other chance of a seed.
_STARTS = 1
_OPEN_FRACTION = 0.9
"""RLBench calls a gripper open above this share of its stroke."""


@dataclass(frozen=True, eq=False)
class MujocoSnapshot:
    """What a renderer needs of one moment.

    Attributes:
        model: The compiled scene; a new one after every reset.
        geom_xpos: Positions of the geoms [m], (ngeom, 3).
        geom_xmat: Rotations of the geoms, (ngeom, 9).
        cam_xpos: Positions of the cameras [m], (ncam, 3).
        cam_xmat: Rotations of the cameras, (ncam, 9).
        state: The arm at the same moment.
    """

    model: mujoco.MjModel
    geom_xpos: Float[Array, "g 3"]
    geom_xmat: Float[Array, "g 9"]
    cam_xpos: Float[Array, "c 3"]
    cam_xmat: Float[Array, "c 9"]
    state: WorldState


class _Episode:
    """One compiled scene with its state and expert."""

    def __init__(
        self, rig: CameraRig, physics_dt_s: float, task: Task, perturbations: Perturbations
    ) -> None:
        spec = scene_spec(rig, physics_dt_s)
        task.build(spec)
        perturbations.add(spec)
        self.task = task
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self.posed = mujoco.MjData(self.model)  # for kinematics that the physics must not notice
        self.arm_q = self._addresses(ARM_JOINTS, "qposadr")
        self.arm_dq = self._addresses(ARM_JOINTS, "dofadr")
        self.fingers_q = self._addresses(FINGER_JOINTS, "qposadr")
        self.arm_ctrl = [self.model.actuator(name).id for name in ARM_ACTUATORS]
        self.gripper_ctrl = self.model.actuator(GRIPPER_ACTUATOR).id
        self.steps = 0
        self.stand_at(Q_START)

    def _addresses(self, names: tuple[str, ...], kind: str) -> list[int]:
        return [int(getattr(self.model.joint(name), kind)[0]) for name in names]

    def stand_at(self, q: Float[Array, "7"]) -> None:
        """Put the arm at `q` [rad], at rest, with the gripper open."""
        self.data.qpos[self.arm_q] = q
        self.data.qpos[self.fingers_q] = GRIPPER_STROKE_M / 2.0
        self.data.ctrl[self.arm_ctrl] = q
        self.data.ctrl[self.gripper_ctrl] = 1.0


class MujocoWorld:
    """A `World`. Not thread-safe; its snapshots may go to other threads.

    Args:
        rig: Cameras that the scene gets.
        physics_dt_s: Length of a physics step [s]; a whole number of them makes a control step.
        scenery: How its scenes are made, besides task and seed.

    Raises:
        InvalidParameter: `physics_dt_s` does not divide the control step.
    """

    def __init__(
        self, rig: CameraRig, physics_dt_s: float = 0.002, scenery: Scenery = AS_LEARNT
    ) -> None:
        steps = CONTROL_STEP_S / physics_dt_s if physics_dt_s > 0.0 else 0.0
        if steps < 1.0 or abs(steps - round(steps)) > 1e-9:
            raise InvalidParameter(
                f"physics_dt_s is {physics_dt_s}; give a positive part of the control step of "
                f"{CONTROL_STEP_S} s that divides it without a rest, such as 0.002"
            )
        self.rig = rig
        self._scenery = scenery
        self._physics_dt_s = physics_dt_s
        self._steps_per_control = round(steps)
        self._ik = InverseKinematics()
        self._episode: _Episode | None = None
        self._expert: WaypointExpert | None = None

    @property
    def physics_dt_s(self) -> float:
        """Length of one physics step [s]."""
        return self._physics_dt_s

    @property
    def longest_job_s(self) -> float:
        """How long compiling a scene may take on a busy machine [s]."""
        return 60.0

    @property
    def scene(self) -> int:
        """A seed has one scene."""
        return 0

    @property
    def model(self) -> mujoco.MjModel:
        """The compiled scene of this episode."""
        return self._running().model

    @property
    def data(self) -> mujoco.MjData:
        """The live state of this episode."""
        return self._running().data

    def task_names(self) -> tuple[str, ...]:
        """Tasks that `reset` takes."""
        return tuple(registered_tasks())

    def reset(self, task: str, variation: int, seed: int) -> tuple[str, ...]:
        """Begin an episode; see `World.reset`."""
        if seed < 0:
            raise InvalidParameter(f"seed is {seed}; give a whole number from 0 on")
        chosen = make_task(task)
        chosen.require_variation(variation)
        entropy = seed, variation
        perturbations = Perturbations(self._scenery.factors, entropy)
        episode = _Episode(self.rig, self._physics_dt_s, chosen, perturbations)
        model, data = episode.model, episode.data
        if self._scenery.poses is Poses.GRID:
            expert = place_on_grid(chosen, model, data, entropy, self._ik)
        else:
            rng = np.random.default_rng(entropy)
            expert = place_feasibly(chosen, model, data, rng, self._ik)
        way = np.stack([stop.base_T_tcp[:3, 3] for stop in expert.stops])
        perturbations.change(PlacedScene(model, data, way))
        chance = np.random.default_rng([*entropy, _STARTS])
        if chance.random() < self._scenery.starts_beside:
            expert = start_beside(
                chosen, model, data, episode.stand_at, expert.stops[0], chance, self._ik
            )
        self._expert = expert
        mujoco.mj_forward(model, data)
        self._episode = episode
        return chosen.descriptions(variation)

    def state(self) -> WorldState:
        """The present state of the arm."""
        episode = self._running()
        data = episode.data
        width_m = float(data.qpos[episode.fingers_q].sum())
        told_open = bool(data.ctrl[episode.gripper_ctrl] > 0.5)
        return WorldState(
            q=data.qpos[episode.arm_q].copy(),
            dq=data.qvel[episode.arm_dq].copy(),
            gripper_open=told_open and width_m > _OPEN_FRACTION * GRIPPER_STROKE_M,
            gripper_width_m=width_m,
            time_s=episode.steps * self._physics_dt_s,
        )

    def advance(self, q_cmd: Float[Array, "n 7"], gripper_open: bool) -> None:
        """Make one physics step for each row of `q_cmd`; see `World.advance`."""
        episode = self._running()
        q_cmd = np.asarray(q_cmd, dtype=np.float64)
        if q_cmd.ndim != 2 or q_cmd.shape[1] != len(ARM_JOINTS) or not np.isfinite(q_cmd).all():
            raise InvalidCommand(
                f"q_cmd has shape {q_cmd.shape}, finite: {bool(np.isfinite(q_cmd).all())}; "
                "give finite joint positions of shape (n, 7), one row a physics step"
            )
        data = episode.data
        data.ctrl[episode.gripper_ctrl] = 1.0 if gripper_open else 0.0
        for row in q_cmd:
            data.ctrl[episode.arm_ctrl] = row
            self._step(episode)
            if episode.steps % self._steps_per_control == 0:
                episode.task.react(episode.model, data)
                if self._expert is not None:
                    self._expert.update()
        if not np.isfinite(data.qpos).all():
            raise WorldError(
                f"the physics of task {episode.task.name!r} diverged at "
                f"{episode.steps * self._physics_dt_s:.3f} s; reset the world"
            )

    def _step(self, episode: _Episode) -> None:
        try:
            mujoco.mj_step(episode.model, episode.data)
        except mujoco.FatalError as error:
            raise WorldError(
                f"the physics of task {episode.task.name!r} failed: {error}; reset the world"
            ) from error
        episode.steps += 1

    def snapshot(self) -> MujocoSnapshot:
        """Freeze the poses of everything that can be seen."""
        episode = self._running()
        model, posed = episode.model, episode.posed
        posed.qpos[:] = episode.data.qpos
        mujoco.mj_kinematics(model, posed)
        mujoco.mj_camlight(model, posed)
        return MujocoSnapshot(
            model=model,
            geom_xpos=posed.geom_xpos.copy(),
            geom_xmat=posed.geom_xmat.copy(),
            cam_xpos=posed.cam_xpos.copy(),
            cam_xmat=posed.cam_xmat.copy(),
            state=self.state(),
        )

    def success(self) -> bool:
        """Whether the task is done in the present state."""
        episode = self._running()
        return episode.task.success(episode.model, episode.data)

    def expert_chunk(self, horizon_steps: int) -> ExpertChunk:
        """What the task's expert would do next."""
        self._running()
        assert self._expert is not None
        chunk = self._expert.chunk(horizon_steps)
        return ExpertChunk(chunk.q_now, chunk.q, chunk.gripper_open)

    def close(self) -> None:
        """Let go of the simulator; a reset brings the world back."""
        self._episode = None
        self._expert = None

    def _running(self) -> _Episode:
        if self._episode is None:
            raise WorldError("the world has no task yet; call reset first")
        return self._episode
