# SPDX-License-Identifier: Apache-2.0
"""Whether the images of a demonstration are there, can be read, and show what goes on."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from genima.arrays import Array, Bool, Float
from genima.data.findings import Defect, Finding, runs, span
from genima.data.png_frames import PngFrames, read_png
from genima.errors import InvalidDataset

#: A camera has noise and an arm is never still in it: as many equal images in a row are no chance.
_FROZEN_IMAGES = 3
#: Movement of some joint in one step that every camera must notice [rad].
_SEEN_RAD = 0.01


def check_files(frames: PngFrames, camera: str) -> Iterator[Finding]:
    """Whether there is one file for each step."""
    if not frames.folder.is_dir():
        detail = f"{camera} has no folder {frames.folder.name}"
        yield Finding(Defect.MISSING_FRAME, detail)
        return
    there = _numbers(frames.folder)
    due = set(range(len(frames)))
    for first, last in runs(sorted(due - there)):
        detail = f"{camera} lacks {span(first, last)} of {len(frames)}"
        yield Finding(Defect.MISSING_FRAME, detail, first)
    if there - due:
        detail = f"{camera} has images up to {max(there)}.png for {len(frames)} steps"
        yield Finding(Defect.UNEQUAL_LENGTHS, detail, min(there - due))


def _numbers(folder: Path) -> set[int]:
    matches = (re.fullmatch(r"(\d+)\.png", path.name) for path in folder.iterdir())
    return {int(match[1]) for match in matches if match}


def check_images(
    frames: PngFrames, camera: str, q: Float[Array, "n 7"], size_px: int
) -> list[Finding]:
    """The contents of one camera's images."""
    findings: list[Finding] = []
    same = np.zeros(len(frames), bool)
    previous: Array | None = None
    for t in range(len(frames)):
        path = frames.path(t)
        image = None
        if path.exists():  # else it is `check_files` that says so
            try:
                image = read_png(path)
            except InvalidDataset:
                detail = f"{camera}_rgb/{path.name} cannot be read"
                findings.append(Finding(Defect.UNREADABLE_IMAGE, detail, t))
        if image is not None:
            findings += _check_image(image, camera, t, size_px)
            same[t] = previous is not None and np.array_equal(image, previous)
        previous = image
    return findings + list(_frozen(same, camera, q))


def _check_image(image: Array, camera: str, t: int, size_px: int) -> Iterator[Finding]:
    height, width = image.shape[:2]
    if (height, width) != (size_px, size_px):
        detail = f"{camera} is {width}x{height} px; the data set says {size_px}x{size_px} px"
        yield Finding(Defect.WRONG_SIZE, detail, t)
    if image.min() == image.max():
        yield Finding(Defect.BLANK_IMAGE, f"{camera} shows nothing but one grey", t)


def _frozen(same: Bool[Array, "n"], camera: str, q: Float[Array, "n 7"]) -> Iterator[Finding]:
    moved = np.zeros(len(q), bool)
    moved[1:] = (np.abs(np.diff(q, axis=0)) > _SEEN_RAD).any(axis=1)
    for first, last in runs(np.flatnonzero(same & moved).tolist()):
        if last - first + 2 >= _FROZEN_IMAGES:
            yield Finding(
                Defect.FROZEN_CAMERA,
                f"{camera} shows one image in {span(first - 1, last)} while the arm moves",
                first - 1,
            )
