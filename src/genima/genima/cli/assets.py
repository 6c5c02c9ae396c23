# SPDX-License-Identifier: Apache-2.0
"""`genima assets`."""


def run() -> None:
    """Prepare the robot's meshes for the embedded world (set-up does this by itself)."""
    from genima.sim.panda_meshes import build_cache

    print(build_cache())
