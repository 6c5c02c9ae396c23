# SPDX-License-Identifier: Apache-2.0
"""What the driver node refuses before an arm is asked, and how it publishes."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import rclpy
from genima_msgs.msg import DriverStatus as DriverMessage

from genima.driver import DriverCause, DriverState, DriverStatus
from genima.driver.types import DriverTick
from genima.errors import InvalidParameter
from genima.evaluation.domain import claim_domain
from genima.franka import ArmMode, ArmReading
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.timing import DeadlineLoop
from genima_controller_node.driver_parameters import (
    DriverNodeParameters,
    driver_parameters,
    gains,
    home_of,
    make_robot,
)
from genima_controller_node.driver_publisher import (
    DriverStatusPublisher,
    JointPublisher,
    driver_health,
)
from genima_controller_node.panda_driver_node import PandaDriverNode
from genima_ros.conversions import FINGER_JOINTS, seconds
from genima_ros.diagnostics import Level
from genima_ros.qos import EMERGENCY_STOP

GIVEN = DriverNodeParameters(robot_ip="172.16.0.2")


class Node:
    """Keeps what is published and logged."""

    def __init__(self) -> None:
        self.published: list = []
        self.logged: list[tuple[str, str]] = []

    def advertise(self, *_: object) -> SimpleNamespace:
        return SimpleNamespace(publish=self.published.append)

    def get_logger(self) -> SimpleNamespace:
        levels = ("info", "warning", "error")
        return SimpleNamespace(
            **{
                level: lambda text, level=level: self.logged.append((level, text))
                for level in levels
            }
        )


@pytest.mark.parametrize(
    ("make", "changes", "words"),
    [
        (make_robot, {"robot_ip": ""}, "the arm has no address"),
        (make_robot, {"gripper": "robotiq", "gripper_port": "COM3"}, "give /dev/ttyUSB0"),
        (driver_parameters, {"joint_states_rate_hz": 200.0}, "at most at the rate of commands"),
        (home_of, {"home": [0.0] * 6}, "give seven positions"),
        (home_of, {"robot": "fr3", "home": [0.0] * 7}, "keep 0.02 rad to the limits of fr3"),
        (make_robot, {"collision_torque_nm": [20.0] * 7}, "more the joints cannot exert"),
        (make_robot, {"collision_torque_nm": [10.0] * 6}, "give seven numbers"),
        (gains, {"stiffness": [600.0] * 7}, "stiffness of joint 5 is 600"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(
    make: object, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(InvalidParameter, match=words):
        make(replace(GIVEN, **changes))


def test_parameters_make_a_driver() -> None:
    robot = make_robot(replace(GIVEN, robot="fr3", gripper="robotiq"))
    assert robot.arm.settings.host == "172.16.0.2"
    assert type(robot.hand).__name__ == "RobotiqGripper"
    assert make_robot(replace(GIVEN, gripper="none")).hand is None
    assert (
        driver_parameters(replace(GIVEN, rate_hz=50.0, joint_states_rate_hz=50.0)).period_s == 0.02
    )
    assert home_of(GIVEN) == pytest.approx(Q_HOME, abs=1e-4)


def tick(now_s: float, state_s: float, opening: float = np.nan) -> DriverTick:
    reading = ArmReading(Q_HOME, np.zeros(7), state_s, ArmMode.IDLE)
    return DriverTick(now_s, reading, opening, None)


def test_joint_states_are_stamped_by_the_ros_clock_and_not_repeated() -> None:
    node = Node()
    publisher = JointPublisher(node, 0.02)
    publisher.publish(tick(100.0, 99.99), 4900.0)
    publisher.publish(tick(100.01, 99.99), 4900.0)  # the arm has died
    publisher.publish(tick(100.015, 100.0), 4900.0)  # too soon
    publisher.publish(tick(100.02, 100.01, opening=0.5), 4900.0)
    publisher.publish(DriverTick(101.0, None, np.nan, None), 4900.0)
    first, second = node.published
    assert seconds(first.header.stamp) == pytest.approx(4999.99)
    assert tuple(first.name) == JOINT_NAMES
    assert tuple(second.name) == (*JOINT_NAMES, *FINGER_JOINTS)
    assert second.position[7] == second.position[8] == pytest.approx(0.02)


def test_status_is_published_on_change_and_once_in_a_while_and_logged_by_its_weight() -> None:
    node = Node()
    publisher = DriverStatusPublisher(node, True, lambda: 1.0)
    connecting = DriverStatus(reason="connects to 172.16.0.2")
    halted = DriverStatus(DriverState.HALTED, DriverCause.REFLEX, "a reflex", halts=2)
    held = DriverStatus(DriverState.HOLDING, DriverCause.TRAJECTORIES_STOPPED, "none came")
    for status in (connecting, connecting, halted, held, DriverStatus(DriverState.IDLE)):
        publisher.poll(status, 7)
    assert [level for level, _ in node.logged] == ["info", "error", "warning", "info"]
    states = [message.state for message in node.published]
    assert states == [
        *(DriverMessage.DISCONNECTED, DriverMessage.HALTED),
        *(DriverMessage.HOLDING, DriverMessage.IDLE),
    ]
    message = node.published[1]
    assert (message.cause, message.reason) == (DriverMessage.REFLEX, "a reflex")
    assert (message.halts, message.overruns, message.dry_run) == (2, 7, True)
    for _ in range(20):
        publisher.poll(DriverStatus(DriverState.IDLE), 7)
    assert len(node.published) == 5


def test_numbers_of_states_and_causes_are_those_of_the_message() -> None:
    for member in (*DriverState, *DriverCause):
        assert getattr(DriverMessage, member.name) == member.value


@pytest.mark.parametrize(
    ("status", "level"),
    [
        (DriverStatus(DriverState.FOLLOWING), Level.OK),
        (DriverStatus(reason="connects to 172.16.0.2"), Level.WARN),
        (DriverStatus(DriverState.DISCONNECTED, DriverCause.NETWORK, "gone"), Level.ERROR),
        (DriverStatus(DriverState.HALTED, DriverCause.ORDERED, "hold"), Level.ERROR),
        (DriverStatus(DriverState.IDLE, DriverCause.GUIDED, "guided"), Level.WARN),
    ],
)
def test_health_is_as_bad_as_the_state(status: DriverStatus, level: Level) -> None:
    assert driver_health(status, DeadlineLoop(0.01)).level is level


def test_no_emergency_stop_hides_another_that_speaks_at_the_same_time() -> None:
    given = ["--ros-args", "-p", "autostart:=false", "-p", "robot_ip:=127.0.0.1"]
    with claim_domain() as domain:
        rclpy.init(args=given, domain_id=domain)
        node = PandaDriverNode()
        node.trigger_configure()
        (stops,) = (s for s in node.subscriptions if s.topic_name == "/estop")
        assert stops.qos_profile.depth == EMERGENCY_STOP.depth > 1
        node.trigger_cleanup()
        node.destroy_node()
        rclpy.shutdown()
