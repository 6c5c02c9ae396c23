# SPDX-License-Identifier: Apache-2.0
"""Recorded images as arrays, and images on their way to the disk as PNG or JPEG."""

from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np

from genima.arrays import Array, UInt8
from genima.errors import InvalidImage
from genima.recording.cdr import (
    Image,
    decode_compressed_image,
    decode_image,
    encode_compressed_image,
)
from genima.recording.dataset import ImageStorage

IMAGE_TYPE = "sensor_msgs/msg/Image"
COMPRESSED_TYPE = "sensor_msgs/msg/CompressedImage"
#: Channels of each encoding that can be compressed, and how OpenCV's BGR is made of it.
_TO_BGR: dict[str, tuple[int, int | None]] = {
    "rgb8": (3, cv2.COLOR_RGB2BGR),
    "bgr8": (3, None),
    "mono8": (1, None),
}
#: Fast: half as many bytes as raw for a fifth of the time that the smallest file takes.
_PNG_LEVEL = 1


def rgb_of(type_name: str, data: bytes) -> UInt8[Array, "h w 3"]:
    """The picture in a recorded message.

    Args:
        type_name: `IMAGE_TYPE` or `COMPRESSED_TYPE`.
        data: The message in CDR.

    Raises:
        InvalidImage: It has an encoding that is not read, or is damaged.
        InvalidDataset: The bytes are no such message.
    """
    if type_name == COMPRESSED_TYPE:
        bgr = cv2.imdecode(decode_compressed_image(data).data, cv2.IMREAD_COLOR)
        if bgr is None:
            raise InvalidImage("a compressed image cannot be decoded; the recording is damaged")
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
    image = decode_image(data)
    pixels = _pixels(image)
    if image.encoding == "rgb8":
        return pixels
    return np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels[:, :, ::-1]


def can_compress(encoding: str) -> bool:
    """Whether images of an encoding can be stored as PNG or JPEG."""
    return encoding in _TO_BGR


def _pixels(image: Image) -> UInt8[Array, "h w c"]:
    """The pixels of an image without the padding of its rows."""
    if image.encoding not in _TO_BGR:
        raise InvalidImage(
            f"images of encoding {image.encoding!r} are not read; record one of {sorted(_TO_BGR)}"
        )
    channels, _ = _TO_BGR[image.encoding]
    height, row = image.height, image.width * channels
    if not row or not height or image.step < row or image.data.size < height * image.step:
        raise InvalidImage(
            f"{image.encoding} image of {image.width}x{height} with step {image.step} has "
            f"{image.data.size} bytes of data, too few; check the camera driver"
        )
    rows = image.data[: height * image.step].reshape(height, image.step)
    return rows[:, :row].reshape(height, image.width, channels)


class ImageEncoder:
    """Compresses images on threads of its own, so that several cores can share the work.

    Args:
        storage: PNG or JPEG.
        jpeg_quality: 1 to 100; counts for JPEG only.
        threads: How many images are worked on at once.
    """

    def __init__(self, storage: ImageStorage, jpeg_quality: int, threads: int) -> None:
        self._name = storage.value
        self._options = (
            [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL]
            if storage is ImageStorage.PNG
            else [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]
        )
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="encode")

    def submit(self, data: bytes) -> "Future[bytes]":
        """A sensor_msgs/CompressedImage in CDR, made in time of a sensor_msgs/Image."""
        return self._threads.submit(self.encode, data)

    def encode(self, data: bytes) -> bytes:
        """A sensor_msgs/CompressedImage in CDR, made now.

        Raises:
            InvalidImage: The image has an encoding that cannot be compressed.
        """
        image = decode_image(data)
        pixels = _pixels(image)
        _, to_bgr = _TO_BGR[image.encoding]
        bgr = pixels if to_bgr is None else cv2.cvtColor(pixels, to_bgr)
        done, packed = cv2.imencode(f".{self._name}", bgr, self._options)
        if not done:
            raise InvalidImage(f"an image of {image.width}x{image.height} cannot be compressed")
        stored = "mono8" if pixels.shape[2] == 1 else "bgr8"
        # As compressed_image_transport writes it, whose decoders go by it.
        label = f"{image.encoding}; {self._name} compressed {stored}"
        return encode_compressed_image(image.header, label, packed.tobytes())

    def close(self) -> None:
        """Finish what was submitted, and end the threads."""
        self._threads.shutdown()
