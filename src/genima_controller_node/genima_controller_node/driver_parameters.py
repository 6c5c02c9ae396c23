# SPDX-License-Identifier: Apache-2.0
"""Parameters of the arm's driver."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from genima.arrays import Array, Float
from genima.driver import DriverParameters
from genima.driver.robotiq import RobotiqGripper
from genima.errors import InvalidParameter
from genima.franka.arm_and_hand import ArmAndHand
from genima.franka.types import COLLISION_TORQUE_NM, ArmSettings, HoldingGains, RealtimeKernel
from genima.limits import RobotModel, limits_of
from genima_ros.parameters import parameter


@dataclass(frozen=True)
class DriverNodeParameters:
    """What `config/panda.yaml` sets."""

    autostart: bool = parameter(True, "Configure and activate without being told.")
    robot_ip: str = parameter("", "Address of the arm's control box.")
    robot: str = parameter(
        "panda", "Which arm it is: whose limits hold.", choices=("panda", "fr3")
    )
    dry_run: bool = parameter(False, "Send nothing to arm and gripper.")
    gripper: str = parameter(
        "franka", "Which gripper is on it.", choices=("franka", "robotiq", "none")
    )
    gripper_port: str = parameter(
        "/dev/ttyUSB0", "Of a Robotiq gripper: its serial line, or tcp://host:port."
    )
    realtime: str = parameter(
        "enforce", "Whether the kernel must be a real-time one.", choices=("enforce", "ignore")
    )
    connect_timeout_s: float = parameter(
        10.0, "How long to wait for a connection.", unit="s", minimum=0.5, maximum=60.0
    )
    rate_hz: float = parameter(
        100.0, "Rate of commands to the arm.", unit="Hz", minimum=50.0, maximum=500.0
    )
    joint_states_rate_hz: float = parameter(
        100.0, "Rate of joint_states, up to rate_hz.", unit="Hz", minimum=10.0, maximum=500.0
    )
    stiffness: list[float] = parameter(  # noqa: RUF009
        list(HoldingGains().stiffness),
        "How stiffly the joints are held: up to 1000, the last three 500 [Nm/rad].",
    )
    damping: list[float] = parameter(  # noqa: RUF009
        list(HoldingGains().damping),
        "How strongly they are damped: from half of sqrt(stiffness) on [Nm s/rad].",
    )
    collision_torque_nm: list[float] = parameter(  # noqa: RUF009
        list(COLLISION_TORQUE_NM),
        "Torque from outside at each joint that stops the arm: up to 87, the last three 12.",
        unit="Nm",
    )
    collision_force_n: float = parameter(
        30.0, "Force at the hand that stops the arm.", unit="N", minimum=1.0, maximum=100.0
    )
    trajectory_timeout_s: float = parameter(
        0.2,
        "Longest time without a new trajectory while the arm moves.",
        unit="s",
        minimum=0.05,
        maximum=2.0,
    )
    state_timeout_s: float = parameter(
        0.1, "Oldest state of the arm that is acted on.", unit="s", minimum=0.02, maximum=1.0
    )
    start_tolerance_rad: float = parameter(
        0.1,
        "Largest distance between the standing arm and where a trajectory begins.",
        unit="rad",
        minimum=0.01,
        maximum=0.5,
    )
    tracking_tolerance_rad: float = parameter(
        0.3,
        "Largest distance between the arm and its command.",
        unit="rad",
        minimum=0.02,
        maximum=1.0,
    )
    position_margin_rad: float = parameter(
        0.02, "Kept to the position limits.", unit="rad", minimum=0.01, maximum=0.3
    )
    velocity_fraction: float = parameter(
        0.9, "Share of the robot's velocity limits that is used.", minimum=0.05, maximum=1.0
    )
    acceleration_fraction: float = parameter(
        0.8, "Share of its acceleration limits that is used.", minimum=0.05, maximum=1.0
    )
    self_collision_margin_m: float = parameter(
        0.01, "Distance kept between parts of the arm.", unit="m", minimum=0.0, maximum=0.1
    )
    workspace_min_m: list[float] = parameter(  # noqa: RUF009
        [-1.0, -1.0, 0.0],
        "Lowest x, y and z of elbow, wrist, flange and tool centre in panda_link0.",
        unit="m",
    )
    workspace_max_m: list[float] = parameter(  # noqa: RUF009
        [1.0, 1.0, 1.3], "Their highest x, y and z.", unit="m"
    )
    home: list[float] = parameter(  # noqa: RUF009
        [0.0, -0.7854, 0.0, -2.3562, 0.0, 1.5708, 0.7854],
        "Where `home` moves the arm [rad].",
    )
    home_speed_rad_s: float = parameter(
        0.3, "How fast it does so.", unit="rad/s", minimum=0.02, maximum=1.0
    )
    release_after_s: float = parameter(
        10.0, "How long the arm is held after its last motion.", unit="s", minimum=1.0, maximum=1e5
    )


def driver_parameters(p: DriverNodeParameters) -> DriverParameters:
    """How the arm is driven.

    Raises:
        InvalidParameter: Two values contradict each other.
    """
    if p.joint_states_rate_hz > p.rate_hz:
        raise InvalidParameter(
            f"joint_states_rate_hz is {p.joint_states_rate_hz:g} and rate_hz {p.rate_hz:g}; "
            "joint states can be published at most at the rate of commands"
        )
    names = DriverParameters.__dataclass_fields__.keys() & p.__dataclass_fields__.keys()
    values = {name: _value(getattr(p, name)) for name in names}
    return DriverParameters(period_s=1.0 / p.rate_hz, **values)


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def gains(p: DriverNodeParameters) -> HoldingGains:
    """How the arm is held.

    Raises:
        InvalidParameter: They are not seven numbers that an arm can be held with.
    """
    return HoldingGains(tuple(p.stiffness), tuple(p.damping))


def home_of(p: DriverNodeParameters) -> Float[Array, "7"]:
    """Where `home` moves the arm [rad].

    Raises:
        InvalidParameter: They are not seven positions within the limits.
    """
    q = np.array(p.home, float)
    limits = limits_of(RobotModel(p.robot))
    if q.shape != (7,) or not limits.within(q, p.position_margin_rad):
        raise InvalidParameter(
            f"home is {p.home}; give seven positions that keep {p.position_margin_rad} rad to "
            f"the limits of {p.robot}, {limits.q_min.tolist()} to {limits.q_max.tolist()} rad"
        )
    return q


def make_robot(p: DriverNodeParameters) -> ArmAndHand:
    """Arm and gripper; nothing is connected.

    Raises:
        InvalidParameter: The arm has no address, or the gripper no port.
    """
    settings = ArmSettings(
        "arm",
        p.robot_ip,
        RobotModel(p.robot),
        RealtimeKernel(p.realtime),
        p.connect_timeout_s,
        tuple(p.collision_torque_nm),
        p.collision_force_n,
    )
    robotiq = p.gripper == "robotiq"
    other = RobotiqGripper(p.gripper_port, p.connect_timeout_s) if robotiq else None
    return ArmAndHand(settings, p.gripper == "franka", other)
