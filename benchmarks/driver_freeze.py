#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How far an arm goes on when the driver's process freezes at full speed and franky does not.

    python benchmarks/driver_freeze.py    # a minute, whatever else the machine does

franky's control thread then holds the last command, a position and a velocity, for ever. This
steps the model of `franky-sim` by franky's law at 1 kHz, without any clock: one joint at
a time, at the speed that the driver allows, with its gains. Beside it stands what a halt of the
driver does, and what would come of a time-out: a motion of franky that ends, 0.1 s after the last
command, in franky's own stop.
"""

import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import franky_sim
import mujoco
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "src" / "genima"))

from genima.driver import DriverParameters
from genima.franka import HoldingGains
from genima.kinematics import Q_HOME
from genima.limits import RobotModel, limits_of

PARAMETERS, GAINS = DriverParameters(), HoldingGains()
STIFFNESS, DAMPING = np.array(GAINS.stiffness), np.array(GAINS.damping)
#: Time in which the arm gets used to its speed, and in which it is watched afterwards [s].
RUN_UP_S, WATCHED_S = 0.3, 1.5
#: franky's: torque step [Nm]; damping of its stop [Nm s/rad], and how long it takes to set in [s].
TORQUE_STEP_NM, STOP_DAMPING, STOP_RAMP_S = 1.0, 2.0 * np.sqrt(50.0), 0.2
TIME_OUT_S = 0.1

#: What is commanded some time after the freeze: position [rad] and velocity [rad/s]; None to stop.
Reference = Callable[[float], tuple[np.ndarray, np.ndarray] | None]


def load() -> mujoco.MjModel:
    """The arm of franky-sim, without actuators of its own."""
    assets = Path(franky_sim.__file__).parent / "assets"
    tree = ET.parse(assets / "fr3.xml").getroot()
    tree.find("compiler").set("meshdir", str(assets / "meshes"))
    model = mujoco.MjModel.from_xml_string(ET.tostring(tree, encoding="unicode"))
    model.opt.timestep = 0.001
    model.actuator_gainprm[:] = model.actuator_biasprm[:] = 0.0
    return model


def goes_on(model: mujoco.MjModel, dq: np.ndarray, after: Reference) -> np.ndarray:
    """How far the arm goes beyond its last command, at the farthest, in the direction of `dq`."""
    data = mujoco.MjData(model)
    joints = [model.joint(f"fr3_joint{i + 1}") for i in range(7)]
    at, speed = [j.qposadr[0] for j in joints], [j.dofadr[0] for j in joints]
    data.qpos[at], data.qvel[speed] = Q_HOME - RUN_UP_S * dq, dq
    mujoco.mj_forward(model, data)
    torque, torque_then, farthest = np.zeros(7), np.zeros(7), np.zeros(7)
    for i in range(round(1e3 * (RUN_UP_S + WATCHED_S))):
        t = 1e-3 * i - RUN_UP_S
        wanted = (Q_HOME + t * dq, dq) if t < 0.0 else after(t)
        if wanted is None:
            share = min(1.0, (t - TIME_OUT_S) / STOP_RAMP_S)
            asked = (1.0 - share) * torque_then - share * STOP_DAMPING * data.qvel[speed]
        else:
            q_wanted, dq_wanted = wanted
            error, slower = q_wanted - data.qpos[at], dq_wanted - data.qvel[speed]
            asked = STIFFNESS * error + DAMPING * slower
            torque_then = torque
        torque = torque + np.clip(asked - torque, -TORQUE_STEP_NM, TORQUE_STEP_NM)
        data.qfrc_applied[speed] = torque + data.qfrc_bias[speed]
        mujoco.mj_step(model, data)
        if t >= 0.0:
            farthest = np.maximum(farthest, np.sign(dq) * (data.qpos[at] - Q_HOME))
    return farthest


def halting(dq: np.ndarray, ddq_max: np.ndarray) -> Reference:
    """The command of a driver that halts."""
    most = PARAMETERS.acceleration_fraction * ddq_max

    def after(t: float) -> tuple[np.ndarray, np.ndarray]:
        t_joint = np.minimum(t, np.abs(dq) / most)
        slower = np.sign(dq) * most * t_joint
        return Q_HOME + (dq - 0.5 * slower) * t_joint, dq - slower

    return after


def main() -> None:
    model = load()
    print("| | joint | speed [rad/s] | frozen [rad] | with a time-out | a halt |")
    print("|---|---|---|---|---|---|")
    for robot in RobotModel:
        limits = limits_of(robot)
        for joint in range(7):
            dq = PARAMETERS.velocity_fraction * limits.dq_max * np.eye(7)[joint]
            ways = (
                lambda _, dq=dq: (Q_HOME, dq),
                lambda t, dq=dq: (Q_HOME, dq) if t < TIME_OUT_S else None,
                halting(dq, limits.ddq_max),
            )
            far = [f"{goes_on(model, dq, after)[joint]:.3f}" for after in ways]
            words = [robot.value, str(joint + 1), f"{dq[joint]:.2f}", *far]
            print(f"| {' | '.join(words)} |", flush=True)


if __name__ == "__main__":
    main()
