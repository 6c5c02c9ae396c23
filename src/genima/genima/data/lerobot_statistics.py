# SPDX-License-Identifier: Apache-2.0
"""Statistics as LeRobot normalises with: least, greatest, mean, deviation and quantiles."""

from typing import Any

import numpy as np

from genima.arrays import Array, Float, Int, UInt8

Statistics = dict[str, Any]

_QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
_LEVELS = 256


def vector_statistics(rows: Float[Array, "n k"]) -> Statistics:
    """Of each component over the rows."""
    rows = np.asarray(rows, float)
    quantiles = np.quantile(rows, list(_QUANTILES.values()), axis=0)
    return {
        "min": rows.min(axis=0).tolist(),
        "max": rows.max(axis=0).tolist(),
        "mean": rows.mean(axis=0).tolist(),
        "std": rows.std(axis=0).tolist(),
        "count": [len(rows)],
        **dict(zip(_QUANTILES, quantiles.tolist(), strict=True)),
    }


class ImageHistogram:
    """How often each level occurs in each channel; enough for all the statistics."""

    def __init__(self) -> None:
        self._counts: Int[Array, "3 256"] = np.zeros((3, _LEVELS), np.int64)
        self._images = 0

    def add(self, image: UInt8[Array, "h w 3"]) -> None:
        """Count an image's pixels."""
        for channel in range(3):
            levels = np.ravel(image[..., channel])
            self._counts[channel] += np.bincount(levels, minlength=_LEVELS)
        self._images += 1

    def merge(self, other: "ImageHistogram") -> None:
        """Count the images of another one, too."""
        self._counts += other._counts
        self._images += other._images

    def statistics(self) -> Statistics:
        """Of the levels from 0 to 1, shaped (3, 1, 1) so that they broadcast over an image."""
        levels = np.arange(_LEVELS) / (_LEVELS - 1)
        pixels = self._counts.sum(axis=1)
        mean = self._counts @ levels / pixels
        variance = self._counts @ levels**2 / pixels - mean**2
        cumulative = self._counts.cumsum(axis=1)

        def level_below(share: float) -> Float[Array, "3"]:
            reached = cumulative >= np.maximum(share * pixels[:, None], 1)
            return levels[reached.argmax(axis=1)]

        values = {
            "min": level_below(0.0),
            "max": level_below(1.0),
            "mean": mean,
            "std": np.sqrt(np.maximum(variance, 0.0)),
            **{name: level_below(share) for name, share in _QUANTILES.items()},
        }
        shaped = {name: value.reshape(3, 1, 1).tolist() for name, value in values.items()}
        return shaped | {"count": [self._images]}
