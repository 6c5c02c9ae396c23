# SPDX-License-Identifier: Apache-2.0
"""Takes drawn tiles in, asks for one where none is at hand, has them planned on a worker."""

from collections.abc import Callable
from dataclasses import dataclass

from genima_msgs.msg import TargetRequest, TargetTile

from genima.arrays import Array, UInt8
from genima.cameras import CameraRig
from genima.control.planner import Plan, Planner, Seen
from genima.control.session import ControlSession
from genima.errors import GenimaError
from genima.policy import Policy
from genima.timing import SAME_TIME_S
from genima.worker import LatestWorker
from genima_ros.conversions import seconds, time_message
from genima_ros.lifecycle import GenimaNode
from genima_ros.qos import LATCHED
from genima_ros.tiles import read_tile


@dataclass(frozen=True)
class _Job:
    tile: UInt8[Array, "t t 3"]
    stamp_s: float
    seen: Seen
    planner: Planner


class TargetIntake:
    """Between the topic `target_tile` and the session. The caller holds the session's lock.

    Args:
        node: Publishes requests and complains.
        session: Says whether a target is wanted.
        policy: What tiles must look like.
        make_planner: Makes a planner for the cameras once they are known.
        on_plan: Told of a plan and the stamp of its tile [s], on the worker's thread.
        halt: Brings the arm to rest, in a sentence.
        on_defect: Told of an exception on the worker's thread.
    """

    def __init__(
        self,
        node: GenimaNode,
        session: ControlSession,
        policy: Policy,
        make_planner: Callable[[CameraRig], Planner],
        on_plan: Callable[[Plan, float], None],
        halt: Callable[[str], None],
        on_defect: Callable[[Exception], None],
    ) -> None:
        self._node = node
        self._session = session
        self._policy = policy
        self._make_planner = make_planner
        self._on_plan = on_plan
        self._halt = halt
        self._planner: Planner | None = None
        self._requests = node.advertise(TargetRequest, "target_request", LATCHED)
        self._worker = LatestWorker("planner", self._plan, on_defect)
        self.forget()

    def stop(self) -> None:
        """End the worker's thread."""
        self._worker.stop()

    def forget(self) -> None:
        """Forget all tiles: a new goal has begun, or time went back."""
        self._tile: TargetTile | None = None
        self._planned_s = self._requested_s = -1.0

    def set_rig(self, rig: CameraRig) -> None:
        """Read tiles as these cameras see."""
        self._planner = self._make_planner(rig)

    def take(self, message: TargetTile, now_s: float) -> None:
        """Keep a tile of the present goal; plan with it if a target is wanted."""
        self._session.hear_target(now_s)
        if message.instruction != self._session.status.instruction:
            return
        if message.state == TargetTile.FAILED:
            self._halt(message.fault)
        else:
            self._tile = message
            self.seek(now_s)

    def seek(self, now_s: float) -> None:
        """If a target is wanted, plan with the newest tile, or ask for one."""
        if not self._session.wants_target(now_s):
            return
        not_before_s = self._session.not_before_s()
        tile = self._tile
        if tile is not None and seconds(tile.header.stamp) >= not_before_s - SAME_TIME_S:
            self._submit(tile, now_s)
        elif self._requested_s < not_before_s:
            self._requested_s = not_before_s
            self._requests.publish(TargetRequest(not_before=time_message(not_before_s)))

    def _submit(self, message: TargetTile, now_s: float) -> None:
        stamp_s = seconds(message.header.stamp)
        q = self._session.history.at(stamp_s)
        if stamp_s <= self._planned_s or q is None or self._planner is None:
            return
        self._planned_s = stamp_s
        if message.state == TargetTile.BAD:
            self._session.refuse(message.fault, now_s)
            return
        try:
            tile, _ = read_tile(message, self._policy)
        except GenimaError as error:
            self._node.complain("target_tile", error)
            self._session.refuse(str(error), now_s)
            return
        seen = Seen(q, self._session.gripper_is_open, message.instruction)
        self._worker.put(_Job(tile, stamp_s, seen, self._planner))

    def _plan(self, job: _Job) -> None:
        self._on_plan(job.planner.plan(job.tile, job.seen), job.stamp_s)
