# SPDX-License-Identifier: Apache-2.0
from setuptools import setup

# The rest is in setup.cfg. What is here: the two files by which ROS finds the package, and the
# Python version, which colcon can read only from here.
setup(
    python_requires=">=3.11",
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/genima"]),
        ("share/genima", ["package.xml"]),
    ],
)
