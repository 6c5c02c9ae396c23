# SPDX-License-Identifier: Apache-2.0
"""Banks of pictures to put behind drawn spheres: procedural ones, or those of a folder.

A bank is made once and kept as one file in the cache folder, which every process maps into its
memory. So loader workers share one copy, it weighs nothing when they are started, and memory is
bounded however many pictures a folder has.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from genima.arrays import Array, UInt8
from genima.data.texture_families import picture
from genima.errors import InvalidParameter
from genima.files import cache_root
from genima.intrinsics import square_image

#: Of a procedural bank; with 320 px a side that is 118 MB, made in about ten seconds.
PICTURES = 384
#: Larger than a camera image, so that a part of a picture is still sharp.
SIDE_PX = 320
#: Of a folder's pictures so many are used at most, spread evenly over it: 614 MB.
MOST_PICTURES = 2000

_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_PIXELS, _MANIFEST = "pictures.rgb", "bank.json"
_VERSION = 1
"""Raise it when the same recipe gives other pictures than before."""


@dataclass(frozen=True)
class TextureBank:
    """Square RGB pictures of one size.

    Attributes:
        file: Their pixels, one picture after the other.
        count: How many there are.
        side_px: Side of each [px].
        unreadable: Files of a folder of pictures that could not be read and were left out.
    """

    file: Path
    count: int
    side_px: int
    unreadable: tuple[str, ...] = ()

    @cached_property
    def pictures(self) -> UInt8[Array, "n s s 3"]:
        """All of them, mapped and not loaded; read-only."""
        shape = (self.count, self.side_px, self.side_px, 3)
        return np.memmap(self.file, np.uint8, "r", shape=shape).view(np.ndarray)

    def __getstate__(self) -> dict[str, Any]:
        # Without what is cached: a pickle would hold every picture.
        return {field.name: getattr(self, field.name) for field in fields(self)}


def procedural_bank(seed: int = 0, count: int = PICTURES, side_px: int = SIDE_PX) -> TextureBank:
    """The procedural pictures that a seed stands for, made unless they are there.

    Raises:
        InvalidParameter: The cache folder does not take them.
    """
    return _bank(
        f"procedural: {count} of {side_px} px from seed {seed}",
        side_px,
        ((str(index), picture(seed, index, side_px)) for index in range(count)),
    )


def folder_bank(source: Path, side_px: int = SIDE_PX, most: int = MOST_PICTURES) -> TextureBank:
    """The pictures of a folder and of those below it, each as its central square.

    As long as the files stay as they are, they are read only once.

    Raises:
        InvalidParameter: There is no such folder, it has no picture that can be read, or the
            result cannot be kept.
    """
    if not source.is_dir():
        raise InvalidParameter(f"textures: {source} is no folder; give one with jpg or png files")
    files = sorted(path for path in source.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if len(files) > most:
        files = [files[i] for i in np.linspace(0, len(files) - 1, most).astype(int)]
    stamps = [(str(path.relative_to(source)), path.stat().st_mtime_ns) for path in files]
    bank = _bank(
        f"{source.resolve()} {side_px} {stamps}",
        side_px,
        ((str(path.relative_to(source)), _read(path, side_px)) for path in files),
    )
    if bank.count == 0:
        raise InvalidParameter(
            f"textures: none of the {len(files)} pictures in {source} can be read; give a folder "
            f"with files in one of {', '.join(_SUFFIXES)}"
        )
    return bank


def _read(path: Path, side_px: int) -> UInt8[Array, "s s 3"] | None:
    data = np.fromfile(path, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image is None:
        return None
    return square_image(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8), side_px)


def _bank(
    recipe: str, side_px: int, pictures: Iterable[tuple[str, UInt8[Array, "s s 3"] | None]]
) -> TextureBank:
    """The bank of a recipe, filled if it is new; several processes may do that at once."""
    folder = cache_root() / f"textures-{_hash(f'{_VERSION} {recipe}')}"
    if not (folder / _MANIFEST).is_file():
        try:
            _make(folder, pictures)
        except OSError as error:
            raise InvalidParameter(
                f"textures: cannot keep pictures in {folder.parent} ({error.strerror}); make room "
                "there, or let GENIMA_CACHE name another folder"
            ) from error
    manifest = json.loads((folder / _MANIFEST).read_text())
    unreadable = tuple(manifest["unreadable"])
    return TextureBank(folder / _PIXELS, manifest["count"], side_px, unreadable)


def _make(folder: Path, pictures: Iterable[tuple[str, UInt8[Array, "s s 3"] | None]]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _fill(unfinished, pictures)
        unfinished.rename(folder)
    except OSError:
        if not (folder / _MANIFEST).is_file():  # else another process was quicker
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _fill(folder: Path, pictures: Iterable[tuple[str, UInt8[Array, "s s 3"] | None]]) -> None:
    count, unreadable = 0, []
    with (folder / _PIXELS).open("wb") as file:
        for name, image in pictures:
            if image is None:
                unreadable.append(name)
            else:
                file.write(image.tobytes())
                count += 1
    (folder / _MANIFEST).write_text(json.dumps({"count": count, "unreadable": unreadable}))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
