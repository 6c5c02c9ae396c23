# SPDX-License-Identifier: Apache-2.0
"""How a process is kept to one core, and its sums in one order."""

from collections.abc import Mapping
from types import MappingProxyType

#: Variables that a process reads before its first line runs: what it calls must not start threads
#: of its own. For the software renderer that is 0: with 1 it would draw in a thread beside the one
#: that waits for it. Results do not depend on the number of cores then either.
ONE_CORE: Mapping[str, str] = MappingProxyType(
    {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENCV_FOR_THREADS_NUM": "1",
        "LP_NUM_THREADS": "0",
    }
)
