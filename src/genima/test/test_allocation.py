# SPDX-License-Identifier: Apache-2.0
"""How much freed memory a process keeps, as the C library itself counts it."""

import subprocess
import sys

import pytest

#: Frees 128 MiB between small blocks that stay, and prints what of that is kept [MiB]. By default
#: that is none of it, or all if a large block was freed before.
PROGRAM = """
import ctypes

from genima import allocation

FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS.split()]


count = ctypes.CDLL(None).mallinfo2
count.restype = Info
{call}
if {before}:
    bytearray(16 << 20)
large, small = [], []
for _ in range(16):
    large.append(bytearray(8 << 20))
    small.append(bytearray(4096))
large.clear()
print(count().fordblks >> 20)
"""


@pytest.mark.parametrize(
    ("call", "before", "kept_mib"),
    [("keep_memory", False, 128), ("give_back_large_blocks", True, 0)],
)
def test_freed_blocks_are_kept_or_given_back(call: str, before: bool, kept_mib: int) -> None:
    program = PROGRAM.format(call=f"allocation.{call}()", before=before)
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert abs(int(done.stdout) - kept_mib) < 32
