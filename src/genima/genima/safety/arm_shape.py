# SPDX-License-Identifier: Apache-2.0
"""The Panda's shape in capsules, which hold all of it: a coarse, safe stand-in for its meshes.

Made by `tools/fit_capsules.py` from the meshes of the wheel dm-robotics-panda; the FR3 has the
same outer dimensions. Cameras, cables and other grippers on the arm are not part of it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from genima.arrays import Array, Float
from genima.kinematics import LINK8_T_TCP


class Capsule(NamedTuple):
    """All points within a distance of a straight piece of axis.

    Attributes:
        name: What it holds, for people.
        link: The frame panda_link0 to panda_link8 that it is fixed to.
        start_m: One end of the axis, in that frame [m].
        end_m: The other end [m].
        radius_m: The distance [m].
    """

    name: str
    link: int
    start_m: Float[Array, "3"]
    end_m: Float[Array, "3"]
    radius_m: float


_FOREARM_END = "the end of the forearm"
#: Name, link, both ends and radius [m]; in the link's frame, and link 8 in panda_hand.
_TABLE: tuple[tuple[str, int, tuple[float, ...]], ...] = (
    ("the foot", 0, (-0.0066, 0.0022, 0.0519, -0.0543, 0.0, 0.0235, 0.1082)),
    ("link 1", 1, (-0.0005, 0.0, -0.1562, -0.0004, -0.0376, 0.0043, 0.0666)),
    ("link 1", 1, (-0.0015, -0.0763, -0.0284, 0.0001, -0.0784, 0.0, 0.0554)),
    ("link 2", 2, (0.0001, -0.0011, 0.0494, 0.0009, 0.0006, 0.055, 0.0749)),
    ("link 2", 2, (0.0, -0.1637, -0.0031, 0.0014, -0.0668, 0.0498, 0.066)),
    ("the upper arm", 3, (0.0668, 0.0624, -0.0159, 0.0876, 0.0674, 0.0052, 0.0531)),
    ("the upper arm", 3, (0.0, 0.0, -0.0833, 0.0772, 0.0271, 0.0002, 0.0672)),
    ("the elbow", 4, (-0.0158, 0.0128, 0.0661, 0.0008, -0.0007, 0.0664, 0.0531)),
    ("the elbow", 4, (-0.0825, 0.0845, 0.0, -0.005, 0.003, 0.0261, 0.0682)),
    (_FOREARM_END, 5, (0.0004, 0.0901, -0.0225, 0.0027, 0.0585, 0.0002, 0.0667)),
    ("the forearm", 5, (-0.0003, 0.0, -0.2377, 0.0, 0.0895, -0.1122, 0.0598)),
    ("link 6", 6, (0.0737, 0.0236, -0.005, 0.0768, -0.0198, 0.0077, 0.0661)),
    ("link 6", 6, (0.0058, -0.0025, 0.0062, 0.0294, 0.0174, 0.0122, 0.0586)),
    ("link 7", 7, (0.0342, 0.0343, 0.0794, -0.0051, -0.0051, 0.0736, 0.0497)),
    ("the hand", 8, (0.0, -0.0763, 0.021, 0.0, 0.0602, 0.0313, 0.0496)),
    ("the fingers", 8, (0.0, -0.0594, 0.0847, 0.0, 0.0565, 0.0838, 0.0295)),
)


def _capsule(name: str, link: int, numbers: tuple[float, ...]) -> Capsule:
    ends = np.reshape(numbers[:6], (2, 3))
    if link == 8:
        ends = ends @ LINK8_T_TCP[:3, :3].T  # panda_hand is panda_link8, turned
    return Capsule(name, link, ends[0], ends[1], numbers[6])


CAPSULES: tuple[Capsule, ...] = tuple(_capsule(*row) for row in _TABLE)

#: Links that can come near one another within the joint limits. Links that share a neighbour are
#: kept apart by the robot's own limits; of the other pairs, none comes within 5 cm.
_NEAR: Mapping[int, range] = MappingProxyType(
    {
        0: range(4, 9),
        1: range(5, 9),
        2: range(5, 9),
        3: range(8, 9),
        4: range(8, 9),
        5: range(8, 9),
    }
)
#: Which capsules to keep apart. Joint 6 ends where those of the hand and of the forearm's end
#: would touch; a margin between the two would only forbid postures in which the arm works.
PAIRS: tuple[tuple[int, int], ...] = tuple(
    (i, j)
    for i, one in enumerate(CAPSULES)
    for j, other in enumerate(CAPSULES)
    if other.link in _NEAR.get(one.link, ()) and one.name != _FOREARM_END
)
