#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How much processor time a step of the command gate, the splicer and the follower takes."""

import sys
from collections.abc import Callable
from pathlib import Path
from time import thread_time

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "src" / "genima"))

from genima.control import ChunkSplicer, TrajectoryFollower
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.limits import RobotModel, limits_of
from genima.safety import CommandGate, GateParameters, JointCommand, JointReading

STEPS = 20_000
PERIOD_S = 0.02
PANDA = limits_of(RobotModel.PANDA)


def gate_step(q_cmd: Callable[[float, np.ndarray], np.ndarray]) -> Callable[[float], None]:
    """One step of a gate on an arm that follows; `q_cmd` makes a command from time and output."""
    gate = CommandGate(PANDA, GateParameters(max_limited_steps=STEPS))
    gate.reset(JointReading(Q_HOME, 0.0), 0.0)
    q = [Q_HOME]

    def step(now_s: float) -> None:
        command = JointCommand(q_cmd(now_s, q[0]), now_s)
        q[0] = gate.step(command, JointReading(q[0], now_s), now_s).q

    return step


def splicer_step() -> Callable[[float], None]:
    """One sample of a splicer that is given a new target every quarter of a second."""
    splicer = ChunkSplicer(PANDA, Q_HOME)
    rng = np.random.default_rng(0)
    replan_s = [0.0]

    def step(now_s: float) -> None:
        if now_s >= replan_s[0]:
            splicer.move_to(Q_HOME + rng.uniform(-0.3, 0.3, 7), True, now_s, 20, 0.05)
            replan_s[0] = now_s + 0.25
        splicer.sample(now_s)

    return step


def follower_step() -> Callable[[float], None]:
    """Taking a trajectory of three points and sampling it once."""
    follower = TrajectoryFollower(Q_HOME, 0.0)
    times_s = PERIOD_S * np.arange(1, 4)

    def step(now_s: float) -> None:
        angle = now_s + times_s[:, None]
        q, dq = Q_HOME + 0.3 * (1 - np.cos(angle)) * np.ones(7), 0.3 * np.sin(angle) * np.ones(7)
        follower.accept(now_s, JOINT_NAMES, times_s, q, dq)
        follower.sample(now_s)

    return step


def report(name: str, step: Callable[[float], None]) -> None:
    durations_us = []
    for now_s in PERIOD_S * np.arange(STEPS):
        began_s = thread_time()
        step(float(now_s))
        durations_us.append(1e6 * (thread_time() - began_s))
    half, most = np.percentile(durations_us, [50, 99])
    print(f"{name:34s} {half:8.1f} {most:8.1f} {max(durations_us):9.1f}")


def main() -> None:
    print(f"{'CPU microseconds a step':34s} {'median':>8s} {'99 %':>8s} {'longest':>9s}")
    report("gate, motion passes", gate_step(lambda t, q: Q_HOME + 0.3 * (1 - np.cos(2 * t))))
    report("gate, every command is limited", gate_step(lambda t, q: q + 0.25 * np.sin(t)))
    report("gate, every command is malformed", gate_step(lambda t, q: np.full(7, np.nan)))
    report("splicer", splicer_step())
    report("follower", follower_step())


if __name__ == "__main__":
    main()
