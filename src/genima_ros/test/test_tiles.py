# SPDX-License-Identifier: Apache-2.0
import array
from collections.abc import Callable

import numpy as np
import pytest
from genima_msgs.msg import TargetTile

from genima.errors import GenimaError, InvalidImage, PolicyError
from genima.policy import Policy
from genima_ros.conversions import rgb_to_image
from genima_ros.tiles import read_tile, tile_message

POLICY = Policy(image_size_px=32)
TILE = np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def message() -> TargetTile:
    return tile_message(
        TILE,
        POLICY,
        stamp_s=12.25,
        instruction="push the maroon button",
        model="oracle",
        inference_s=0.1,
        seed=2,
    )


def test_tile_survives_the_round_trip() -> None:
    tile, stamp_s = read_tile(message(), POLICY)
    np.testing.assert_array_equal(tile, TILE)
    assert stamp_s == 12.25


def test_message_says_what_it_was_drawn_from() -> None:
    got = message()
    assert (got.instruction, got.model, got.seed) == ("push the maroon button", "oracle", 2)
    assert (got.horizon_steps, got.step_s) == (20, 0.05)
    assert tuple(got.cameras) == POLICY.cameras


def swap_cameras(tile: TargetTile) -> None:
    tile.cameras = [tile.cameras[1], tile.cameras[0], *tile.cameras[2:]]


def other_size(tile: TargetTile) -> None:
    tile.image = rgb_to_image(TILE[:32], "tile", 12.25)


def short_data(tile: TargetTile) -> None:
    tile.image.data = array.array("B", bytes(10))


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (swap_cameras, PolicyError, "'front', 'wrist'.*takes.*'wrist', 'front'.*in this order"),
        (lambda t: t.cameras.pop(), PolicyError, "this policy takes .*'left_shoulder'"),
        (lambda t: setattr(t, "horizon_steps", 10), PolicyError, "tile 10 steps of 0.05 s ahead"),
        (lambda t: setattr(t, "step_s", 0.1), PolicyError, "20 steps of 0.1 s ahead.*0.05 s"),
        (lambda t: setattr(t, "step_s", float("nan")), PolicyError, "20 steps of nan s ahead"),
        (other_size, InvalidImage, "tile of 64x32 px; this policy takes 64x64"),
        (short_data, InvalidImage, "10 bytes of data"),
        (lambda t: setattr(t.image, "encoding", "16UC1"), InvalidImage, "16UC1"),
    ],
)
def test_tile_that_was_not_drawn_for_the_policy_is_refused(
    spoil: Callable[[TargetTile], None], kind: type[GenimaError], words: str
) -> None:
    tile = message()
    spoil(tile)
    with pytest.raises(kind, match=words):
        read_tile(tile, POLICY)
