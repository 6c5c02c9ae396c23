# SPDX-License-Identifier: Apache-2.0
"""Data sets of RLBench's own generator as a training set."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from genima.cameras import square_image
from genima.data.demonstration import Demonstration
from genima.data.demonstration_writer import DESCRIPTIONS
from genima.data.episode_files import LOW_DIM_OBS, rgb_folder
from genima.data.import_options import ImportReport, Progress
from genima.data.png_frames import read_png
from genima.data.rlbench_demonstration import STEP_S, Origin, demonstration_of
from genima.data.rlbench_pickle import read_demo, read_descriptions
from genima.data.staged_folder import staged_folder
from genima.data.training_set import DemonstrationKey, TrainingSet
from genima.data.training_set_info import TrainingSetInfo
from genima.errors import GenimaError, InvalidDataset
from genima.policy import Policy

_CAMERAS = Policy().cameras


def import_rlbench(source: Path, out: Path, progress: Progress | None = None) -> ImportReport:
    """Make a training set of a data set that RLBench's generator wrote, in a new folder.

    The four cameras of the policy are taken; the overhead camera, depth and masks are not. An
    episode that cannot be used is left out with a sentence.

    Args:
        source: Holds a folder for each task.
        out: The new folder.
        progress: Told how many episodes of how many are done.

    Raises:
        InvalidDataset: `out` is not empty, `source` holds no episodes, or none can be used.
    """
    found = list(_episodes(source))
    if not found:
        raise InvalidDataset(
            f"{source} holds no episodes of RLBench; give the folder that has "
            "<task>/variation<V>/episodes/episode<N> in it"
        )
    imported: list[str] = []
    skipped: list[str] = []
    with staged_folder(out) as folder:
        training_set: TrainingSet | None = None
        for done, (key, episode) in enumerate(found, 1):
            try:
                demonstration = _read(key, episode)
                if training_set is None:
                    wanted = TrainingSetInfo(STEP_S, demonstration.rig)
                    training_set = TrainingSet.create(folder, wanted)
                training_set.write(demonstration, key.episode)
                imported.append(f"{key}, {len(demonstration)} steps")
            except GenimaError as error:
                skipped.append(f"{key}: {error}")
            if progress is not None:
                progress(done, len(found))
        if not imported:
            reasons = "; ".join(skipped[:5])
            raise InvalidDataset(f"{source}: no episode could be imported: {reasons}")
    return ImportReport(tuple(imported), tuple(skipped))


def _episodes(source: Path) -> Iterator[tuple[DemonstrationKey, Path]]:
    """All episodes, numbers in their natural order: episode10 comes after episode9."""
    found = []
    for folder in source.glob("*/variation*/episodes/episode*"):
        task, variation = folder.parent.parent.parent.name, folder.parent.parent.name
        numbers = re.fullmatch(r"variation(\d+)/episode(\d+)", f"{variation}/{folder.name}")
        if numbers and folder.is_dir():
            found.append((DemonstrationKey(task, int(numbers[1]), int(numbers[2])), folder))
    yield from sorted(found, key=lambda entry: entry[0])


def _read(key: DemonstrationKey, folder: Path) -> Demonstration:
    demo = read_demo(folder / LOW_DIM_OBS)
    images = {camera: _Images(folder, camera, len(demo.observations)) for camera in _CAMERAS}
    origin = Origin(
        task=key.task,
        variation=key.variation,
        descriptions=read_descriptions(folder.parent.parent / DESCRIPTIONS),
        seed=None,
        source=f"RLBench {source_name(folder)}",
        where=str(folder),
    )
    shapes = {camera: frames.shape for camera, frames in images.items()}
    return demonstration_of(demo, images, shapes, origin)


def source_name(folder: Path) -> str:
    """The part of an episode's path that says which one it is."""
    return "/".join(folder.parts[-4:])


class _Images:
    """The images of one camera, cropped square if they are not."""

    def __init__(self, folder: Path, camera: str, count: int) -> None:
        self._folder = rgb_folder(folder, camera)
        self._count = count
        present = len(list(self._folder.glob("*.png")))
        if present != count:
            raise InvalidDataset(
                f"{self._folder} has {present} images for {count} observations; "
                "generate the episode again"
            )
        height, width = read_png(self._folder / "0.png").shape[:2]
        self.shape = (height, width)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Any:
        image = read_png(self._folder / f"{index}.png")
        if image.shape[:2] != self.shape:
            raise InvalidDataset(
                f"{self._folder}/{index}.png has another size than the image before"
            )
        return square_image(image, min(self.shape))
