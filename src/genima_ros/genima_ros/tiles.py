# SPDX-License-Identifier: Apache-2.0
"""TargetTile messages: written by the diffusion node, checked and read by whoever follows them."""

from genima_msgs.msg import TargetTile

from genima.arrays import Array, UInt8
from genima.errors import InvalidImage, PolicyError
from genima.policy import Policy
from genima_ros.conversions import image_to_rgb, rgb_to_image, seconds


def tile_message(
    tile: UInt8[Array, "t t 3"],
    policy: Policy,
    *,
    stamp_s: float,
    instruction: str,
    model: str,
    inference_s: float,
    seed: int,
    state: int = TargetTile.USABLE,
    fault: str = "",
) -> TargetTile:
    """A drawn tile as a message; `stamp_s` is that of the oldest image it was drawn on."""
    image = rgb_to_image(tile, "tile", stamp_s)
    return TargetTile(
        header=image.header,
        image=image,
        cameras=list(policy.cameras),
        model=model,
        horizon_steps=policy.horizon_steps,
        step_s=policy.step_s,
        instruction=instruction,
        inference_s=inference_s,
        seed=seed,
        state=state,
        fault=fault,
    )


def read_tile(message: TargetTile, policy: Policy) -> tuple[UInt8[Array, "t t 3"], float]:
    """The tile and its stamp [s], after checking that it was drawn for this policy.

    Raises:
        PolicyError: It was drawn for other cameras, another order or another horizon.
        InvalidImage: The image is malformed or of another size.
    """
    if tuple(message.cameras) != policy.cameras:
        raise PolicyError(
            f"tile of cameras {list(message.cameras)}; this policy takes {list(policy.cameras)}, "
            "in this order; give both nodes the same policy_file"
        )
    if (message.horizon_steps, message.step_s) != (policy.horizon_steps, policy.step_s):
        raise PolicyError(
            f"tile {message.horizon_steps} steps of {message.step_s} s ahead; this policy takes "
            f"{policy.horizon_steps} steps of {policy.step_s} s; give both the same policy_file"
        )
    tile = image_to_rgb(message.image)
    side = 2 * policy.image_size_px
    if tile.shape != (side, side, 3):
        raise InvalidImage(
            f"tile of {tile.shape[1]}x{tile.shape[0]} px; this policy takes {side}x{side}; give "
            "both nodes the same policy_file"
        )
    return tile, seconds(message.header.stamp)
