# SPDX-License-Identifier: Apache-2.0
"""Where the arm may be: within its workspace, and clear of itself."""

from collections.abc import Iterator, Sequence

import numpy as np

from genima.arrays import Array, Float
from genima.kinematics import LINK8_T_TCP, frame_poses
from genima.safety.arm_shape import CAPSULES, PAIRS
from genima.safety.capsule_distance import segment_distances
from genima.safety.gate_types import Fault, GateReason

#: How far the tool centre is from its link's origin [m].
_TCP_M = float(np.linalg.norm(LINK8_T_TCP[:3, 3]))
#: Points that have to stay within the workspace: name, and link that they are fixed to. All are
#: the origin of their link but the tool centre.
_POINTS = (("elbow", 4), ("wrist", 6), ("flange", 8), ("tool centre", 8))


class FreeSpace:
    """Measures how far postures are from what the arm must not touch.

    Args:
        workspace_min_m: Lowest x, y and z of elbow, wrist, flange and tool centre [m].
        workspace_max_m: Their highest x, y and z [m].
        margin_m: Distance to be kept between the arm's parts [m].
    """

    def __init__(
        self,
        workspace_min_m: Sequence[float],
        workspace_max_m: Sequence[float],
        margin_m: float,
    ) -> None:
        self.margin_m = margin_m
        self._low, self._high = np.array(workspace_min_m), np.array(workspace_max_m)
        self._ends = np.array([[capsule.start_m, capsule.end_m] for capsule in CAPSULES])
        self._links = np.array([capsule.link for capsule in CAPSULES])
        self._one, self._other = np.array(PAIRS).T
        radii = np.array([capsule.radius_m for capsule in CAPSULES])
        self._apart_m = radii[self._one] + radii[self._other] + margin_m
        #: By how much a turn of each joint [rad] can change each clearance [m], at most.
        self.reach_m = np.array([*_reaches_of_pairs(), *_reaches_of_points()])

    def clearances(self, q: Float[Array, "n 7"]) -> Float[Array, "n c"]:
        """How far each posture is inside each bound of the free space [m]; negative outside."""
        poses = frame_poses(q[0])[None] if len(q) == 1 else frame_poses(q)
        inside = self._inside(poses).min(axis=-1)
        return np.concatenate([self._between(poses), inside], axis=1)

    def fault(self, q: Float[Array, "7"]) -> Fault:
        """What is nearest to be wrong with a posture, in a sentence."""
        poses = frame_poses(q)[None]
        inside, between = self._inside(poses)[0], self._between(poses)[0]
        if inside.min() <= between.min():
            point = int(inside.min(axis=1).argmin())
            where = self._points(poses)[0, point].round(3).tolist()
            return Fault(
                GateReason.WORKSPACE,
                f"the {_POINTS[point][0]} at {where} m in panda_link0, which must stay between "
                f"{self._low.tolist()} and {self._high.tolist()} m",
            )
        pair = int(between.argmin())
        names = [CAPSULES[ends[pair]].name for ends in (self._one, self._other)]
        return Fault(
            GateReason.SELF_COLLISION,
            f"{names[0]} and {names[1]} {max(between[pair] + self.margin_m, 0.0):.3f} m apart, "
            f"which must stay {self.margin_m} m apart",
        )

    def _points(self, poses: Float[Array, "n 9 4 4"]) -> Float[Array, "n 4 3"]:
        points = poses[:, [link for _, link in _POINTS]][..., :3, 3]
        points[:, -1] = poses[:, 8, :3, :] @ LINK8_T_TCP[:, 3]
        return points

    def _inside(self, poses: Float[Array, "n 9 4 4"]) -> Float[Array, "n 4 3"]:
        """How far each point is within the nearer side of the workspace, along each axis [m]."""
        points = self._points(poses)
        return np.asarray(np.minimum(points - self._low, self._high - points))

    def _between(self, poses: Float[Array, "n 9 4 4"]) -> Float[Array, "n p"]:
        """How much further apart than they must be the capsules of each pair are [m]."""
        of_links = poses[:, self._links]
        ends = self._ends @ of_links[..., :3, :3].swapaxes(-1, -2) + of_links[..., None, :3, 3]
        one, other = ends[:, self._one], ends[:, self._other]
        axes_m = segment_distances(one[:, :, 0], one[:, :, 1], other[:, :, 0], other[:, :, 1])
        return np.asarray(axes_m - self._apart_m)


def _reaches_of_pairs() -> Iterator[Float[Array, "7"]]:
    for i, j in PAIRS:
        one, other = CAPSULES[i], CAPSULES[j]
        furthest_m = np.linalg.norm([other.start_m, other.end_m], axis=1).max() + other.radius_m
        yield _reach_m(one.link, other.link, furthest_m)


def _reaches_of_points() -> Iterator[Float[Array, "7"]]:
    for name, link in _POINTS:
        yield _reach_m(0, link, _TCP_M if name == "tool centre" else 0.0)


def _reach_m(base: int, link: int, furthest_m: float) -> Float[Array, "7"]:
    """How far from each joint between two links what is fixed to the further one can be [m].

    Args:
        base: The link that is thought to stand still.
        link: The link that moves.
        furthest_m: Distance of its furthest point from its origin [m].
    """
    origins = frame_poses(np.zeros(7))[:, :3, 3]
    hops_m = np.linalg.norm(np.diff(origins, axis=0), axis=1)
    reach_m = np.zeros(7)
    for joint in range(base, min(link, 7)):  # joint 0 is panda_joint1, which turns link 1
        reach_m[joint] = hops_m[joint + 1 : link].sum() + furthest_m
    return reach_m
