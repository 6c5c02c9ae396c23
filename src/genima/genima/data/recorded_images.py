# SPDX-License-Identifier: Apache-2.0
"""The pixels of a recorded episode, step by step."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from genima.arrays import Array, Int, UInt8
from genima.data.recorded_streams import image_topic
from genima.errors import GenimaError, InvalidImage
from genima.recording.pictures import rgb_of
from genima.recording.recording import RecordedEpisode


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

    Raises:
        InvalidImage: An image is damaged or of another size than its camera_info says.
    """
    topics = {image_topic(episode, camera): camera for camera in chosen_ns}
    types = episode.topics
    waiting: dict[int, dict[str, UInt8[Array, "s s 3"]]] = {}
    next_step = 0
    for message in episode.messages(topics):
        camera, stamp_ns = topics[message.topic], message.publish_time_ns
        first = int(np.searchsorted(chosen_ns[camera], stamp_ns, side="left"))
        last = int(np.searchsorted(chosen_ns[camera], stamp_ns, side="right"))
        # A frame that was recorded twice comes again when its step is already complete.
        wanted = range(max(first, next_step), last)
        if not wanted:
            continue
        try:
            image = prepare[camera](rgb_of(types[message.topic], message.data))
        except GenimaError as error:
            raise InvalidImage(f"camera {camera!r}: {error}") from error
        for step in wanted:
            waiting.setdefault(step, {}).setdefault(camera, image)
        while len(waiting.get(next_step, ())) == len(topics):
            yield waiting.pop(next_step)
            next_step += 1
