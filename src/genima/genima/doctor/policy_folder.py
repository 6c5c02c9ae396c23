# SPDX-License-Identifier: Apache-2.0
"""The policy: its file, its cameras, and the weights of its two stages."""

import json
from collections.abc import Iterator
from pathlib import Path

from genima.cameras import load_rig
from genima.doctor.computer import Computer
from genima.doctor.finding import Finding, missing, ok, unknown
from genima.doctor.intended import Intended
from genima.errors import CalibrationError, PolicyError
from genima.policy import Policy, load_policy

_STAGES = ("diffusion", "controller")
_LONGEST_HEADER = 100_000_000


def check_policy(_computer: Computer, intended: Intended) -> Iterator[Finding]:
    """Whether the policy can be read, fits the cameras, and its weights are whole."""
    file = intended.policy_file
    if file is None:
        yield unknown("policy", "none was given: the paper's values hold", "give --policy-file")
        return
    try:
        policy = load_policy(file)
    except (PolicyError, TypeError) as error:
        yield missing("policy", str(error), "give the policy.yaml of a policy's folder")
        return
    yield ok("policy", f"{file}: K = {policy.horizon_steps} steps of {policy.step_s:g} s")
    if intended.cameras_file is not None:
        yield from judge_cameras(policy, intended.cameras_file)
    for stage in _STAGES:
        yield judge_stage(file.parent / stage)


def judge_cameras(policy: Policy, cameras_file: Path) -> Iterator[Finding]:
    """Whether the cameras are those that the policy was trained for."""
    try:
        policy.require_cameras(list(load_rig(cameras_file).cameras))
    except CalibrationError:
        return  # said by the check of the calibration
    except PolicyError as error:
        yield missing("policy's cameras", str(error), "rename the cameras, or use another policy")


def judge_stage(folder: Path) -> Finding:
    """Whether the weights of a stage are there, and whole."""
    subject = f"policy's {folder.name}"
    weights = sorted(folder.rglob("*.safetensors"))
    if not weights:
        return unknown(subject, f"no weights in {folder}")
    for file in weights:
        if fault := fault_of_weights(file):
            return missing(subject, f"{file}: {fault}", "copy or download the file again")
    size = sum(file.stat().st_size for file in weights)
    return ok(subject, f"{len(weights)} files of weights, {size / 1e6:.1f} MB")


def fault_of_weights(file: Path) -> str:
    """What is wrong with a file of safetensors, by its header and its length; empty if nothing."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(8)
        length = int.from_bytes(start, "little")
        if start.startswith(b"version "):
            return "it is a pointer of Git LFS, not the file itself"
        if len(start) < 8 or not 2 <= length <= min(_LONGEST_HEADER, size - 8):
            return "it is no file of safetensors, or cut off"
        try:
            header = json.loads(stream.read(length))
            tensors = [entry for name, entry in header.items() if name != "__metadata__"]
            end = max((entry["data_offsets"][1] for entry in tensors), default=0)
        except (ValueError, TypeError, KeyError, AttributeError):
            return "its header cannot be read"
    if size != 8 + length + end:
        return f"it has {size} bytes, and its header speaks of {8 + length + end}"
    return ""
