# SPDX-License-Identifier: Apache-2.0
"""Runs `franka-sim`, which stops for what a real arm stops for; in a Python that has it.

    FRANKA_SIM_PYTHON franka_sim_server.py ADDRESS ASSETS FOLDER

It would download its model of the arm. ASSETS are those of `franky-sim`, which hold one.
"""

import os
import shutil
import sys
from pathlib import Path

host, assets, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
shutil.copy(assets / "fr3.xml", folder)
(folder / "assets").symlink_to(assets / "meshes")
os.environ["FR3_MJCF"] = str(folder / "fr3.xml")

from franka_sim.franka_sim_server import FrankaSimServer  # noqa: E402

FrankaSimServer(host=host, enforce_motion_limits=True).start()
