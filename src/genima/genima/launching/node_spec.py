# SPDX-License-Identifier: Apache-2.0
"""A node that is to be run, and its command line."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from genima.launching.parameters import Value


@dataclass(frozen=True)
class NodeSpec:
    """A node to run, with everything evaluated.

    Attributes:
        label: What its output is marked with: its name or, without one, its executable.
        executable: Path of the program.
        name: Node name; None leaves it to the program.
        namespace: Absolute namespace; None leaves it to the program.
        args: Arguments of the program's own.
        ros_args: ROS arguments as written.
        params: Parameter files, and parameters by name, in order; later ones win.
        remaps: Pairs of names.
        shutdown_on_exit: Whether its end is the end of all.
        respawn: Whether it is started again when it ends.
        respawn_delay_s: Time until then [s].
        sigterm_timeout_s: Time from SIGINT to SIGTERM [s].
        sigkill_timeout_s: Time from SIGTERM to SIGKILL [s].
    """

    label: str
    executable: Path
    name: str | None
    namespace: str | None
    args: tuple[str, ...]
    ros_args: tuple[str, ...]
    params: tuple[Path | tuple[str, Value], ...]
    remaps: tuple[tuple[str, str], ...]
    shutdown_on_exit: bool
    respawn: bool
    respawn_delay_s: float
    sigterm_timeout_s: float
    sigkill_timeout_s: float

    def command(self, scratch: Path) -> list[str]:
        """The command line. Parameters given by name are written to files in `scratch`."""
        command = [str(self.executable), *self.args]
        if self.ros_args:
            command += ["--ros-args", *self.ros_args]
        command += ["--ros-args"]
        if self.name is not None:
            command += ["-r", f"__node:={self.name}"]
        if self.namespace is not None:
            command += ["-r", f"__ns:={self.namespace}"]
        for param in self.params:
            path = param if isinstance(param, Path) else self._write_param(*param, scratch)
            command += ["--params-file", str(path)]
        for old, new in self.remaps:
            command += ["-r", f"{old}:={new}"]
        return command

    def _write_param(self, name: str, value: Value, scratch: Path) -> Path:
        # Under the full name of the node where it is known: it then wins over parameter files that
        # address the node by name as well as over those that use a wildcard.
        known = self.name is not None and self.namespace is not None
        node = f"{str(self.namespace).rstrip('/')}/{self.name}" if known else "/**"
        path = scratch / f"{len(list(scratch.iterdir()))}_{self.label}.yaml"
        path.write_text(yaml.safe_dump({node: {"ros__parameters": {name: value}}}))
        return path
