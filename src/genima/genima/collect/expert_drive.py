# SPDX-License-Identifier: Apache-2.0
"""Lets a world's expert move the arm exactly as a node would that sends its commands.

The world behind the robot's topics follows trajectories. So that a demonstration comes out the
same to the last bit whichever way it is collected, the world in this process follows them, too:
one point for each policy step, sent as soon as the state is known that the expert decides by.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Float
from genima.control.follower import TrajectoryFollower
from genima.errors import WorldError
from genima.kinematics import JOINT_NAMES
from genima.limits import RobotModel, limits_of
from genima.sim.runner import POLICY_STEP_S
from genima.sim.task import K_STEPS
from genima.sim.world import ExpertChunk, World, WorldState

SETTLE_STEPS = K_STEPS
"""Steps that are recorded after success.

A task counts as done when the arm is still 1 to 7 cm short of where the expert takes it. With
these steps the target of every step up to success, K steps later, is the one that an oracle would
draw; without them a learner would be taught to stop at the very edge of success.
"""


LEAD_STEPS = 0.4
"""How much further than one step of the expert a command goes.

The drives follow a moving command 0.4 steps behind. The expert counts its steps from the measured
position, so without this lead it would move at 1/1.4 of its speed, while the targets that an
oracle draws, K steps of the expert ahead, assume all of it.
"""
EXPERT_STEPS = 2
"""How many steps of the expert a command is made from."""

COMMAND_TIMES_S: Float[Array, "2"] = np.array([0.0, POLICY_STEP_S])
"""When the two points of a command are reached, counted from its stamp [s]."""
COMMAND_TIMES_S.setflags(write=False)


@dataclass(frozen=True, eq=False)
class ExpertCommand:
    """A trajectory for one policy step, from where the arm was sent before to where it is to be.

    Attributes:
        q: Joint positions at `COMMAND_TIMES_S` [rad], (2, 7).
        dq: Joint velocities there [rad/s], (2, 7).
        gripper_open: State of the gripper on the way.
    """

    q: Float[Array, "2 7"]
    dq: Float[Array, "2 7"]
    gripper_open: bool


class ExpertCommander:
    """Makes commands of what an expert says at each policy step of one episode."""

    def __init__(self) -> None:
        self._last: ExpertCommand | None = None

    def command(self, chunk: ExpertChunk) -> ExpertCommand:
        """The next command: the first steps of a fresh chunk, `EXPERT_STEPS` at least.

        The arm arrives with the mean speed of the step, so an even motion is an even motion.
        """
        last = self._last
        q_from, dq_from = (chunk.q_now, np.zeros(7)) if last is None else (last.q[1], last.dq[1])
        q_to = chunk.q[0] + LEAD_STEPS * (chunk.q[1] - chunk.q[0])
        dq_to = (q_to - q_from) / POLICY_STEP_S
        self._last = ExpertCommand(
            np.stack([q_from, q_to]), np.stack([dq_from, dq_to]), bool(chunk.gripper_open[0])
        )
        return self._last


@dataclass(frozen=True, eq=False)
class Step:
    """One row of a demonstration.

    Attributes:
        stamp_s: Time since the episode began [s].
        state: What the arm measures.
        command: What led here; None for the first step.
    """

    stamp_s: float
    state: WorldState
    command: ExpertCommand | None


def drive(world: World, max_steps: int) -> Iterator[Step]:
    """Let the expert do the task in a world that has just been reset; yields each policy step.

    Ends `SETTLE_STEPS` after the first step at which the task is done.

    Raises:
        WorldError: It is not done after `max_steps`.
        InvalidCommand: The expert wants more than the arm can do.
    """
    state = world.state()
    follower = TrajectoryFollower(state.q, 0.0, limits_of(RobotModel.PANDA))
    commander = ExpertCommander()
    yield Step(0.0, state, None)
    done = 0
    for step in range(1, max_steps + SETTLE_STEPS + 1):
        if not done and step > max_steps:
            raise WorldError(f"the expert was not done after {max_steps} steps")
        command = commander.command(world.expert_chunk(EXPERT_STEPS))
        _advance(world, follower, command, step - 1)
        if not done and world.success():
            done = step
        # Rounded as the stamps of the world behind the topics are.
        yield Step(round(step * POLICY_STEP_S, 9), world.state(), command)
        if done and step == done + SETTLE_STEPS:
            return


def _advance(
    world: World, follower: TrajectoryFollower, command: ExpertCommand, step: int
) -> None:
    """One policy step; every number is the one that `LockstepRunner` comes to."""
    start_s = round(step * POLICY_STEP_S, 9)
    follower.accept(start_s, JOINT_NAMES, COMMAND_TIMES_S, command.q, command.dq)
    rows = round(POLICY_STEP_S / world.physics_dt_s)
    times_s = (start_s + world.physics_dt_s * np.arange(1, rows + 1)).round(9)
    world.advance(np.array([follower.sample(t).q for t in times_s]), command.gripper_open)
