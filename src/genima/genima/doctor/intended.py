# SPDX-License-Identifier: Apache-2.0
"""What the operator intends to use."""

from dataclasses import dataclass
from pathlib import Path

from genima.errors import InvalidParameter
from genima.limits import RobotModel


@dataclass(frozen=True)
class Intended:
    """Robot and files that are to be used.

    Attributes:
        robot: Which arm.
        robot_ip: Address of its control box; empty if it is not given.
        cameras_file: Where the cameras are.
        realsense_file: Parameters of the camera node.
        policy_file: policy.yaml; None for the paper's values.
        data_folder: Where recordings and models go.
    """

    robot: RobotModel = RobotModel.PANDA
    robot_ip: str = ""
    cameras_file: Path | None = None
    realsense_file: Path | None = None
    policy_file: Path | None = None
    data_folder: Path = Path()


def robot_named(name: str) -> RobotModel:
    """The kind of arm by its name.

    Raises:
        InvalidParameter: There is none of that name.
    """
    try:
        return RobotModel(name)
    except ValueError:
        known = ", ".join(model.value for model in RobotModel)
        raise InvalidParameter(f"robot is {name!r}; give one of {known}") from None
