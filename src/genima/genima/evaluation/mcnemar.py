# SPDX-License-Identifier: Apache-2.0
"""McNemar's exact test: do two policies differ at the same episodes, or is it chance?"""

import math

from genima.errors import InvalidParameter


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Two-sided p of the episodes that one of two policies alone has done.

    If neither is better, each of these is as likely to be the one's as the other's.

    Raises:
        InvalidParameter: A number is negative.
    """
    if min(only_first, only_second) < 0:
        raise InvalidParameter(
            f"{only_first} and {only_second} episodes were done by one policy alone; neither can "
            "be negative"
        )
    total = only_first + only_second
    tail = sum(math.comb(total, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / 2**total)
