# SPDX-License-Identifier: Apache-2.0
"""What this computer lacks: one check after the other, each with a sentence that says what to do.

A check is a function of a `Computer` and of what is `Intended` that yields findings; each has a
file of its own, and `areas.py` says which belong together. It looks, and changes nothing.
"""

from genima.doctor.area import Area
from genima.doctor.computer import Computer
from genima.doctor.finding import Finding, Verdict
from genima.doctor.intended import Intended

__all__ = ["Area", "Computer", "Finding", "Intended", "Verdict"]
