# SPDX-License-Identifier: Apache-2.0
"""The teleoperation node with a defect: its control thread dies as soon as the arms mirror."""

from genima.teleop.types import TeleopState
from genima_recorder.teleop_node import TeleopNode
from genima_ros.lifecycle import run_node


class DyingNode(TeleopNode):
    """Dies in its control thread."""

    def tick(self, now_s: float) -> None:
        super().tick(now_s)
        if self._session.status.state is TeleopState.MIRRORING:
            raise RuntimeError("broken on purpose")


run_node(DyingNode)
