# SPDX-License-Identifier: Apache-2.0
"""Whether the robot and the installed franky speak the same version of the protocol."""

import importlib.metadata
import re
import socket
import struct
from collections.abc import Iterator

from genima.doctor.computer import Computer
from genima.doctor.finding import Finding, missing, ok, warning
from genima.doctor.intended import Intended
from genima.limits import RobotModel

_PORT = 1337
_LIMIT_S = 3.0
_HEADER = struct.Struct("<III")  # command, its number, size with this header
_CONNECT = struct.Struct("<HH")  # version, UDP port for the state
#: A version that no robot has: it refuses, names its own, and nothing is begun.
_NO_VERSION = 0
_LIBRARY = re.compile(r"libfranka(?:-[0-9a-f]+)?\.so\.(\d+)\.(\d+)")
#: The version that a libfranka of at least this number speaks; franky's own table.
_SPOKEN = {
    (0, 18): 10,
    (0, 15): 9,
    (0, 14): 8,
    (0, 13): 7,
    (0, 10): 6,
    (0, 9): 5,
    (0, 8): 4,
    (0, 5): 3,
}
_PANDA_VERSION = 5
_WHEEL = {
    5: "the wheel of libfranka 0.9.2, from franky's own wheel index",
    4: "the wheel of libfranka 0.8.0, from franky's own wheel index",
    10: "pip install 'franky-control>=2.0'",
}


def check_robot_software(_computer: Computer, intended: Intended) -> Iterator[Finding]:
    """The installed libfranka, and what the robot itself says that it speaks."""
    library = installed_libfranka()
    if library is None:
        yield missing(
            "franky",
            "no franky-control with a libfranka of its own is installed",
            f"install {wheel_for(intended.robot)}",
        )
        return
    spoken = spoken_version(library)
    words = f"libfranka {library[0]}.{library[1]}, which speaks version {spoken}"
    if not intended.robot_ip:
        yield judge_model(intended.robot, spoken, words)
        return
    try:
        version = ask_version(intended.robot_ip)
    except OSError as error:
        yield judge_model(intended.robot, spoken, words)
        yield judge_silence(intended.robot_ip, error)
        return
    yield judge_version(version, spoken, words)


def installed_libfranka() -> tuple[int, int] | None:
    """The libfranka inside of the installed franky-control; None if there is none."""
    try:
        files = importlib.metadata.files("franky-control") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if match := _LIBRARY.search(file.name):
            return int(match[1]), int(match[2])
    return None


def spoken_version(library: tuple[int, int]) -> int:
    """The version of the protocol that a libfranka speaks."""
    return next((version for least, version in _SPOKEN.items() if library >= least), 2)


def wheel_for(robot: RobotModel) -> str:
    """What to install for an arm."""
    return _WHEEL[_PANDA_VERSION if robot is RobotModel.PANDA else 10]


def judge_model(robot: RobotModel, spoken: int, words: str) -> Finding:
    """Whether a libfranka can be the right one, by the kind of arm."""
    if robot is RobotModel.PANDA and spoken > _PANDA_VERSION:
        return missing(
            "franky", f"{words}; a Panda speaks {_PANDA_VERSION}", f"install {wheel_for(robot)}"
        )
    if robot is RobotModel.FR3 and spoken <= _PANDA_VERSION:
        return missing(
            "franky", f"{words}; an FR3 speaks 6 or more", f"install {wheel_for(robot)}"
        )
    return ok("franky", words)


def judge_version(version: int, spoken: int, words: str) -> Finding:
    """Whether a libfranka is the right one for what the robot has said."""
    if version == spoken:
        return ok("franky", f"{words}, as the robot does")
    remedy = _WHEEL.get(version, f"the wheel for robot server version {version}, from its index")
    return missing("franky", f"{words}; the robot speaks {version}", f"install {remedy}")


def judge_silence(host: str, error: OSError) -> Finding:
    """What to do about a robot that does not say its version."""
    if isinstance(error, ConnectionRefusedError):
        return missing(
            "FCI",
            f"{host} refuses connections to port {_PORT}",
            "unlock the joints and activate FCI in Desk",
        )
    if isinstance(error, BusyRobot):
        return warning(
            "FCI",
            f"{host} takes the connection and says nothing",
            "end other programs that use this arm: it speaks with one at a time",
        )
    return missing(
        "FCI",
        f"{host}, port {_PORT}: {error.strerror or 'no answer'}",
        "see whether the address is right, then activate FCI in Desk",
    )


class BusyRobot(OSError):
    """The robot took a connection and did not answer."""


def ask_version(host: str, limit_s: float = _LIMIT_S) -> int:
    """The version of the protocol that a robot speaks.

    Raises:
        OSError: Nothing answers; a BusyRobot if something took the connection.
    """
    with (
        socket.create_connection((host, _PORT), limit_s) as connection,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as state,
    ):
        state.bind(("", 0))  # a robot that agrees against all expectation has somewhere to send
        body = _CONNECT.pack(_NO_VERSION, state.getsockname()[1])
        connection.sendall(_HEADER.pack(0, 1, _HEADER.size + len(body)) + body)
        try:
            answer = connection.recv(256)
        except TimeoutError as error:
            raise BusyRobot from error
    return parse_answer(answer)


def parse_answer(answer: bytes) -> int:
    """The version in an answer to the request above.

    Raises:
        BusyRobot: It is not such an answer.
    """
    body = answer[_HEADER.size :]
    # Up to version 5 the status before it is one byte, later it is two.
    layout = "<BH" if len(body) == 3 else "<HH"
    if len(body) < struct.calcsize(layout):
        raise BusyRobot
    return int(struct.unpack_from(layout, body)[1])
