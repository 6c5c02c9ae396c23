# SPDX-License-Identifier: Apache-2.0
"""A folder that appears as a whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genima.errors import InvalidDataset


@contextmanager
def staged_folder(target: Path) -> Iterator[Path]:
    """A hidden folder beside `target` to write into, which takes its name at the end.

    If the block fails, nothing of it is left. What a killed process left is written over.

    Raises:
        InvalidDataset: `target` exists and is not an empty folder, or the disk does not take it.
    """
    target = target.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidDataset(
            f"{target}: exists already and is not empty; name another folder, or remove it first"
        )
    staged = target.with_name(f".{target.name}.part")
    shutil.rmtree(staged, ignore_errors=True)
    try:
        staged.mkdir(parents=True)
        yield staged
        if target.exists():
            target.rmdir()
        staged.rename(target)
    except BaseException as error:
        shutil.rmtree(staged, ignore_errors=True)
        if isinstance(error, OSError):
            raise InvalidDataset(
                f"{target} could not be made ({error}); make room, or name another folder"
            ) from error
        raise
