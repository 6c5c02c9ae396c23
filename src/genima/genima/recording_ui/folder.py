# SPDX-License-Identifier: Apache-2.0
"""Whether a folder may be recorded into."""

from pathlib import Path

from genima.errors import InvalidDataset
from genima.recording.dataset import DATASET_FILE, read_dataset


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
    elif path.exists() and any(path.iterdir()):
        found = sorted(entry.name for entry in path.iterdir())
        raise InvalidDataset(
            f"{path} holds other things ({', '.join(found[:3])}{', ...' * (len(found) > 3)}); "
            "give --out a new or empty folder"
        )
