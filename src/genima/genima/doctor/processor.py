# SPDX-License-Identifier: Apache-2.0
"""Processor cores and their clock."""

import os
from collections.abc import Iterator

from genima.doctor.computer import Computer
from genima.doctor.finding import Finding, ok, unknown, warning
from genima.doctor.intended import Intended

#: Controller, driver, cameras and the model side by side.
_CORES = 4
_GOVERNORS = "/sys/devices/system/cpu"


def check_cores(_computer: Computer, _intended: Intended) -> Iterator[Finding]:
    """How many cores this process may use."""
    yield judge_cores(len(os.sched_getaffinity(0)))


def judge_cores(count: int) -> Finding:
    """Whether that is enough."""
    if count < _CORES:
        return warning(
            "processor",
            f"{count} cores",
            f"the whole suite in real time wants {_CORES}; lockstep pacing does with fewer",
        )
    return ok("processor", f"{count} cores")


def check_governor(computer: Computer, _intended: Intended) -> Iterator[Finding]:
    """Whether the cores change their clock to save power, which costs milliseconds."""
    files = sorted(computer.path(_GOVERNORS).glob("cpu[0-9]*/cpufreq/scaling_governor"))
    governors = {file.read_text().strip() for file in files}
    if not governors:
        yield unknown("governor", "this computer does not tell how its cores are clocked")
    elif governors == {"performance"}:
        yield ok("governor", "performance")
    else:
        yield warning(
            "governor",
            f"{', '.join(sorted(governors))}: cores that sleep wake too late for 1 kHz",
            "sudo cpupower frequency-set -g performance",
        )
