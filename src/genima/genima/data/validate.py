# SPDX-License-Identifier: Apache-2.0
"""Finding what is wrong with the demonstrations of a training set."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genima.data import episode_files
from genima.data.checks_cameras import check_poses, check_rig
from genima.data.checks_images import check_files, check_images
from genima.data.checks_motion import check_motion
from genima.data.demonstration import Demonstration
from genima.data.demonstration_writer import DESCRIPTIONS
from genima.data.findings import Defect, Finding
from genima.data.png_frames import PngFrames
from genima.data.rlbench_pickle import read_demo, read_descriptions
from genima.data.training_set import DemonstrationKey, TrainingSet
from genima.data.training_set_info import TrainingSetInfo
from genima.errors import InvalidDataset
from genima.limits import RobotModel, limits_of


@dataclass(frozen=True)
class Verdict:
    """What was found in one episode.

    Attributes:
        key: Which one.
        steps: How many steps it has; 0 if it cannot be read.
        findings: What is wrong with it, in the order of its frames.
    """

    key: DemonstrationKey
    steps: int
    findings: tuple[Finding, ...]


def validate(training_set: TrainingSet, robot: RobotModel, images: bool) -> Iterator[Verdict]:
    """Check all episodes, several at once; the verdicts come in the order of the keys.

    Args:
        training_set: What to check.
        robot: Whose limits hold.
        images: Whether to look into the images, too; their files are always counted.
    """
    # Decoding images is what takes time, and OpenCV does it outside of Python's lock.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        keys = training_set.keys()
        jobs = [pool.submit(_check_episode, training_set, key, robot, images) for key in keys]
        try:
            for job in jobs:
                yield job.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _check_episode(
    training_set: TrainingSet, key: DemonstrationKey, robot: RobotModel, images: bool
) -> Verdict:
    folder = training_set.folder(key.task, key.episode, key.variation)
    try:
        demo = read_demo(folder / episode_files.LOW_DIM_OBS)
        demonstration = episode_files.assemble_episode(folder, demo)
    except InvalidDataset as error:
        return Verdict(key, 0, (Finding(Defect.UNREADABLE, str(error)),))
    findings = [
        *_check_description(demonstration, key, training_set.info, folder),
        *check_motion(demonstration, limits_of(robot)),
        *check_rig(demonstration.rig, training_set.info.rig),
        *check_poses(demo, demonstration.q, demonstration.rig),
    ]
    for camera, frames in demonstration.images.items():
        assert isinstance(frames, PngFrames)
        findings += check_files(frames, camera)
        if images:
            findings += check_images(
                frames, camera, demonstration.q, training_set.info.image_size_px
            )
    in_order = sorted(findings, key=lambda f: -1 if f.frame is None else f.frame)
    return Verdict(key, len(demonstration), tuple(in_order))


def _check_description(
    demonstration: Demonstration, key: DemonstrationKey, info: TrainingSetInfo, folder: Path
) -> Iterator[Finding]:
    got = (demonstration.task, demonstration.variation)
    if got != (key.task, key.variation):
        detail = f"metadata.json says variation {got[1]} of {got[0]}"
        yield Finding(Defect.CONTRADICTION, detail)
    if not np.isclose(demonstration.step_s, info.step_s):
        detail = f"steps of {demonstration.step_s:g} s; the data set has {info.step_s:g} s"
        yield Finding(Defect.CONTRADICTION, detail)
    try:
        read_descriptions(folder.parent.parent / DESCRIPTIONS)
    except InvalidDataset as error:
        yield Finding(Defect.UNREADABLE, str(error))
