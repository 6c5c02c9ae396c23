# SPDX-License-Identifier: Apache-2.0
"""Shows in RViz what the arm is about to do, and takes it away again."""

from visualization_msgs.msg import MarkerArray

from genima.control.planner import Plan
from genima.control.session_types import SessionState
from genima.spheres import sphere_poses
from genima_ros.lifecycle import GenimaNode
from genima_ros.markers import no_markers, target_markers
from genima_ros.qos import LATCHED

#: In these a plan that was looked at is one that was not refused.
_SHOWN = (SessionState.RUNNING, SessionState.AWAITING_APPROVAL)


class PlannedMarkers:
    """Publishes `targets/planned`. Not for several threads at once.

    Args:
        node: Publishes.
        lifetime_s: How long a target stays if nothing happens [s]; 0 for as long as it is followed
            or the operator is asked about it.
    """

    def __init__(self, node: GenimaNode, lifetime_s: float) -> None:
        self._publisher = node.advertise(MarkerArray, "targets/planned", LATCHED)
        self._lifetime_s = lifetime_s
        self._shows = False

    def show(self, plan: Plan, stamp_s: float, state: SessionState) -> None:
        """Show a plan that was looked at, unless it was refused."""
        if plan.q_target is None or state not in _SHOWN:
            self.clear()
            return
        poses = sphere_poses(plan.q_target)
        self._publisher.publish(
            target_markers(poses, plan.gripper_open, stamp_s, self._lifetime_s, alpha=0.5)
        )
        self._shows = True

    def heed(self, state: SessionState) -> None:
        """Take away what is neither followed nor asked about any more."""
        if self._shows and state not in _SHOWN:
            self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self._publisher.publish(no_markers())
        self._shows = False
