# SPDX-License-Identifier: Apache-2.0
"""What `episode.json` tells of a recorded episode."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from genima.errors import InvalidDataset
from genima.files import write_text

EPISODE_FILE = "episode.json"


@dataclass(frozen=True)
class StreamInfo:
    """One recorded topic.

    Attributes:
        type: Such as `sensor_msgs/msg/Image`.
        count: Messages in the file.
        lost: Messages known to be missing: holes in the stamps, told of by the middleware, or
            refused because the disk was too slow.
        gaps: First and last stamp around each of the earliest holes [s].
        gap_count: All holes, also those that `gaps` has no room for.
        rate_hz: Mean rate by stamps; NaN below two messages.
        jitter_s: Standard deviation of the intervals between stamps [s]; NaN below two messages.
        period_s: Nominal time between two stamps [s]; 0 for messages that come when they like.
    """

    type: str
    count: int = 0
    lost: int = 0
    gaps: tuple[tuple[float, float], ...] = ()
    gap_count: int = 0
    rate_hz: float = math.nan
    jitter_s: float = math.nan
    period_s: float = 0.0


@dataclass(frozen=True)
class EpisodeInfo:
    """An episode.

    Attributes:
        index: Its number in the data set.
        task: Short name of the task.
        instruction: What the robot was told.
        success: Whether the task was done; None if nobody has said.
        note: Of the operator.
        started_s: When the take began [s since 1970].
        ended_s: When it ended [s since 1970]; for a recovered take, when its last message came.
        ended_because: Why it ended.
        recovered: Whether the recorder was killed before anybody had kept it.
        versions: Of the suite and what it was recorded with, by name.
        streams: By topic.
    """

    index: int
    task: str
    instruction: str
    success: bool | None = None
    note: str = ""
    started_s: float = math.nan
    ended_s: float = math.nan
    ended_because: str = ""
    recovered: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    streams: Mapping[str, StreamInfo] = field(default_factory=dict)


def write_info(folder: Path, info: EpisodeInfo) -> None:
    """Write `episode.json`, so that it is never seen half written."""
    content = _without_nan(asdict(info))
    text = json.dumps(content, indent=2, allow_nan=False)
    write_text(folder / EPISODE_FILE, text + "\n")


def read_info(folder: Path) -> EpisodeInfo:
    """Read `episode.json`.

    Raises:
        InvalidDataset: It is missing or not of this version.
    """
    path = folder / EPISODE_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        streams = {topic: _stream(entry) for topic, entry in content.pop("streams").items()}
        content |= {key: _nan_if_none(content[key]) for key in ("started_s", "ended_s")}
        return EpisodeInfo(**content, streams=streams)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidDataset(
            f"{path} cannot be read as the description of an episode: {error}; move "
            f"{folder.name} out of the data set, which is read without it; its messages can still "
            "be played"
        ) from error


def _stream(entry: dict[str, Any]) -> StreamInfo:
    gaps = tuple((float(begin), float(end)) for begin, end in entry.pop("gaps"))
    entry |= {key: _nan_if_none(entry[key]) for key in ("rate_hz", "jitter_s")}
    return StreamInfo(**entry, gaps=gaps)


def _nan_if_none(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _without_nan(value: Any) -> Any:
    """JSON knows no NaN; null stands for it."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
