# SPDX-License-Identifier: Apache-2.0
"""Crosses in images: where points are, and where a calibration expects them."""

import cv2
import numpy as np

from genima.arrays import Array, Float, UInt8

SEEN_RGB, EXPECTED_RGB = (30, 200, 60), (255, 40, 90)
#: Images are enlarged before something is drawn: errors are parts of a pixel.
ZOOM = 2


def mark_corners(
    image: UInt8[Array, "h w 3"], seen: Float[Array, "n 2"], expected: Float[Array, "n 2"]
) -> UInt8[Array, "h w 3"]:
    """Crosses on an enlarged image, where corners are and where they are expected."""
    marked = cv2.resize(image, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_CUBIC)
    for points, colour, size in ((seen, SEEN_RGB, 11), (expected, EXPECTED_RGB, 7)):
        for u, v in points[np.isfinite(points).all(1)] * ZOOM:
            place = (round(u - 0.5), round(v - 0.5))
            cv2.drawMarker(marked, place, colour, cv2.MARKER_CROSS, size, 1, cv2.LINE_AA)
    return np.asarray(marked, np.uint8)


def write_words(picture: UInt8[Array, "h w 3"], words: str) -> None:
    """Write a line into the upper left corner of a picture."""
    height, width = picture.shape[:2]
    scale = width / 1280
    picture[: min(height, round(36 * scale))] //= 4
    place, font = (round(10 * scale), round(26 * scale)), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(picture, words, place, font, 0.7 * scale, (255, 255, 255), 1, cv2.LINE_AA)
