# SPDX-License-Identifier: Apache-2.0
"""What a killed recorder has left is made whole again."""

from dataclasses import replace
from pathlib import Path

from mcap.reader import make_reader

from genima.errors import InvalidDataset
from genima.recording.episode_info import EpisodeInfo, StreamInfo, read_info
from genima.recording.recording import MCAP_FILE
from genima.recording.repair import Repaired, repair
from genima.recording.stream_stats import StreamStats

_KILLED = "the recorder was killed"


def recover(take: Path) -> EpisodeInfo | None:
    """Close the file of an open take.

    It can be called again after a kill in its midst, and changes nothing outside of the take.

    Returns:
        What can be told of the episode; None if it holds no message.

    Raises:
        OSError: It cannot be read or written.
    """
    file = take / MCAP_FILE
    repaired = repair(file) if file.exists() else None
    if repaired is None:
        return None
    try:
        info = read_info(take)
    except InvalidDataset:  # killed before it was written
        info = EpisodeInfo(index=0, task="", instruction="")
    if info.ended_because:  # it had ended, and nobody had said whether to keep it
        return replace(info, recovered=True)
    streams = dict(info.streams) or _streams_of(file)
    return replace(
        info,
        recovered=True,
        ended_s=repaired.end_ns * 1e-9,
        ended_because=_KILLED,
        streams=streams_of(streams, repaired),
    )


def streams_of(streams: dict[str, StreamInfo], repaired: Repaired) -> dict[str, StreamInfo]:
    """What the stamps in a file tell of its streams, of which type and period are known."""
    found = {}
    for topic, stream in streams.items():
        stats = StreamStats(stream.type, stream.period_s)
        for stamp_ns in repaired.stamps_ns.get(topic, ()):
            stats.add(stamp_ns)
        # Those that had come before the disk failed, and those of which stamps tell nothing.
        unwritten, known = stream.count - stats.count, stream.lost - stats.lost
        stats.lose(max(0, unwritten) + max(0, known))
        found[topic] = stats.info()
    return found


def _streams_of(file: Path) -> dict[str, StreamInfo]:
    with file.open("rb") as stream:
        summary = make_reader(stream).get_summary()
    assert summary is not None  # it has been closed
    return {
        channel.topic: StreamInfo(summary.schemas[channel.schema_id].name)
        for channel in summary.channels.values()
    }
