# SPDX-License-Identifier: Apache-2.0
"""Puts `fake_sim` in the place of PyRep's binding to CoppeliaSim, in a process of RLBench."""

import importlib.util
import sys
from pathlib import Path


class _Finder:
    def find_spec(self, name, path=None, target=None):
        if name != "pyrep.backend.sim":
            return None
        file = Path(__file__).with_name("fake_sim.py")
        return importlib.util.spec_from_file_location(name, str(file))


sys.meta_path.insert(0, _Finder())
