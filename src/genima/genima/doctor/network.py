# SPDX-License-Identifier: Apache-2.0
"""The way to the robot."""

import re
import socket
from collections.abc import Iterator

from genima.doctor.computer import Computer
from genima.doctor.finding import Finding, missing, ok, unknown, warning
from genima.doctor.intended import Intended

#: Longest and mean round trip that leave the robot's 1 ms its room [ms].
_LONGEST_MS, _MEAN_MS = 1.0, 0.4
_PINGS = 50
_PING_LIMIT_S = 15.0
_ROUTE_LIMIT_S = 5.0
_SLOWEST_LINK_MBIT = 1000
_STATISTICS = re.compile(r"= [\d.]+/([\d.]+)/([\d.]+)/")
_LOSS = re.compile(r"([\d.]+)% packet loss")
_CABLE = "a cable straight from the control box to a network port of this computer"


def check_network(computer: Computer, intended: Intended) -> Iterator[Finding]:
    """Address, route, link, and how long the way there and back takes."""
    if not intended.robot_ip:
        yield unknown("network", "no address was given", "give --robot-ip, such as 172.16.0.2")
        return
    try:
        address = socket.gethostbyname(intended.robot_ip)
    except (OSError, UnicodeError):
        yield missing(
            "network",
            f"{intended.robot_ip!r} is no address and no name that is known",
            "give the address of the control box (Desk, Settings, Network), such as 172.16.0.2",
        )
        return
    yield from _check_route(computer, address)
    yield from _check_ping(computer, address)


def _check_route(computer: Computer, address: str) -> Iterator[Finding]:
    done = computer.run(["ip", "route", "get", address], _ROUTE_LIMIT_S)
    if done.returncode == 127:
        yield unknown("route", "the program ip is not installed", "sudo apt-get install iproute2")
        return
    yield judge_route(address, done.stdout)
    device = re.search(r"\bdev (\S+)", done.stdout)
    if device and device[1] != "lo":
        folder = f"/sys/class/net/{device[1]}"
        wireless = computer.path(f"{folder}/wireless").exists()
        yield judge_link(device[1], computer.read(f"{folder}/speed"), wireless)


def judge_route(address: str, words: str) -> Finding:
    """Whether there is a way, and no computer in between, by what `ip route get` says."""
    if not re.search(r"\bdev \S+", words):
        return missing(
            "route",
            f"there is no way to {address}",
            f"use {_CABLE}, and give that port an address such as 172.16.0.1/24",
        )
    gateway = re.search(r"\bvia (\S+)", words)
    if gateway:
        return warning(
            "route",
            f"{address} is reached through {gateway[1]}",
            f"use {_CABLE}, with an address in the robot's own network",
        )
    return ok("route", " ".join(words.split()[:5]))


def judge_link(device: str, speed_mbit: str | None, wireless: bool) -> Finding:
    """Whether the network port is good for 1 kHz."""
    if wireless:
        return missing("link", f"{device} is wireless, and packets come late", f"use {_CABLE}")
    if speed_mbit is None or not speed_mbit.isdecimal():
        return unknown("link", f"{device} does not tell its speed")
    if int(speed_mbit) < _SLOWEST_LINK_MBIT:
        return warning(
            "link",
            f"{device} runs at {speed_mbit} Mbit/s",
            f"use a port and a cable for {_SLOWEST_LINK_MBIT} Mbit/s",
        )
    return ok("link", f"{device}, {speed_mbit} Mbit/s")


def _check_ping(computer: Computer, address: str) -> Iterator[Finding]:
    command = ["ping", "-q", "-n", "-c", str(_PINGS), "-i", "0.02", "-W", "1", address]
    done = computer.run(command, _PING_LIMIT_S)
    if done.returncode == 127:
        yield unknown(
            "ping", "the program ping is not installed", "sudo apt-get install iputils-ping"
        )
        return
    yield judge_ping(address, done.stdout)


def judge_ping(address: str, words: str) -> Finding:
    """How good the way is, by what `ping -q` says."""
    loss, times = _LOSS.search(words), _STATISTICS.search(words)
    if loss is None or times is None:
        return missing(
            "ping",
            f"{address} does not answer",
            "see whether the control box is on, the cable is in, and the address is right",
        )
    mean_ms, longest_ms = float(times[1]), float(times[2])
    found = f"{mean_ms:.2f} ms on average, {longest_ms:.2f} ms at most, {loss[1]} % lost"
    if float(loss[1]) > 0.0 or mean_ms > _MEAN_MS or longest_ms > _LONGEST_MS:
        return warning(
            "ping",
            f"{found}; the robot waits 1 ms for an answer",
            f"use {_CABLE}, and a real-time kernel with the performance governor",
        )
    return ok("ping", found)
