# SPDX-License-Identifier: Apache-2.0
"""How an arm is set up, and what is read of it."""

from dataclasses import dataclass, fields
from enum import Enum
from typing import NamedTuple

import numpy as np

from genima.arrays import Array, Float
from genima.errors import InvalidParameter
from genima.limits import RobotModel

#: As the joint controller of Franka's ROS packages holds a Panda; its wrist is softer [Nm/rad].
_STIFF = (600.0, 600.0, 600.0, 600.0, 240.0, 240.0, 240.0)
#: That one has 30, libfranka's example 50 at joints 1 to 4: with 30 the second joint, which bears
#: most, swings for a quarter of a second after a halt [Nm s/rad].
_DAMPED = (40.0, 40.0, 40.0, 40.0, 15.0, 15.0, 15.0)
#: A hand-guided arm keeps a little friction, so that it stays where it is let go [Nm s/rad].
_FRICTION = (1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5)
#: Stiffest that an arm is held [Nm/rad]; the most in Franka's own controllers is 600, at the wrist
#: 250, and a real arm was not tried yet.
_STIFFEST = (1000.0,) * 4 + (500.0,) * 3
#: Most that the joints of both arms exert [Nm]: beyond that no reflex would come.
_STRONGEST = (87.0,) * 4 + (12.0,) * 3
#: Torques from outside that stop an arm: about those of Franka's examples [Nm].
COLLISION_TORQUE_NM = (20.0, 20.0, 18.0, 18.0, 10.0, 10.0, 10.0)
#: Least damping by sqrt(stiffness), of which Franka's have 0.63 and more: with less an arm swings.
#: Most by that of the greatest stiffness, 2 is critical at 1 kg m2: with more it hums by noise.
_LEAST_DAMPING, _MOST_DAMPING = 0.5, 2.0


class RealtimeKernel(Enum):
    """Whether the kernel must be a real-time one."""

    ENFORCE = "enforce"
    IGNORE = "ignore"


class ArmMode(Enum):
    """What the robot says that it does, by libfranka's names."""

    OTHER = "Other"
    IDLE = "Idle"
    MOVE = "Move"
    GUIDING = "Guiding"
    REFLEX = "Reflex"
    USER_STOPPED = "UserStopped"
    AUTOMATIC_ERROR_RECOVERY = "AutomaticErrorRecovery"


class ArmTrouble(Enum):
    """What keeps an arm from being used."""

    REFLEX = "it stopped by itself"
    USER_STOP = "its user stop is pressed"
    NETWORK = "the connection broke, or never came"
    WRONG_SOFTWARE = "franky is missing, or not made for this robot"
    NOT_READY = "its joints are locked, FCI is not active, or it recovers"
    GUIDED = "somebody guides it by hand"
    NO_REALTIME = "the kernel is not a real-time one"
    TOO_LATE = "commands came too late"
    REFUSED = "it refused a command"


@dataclass(frozen=True)
class ArmSettings:
    """One arm.

    Attributes:
        name: What people call it, such as "follower"; errors begin with it.
        host: Address of its control box.
        robot: Which arm it is: its limits.
        realtime: Whether the kernel must be a real-time one.
        connect_timeout_s: How long to wait for a connection [s].
        collision_torque_nm: Torque from outside at each joint that stops the arm, at most what
            the joint can exert; one number for all seven [Nm].
        collision_force_n: Force from outside at the hand that stops the arm [N].
        read_rate_hz: How often its state is read [Hz].
    """

    name: str
    host: str
    robot: RobotModel = RobotModel.PANDA
    realtime: RealtimeKernel = RealtimeKernel.ENFORCE
    connect_timeout_s: float = 10.0
    collision_torque_nm: float | tuple[float, ...] = COLLISION_TORQUE_NM
    collision_force_n: float = 30.0
    read_rate_hz: float = 200.0

    def __post_init__(self) -> None:
        if not self.host:
            raise InvalidParameter(
                f"the {self.name} has no address; give that of its control box (robot_ip)"
            )
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not 0.0 < value < np.inf:
                raise InvalidParameter(f"{self.name}: {field.name} is {value}; it must be above 0")
        torques = self.collision_torque_nm
        if isinstance(torques, tuple) and not (
            len(torques) == 7
            and all(0.0 < t <= most for t, most in zip(torques, _STRONGEST, strict=True))
        ):
            raise InvalidParameter(
                f"{self.name}: collision_torque_nm is {list(torques)}; give seven numbers above 0 "
                f"and at most {list(_STRONGEST)}, more the joints cannot exert"
            )


@dataclass(frozen=True)
class ImpedanceGains:
    """How the arm is held to its commanded position.

    Attributes:
        stiffness: Of the joints [Nm/rad].
        damping: Of the joints [Nm s/rad]; empty for 2 sqrt(stiffness).
    """

    stiffness: tuple[float, ...] = _STIFF
    damping: tuple[float, ...] = _DAMPED

    def __post_init__(self) -> None:
        for name, sizes in (("stiffness", (7,)), ("damping", (0, 7))):
            values = getattr(self, name)
            if len(values) not in sizes or not all(0.0 <= value < np.inf for value in values):
                raise InvalidParameter(
                    f"{name} is {list(values)}; give seven numbers of at least 0, one a joint"
                )


@dataclass(frozen=True)
class HoldingGains(ImpedanceGains):
    """Gains that hold an arm which moves by itself: neither limp nor swinging nor too stiff."""

    def __post_init__(self) -> None:
        super().__post_init__()
        damping = self.damping or [2.0 * np.sqrt(k) for k in self.stiffness]
        gains = zip(self.stiffness, damping, _STIFFEST, strict=True)
        for joint, (k, d, k_max) in enumerate(gains, start=1):
            if not 0.0 < k <= k_max:
                raise InvalidParameter(
                    f"stiffness of joint {joint} is {k:g} Nm/rad; it must be above 0 and at most "
                    f"{k_max:g}"
                )
            least, most = _LEAST_DAMPING * np.sqrt(k), _MOST_DAMPING * np.sqrt(k_max)
            if not least <= d <= most:
                raise InvalidParameter(
                    f"damping of joint {joint} is {d:g} Nm s/rad; with a stiffness of {k:g} it "
                    f"must be {least:.1f} to {most:.1f}"
                )


#: Free to be moved by hand.
HAND_GUIDING = ImpedanceGains((0.0,) * 7, _FRICTION)


@dataclass(frozen=True, eq=False)
class ArmReading:
    """The state of an arm.

    Attributes:
        q: Joint positions [rad].
        dq: Joint velocities [rad/s].
        stamp_s: When the robot's own clock was last seen to advance [s]: the age of the rest.
        mode: What the robot says that it does.
    """

    q: Float[Array, "7"]
    dq: Float[Array, "7"]
    stamp_s: float
    mode: ArmMode


class SentCommand(NamedTuple):
    """What an arm was sent.

    Attributes:
        q: Joint positions [rad].
        dq: Joint velocities there [rad/s].
        stamp_s: When it was sent [s].
    """

    q: Float[Array, "7"]
    dq: Float[Array, "7"]
    stamp_s: float
