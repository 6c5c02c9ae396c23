# SPDX-License-Identifier: Apache-2.0
"""Copies of data sets with targets drawn on their images, laid out for the original's scripts.

What is not drawn is linked and not copied, so a copy takes the disk space of its drawings only.
A copy is itself a training set.
"""

import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np

from genima.data.backgrounds import Backgrounds
from genima.data.demonstration import Demonstration
from genima.data.demonstration_writer import DESCRIPTIONS
from genima.data.drawing import draw_on_backgrounds, tiles_of
from genima.data.episode_files import read_episode, rgb_folder
from genima.data.png_frames import write_png
from genima.data.render_plan import RenderPlan, open_copy
from genima.data.staged_folder import staged_folder
from genima.data.targets import Windows, require_fit
from genima.data.textures import TextureBank
from genima.data.training_set import METADATA, DemonstrationKey, TrainingSet
from genima.errors import GenimaError, InvalidDataset
from genima.launching.processes import die_with
from genima.policy import Policy

TILE, TARGET_TILE = "tiled_rgb", "tiled_rgb_rendered"


@dataclass(frozen=True)
class EpisodeJob:
    """One episode to be drawn, in whichever process.

    Attributes:
        key: Which one.
        source: Its folder in the data set.
        target: Its folder in the copy.
        plan: What to draw, with a policy of the data set's image size.
    """

    key: DemonstrationKey
    source: Path
    target: Path
    plan: RenderPlan


@dataclass(frozen=True)
class EpisodeDone:
    """What came of a job.

    Attributes:
        key: Which episode.
        steps: How many steps were drawn.
        problem: Why it could not be drawn; empty if it was.
    """

    key: DemonstrationKey
    steps: int
    problem: str = ""


@contextmanager
def open_render(plan: RenderPlan, target: Path) -> Iterator[list[EpisodeJob]]:
    """Take the copy's folder, and say which episodes it lacks.

    Raises:
        InvalidDataset: The data set does not fit the policy, or the folder is not ours to write.
    """
    source = TrainingSet.open(plan.source)
    require_fit(str(plan.source), source.info.rig, source.info.step_s, plan.policy)
    policy = replace(plan.policy, image_size_px=source.info.image_size_px)
    sized = replace(plan, policy=policy)
    with open_copy(target, plan):
        _link(source.root / METADATA, target / METADATA)
        copy = TrainingSet.open(target)
        there = set(copy.keys())
        lacking = [key for key in list(source.keys()) if key not in there]
        yield [EpisodeJob(key, _folder(source, key), _folder(copy, key), sized) for key in lacking]


def draw_all(
    jobs: Sequence[EpisodeJob], bank: TextureBank | None, workers: int
) -> Iterator[EpisodeDone]:
    """Do jobs in several processes, or in this one if one is enough.

    An interruption lets the episodes end that are being drawn.

    Args:
        jobs: What to do.
        bank: Pictures for random backgrounds.
        workers: How many processes.

    Raises:
        InvalidDataset: The disk does not take the pictures.
    """
    if workers == 1:
        yield from (draw_episode(job, bank) for job in jobs)
        return
    waiting, running = iter(jobs), set[Future[EpisodeDone]]()
    # Spawned, because a process with threads, as a test or a notebook has, must not be forked.
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin_worker, (os.getpid(),)) as pool:
        while True:
            running |= {
                pool.submit(draw_episode, job, bank)
                for job in islice(waiting, workers - len(running))
            }
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)


def draw_episode(job: EpisodeJob, bank: TextureBank | None) -> EpisodeDone:
    """Do one job. The episode appears in the copy as a whole or not at all.

    Args:
        job: What to do.
        bank: Pictures for random backgrounds; None draws on what the cameras saw.

    Raises:
        InvalidDataset: The disk does not take the pictures.
    """
    cv2.setNumThreads(1)
    try:
        demonstration = read_episode(job.source)
        with staged_folder(job.target) as folder:
            _draw(job, demonstration, bank, folder)
            _link_rest(job.source, folder)
        descriptions = job.target.parent.parent / DESCRIPTIONS
        _link(job.source.parent.parent / DESCRIPTIONS, descriptions)
    except OSError as error:
        raise InvalidDataset(
            f"{job.target}: cannot be written ({error.strerror}); what is finished stays, and the "
            "same command goes on from there"
        ) from error
    except GenimaError as error:
        return EpisodeDone(job.key, 0, str(error))
    return EpisodeDone(job.key, len(demonstration))


def _draw(
    job: EpisodeJob, demonstration: Demonstration, bank: TextureBank | None, folder: Path
) -> None:
    policy = job.plan.policy
    windows = Windows(demonstration, policy)
    if bank is None:
        _draw_tiles(windows, demonstration, policy, folder)
    else:
        _draw_backgrounds(windows, job, Backgrounds(bank, policy.image_size_px), folder)


def _draw_tiles(
    windows: Windows, demonstration: Demonstration, policy: Policy, folder: Path
) -> None:
    for name in (TILE, TARGET_TILE):
        (folder / name).mkdir()
    side_px = 2 * policy.image_size_px
    for step, window in enumerate(windows):
        tile, target = tiles_of(demonstration.images, step, window, windows.cameras, policy)
        write_png(folder / TILE / f"{step}.png", tile, side_px)
        write_png(folder / TARGET_TILE / f"{step}.png", target, side_px)


def _draw_backgrounds(
    windows: Windows, job: EpisodeJob, backgrounds: Backgrounds, folder: Path
) -> None:
    policy, key = job.plan.policy, job.key
    for name in policy.cameras:
        rgb_folder(folder, name).mkdir()
    for step, window in enumerate(windows):
        # Of the episode's own, so that neither its neighbours nor the workers matter.
        place = (crc32(key.task.encode()), key.variation, key.episode, step)
        rng = np.random.default_rng([job.plan.seed, *place])
        images = draw_on_backgrounds(window, windows.cameras, policy, backgrounds, rng)
        for name, image in zip(policy.cameras, images, strict=True):
            write_png(rgb_folder(folder, name) / f"{step}.png", image, policy.image_size_px)


def _link_rest(source: Path, folder: Path) -> None:
    """Link what the episode has beside the folders that were drawn."""
    for path in source.iterdir():
        if path.is_file():
            _link(path, folder / path.name)
        elif not (folder / path.name).exists():
            shutil.copytree(path, folder / path.name, copy_function=_link)


def _link(source: Path | str, target: Path | str) -> None:
    """A second name for a file, or a copy where the file system knows no such thing."""
    try:
        os.link(source, target)
    except FileExistsError:
        pass  # it is there, perhaps because another worker was quicker
    except OSError:
        shutil.copy2(source, target)


def _folder(data_set: TrainingSet, key: DemonstrationKey) -> Path:
    return data_set.folder(key.task, key.episode, key.variation)


def _begin_worker(parent: int) -> None:
    """Leave interrupts to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with(parent)()
