# SPDX-License-Identifier: Apache-2.0
"""Files and folders that are whole or not there, whoever is killed and when."""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from genima.errors import GenimaError


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is never seen half written, not even after a power cut.

    For one writer: what a killed one leaves is always the same `.NAME.part`.
    """
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        _store(file, text.encode())
    part.replace(path)
    sync_folder(path.parent)


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that it is never seen half written, by several writers at once either."""
    handle, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        _store(file, content)
    Path(part).chmod(0o644)
    Path(part).replace(path)


def sync_folder(path: Path) -> None:
    """Have the disk know the entries of a folder."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def json_bytes(content: dict[str, Any]) -> bytes:
    """JSON that people can read; numbers keep every digit."""
    return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()


@contextmanager
def replaced_folder(target: Path) -> Iterator[Path]:
    """A hidden folder beside `target` to write into, which takes its place at the end.

    A process that is killed in between leaves the old folder, under its name or that of
    `replaced_by_kill`.
    """
    staged, old = target.with_name(f".{target.name}.part"), replaced_by_kill(target)
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    yield staged
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)
        target.replace(old)
    staged.replace(target)
    shutil.rmtree(old, ignore_errors=True)


def replaced_by_kill(target: Path) -> Path:
    """Where the old folder is if a process was killed while it was being replaced."""
    return target.with_name(f".{target.name}.old")


@contextmanager
def locked_folder(
    path: Path, lock_name: str, error: type[GenimaError], busy: str, instead: str
) -> Iterator[None]:
    """Make a folder if it is not there, and keep others out of it.

    Args:
        path: The folder.
        lock_name: Name of the file in it that is locked.
        error: What to raise.
        busy: What to say of whoever is there already.
        instead: What to do if it cannot be written.

    Raises:
        GenimaError: The folder cannot be written, or is in use; of type `error`.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / lock_name).open("w")
    except OSError as cause:
        raise error(f"cannot write to {path}: {cause.strerror}; {instead}") from cause
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise error(busy) from None
        yield


def cache_root() -> Path:
    """What can be made again is kept here: `GENIMA_CACHE`, by default `~/.cache/genima`."""
    return Path(os.environ.get("GENIMA_CACHE") or Path.home() / ".cache" / "genima")


def _store(file: IO[bytes], content: bytes) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())  # else the new name may come to stand for an empty file
