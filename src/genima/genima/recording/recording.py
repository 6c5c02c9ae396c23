# SPDX-License-Identifier: Apache-2.0
"""A data set of recorded episodes, to be read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from mcap.exceptions import McapError
from mcap.reader import make_reader
from mcap.records import Schema
from mcap.summary import Summary

from genima.cameras import CameraRig, load_rig
from genima.errors import InvalidDataset
from genima.recording.dataset import CAMERAS_FILE, DatasetInfo, read_dataset
from genima.recording.episode_info import EpisodeInfo, read_info

MCAP_FILE = "episode.mcap"
_EPISODE_PREFIX = "episode_"


class RecordedMessage(NamedTuple):
    """A message as it was received.

    Attributes:
        topic: Its topic.
        log_time_ns: When it was recorded [ns since 1970].
        publish_time_ns: The stamp of its header; where it has none, when it was sent [ns].
        data: The message in CDR; `genima.recording.cdr` decodes it.
    """

    topic: str
    log_time_ns: int
    publish_time_ns: int
    data: bytes


@dataclass(frozen=True)
class RecordedEpisode:
    """An episode in its folder.

    Attributes:
        path: The folder.
        info: What `episode.json` tells.
    """

    path: Path
    info: EpisodeInfo

    @property
    def mcap_file(self) -> Path:
        """The messages."""
        return self.path / MCAP_FILE

    @cached_property
    def _summary(self) -> Summary:
        try:
            with self.mcap_file.open("rb") as stream:
                summary = make_reader(stream).get_summary()
        except (OSError, McapError) as error:
            raise InvalidDataset(f"{self.mcap_file} cannot be read: {error}") from error
        if summary is None:
            raise InvalidDataset(
                f"{self.mcap_file} was not closed; start the recorder on the data set with "
                "--resume, which repairs it"
            )
        return summary

    @property
    def topics(self) -> dict[str, str]:
        """Type of each topic in the file."""
        channels = self._summary.channels.values()
        return {c.topic: self._summary.schemas[c.schema_id].name for c in channels}

    def schema(self, topic: str) -> Schema:
        """Name and full definition of a topic's type.

        Raises:
            InvalidDataset: The file has no such topic.
        """
        for channel in self._summary.channels.values():
            if channel.topic == topic:
                return self._summary.schemas[channel.schema_id]
        raise InvalidDataset(
            f"{self.mcap_file} has no topic {topic!r}; it has {list(self.topics)}"
        )

    def messages(self, topics: Iterable[str] | None = None) -> Iterator[RecordedMessage]:
        """Messages in the order in which they were recorded, of some topics or of all.

        Raises:
            InvalidDataset: The file is damaged.
        """
        wanted = None if topics is None else list(topics)
        try:
            with self.mcap_file.open("rb") as stream:
                for _, channel, m in make_reader(stream).iter_messages(topics=wanted):
                    yield RecordedMessage(channel.topic, m.log_time, m.publish_time, m.data)
        except (OSError, McapError) as error:
            raise InvalidDataset(f"{self.mcap_file} cannot be read: {error}") from error


@dataclass(frozen=True)
class Recording:
    """A data set.

    Attributes:
        path: Its folder.
        info: What all its episodes have in common.
        rig: The cameras it was recorded with.
    """

    path: Path
    info: DatasetInfo
    rig: CameraRig

    @classmethod
    def open(cls, path: Path) -> "Recording":
        """Open a data set.

        Raises:
            InvalidDataset: There is none, or it cannot be read.
            CalibrationError: Its cameras.yaml cannot be read.
        """
        return cls(path, read_dataset(path), load_rig(path / CAMERAS_FILE))

    def episodes(self) -> list[RecordedEpisode]:
        """All kept episodes, by index. Open takes are not among them."""
        return [RecordedEpisode(f, read_info(f)) for f in episode_folders(self.path)]


def episode_folders(path: Path) -> list[Path]:
    """Folders of a data set's episodes, by index."""
    folders = (p for p in path.glob(f"{_EPISODE_PREFIX}*") if p.is_dir())
    return sorted(f for f in folders if f.name.removeprefix(_EPISODE_PREFIX).isdigit())


def episode_folder(path: Path, index: int) -> Path:
    """Folder of one episode."""
    return path / f"{_EPISODE_PREFIX}{index:06d}"
