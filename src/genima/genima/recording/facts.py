# SPDX-License-Identifier: Apache-2.0
"""What the newest messages tell of the cameras, the arm and the task."""

from collections.abc import Mapping, Sequence

from genima.errors import NotReady
from genima.recording.cdr import decode_image, decode_joint_state, decode_string
from genima.recording.dataset import CameraFacts, DatasetInfo, ImageStorage
from genima.recording.pictures import can_compress
from genima.recording.stream import Stream

JOINT_STATES_TOPIC = "/joint_states"
INSTRUCTION_TOPIC = "/instruction"


def dataset_info(
    streams: Sequence[Stream],
    image_storage: ImageStorage,
    jpeg_quality: int,
    versions: Mapping[str, str],
) -> DatasetInfo:
    """What a data set begun now would be, of streams that flow.

    Raises:
        NotReady: A camera's images cannot be stored as they should.
        InvalidDataset: A message cannot be read.
    """
    cameras: dict[str, CameraFacts] = {}
    joints: tuple[str, ...] = ()
    for stream in streams:
        if stream.last is None:
            continue
        if stream.spec.camera:
            image = decode_image(stream.last.data)
            facts = CameraFacts(image.width, image.height, image.encoding)
            cameras[stream.spec.camera] = facts
        elif stream.spec.topic == JOINT_STATES_TOPIC:
            joints = tuple(sorted(decode_joint_state(stream.last.data).name))
    for name, facts in cameras.items():
        if image_storage is not ImageStorage.RAW and not can_compress(facts.encoding):
            raise NotReady(
                f"camera {name!r} sends {facts.encoding}, which cannot be stored as "
                f"{image_storage.value}; set it to rgb8, or set image_storage to raw"
            )
    rates_hz = {s.spec.topic: round(1.0 / s.spec.period_s, 3) for s in streams if s.spec.period_s}
    return DatasetInfo(cameras, rates_hz, joints, image_storage, jpeg_quality, versions)


def last_instruction(streams: Sequence[Stream]) -> str:
    """What was last told on `instruction`; empty if nothing was."""
    for stream in streams:
        if stream.spec.topic == INSTRUCTION_TOPIC and stream.last is not None:
            return decode_string(stream.last.data).data.strip()
    return ""
