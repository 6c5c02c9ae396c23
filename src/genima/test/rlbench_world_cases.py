# SPDX-License-Identifier: Apache-2.0
"""The real server on the stand-in for RLBench, as the tests of both sides use it."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from genima.cameras import CameraRig
from genima.rlbench.installation import Installation
from genima.rlbench.simulator import Patience, RlbenchOptions, read_cameras
from genima.rlbench.tasks import RlbenchTask

HERE = Path(__file__).parent
SIZE_PX = 32
TASKS = {
    name: RlbenchTask(name, name, "touch the thing")
    for name in (
        "touch",
        "crash",
        "hang",
        "invalid",
        "quit",
        "unplaceable",
        "impossible",
        "fickle",
        "not_finite",
    )
} | {"nowhere": RlbenchTask("nowhere", "no_such_file", "do it")}
#: So short that a test of what hangs does not take long, long enough for a busy machine.
PATIENCE = Patience(launch_s=30.0, reset_s=30.0, demonstrate_s=30.0, step_s=3.0)
OPTIONS = RlbenchOptions(patience=PATIENCE, attempts=2)


def python_path() -> str:
    """Where the stand-in and what it is made of are found."""
    return os.pathsep.join(map(str, (HERE / "rlbench_double", HERE, HERE.parent)))


def installation(root: Path, **environment: str) -> Installation:
    """An RLBench that is the stand-in; `root` stands for CoppeliaSim's folder."""
    given = {**os.environ, "DISPLAY": ":0", **environment}
    return Installation(Path(sys.executable), root, given, python_path())


def rig_of_the_double(root: Path) -> CameraRig:
    """Where the stand-in's cameras are."""
    return read_cameras(installation(root), TASKS["touch"], SIZE_PX, OPTIONS)


def bent(rig: CameraRig, name: str, by_m: float) -> CameraRig:
    """The same rig with a camera moved."""
    camera = rig.cameras[name]
    pose = np.array(camera.parent_T_cam)
    pose[0, 3] += by_m
    return CameraRig({**rig.cameras, name: replace(camera, parent_T_cam=pose)})
