# SPDX-License-Identifier: Apache-2.0
"""Tiling four images and cutting them apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genima.arrays import Array, UInt8
from genima.errors import InvalidImage
from genima.tiles import tile_images, untile

ORDER = ("wrist", "front", "right_shoulder", "left_shoulder")
Images = dict[str, UInt8[Array, "s s 3"]]


@pytest.fixture
def images() -> Images:
    return {name: np.full((8, 8, 3), i + 1, np.uint8) for i, name in enumerate(ORDER)}


@given(data=st.data(), size=st.integers(1, 9), order=st.permutations(ORDER))
def test_untile_gives_back_what_was_tiled(
    data: st.DataObject, size: int, order: list[str]
) -> None:
    images = {name: data.draw(arrays(np.uint8, (size, size, 3))) for name in ORDER}
    tile = tile_images(images, order)
    cut = untile(tile, order)
    assert tile.shape == (2 * size, 2 * size, 3)
    assert list(cut) == order
    assert all((cut[name] == images[name]).all() for name in ORDER)


def test_order_is_top_left_top_right_bottom_left_bottom_right(images: Images) -> None:
    tile = tile_images(images, ORDER)
    assert tile[[0, 0, -1, -1], [0, -1, 0, -1], 0].tolist() == [1, 2, 3, 4]


def test_tile_does_not_share_memory_with_the_images(images: Images) -> None:
    tile = tile_images(images, ORDER)
    images["wrist"][:] = 99
    assert tile[0, 0, 0] == 1


def test_cameras_outside_the_order_are_left_out(images: Images) -> None:
    images["overhead"] = np.zeros((5, 7, 1), np.uint8)
    assert tile_images(images, ORDER).shape == (16, 16, 3)


def test_missing_camera_is_named(images: Images) -> None:
    del images["front"]
    with pytest.raises(InvalidImage, match=r"no image of \['front'\]"):
        tile_images(images, ORDER)


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (np.zeros((4, 4, 3), np.uint8), "4 px wide, that of 'wrist' is 8 px"),
        (np.zeros((8, 6, 3), np.uint8), "6 x 8 px; expected a square"),
        (np.zeros((0, 0, 3), np.uint8), "0 x 0 px"),
        (np.zeros((8, 8, 3), np.float32), "is float32; expected uint8"),
        (np.zeros((8, 8, 4), np.uint8), r"shape \(8, 8, 4\)"),
        (np.zeros((8, 8), np.uint8), r"shape \(8, 8\)"),
    ],
)
def test_image_that_does_not_fit_is_refused(
    images: Images, bad: UInt8[Array, "..."], complaint: str
) -> None:
    images["left_shoulder"] = bad
    with pytest.raises(InvalidImage, match=f"'left_shoulder'.*{complaint}"):
        tile_images(images, ORDER)


def test_tile_with_an_odd_side_is_refused() -> None:
    with pytest.raises(InvalidImage, match="7 px wide; its side must be even"):
        untile(np.zeros((7, 7, 3), np.uint8), ORDER)


@pytest.mark.parametrize("order", [ORDER[:3], ("wrist", "front", "front", "left_shoulder")])
def test_order_that_is_not_four_cameras_is_refused(images: Images, order: tuple[str, ...]) -> None:
    with pytest.raises(InvalidImage, match="four different camera names"):
        tile_images(images, order)
