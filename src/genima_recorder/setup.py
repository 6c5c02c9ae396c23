# SPDX-License-Identifier: Apache-2.0
from xml.etree import ElementTree

from setuptools import find_packages, setup

manifest = ElementTree.parse("package.xml").getroot()
name = manifest.findtext("name")

setup(
    name=name,
    version=manifest.findtext("version"),
    description=manifest.findtext("description"),
    license=manifest.findtext("license"),
    packages=find_packages(exclude=["test", "test.*"]),
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{name}"]),
        (f"share/{name}", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "recorder_node = genima_recorder.recorder_node:main",
            "camera_node = genima_recorder.camera_node:main",
            "teleop_node = genima_recorder.teleop_node:main",
            "record = genima_recorder.record_program:main",
            "board_tracker_node = genima_recorder.board_tracker_node:main",
            "calibration_capture = genima_recorder.capture_program:main",
        ],
    },
)
