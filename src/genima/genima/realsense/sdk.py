# SPDX-License-Identifier: Apache-2.0
"""Loads librealsense, which is optional and wants a system library that not every machine has."""

import ctypes
import importlib
from functools import cache
from typing import Any

from genima.errors import MissingDependency

_LIBUSB = "libusb-1.0.so.0"
_ADVICE = 'install the robot extra: pip install "genima[robot]"'


@cache
def load_sdk() -> Any:
    """The module `pyrealsense2`.

    Raises:
        MissingDependency: It, or libusb, is not installed.
    """
    _load_libusb()
    try:
        return importlib.import_module("pyrealsense2")
    except ImportError as error:
        raise MissingDependency(
            f"RealSense cameras need pyrealsense2, which cannot be imported ({error}); {_ADVICE}"
        ) from error


def _load_libusb() -> None:
    """Make libusb known to the linker: the system's, or else the one that pip can install."""
    try:
        ctypes.CDLL(_LIBUSB, mode=ctypes.RTLD_GLOBAL)
        return
    except OSError:
        pass
    try:
        packaged = importlib.import_module("libusb_package").get_library_path()
    except ImportError as error:
        raise MissingDependency(
            f"RealSense cameras need {_LIBUSB}, which this machine lacks; run: sudo apt-get "
            f"install libusb-1.0-0, or {_ADVICE}"
        ) from error
    # Its soname is the one that librealsense asks for, so loading it first is enough.
    ctypes.CDLL(str(packaged), mode=ctypes.RTLD_GLOBAL)
