# SPDX-License-Identifier: Apache-2.0
"""What a real node makes of the parameters, names and namespaces that a launch file gives it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

NODE = f"""#!{sys.executable}
import json, sys
import rclpy
from rclpy.node import Node

rclpy.init(args=sys.argv)
node = Node("inner", automatically_declare_parameters_from_overrides=True)
values = {{name: p.value for name, p in node.get_parameters_by_prefix("").items()}}
values = {{k: list(v) if hasattr(v, "typecode") else v for k, v in values.items()}}
topic = node.resolve_topic_name("topic")
print(json.dumps({{"name": node.get_fully_qualified_name(), "topic": topic, "values": values}}))
"""


def report(folder: Path, tag: str, yaml: str = "") -> dict:
    """Launch one node; what it reports of itself."""
    (folder / "p.yaml").write_text(yaml)
    (folder / "main.launch.xml").write_text(f"<launch>{tag}</launch>")
    marker = folder / "share/ament_index/resource_index/packages/pkg"
    program = folder / "lib/pkg/node"
    for file in (marker, program):
        file.parent.mkdir(parents=True)
    marker.touch()
    program.write_text(NODE)
    program.chmod(0o755)
    prefixes = f"{folder}{os.pathsep}{os.environ.get('AMENT_PREFIX_PATH', sys.prefix)}"
    library = Path(__file__).parent.parent / "src" / "genima"
    result = subprocess.run(
        [sys.executable, "-m", "genima.cli", "launch", "main.launch.xml"],
        cwd=folder,
        env=os.environ
        | {
            "AMENT_PREFIX_PATH": prefixes,
            "PYTHONPATH": f"{library}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            "ROS_LOG_DIR": str(folder),
            # Not through `ros2 launch`, where that exists: this is about our own launcher.
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
    )
    (line,) = [line for line in result.stdout.splitlines() if '"values"' in line]
    return json.loads(line.partition("] ")[2])


@pytest.mark.graph
@pytest.mark.parametrize("section", ["/**", "/lab/outer", "outer"])
def test_parameter_by_name_wins_over_an_earlier_file(tmp_path: Path, section: str) -> None:
    tag = """
    <node pkg="pkg" exec="node" name="outer" namespace="lab">
      <param from="$(dirname)/p.yaml"/>
      <param name="a" value="2"/>
      <param name="items" value="[1.5, 2.5]"/>
      <param name="text" value="'7'"/>
      <param name="flag" value="true"/>
      <remap from="topic" to="other"/>
    </node>"""
    yaml = f"{section}:\n  ros__parameters:\n    a: 1\n    b: 1\n"
    got = report(tmp_path, tag, yaml)
    values = {k: v for k, v in got["values"].items() if k in ("a", "items", "text", "flag")}
    assert values == {"a": 2, "items": [1.5, 2.5], "text": "7", "flag": True}
    if section != "outer":  # a bare name addresses a node in the root namespace
        assert got["values"]["b"] == 1
    assert got["name"] == "/lab/outer"
    assert got["topic"] == "/lab/other"


@pytest.mark.graph
def test_later_file_wins_over_a_parameter_by_name(tmp_path: Path) -> None:
    tag = """
    <node pkg="pkg" exec="node">
      <param name="a" value="2"/>
      <param from="$(dirname)/p.yaml"/>
    </node>"""
    got = report(tmp_path, tag, "/**:\n  ros__parameters:\n    a: 1\n")
    assert got["values"]["a"] == 1
    assert got["name"] == "/inner"
