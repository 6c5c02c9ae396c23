# SPDX-License-Identifier: Apache-2.0
"""When the C library gives memory that was freed back to the system.

By default that depends on what a process has freed before. Without glibc nothing happens here.
"""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4  # of malloc.h
_LARGEST = 2**31 - 1
_LARGE_BLOCK_BYTES = 2**20


def keep_memory() -> None:
    """Take memory from the heap alone, and keep it.

    A step of a training on a CPU takes and frees tensors of tens of megabytes. By default each
    comes fresh from the kernel, which clears it page by page; that took two thirds of the time of
    everything done to images.
    """
    _set({_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: _LARGEST})


def give_back_large_blocks() -> None:
    """Give blocks of a megabyte and more back as soon as they are freed.

    A world takes and frees tens of megabytes at each reset. By default they soon come from the
    heap, where what is taken in between keeps them from being given back: the process grows.
    """
    _set({_M_MMAP_THRESHOLD: _LARGE_BLOCK_BYTES})


def _set(options: dict[int, int]) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in options.items():
            mallopt(option, value)
