# SPDX-License-Identifier: Apache-2.0
"""Keeps the C library from giving memory back between two steps of a training on a CPU.

A step takes and frees tensors of tens of megabytes. By default each comes fresh from the kernel,
which clears it page by page; that took two thirds of the time of everything done to images.
"""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of malloc.h
_LARGEST = 2**31 - 1


def keep_memory() -> None:
    """Take memory from the heap alone, and keep it. Without glibc nothing happens."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _LARGEST)
