# SPDX-License-Identifier: Apache-2.0
"""The pixels of a recorded episode."""

from collections.abc import Callable, Iterator, Mapping

import cv2
import numpy as np

from genima.arrays import Array, Int, UInt8
from genima.data.recorded_streams import image_topic
from genima.errors import InvalidImage
from genima.recording import cdr
from genima.recording.recording import RecordedEpisode

_CHANNELS = {"rgb8": (0, 1, 2), "bgr8": (2, 1, 0), "mono8": (0, 0, 0)}


def rgb_of(image: cdr.Image) -> UInt8[Array, "h w 3"]:
    """A raw image as RGB.

    Raises:
        InvalidImage: The encoding is unknown, or size, step and data do not fit together.
    """
    order = _CHANNELS.get(image.encoding)
    if order is None:
        raise InvalidImage(
            f"image encoding {image.encoding!r} cannot be imported; record {list(_CHANNELS)}"
        )
    channels = 1 if image.encoding == "mono8" else 3
    height, width, step = image.height, image.width, image.step
    if not height or not width or step < width * channels or image.data.size < height * step:
        raise InvalidImage(
            f"{image.encoding} image of {width}x{height} px with step {step} has "
            f"{image.data.size} bytes; such an image has a step of at least {width * channels} "
            "and height x step bytes; check the camera's driver"
        )
    rows = image.data[: height * step].reshape(height, step)[:, : width * channels]
    return np.ascontiguousarray(rows.reshape(height, width, channels)[:, :, order])


def rgb_of_compressed(image: cdr.CompressedImage) -> UInt8[Array, "h w 3"]:
    """A PNG or JPEG image as RGB.

    Raises:
        InvalidImage: It cannot be decoded.
    """
    pixels = cv2.imdecode(image.data, cv2.IMREAD_COLOR) if image.data.size else None
    if pixels is None:
        raise InvalidImage(
            f"a compressed image ({image.format!r}, {image.data.size} bytes) cannot be decoded; "
            "the file is damaged"
        )
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))


def images_of_steps(
    episode: RecordedEpisode,
    chosen_ns: Mapping[str, Int[Array, "n"]],
    prepare: Mapping[str, Callable[[UInt8[Array, "h w 3"]], UInt8[Array, "s s 3"]]],
) -> Iterator[dict[str, UInt8[Array, "s s 3"]]]:
    """One image of each camera for each step, in order; only a few are in memory at once.

    Args:
        episode: Where they are.
        chosen_ns: For each camera the stamp of the image for each step, ascending [ns].
        prepare: What is done to each camera's images.
    """
    topics = {image_topic(episode, camera): camera for camera in chosen_ns}
    steps = len(next(iter(chosen_ns.values())))
    waiting: dict[int, dict[str, UInt8[Array, "s s 3"]]] = {}
    next_step = 0
    for message in episode.messages(topics):
        camera = topics[message.topic]
        stamps_ns = chosen_ns[camera]
        first = int(np.searchsorted(stamps_ns, message.publish_time_ns, side="left"))
        last = int(np.searchsorted(stamps_ns, message.publish_time_ns, side="right"))
        # A frame that was recorded twice comes again when its step is already complete.
        wanted = range(max(first, next_step), last)
        if not wanted:
            continue
        image = prepare[camera](_decoded(message.topic, message.data))
        for step in wanted:
            waiting.setdefault(step, {}).setdefault(camera, image)
        while len(waiting.get(next_step, ())) == len(topics):
            yield waiting.pop(next_step)
            next_step += 1
    assert next_step == steps, "an image was there in the first reading and is not in the second"


def _decoded(topic: str, data: bytes) -> UInt8[Array, "h w 3"]:
    if topic.endswith("/compressed"):
        return rgb_of_compressed(cdr.decode_compressed_image(data))
    return rgb_of(cdr.decode_image(data))
