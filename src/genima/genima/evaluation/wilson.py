# SPDX-License-Identifier: Apache-2.0
"""The Wilson score interval of a success rate."""

import math

from genima.errors import InvalidParameter

#: Two-sided 95 % quantile of the normal distribution.
_Z_95 = 1.959963984540054


def wilson_interval(successes: int, episodes: int) -> tuple[float, float]:
    """95 % interval of the rate behind `successes` out of `episodes`.

    Unlike the usual one it stays within [0, 1] and has a width where all or none succeeded.

    Raises:
        InvalidParameter: There are more successes than episodes, or either is negative.
    """
    if not 0 <= successes <= episodes:
        raise InvalidParameter(
            f"{successes} successes of {episodes} episodes; there must be 0 to {episodes} of them"
        )
    if episodes == 0:
        return 0.0, 1.0
    rate, z2 = successes / episodes, _Z_95**2
    centre = rate + z2 / (2 * episodes)
    spread = _Z_95 * math.sqrt(rate * (1 - rate) / episodes + z2 / (4 * episodes**2))
    scale = 1 + z2 / episodes
    # The ends are exact where the formula is a rounding error away from them.
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == episodes else (centre + spread) / scale
    return low, high
