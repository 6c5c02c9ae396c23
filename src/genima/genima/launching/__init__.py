# SPDX-License-Identifier: Apache-2.0
"""Runs declarative XML launch files where ROS's own `launch` package does not exist.

The meaning of a file is that of `launch_xml`, so that the same files run under `ros2 launch` on
the robot. What is not supported here is an error that names it, never ignored. Three things are
stricter than there: a `name:=value` that no file declares, a parameter file that does not exist,
and text outside tags are errors. Output of all nodes goes to the terminal.
"""

from genima.launching.evaluator import evaluate
from genima.launching.launcher import launch
from genima.launching.parser import parse_file

__all__ = ["evaluate", "launch", "parse_file"]
