# SPDX-License-Identifier: Apache-2.0
"""Takes samples by itself: each time the arm rests somewhere new and the board is seen.

Nobody has to press a key, since both hands are at the robot. Messages of the live graph and of a
recording go the same way.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.geometry import pose_error
from genima.handeye.detection import MIN_CORNERS, BoardDetector
from genima.handeye.refine import parent_T_mount
from genima.handeye.samples import SampleSetup, rectified

#: The arm must be at rest from so long before to so long after the image [s].
_BEFORE_S, _AFTER_S = 0.4, 0.15
#: No joint moves by more while it is at rest [rad].
_REST_RAD = 0.003
#: Joint states come at 20 Hz at the slowest [s].
_LONGEST_GAP_S = 0.12
#: Joint states that are kept [s].
_SPAN_S = 3.0
#: Poses of the hand that are closer in both are the same [m], [rad].
_SAME_M, _SAME_RAD = 0.02, float(np.deg2rad(5.0))
#: Corners that a sample must show: more than a pose needs.
_ENOUGH_CORNERS = MIN_CORNERS + 2

ReadImage = Callable[[], UInt8[Array, "h w 3"]]


class Verdict(Enum):
    """What became of an image."""

    NO_JOINTS = "no joint states around the image"
    MOVING = "the arm moves"
    NOT_SEEN = "too little of the board is seen"
    KNOWN = "taken; move on"
    TAKEN = "new sample"


@dataclass(frozen=True, eq=False)
class Judged:
    """An image that was looked at.

    Attributes:
        verdict: What became of it.
        corners: How many corners of the board were found.
        image: The RGB image, of a sample only.
        q: Joint positions while it was taken [rad], of a sample only.
    """

    verdict: Verdict
    corners: int = 0
    image: UInt8[Array, "h w 3"] | None = None
    q: Float[Array, "7"] | None = None


class Collector:
    """Finds samples among images and joint states that come in the order of time.

    Args:
        setup: Camera, board and frames.
        any_pose: Take every image that joint states surround, moving or not, board or not.
    """

    def __init__(self, setup: SampleSetup, any_pose: bool = False) -> None:
        self._setup = setup
        self._any_pose = any_pose
        self._detector = BoardDetector(setup.board)
        self._joints: deque[tuple[float, Float[Array, "7"]]] = deque()
        self._waiting: tuple[float, ReadImage] | None = None
        self._taken: list[Float[Array, "4 4"]] = []

    def know(self, q: Float[Array, "7"]) -> None:
        """A sample at `q` [rad] exists already."""
        self._taken.append(self._pose(q))

    def add_joints(self, q: Float[Array, "7"], stamp_s: float) -> None:
        """Take a joint state [rad]. A stamp that goes back empties what was kept."""
        if self._joints and stamp_s < self._joints[-1][0]:
            self._joints.clear()
            self._waiting = None
        self._joints.append((stamp_s, np.asarray(q, float)))
        while self._joints[0][0] < stamp_s - _SPAN_S:
            self._joints.popleft()

    def add_image(self, read: ReadImage, stamp_s: float) -> None:
        """Take an image, unless an earlier one still waits for its joint states."""
        if self._waiting is None:
            self._waiting = (stamp_s, read)

    def judge(self) -> Judged | None:
        """What became of the image that waited; None if there is none, or it must wait on."""
        if self._waiting is None or not self._joints:
            return None
        stamp_s, read = self._waiting
        if self._joints[-1][0] < stamp_s + _AFTER_S:
            return None
        self._waiting = None
        times = np.array([time_s for time_s, _ in self._joints])
        begin_s = stamp_s if self._any_pose else stamp_s - _BEFORE_S
        first = int(np.searchsorted(times, begin_s, "right")) - 1
        last = int(np.searchsorted(times, stamp_s + _AFTER_S, "left"))
        # Over a longer silence nobody knows where the arm was.
        if first < 0 or np.diff(times[first : last + 1]).max(initial=0.0) > _LONGEST_GAP_S:
            return Judged(Verdict.NO_JOINTS)
        states = np.array([q for _, q in self._joints])
        q = np.array([np.interp(stamp_s, times, column) for column in states.T])
        if self._any_pose:
            return Judged(Verdict.TAKEN, 0, read(), q)
        if np.ptp(states[first : last + 1], axis=0).max() > _REST_RAD:
            return Judged(Verdict.MOVING)
        return self._judge_at_rest(read, q)

    def _judge_at_rest(self, read: ReadImage, q: Float[Array, "7"]) -> Judged:
        here = self._pose(q)
        for there in self._taken:
            shift_m, turn_rad = pose_error(here, there)
            if shift_m < _SAME_M and turn_rad < _SAME_RAD:
                return Judged(Verdict.KNOWN)
        image = read()
        corners = len(self._detector.find(rectified(image, self._setup)))
        if corners < _ENOUGH_CORNERS:
            return Judged(Verdict.NOT_SEEN, corners)
        self._taken.append(here)
        return Judged(Verdict.TAKEN, corners, image, q)

    def _pose(self, q: Float[Array, "7"]) -> "Float[Array, '4 4']":
        return parent_T_mount(q, self._setup.parent_frame, self._setup.board_frame)
