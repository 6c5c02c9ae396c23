# SPDX-License-Identifier: Apache-2.0
"""Finds franky when it is needed, and not before."""

from typing import Any

from genima.errors import MissingDependency


def franky() -> Any:
    """The module `franky`.

    Raises:
        MissingDependency: It is not installed, too old, or another project of the same name.
    """
    try:
        import franky as module
    except ImportError as error:
        raise MissingDependency(
            f"franky cannot be imported ({error}); pip install franky-control, for a Panda from "
            "franky's own wheel index (docs/robot.md, section 5)"
        ) from error
    if not hasattr(module, "JointImpedanceTracker"):
        raise MissingDependency(
            "the installed franky has no JointImpedanceTracker: it is older than 2.0 or another "
            "project of that name; pip uninstall franky, pip install 'franky-control>=2.0'"
        )
    return module
