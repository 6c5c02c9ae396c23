# SPDX-License-Identifier: Apache-2.0
"""The Wilson score interval of a success rate."""

import math
from collections.abc import Sequence

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
    return _interval(successes / episodes, episodes) if episodes else (0.0, 1.0)


def wilson_interval_by_seed(successes: Sequence[int], runs: int) -> tuple[float, float]:
    """95 % interval of the mean rate of several policies that were given the same episodes.

    What is hard for one is hard for the others: three runs of a seed say less than three episodes,
    and at least as much as one. How much is seen from how much the seeds differ; the interval is
    Wilson's for as many independent episodes as would be as sure (Korn and Graubard, Survey
    Methodology 24, 1998). Two seeds, one done by all and one by none, are added for that alone:
    where next to nothing failed, one run that did would otherwise be taken for independence.

    Args:
        successes: Of each seed, from 0 to `runs`.
        runs: Of each seed, one for each policy.

    Raises:
        InvalidParameter: A seed has more successes than runs, or fewer than none.
    """
    for count in successes:
        if not 0 <= count <= runs:
            raise InvalidParameter(
                f"a seed has {count} successes of {runs} runs; there must be 0 to {runs} of them"
            )
    seeds = len(successes)
    if not seeds or not runs:
        return 0.0, 1.0
    means = [count / runs for count in (*successes, 0, runs)]
    rate = sum(means) / len(means)
    variance = sum((mean - rate) ** 2 for mean in means) / len(means)
    worth = seeds * rate * (1 - rate) / variance
    worth = min(max(worth, seeds), seeds * runs)  # exactly those where rounding is all there is
    return _interval(sum(successes) / (seeds * runs), worth)


def _interval(rate: float, episodes: float) -> tuple[float, float]:
    z2 = _Z_95**2
    centre = rate + z2 / (2 * episodes)
    spread = _Z_95 * math.sqrt(rate * (1 - rate) / episodes + z2 / (4 * episodes**2))
    scale = 1 + z2 / episodes
    # The ends are exact where the formula is a rounding error away from them.
    low = 0.0 if rate == 0.0 else (centre - spread) / scale
    high = 1.0 if rate == 1.0 else (centre + spread) / scale
    return low, high
