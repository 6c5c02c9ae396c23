# SPDX-License-Identifier: Apache-2.0
"""Policies and cameras as the parameters of a node name them."""

from pathlib import Path

from genima.cameras import CameraRig, load_rig
from genima.errors import InvalidParameter
from genima.policy import Policy, load_policy


def make_policy(policy_file: str) -> Policy:
    """The policy of a file; the paper's if no file is named."""
    return load_policy(Path(policy_file)) if policy_file else Policy()


def make_rig(cameras_file: str) -> CameraRig:
    """The cameras of a file.

    Raises:
        InvalidParameter: No file is named.
    """
    if not cameras_file:
        raise InvalidParameter(
            "parameter 'cameras_file' is empty; name the file that says where the cameras are, "
            "such as config/cameras.yaml"
        )
    return load_rig(Path(cameras_file))
