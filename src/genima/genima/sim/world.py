# SPDX-License-Identifier: Apache-2.0
"""What every simulated world offers, whichever simulator is behind it."""

from dataclasses import dataclass
from typing import Any, Protocol

from genima.arrays import Array, Bool, Float, UInt8

Snapshot = Any
"""What a world froze for its own renderer; nobody else looks inside, except at `.state`."""


@dataclass(frozen=True)
class WorldState:
    """The arm as its encoders would report it.

    Attributes:
        q: Measured joint positions [rad], (7,).
        dq: Measured joint velocities [rad/s], (7,).
        gripper_open: Whether the gripper is open, in RLBench's sense: told to open and wider
            than 0.9 of its stroke. A gripper that holds something is therefore closed.
        gripper_width_m: Distance between the finger pads [m].
        time_s: Simulated time since the last reset [s].
    """

    q: Float[Array, "7"]
    dq: Float[Array, "7"]
    gripper_open: bool
    gripper_width_m: float
    time_s: float


@dataclass(frozen=True)
class ExpertChunk:
    """Where an expert would go from the present state of the world.

    Attributes:
        q_now: Measured joint positions that it starts from [rad], (7,).
        q: Joint positions after each control step [rad], (K, 7).
        gripper_open: State of the gripper after each control step, (K,).
    """

    q_now: Float[Array, "7"]
    q: Float[Array, "k 7"]
    gripper_open: Bool[Array, "k"]


class World(Protocol):
    """One robot with a task in front of it. Used from one thread; rendering happens elsewhere."""

    @property
    def physics_dt_s(self) -> float:
        """Length of one physics step [s]."""
        ...

    @property
    def longest_job_s(self) -> float:
        """How long a reset may take, the slowest of its jobs [s]; what takes longer hangs."""
        ...

    @property
    def scene(self) -> int:
        """Which scene of its seed the present episode has.

        0, unless those before it could not be done and that is partly chance: then another reset
        with the same seed may find another one.
        """
        ...

    def task_names(self) -> tuple[str, ...]:
        """Tasks that `reset` takes."""
        ...

    def reset(self, task: str, variation: int, seed: int) -> tuple[str, ...]:
        """Begin an episode; the same three arguments and `scene` give the same state, bit for bit.

        Where it fails, the old episode goes on, or is lost if the simulator was needed for it.

        Returns:
            All wordings of the instruction, the instruction itself first.

        Raises:
            UnknownTask: There is no such task; the message lists those there are.
            InvalidParameter: The task has no such variation, or the seed is negative.
            WorldDown: The simulator does not start, or is not the one that was meant.
        """
        ...

    def state(self) -> WorldState:
        """The present state of the arm."""
        ...

    def advance(self, q_cmd: Float[Array, "n 7"], gripper_open: bool) -> None:
        """Make n physics steps, with one row of commanded joint positions [rad] for each.

        Raises:
            InvalidCommand: `q_cmd` has another shape or holds a value that is not finite.
            WorldError: The world was never reset, or has lost the episode: its physics diverged,
                or its simulator failed. A reset begins another one.
        """
        ...

    def snapshot(self) -> Snapshot:
        """Freeze what a renderer needs; the world may go on while it is being drawn."""
        ...

    def success(self) -> bool:
        """Whether the task is done in the present state."""
        ...

    def expert_chunk(self, horizon_steps: int) -> ExpertChunk:
        """What the task's expert would do next, one row a control step."""
        ...

    def close(self) -> None:
        """Let go of the simulator."""
        ...


class Renderer(Protocol):
    """Turns snapshots into camera images. Made, used and closed in one thread."""

    def render(self, snapshot: Snapshot) -> dict[str, UInt8[Array, "h w 3"]]:
        """RGB images of all cameras of the rig, by camera name."""
        ...

    def close(self) -> None:
        """Let go of the graphics context."""
        ...
