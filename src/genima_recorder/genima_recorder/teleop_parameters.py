# SPDX-License-Identifier: Apache-2.0
"""Parameters of the teleoperation node."""

from dataclasses import dataclass

from genima.franka.arm_and_hand import ArmAndHand
from genima.franka.types import COLLISION_TORQUE_NM, ArmSettings, HoldingGains, RealtimeKernel
from genima.limits import RobotModel
from genima.teleop.leaders import ArmLeader, SentLeader
from genima.teleop.types import TeleopParameters
from genima_ros.parameters import parameter

#: Hands push a leader all the time; these are the most that its control box accepts.
_LEADER_TORQUE_NM, _LEADER_FORCE_N = 100.0, 100.0


@dataclass(frozen=True)
class TeleopNodeParameters:
    """What `config/teleop.yaml` sets."""

    autostart: bool = parameter(True, "Configure and activate without being told.")
    robot_ip: str = parameter("", "Address of the follower's control box.")
    leader_ip: str = parameter(
        "", "Address of the leader's; empty: who publishes leader/joint_states leads."
    )
    robot: str = parameter(
        "panda", "Which arms they are: whose limits hold.", choices=("panda", "fr3")
    )
    gripper: str = parameter(
        "mirror",
        "Let the follower's gripper do what the leader's does, or what leader/gripper says.",
        choices=("mirror", "topic", "none"),
    )
    realtime: str = parameter(
        "enforce", "Whether the kernel must be a real-time one.", choices=("enforce", "ignore")
    )
    connect_timeout_s: float = parameter(
        10.0, "How long to wait for a connection.", unit="s", minimum=0.5, maximum=60.0
    )
    rate_hz: float = parameter(100.0, "Rate of commands.", unit="Hz", minimum=50.0, maximum=500.0)
    stiffness: list[float] = parameter(  # noqa: RUF009
        list(HoldingGains().stiffness),
        "How stiffly the follower's joints are held: up to 1000, the last three 500 [Nm/rad].",
    )
    damping: list[float] = parameter(  # noqa: RUF009
        list(HoldingGains().damping),
        "How strongly they are damped: from half of sqrt(stiffness) on [Nm s/rad].",
    )
    collision_torque_nm: list[float] = parameter(  # noqa: RUF009
        list(COLLISION_TORQUE_NM),
        "Torque from outside at each joint that stops the follower: up to 87, the last three 12.",
        unit="Nm",
    )
    collision_force_n: float = parameter(
        30.0, "Force at the hand that stops the follower.", unit="N", minimum=1.0, maximum=100.0
    )
    start_tolerance_rad: float = parameter(
        0.05, "Closer than this the arms agree.", unit="rad", minimum=0.005, maximum=0.1
    )
    align_within_rad: float = parameter(
        0.5,
        "Farther apart than this it does not start; in between they are brought together.",
        unit="rad",
        minimum=0.005,
        maximum=1.5,
    )
    align_speed_rad_s: float = parameter(
        0.15, "How fast they are brought together.", unit="rad/s", minimum=0.01, maximum=0.5
    )
    leader_timeout_s: float = parameter(
        0.1, "Oldest leader state that is followed.", unit="s", minimum=0.02, maximum=0.5
    )
    follower_timeout_s: float = parameter(
        0.1, "Oldest follower state that is acted on.", unit="s", minimum=0.02, maximum=0.5
    )
    position_margin_rad: float = parameter(
        0.02, "Kept to the position limits.", unit="rad", minimum=0.01, maximum=0.3
    )
    velocity_fraction: float = parameter(
        0.8, "Share of the velocity limits that is used.", minimum=0.05, maximum=1.0
    )
    acceleration_fraction: float = parameter(
        0.5, "Share of the acceleration limits that is used.", minimum=0.05, maximum=1.0
    )
    lag_rad: float = parameter(
        0.1, "Longest way behind a leader that is too fast.", unit="rad", minimum=0.1, maximum=0.5
    )
    lag_timeout_s: float = parameter(
        0.5, "How long the follower may be behind.", unit="s", minimum=0.05, maximum=3.0
    )
    far_rad: float = parameter(
        0.3,
        "Farther than this it neither runs after the leader nor may be from its command.",
        unit="rad",
        minimum=0.1,
        maximum=1.0,
    )


def mirror_parameters(p: TeleopNodeParameters) -> TeleopParameters:
    """How the follower follows.

    Raises:
        InvalidParameter: Two values contradict each other.
    """
    names = TeleopParameters.__dataclass_fields__.keys() & p.__dataclass_fields__.keys()
    values = {name: getattr(p, name) for name in names}
    return TeleopParameters(period_s=1.0 / p.rate_hz, **values)


def gains(p: TeleopNodeParameters) -> HoldingGains:
    """How the follower is held.

    Raises:
        InvalidParameter: They are not seven numbers that an arm can be held with.
    """
    return HoldingGains(tuple(p.stiffness), tuple(p.damping))


def make_leader(p: TeleopNodeParameters) -> ArmLeader | SentLeader:
    """Whom to follow; nothing is connected."""
    if not p.leader_ip:
        return SentLeader()
    settings = _settings(p, "leader", p.leader_ip, _LEADER_TORQUE_NM, _LEADER_FORCE_N)
    return ArmLeader(ArmAndHand(settings, p.gripper == "mirror"), 1.0 / p.rate_hz)


def make_follower(p: TeleopNodeParameters) -> ArmAndHand:
    """Who follows; nothing is connected.

    Raises:
        InvalidParameter: It has no address, or collision torques that no reflex would come at.
    """
    torques_nm = tuple(p.collision_torque_nm)
    settings = _settings(p, "follower", p.robot_ip, torques_nm, p.collision_force_n)
    return ArmAndHand(settings, p.gripper != "none")


def _settings(
    p: TeleopNodeParameters,
    name: str,
    host: str,
    torque_nm: float | tuple[float, ...],
    force_n: float,
) -> ArmSettings:
    return ArmSettings(
        name,
        host,
        RobotModel(p.robot),
        RealtimeKernel(p.realtime),
        p.connect_timeout_s,
        torque_nm,
        force_n,
    )
