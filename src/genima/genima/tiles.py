# SPDX-License-Identifier: Apache-2.0
"""Four camera images in one square image, and back.

The diffusion model draws all views at once, so the order is part of the policy
(`genima.policy.Policy.cameras`): top left, top right, bottom left, bottom right.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from genima.arrays import Array, UInt8
from genima.errors import InvalidImage


def tile_images(
    images: Mapping[str, UInt8[Array, "s s 3"]], order: Sequence[str]
) -> UInt8[Array, "2s 2s 3"]:
    """Put four square RGB images into one. Cameras that `order` does not name are left out.

    Args:
        images: One square RGB image for each camera, all of one size [px].
        order: Camera names: top left, top right, bottom left, bottom right.

    Raises:
        InvalidImage: A camera is missing, or an image is not square RGB uint8 of the common size.
    """
    _require_four(order)
    missing = [name for name in order if name not in images]
    if missing:
        raise InvalidImage(
            f"no image of {missing}; got {sorted(images)}, a tile takes all of {list(order)}"
        )
    size = _side_of(order[0], images[order[0]])
    tile = np.empty((2 * size, 2 * size, 3), np.uint8)
    for name, cell in untile(tile, order).items():
        side = _side_of(name, images[name])
        if side != size:
            raise InvalidImage(
                f"image of {name!r} is {side} px wide, that of {order[0]!r} is {size} px; "
                "bring all images to one size before tiling"
            )
        cell[:] = images[name]
    return tile


def untile(
    tile: UInt8[Array, "2s 2s 3"], order: Sequence[str]
) -> dict[str, UInt8[Array, "s s 3"]]:
    """Cut a tile into its four images, which are views into it, not copies.

    Args:
        tile: Square RGB image with an even side [px].
        order: Camera names: top left, top right, bottom left, bottom right.

    Raises:
        InvalidImage: The tile is not square RGB uint8 with an even side.
    """
    _require_four(order)
    side = _side_of("the tile", tile)
    if side % 2:
        raise InvalidImage(f"the tile is {side} px wide; its side must be even to be cut in four")
    size = side // 2
    corners = ((0, 0), (0, size), (size, 0), (size, size))
    return {
        name: tile[row : row + size, col : col + size]
        for name, (row, col) in zip(order, corners, strict=True)
    }


def _require_four(order: Sequence[str]) -> None:
    if len(order) != 4 or len(set(order)) != 4:
        raise InvalidImage(
            f"tile order is {list(order)}; give four different camera names "
            "(top left, top right, bottom left, bottom right)"
        )


def _side_of(name: str, image: UInt8[Array, "s s 3"]) -> int:
    """Side of a square RGB image [px]; anything else is refused."""
    if image.ndim != 3 or image.shape[2] != 3:
        raise InvalidImage(
            f"image of {name!r} has shape {image.shape}, expected (h, w, 3); convert it to RGB"
        )
    if image.dtype != np.uint8:
        raise InvalidImage(
            f"image of {name!r} is {image.dtype}; expected uint8 from 0 to 255, convert it"
        )
    height, width = image.shape[:2]
    if height != width or not width:
        raise InvalidImage(
            f"image of {name!r} is {width} x {height} px; expected a square, crop it first"
        )
    return width
