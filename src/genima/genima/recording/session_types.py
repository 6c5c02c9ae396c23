# SPDX-License-Identifier: Apache-2.0
"""What a recording session is told, and what it tells."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from genima.recording.dataset import ImageStorage
from genima.recording.pictures import COMPRESSED_TYPE, ImageEncoder
from genima.recording.stream import Pacing, StreamSpec
from genima.recording.take import Channel


class RecorderState(Enum):
    """What the recorder does, with the numbers of RecorderStatus."""

    IDLE = 0
    RECORDING = 1
    REVIEW = 2
    FAULT = 3


@dataclass(frozen=True)
class SessionSettings:
    """How takes are recorded.

    Attributes:
        pacing: Of the world that is recorded.
        lost_after_s: A required stream that is silent so long ends the take [s].
        queue_bytes: Most that may wait for the disk.
        waiting_limit_s: A message that waits for the disk for longer ends the take [s].
        image_storage: How images are written.
        jpeg_quality: 1 to 100; counts for JPEG only.
        encoder_threads: Images compressed at once.
        versions: Of what takes part, by name.
    """

    pacing: Pacing = Pacing.REALTIME
    lost_after_s: float = 1.0
    queue_bytes: int = 512 << 20
    waiting_limit_s: float = math.inf
    image_storage: ImageStorage = ImageStorage.RAW
    jpeg_quality: int = 95
    encoder_threads: int = 2
    versions: Mapping[str, str] = field(default_factory=dict)

    def encoder(self) -> ImageEncoder | None:
        """What compresses the images; None if they are written as they are."""
        if self.image_storage is ImageStorage.RAW:
            return None
        return ImageEncoder(self.image_storage, self.jpeg_quality, self.encoder_threads)

    def channel(self, spec: StreamSpec) -> Channel:
        """How a stream is written."""
        if not spec.camera or self.image_storage is ImageStorage.RAW:
            return Channel(spec.topic, spec.type, spec.definition, spec.latched)
        topic = f"{spec.topic}/compressed"
        return Channel(topic, COMPRESSED_TYPE, spec.compressed_definition, compressed=True)
