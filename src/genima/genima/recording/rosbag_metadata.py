# SPDX-License-Identifier: Apache-2.0
"""`metadata.yaml`, which makes the folder of an episode a bag of rosbag2."""

from pathlib import Path
from typing import Any

import yaml
from mcap.reader import make_reader
from mcap.records import Channel
from mcap.summary import Summary

from genima.errors import InvalidDataset
from genima.files import write_text

_VERSION = 9  # of rosbag2 in Jazzy
_NO_LIMIT = {"sec": 9223372036, "nsec": 854775807}
#: Key of the quality of service in a channel's metadata, as rosbag2 names it.
QOS_KEY = "offered_qos_profiles"


def qos_profile(latched: bool) -> str:
    """How a topic is to be played, as rosbag2 writes it."""
    profile = {
        "history": "keep_last",
        "depth": 10,
        "reliability": "reliable",
        "durability": "transient_local" if latched else "volatile",
        "deadline": _NO_LIMIT,
        "lifespan": _NO_LIMIT,
        "liveliness": "automatic",
        "liveliness_lease_duration": _NO_LIMIT,
        "avoid_ros_namespace_conventions": False,
    }
    return yaml.dump([profile], Dumper=_NoAliases, sort_keys=False)


def write_metadata(mcap_file: Path) -> None:
    """Write `metadata.yaml` beside a closed MCAP file.

    Raises:
        OSError: It cannot be written.
        InvalidDataset: The file is not closed.
    """
    with mcap_file.open("rb") as stream:
        summary = make_reader(stream).get_summary()
    if summary is None or summary.statistics is None:
        raise InvalidDataset(f"{mcap_file} was not closed, so it has no index")
    content = {"rosbag2_bagfile_information": _information(mcap_file.name, summary)}
    text = yaml.dump(content, Dumper=_NoAliases, sort_keys=False)
    write_text(mcap_file.with_name("metadata.yaml"), text)


def _information(name: str, summary: Summary) -> dict[str, Any]:
    figures = summary.statistics
    assert figures is not None
    begin_ns, count = figures.message_start_time, figures.message_count
    span = {
        "duration": {"nanoseconds": figures.message_end_time - begin_ns},
        "starting_time": {"nanoseconds_since_epoch": begin_ns},
        "message_count": count,
    }
    counts = figures.channel_message_counts
    return {
        "version": _VERSION,
        "storage_identifier": "mcap",
        **span,
        "topics_with_message_count": [
            {
                "topic_metadata": _topic(channel, summary),
                "message_count": counts.get(channel.id, 0),
            }
            for channel in summary.channels.values()
        ],
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [name],
        "files": [{"path": name, **span}],
        "custom_data": None,
        "ros_distro": "jazzy",
    }


def _topic(channel: Channel, summary: Summary) -> dict[str, Any]:
    return {
        "name": channel.topic,
        "type": summary.schemas[channel.schema_id].name,
        "serialization_format": channel.message_encoding,
        "offered_qos_profiles": yaml.safe_load(channel.metadata.get(QOS_KEY, "[]")),
        "type_description_hash": "",
    }


class _NoAliases(yaml.SafeDumper):
    """Writes equal parts out instead of referring to them, for simpler readers."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
