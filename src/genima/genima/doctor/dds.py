# SPDX-License-Identifier: Apache-2.0
"""Who may hear and command the nodes: settings of discovery and of the network below."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from genima.doctor.computer import Computer
from genima.doctor.finding import Finding, missing, ok, unknown, warning
from genima.doctor.intended import Intended

_RANGES = ("LOCALHOST", "SUBNET", "OFF", "SYSTEM_DEFAULT")
#: Ports of domains above this one collide with those that Linux hands out (RTPS 2.3, 9.6.1.1).
_HIGHEST_DOMAIN = 101
#: Four images of 640x480 that come at once must fit a socket's buffer [bytes].
_RECEIVE_BUFFER = 4 * 640 * 480 * 3
_SUBJECT = "discovery"


def check_dds(computer: Computer, _intended: Intended) -> Iterator[Finding]:
    """Discovery range, domain, encryption and, where several computers are used, buffers."""
    environment = computer.environment
    yield judge_range(environment)
    yield judge_domain(environment.get("ROS_DOMAIN_ID", ""))
    yield judge_security(environment)
    if not _local(environment):
        yield judge_buffer(computer.read("/proc/sys/net/core/rmem_max"))


def _local(environment: Mapping[str, str]) -> bool:
    alone = environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE") in ("LOCALHOST", "OFF")
    return alone and not environment.get("ROS_STATIC_PEERS")


def judge_range(environment: Mapping[str, str]) -> Finding:
    """How far nodes look for one another, and so who can command the arm."""
    scope = environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "")
    peers = environment.get("ROS_STATIC_PEERS", "")
    if environment.get("ROS_LOCALHOST_ONLY"):
        return warning(
            _SUBJECT,
            "ROS_LOCALHOST_ONLY is set, which overrules ROS_AUTOMATIC_DISCOVERY_RANGE",
            "unset ROS_LOCALHOST_ONLY; it is out of date since Iron",
        )
    if scope and scope not in _RANGES:
        return missing(
            _SUBJECT,
            f"ROS_AUTOMATIC_DISCOVERY_RANGE is {scope!r}, which ROS does not know",
            f"set it to one of {', '.join(_RANGES)}",
        )
    if scope in ("LOCALHOST", "OFF"):
        beside = f", and with {peers}" if peers else " alone"
        return ok(_SUBJECT, f"{scope}: nodes speak with those on this computer{beside}")
    return warning(
        _SUBJECT,
        f"ROS_AUTOMATIC_DISCOVERY_RANGE is {scope or 'not set'}: everybody in the network can "
        "command the arm",
        "set it to LOCALHOST and name the other computer in ROS_STATIC_PEERS (docs/robot.md)",
    )


def judge_domain(domain: str) -> Finding:
    """Whether the domain is one whose ports are free."""
    if not domain:
        return ok("domain", "ROS_DOMAIN_ID is not set: 0")
    if domain.isdecimal() and int(domain) <= _HIGHEST_DOMAIN:
        return ok("domain", f"ROS_DOMAIN_ID is {domain}")
    return missing(
        "domain",
        f"ROS_DOMAIN_ID is {domain!r}",
        f"set it to a number from 0 to {_HIGHEST_DOMAIN}, or unset it",
    )


def judge_security(environment: Mapping[str, str]) -> Finding:
    """Whether SROS 2 is on and finds its keys."""
    subject = "encryption"
    if environment.get("ROS_SECURITY_ENABLE", "").lower() != "true":
        return unknown(subject, "SROS 2 is off (ROS_SECURITY_ENABLE)")
    store = environment.get("ROS_SECURITY_KEYSTORE", "")
    if not store or not (Path(store) / "enclaves").is_dir():
        return missing(
            subject,
            f"SROS 2 is on, and ROS_SECURITY_KEYSTORE ({store or 'not set'}) holds no enclaves",
            "create the keystore as docs/robot.md says",
        )
    if environment.get("ROS_SECURITY_STRATEGY") != "Enforce":
        return warning(
            subject,
            "SROS 2 is on, and nodes without keys are let in all the same",
            "set ROS_SECURITY_STRATEGY to Enforce",
        )
    return ok(subject, f"SROS 2 is enforced, with the keys in {store}")


def judge_buffer(size: str | None) -> Finding:
    """Whether images that come over the network fit the receive buffers."""
    subject = "receive buffer"
    if size is None or not size.isdecimal():
        return unknown(subject, "net.core.rmem_max cannot be read")
    if int(size) < _RECEIVE_BUFFER:
        return warning(
            subject,
            f"net.core.rmem_max is {size}: images from another computer get lost",
            "sudo sysctl -w net.core.rmem_max=16777216, and write it to /etc/sysctl.d",
        )
    return ok(subject, f"net.core.rmem_max is {size}")
