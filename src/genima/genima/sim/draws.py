# SPDX-License-Identifier: Apache-2.0
"""Random draws that have to fit: drawn again where they do not, but not for ever."""

from collections.abc import Callable
from typing import TypeVar

from genima.errors import WorldError

Drawn = TypeVar("Drawn")

#: In 40,000 scenes no task needed more than 200.
_MOST_DRAWS = 10_000


def draw_until(fits: Callable[[Drawn], bool], draw: Callable[[], Drawn]) -> Drawn:
    """The first draw that fits.

    Raises:
        WorldError: None does.
    """
    for _ in range(_MOST_DRAWS):
        drawn = draw()
        if fits(drawn):
            return drawn
    raise WorldError(
        f"none of {_MOST_DRAWS} random placements of an object fits beside the others; take "
        "another seed"
    )
