# SPDX-License-Identifier: Apache-2.0
"""Whether a folder may be recorded into."""

from pathlib import Path

from genima.errors import InvalidDataset
from genima.recording.dataset import (
    CAMERAS_FILE,
    CAMERAS_HEADING,
    DATASET_FILE,
    read_dataset,
)

#: What a recorder leaves that ended before its first take had begun.
_LEFT_OVER = (".lock", f".{CAMERAS_FILE}.part", f".{DATASET_FILE}.part")


def check_folder(path: Path, *, resume: bool) -> None:
    """Let only a new or empty folder begin a data set, and only a data set be resumed.

    Raises:
        InvalidDataset: The folder is something else.
    """
    if path.exists() and not path.is_dir():
        raise InvalidDataset(f"{path} is a file, not a folder; give another --out")
    is_dataset = (path / DATASET_FILE).exists()
    if resume and not is_dataset:
        raise InvalidDataset(
            f"{path} holds no data set that could be resumed: it has no {DATASET_FILE}; "
            "leave --resume out to begin one"
        )
    if resume:
        read_dataset(path)
    elif is_dataset:
        raise InvalidDataset(
            f"{path} is a data set already; add --resume to go on with it, or give another --out"
        )
    elif found := sorted(_others(path)):
        raise InvalidDataset(
            f"{path} holds other things ({', '.join(found[:3])}{', ...' * (len(found) > 3)}); "
            "give --out a new or empty folder"
        )


def _others(path: Path) -> list[str]:
    """What is in a folder beside what a recorder may have left."""
    if not path.exists():
        return []
    entries = [entry for entry in path.iterdir() if entry.name not in _LEFT_OVER]
    return [entry.name for entry in entries if not _our_cameras(entry)]


def _our_cameras(entry: Path) -> bool:
    if entry.name != CAMERAS_FILE or not entry.is_file():
        return False
    with entry.open(encoding="utf-8", errors="replace") as file:
        return file.readline().rstrip() == CAMERAS_HEADING
