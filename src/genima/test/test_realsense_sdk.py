# SPDX-License-Identifier: Apache-2.0
"""What is said where librealsense or its libraries are not installed."""

import sys

import pytest

from genima.errors import MissingDependency
from genima.realsense import sdk


def test_missing_package_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    monkeypatch.setattr(sdk, "_load_libusb", lambda: None)
    with pytest.raises(MissingDependency, match=r"need pyrealsense2.*pip install \"genima\[robot"):
        sdk.load_sdk.__wrapped__()


def test_missing_libusb_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk, "_LIBUSB", "libnowhere-1.0.so.0")
    monkeypatch.setitem(sys.modules, "libusb_package", None)
    with pytest.raises(MissingDependency, match=r"libnowhere.*sudo apt-get install libusb-1.0-0"):
        sdk._load_libusb()
