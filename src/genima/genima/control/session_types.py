# SPDX-License-Identifier: Apache-2.0
"""What a control session is told, and what it tells."""

from dataclasses import dataclass
from enum import Enum

from genima.arrays import Array, Float


class SessionState(Enum):
    """What the controller does; the values are those of ControllerStatus."""

    IDLE = 0
    WAITING = 1
    RUNNING = 2
    HOLDING = 3
    HALTED = 4
    AWAITING_APPROVAL = 5


@dataclass(frozen=True)
class SessionSettings:
    """How a session follows targets.

    Attributes:
        execution_horizon: Steps of each chunk that are executed before the next is taken.
        first_horizon: The same for the first chunk of a goal; 0 for the same number.
        tick_s: Time between two setpoints [s].
        lookahead_s: How far ahead of now setpoints are committed [s].
        target_timeout_s: Longest silence of the diffusion node [s].
        max_target_age_s: Oldest drawing that is still taken [s].
        first_target_timeout_s: How long a new goal waits for its first usable target [s].
        retry_s: How long to stand before asking again after a drawing that cannot be followed [s].
        blocking: Commit nothing while a target is due. For lockstep, where time waits too.
        halt_on_warning: Halt where a plan comes with a warning, rather than tell it only.
        approve: Follow no target that the operator has not approved; each is followed to its end.
        approval_timeout_s: How long a target waits for that before another one is drawn [s].
        dry_run: Compute all motion from where the arm stands, as if nobody sent it anywhere.
    """

    execution_horizon: int = 20
    first_horizon: int = 0
    tick_s: float = 0.02
    lookahead_s: float = 0.05
    target_timeout_s: float = 0.5
    max_target_age_s: float = 1.0
    first_target_timeout_s: float = 10.0
    retry_s: float = 0.2
    blocking: bool = False
    halt_on_warning: bool = False
    approve: bool = False
    approval_timeout_s: float = 60.0
    dry_run: bool = False

    def executed_steps(self, chunk: int, all_steps: int) -> int:
        """Steps of a chunk that are executed; the first one of a goal is number 1."""
        if self.approve:
            return all_steps
        first = chunk == 1 and self.first_horizon
        return self.first_horizon if first else self.execution_horizon

    def bad_age(self, age_s: float) -> str:
        """Why a drawing of this age [s] is not followed; empty if it is."""
        if -self.tick_s <= age_s <= self.max_target_age_s:
            return ""
        return (
            f"the drawn target is {age_s:.2f} s old; at most {self.max_target_age_s} s are "
            "allowed, and it must not lie ahead"
        )


@dataclass(frozen=True, eq=False)
class Setpoint:
    """One point of the commanded motion.

    Attributes:
        time_s: When it is reached [s].
        q: Joint positions [rad].
        dq: Joint velocities [rad/s].
    """

    time_s: float
    q: Float[Array, "7"]
    dq: Float[Array, "7"]


@dataclass(frozen=True)
class SessionStatus:
    """What a person wants to know; see ControllerStatus."""

    state: SessionState = SessionState.IDLE
    reason: str = ""
    instruction: str = ""
    chunks: int = 0
    filter_active: bool = False
    fit: float = -1.0
    targets_refused: int = 0

    @property
    def active(self) -> bool:
        """Whether a goal is being worked on."""
        return self.state not in (SessionState.IDLE, SessionState.HALTED)
