# SPDX-License-Identifier: Apache-2.0
"""Writing an episode so that it is there as a whole or not at all."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from genima.arrays import Array, UInt8
from genima.data.demonstration import Demonstration
from genima.data.episode_files import rgb_folder, write_low_dim
from genima.data.png_frames import write_png
from genima.data.rlbench_pickle import description_bytes
from genima.data.training_set_info import TrainingSetInfo
from genima.errors import InvalidDataset
from genima.files import sync_folder, write_file

DESCRIPTIONS = "variation_descriptions.pkl"


class DemonstrationWriter:
    """Collects an episode in a hidden folder, which `finish` renames.

    Use it as a context: what is left without `finish` is removed.

    Args:
        folder: Where the episode will be.
        info: What the set demands.
        task: Name of the task.
        variation: Which variation of it.

    Raises:
        InvalidDataset: The episode exists.
    """

    def __init__(self, folder: Path, info: TrainingSetInfo, task: str, variation: int) -> None:
        if folder.exists():
            raise InvalidDataset(f"{folder} exists already; an episode is never written over")
        self._folder = folder
        self._info = info
        self._task = task
        self._variation = variation
        self._part = folder.with_name(f".{folder.name}.part")
        self._steps = 0
        shutil.rmtree(self._part, ignore_errors=True)
        for camera in info.cameras:
            rgb_folder(self._part, camera).mkdir(parents=True)

    def __enter__(self) -> "DemonstrationWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.discard()

    def __len__(self) -> int:
        return self._steps

    def add_images(self, images: Mapping[str, UInt8[Array, "s s 3"]]) -> None:
        """Write the images of the next step, one of each camera.

        Raises:
            InvalidDataset: Other cameras than the set's.
            InvalidImage: An image of another size or type than the set's.
        """
        if set(images) != set(self._info.cameras):
            raise InvalidDataset(
                f"got images of {sorted(images)}; the data set has cameras "
                f"{sorted(self._info.cameras)}"
            )
        for camera, image in images.items():
            path = rgb_folder(self._part, camera) / f"{self._steps}.png"
            write_png(path, image, self._info.image_size_px)
        self._steps += 1

    def finish(self, demonstration: Demonstration) -> None:
        """Write all but the images, and let the episode count.

        Args:
            demonstration: Of as many steps as images were added. Its own images, if it has any,
                are not looked at.

        Raises:
            InvalidDataset: It does not fit the set or what was written so far.
        """
        self._require_fit(demonstration)
        write_low_dim(self._part, demonstration)
        descriptions = self._folder.parent.parent / DESCRIPTIONS
        if not descriptions.exists():
            write_file(descriptions, description_bytes(demonstration.descriptions))
        try:
            self._part.rename(self._folder)
        except OSError as error:
            raise InvalidDataset(
                f"{self._folder} has meanwhile been written by another process"
            ) from error
        sync_folder(self._folder.parent)

    def discard(self) -> None:
        """Remove what was written, unless it is finished."""
        shutil.rmtree(self._part, ignore_errors=True)

    def _require_fit(self, demonstration: Demonstration) -> None:
        got = (demonstration.task, demonstration.variation)
        if got != (self._task, self._variation):
            raise InvalidDataset(
                f"got variation {got[1]} of {got[0]} for an episode of variation "
                f"{self._variation} of {self._task}"
            )
        if len(demonstration) != self._steps:
            raise InvalidDataset(
                f"{self._folder}: {self._steps} images of each camera were added for "
                f"{len(demonstration)} steps; add those of every step"
            )
        described = TrainingSetInfo(demonstration.step_s, demonstration.rig)
        difference = self._info.difference(described)
        # A camera may have been calibrated anew between two episodes; `validate` speaks of it.
        if difference and "calibration" not in difference:
            raise InvalidDataset(f"{self._folder}: the episode has {difference}")
