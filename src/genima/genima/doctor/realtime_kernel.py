# SPDX-License-Identifier: Apache-2.0
"""A kernel that keeps the 1 kHz of the robot."""

from collections.abc import Iterator

from genima.doctor.computer import Computer
from genima.doctor.finding import Finding, missing, ok, warning
from genima.doctor.intended import Intended

_SUBJECT = "real-time kernel"


def check_kernel(computer: Computer, _intended: Intended) -> Iterator[Finding]:
    """Whether the running kernel is one with PREEMPT_RT."""
    release = computer.read("/proc/sys/kernel/osrelease") or "of unknown release"
    patched = "PREEMPT_RT" in (computer.read("/proc/sys/kernel/version") or "")
    # libfranka looks at this file alone, which kernels with a PREEMPT_RT of their own may lack.
    if computer.read("/sys/kernel/realtime") == "1":
        yield ok(_SUBJECT, f"{release} with PREEMPT_RT")
        return
    if patched:
        yield warning(
            _SUBJECT,
            f"{release} with PREEMPT_RT, but without /sys/kernel/realtime, which libfranka reads",
            "if the driver refuses to connect, use Ubuntu's own real-time kernel",
        )
        return
    yield missing(
        _SUBJECT,
        f"kernel {release} has no PREEMPT_RT, and the driver refuses to connect",
        "sudo pro attach, sudo pro enable realtime-kernel, reboot; only a simulated arm does with "
        "realtime: ignore (docs/robot.md)",
    )
