# SPDX-License-Identifier: Apache-2.0
"""Which checks belong to which purpose, in the order in which their lacks are mended."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from genima.doctor.area import Area
from genima.doctor.calibration_files import check_calibration
from genima.doctor.computer import Computer
from genima.doctor.dds import check_dds
from genima.doctor.disk_space import check_disk
from genima.doctor.finding import Finding, Verdict, unknown
from genima.doctor.gpu import check_gpu
from genima.doctor.intended import Intended
from genima.doctor.network import check_network
from genima.doctor.policy_folder import check_policy
from genima.doctor.processor import check_cores, check_governor
from genima.doctor.python_packages import check_python
from genima.doctor.realsense import check_realsense
from genima.doctor.realtime_kernel import check_kernel
from genima.doctor.rlbench import (
    check_coppeliasim,
    check_display,
    check_rlbench_cameras,
    check_rlbench_python,
)
from genima.doctor.robot_software import check_robot_software
from genima.doctor.ros import check_ros
from genima.doctor.user_limits import check_limits

Check = Callable[[Computer, Intended], Iterator[Finding]]

CHECKS: Mapping[Area, Sequence[Check]] = {
    Area.SUITE: (check_python, check_ros, check_dds, check_cores, check_disk, check_gpu),
    Area.ROBOT: (
        check_kernel,
        check_limits,
        check_governor,
        check_network,
        check_robot_software,
        check_realsense,
        check_calibration,
        check_policy,
    ),
    Area.RLBENCH: (
        check_coppeliasim,
        check_rlbench_python,
        check_display,
        check_rlbench_cameras,
    ),
}


@dataclass(frozen=True)
class Report:
    """All findings of an area."""

    area: Area
    findings: tuple[Finding, ...]

    @property
    def lacks(self) -> int:
        """How many things are missing."""
        return sum(finding.verdict is Verdict.MISSING for finding in self.findings)


def examine(area: Area, computer: Computer, intended: Intended) -> Iterator[Finding]:
    """Do the checks of an area, one after the other; a check that breaks does not end the rest."""
    for check in CHECKS[area]:
        try:
            yield from check(computer, intended)
        except Exception as error:
            name = check.__name__.removeprefix("check_").replace("_", " ")
            yield unknown(name, f"the check itself failed: {type(error).__name__}: {error}")
