# SPDX-License-Identifier: Apache-2.0
"""What the stand-in's cameras see: grey, so that spheres can be drawn on it, and told apart."""

import numpy as np

_CAMERAS = ("left_shoulder", "right_shoulder", "overhead", "wrist", "front")


def picture(camera: str, step: int, size_px: int) -> np.ndarray:
    """The image of a camera at a step."""
    ramp = np.linspace(90.0, 160.0, size_px)
    grey = (ramp[:, None] + 20.0 * np.sin(ramp)[None]).astype(np.uint8)
    image = np.repeat(grey[..., None], 3, axis=2)
    image[0, 0] = _CAMERAS.index(camera), step % 256, 7
    return image
