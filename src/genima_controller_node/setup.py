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
            "approve = genima_controller_node.approve_client:main",
            "controller_node = genima_controller_node.controller_node:main",
            "estop = genima_controller_node.estop_client:main",
            "execute = genima_controller_node.execute_client:main",
            "panda_driver_node = genima_controller_node.panda_driver_node:main",
        ],
    },
)
