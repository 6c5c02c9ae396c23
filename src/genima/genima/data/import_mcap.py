# SPDX-License-Identifier: Apache-2.0
"""Recorded episodes as a training set."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genima.arrays import Array, Bool, Float, Int
from genima.cameras import CameraRig
from genima.data.demonstration import Demonstration
from genima.data.import_options import ImportOptions, ImportReport, Progress
from genima.data.recorded_images import images_of_steps
from genima.data.recorded_streams import Samples, Streams, read_streams
from genima.data.rectification import rectification_of
from genima.data.resample import (
    FrameChoice,
    commanded_positions,
    hold_last,
    interpolate,
    nearest_frames,
    step_times,
)
from genima.data.staged_folder import staged_folder
from genima.data.training_set import TrainingSet
from genima.data.training_set_info import TrainingSetInfo
from genima.data.trim import moving_part
from genima.errors import CalibrationError, InvalidDataset, InvalidImage
from genima.kinematics import FINGER_OPEN_M
from genima.recording.recording import RecordedEpisode, Recording

#: Joint states come at 20 Hz at the slowest; over a longer silence a line is a guess.
MAX_JOINT_GAP_S = 0.1


def import_mcap(
    recording: Path,
    out: Path,
    options: ImportOptions | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Make a training set of recorded episodes, in a new folder.

    An episode that cannot be used is left out with a sentence; the others are imported.

    Args:
        recording: The recorded data set.
        out: The new folder.
        options: What is taken and how.
        progress: Told how many episodes of how many are done.

    Raises:
        InvalidDataset: `out` is not empty, or not a single episode can be used.
    """
    options = options or ImportOptions()
    source = Recording.open(recording)
    episodes = source.episodes()
    if not episodes:
        raise InvalidDataset(f"{recording} holds no finished episodes; record some first")
    imported: list[str] = []
    skipped: list[str] = []
    with staged_folder(out) as folder:
        target = _Target(folder, options)
        for done, episode in enumerate(episodes, 1):
            name = episode.path.name
            try:
                _require_label(episode, options)
                imported.append(f"{name}: {target.add(_Episode(source, episode, options))}")
            except (InvalidDataset, InvalidImage, CalibrationError) as error:
                skipped.append(f"{name}: {error}")
            if progress is not None:
                progress(done, len(episodes))
        if not imported:
            reasons = "; ".join(skipped[:5])
            raise InvalidDataset(f"{recording}: no episode could be imported: {reasons}")
    return ImportReport(tuple(imported), tuple(skipped))


def _require_label(episode: RecordedEpisode, options: ImportOptions) -> None:
    success = episode.info.success
    if success is False and not options.failed:
        raise InvalidDataset("is marked as failed, and failed episodes were not asked for")
    if success is None and not options.unlabelled:
        raise InvalidDataset(
            "nobody said whether it succeeded, and episodes without that were not asked for"
        )


@dataclass(frozen=True, eq=False)
class _Steps:
    """The steps of an episode, and which frames they have."""

    times_ns: Int[Array, "n"]
    frames: dict[str, FrameChoice]
    frames_ns: dict[str, Int[Array, "n"]]


class _Episode:
    """One recorded episode, read and brought to steps."""

    def __init__(
        self, source: Recording, episode: RecordedEpisode, options: ImportOptions
    ) -> None:
        self.recorded = episode
        self._options = options
        cameras = list(source.info.cameras)
        self._streams = read_streams(episode, cameras)
        self.rectifications = {
            camera: rectification_of(source, camera, self._streams.infos, options.size_px)
            for camera in cameras
        }
        rig = CameraRig({camera: source.rig.cameras[camera] for camera in cameras})
        for camera, rectification in self.rectifications.items():
            rig = rig.with_intrinsics(camera, rectification.intrinsics)
        self.rig = rig
        self._name = f"{source.path.resolve().name}/{episode.path.name}"

    def demonstration(self, variation: int) -> tuple[Demonstration, _Steps]:
        """Everything but the images, and which images belong to it."""
        steps = self._steps()
        streams, times_ns = self._streams, steps.times_ns
        q = self._at_steps("joint_states", streams.q, times_ns)
        if streams.dq is not None:
            dq = self._at_steps("joint_states", streams.dq, times_ns)
        else:
            dq = np.gradient(q, self._options.step_s, axis=0)
        q_command = commanded_positions(streams.commands, times_ns)
        gripper_open, width_m = _gripper(streams, times_ns)
        # What is said at a step leads to the next one.
        told, was_told = hold_last(*_columns(streams.gripper_commands), times_ns - 1)
        info = self.recorded.info
        return Demonstration(
            task=info.task,
            variation=variation,
            descriptions=(info.instruction,),
            seed=None,
            success=info.success,
            source=self._account(steps),
            step_s=self._options.step_s,
            stamps_s=times_ns / 1e9,
            q=q,
            dq=dq,
            gripper_open=gripper_open,
            q_command=q_command,
            gripper_command=np.where(was_told, told, gripper_open),
            rig=self.rig,
            gripper_width_m=width_m,
        ), steps

    def _steps(self) -> _Steps:
        frames_ns, q = self._streams.frames_ns, self._streams.q
        stamps = [q.stamps_ns, *frames_ns.values()]
        first_ns, last_ns = max(s[0] for s in stamps), min(s[-1] for s in stamps)
        times_ns = step_times(first_ns, last_ns, self._options.step_s)
        if len(times_ns) < 2:
            raise InvalidDataset("the streams overlap for less than two steps")
        if self._options.trim:
            q_steps = self._at_steps("joint_states", q, times_ns)
            opened, _ = _gripper(self._streams, times_ns)
            times_ns = times_ns[moving_part(q_steps, opened, self._options.step_s)]
        tolerance_s = self._options.tolerance_s
        chosen = {
            camera: nearest_frames(camera, stamps, times_ns, tolerance_s)
            for camera, stamps in frames_ns.items()
        }
        chosen_ns = {camera: frames_ns[camera][choice.index] for camera, choice in chosen.items()}
        return _Steps(times_ns, chosen, chosen_ns)

    @staticmethod
    def _at_steps(what: str, samples: Samples, times_ns: Int[Array, "n"]) -> Float[Array, "n k"]:
        stamps_ns, values = samples.stamps_ns, samples.values
        return interpolate(what, stamps_ns, values, times_ns, MAX_JOINT_GAP_S)

    def _account(self, steps: _Steps) -> str:
        """How the steps were made, for people."""
        worst_s = max(np.abs(choice.error_s).max() for choice in steps.frames.values())
        repeated = sum(choice.repeated for choice in steps.frames.values())
        distorted = [c for c, r in self.rectifications.items() if r.distorted]
        return (
            f"recorded as {self._name}; for each step of {self._options.step_s:g} s the nearest "
            f"image of each camera, at most {worst_s * 1e3:.1f} ms away, {repeated} of them used "
            "twice; joints interpolated at the step; distortion removed from "
            f"{', '.join(distorted) or 'no camera'}"
        )


def _gripper(
    streams: Streams, times_ns: Int[Array, "n"]
) -> tuple[Bool[Array, "n"], Float[Array, "n"] | None]:
    """Whether it is open, by its fingers or else by what it was told, and its width [m]."""
    fingers = streams.fingers_m
    if len(fingers) >= 2 and fingers.stamps_ns[0] <= times_ns[0]:
        inside_ns = np.minimum(times_ns, fingers.stamps_ns[-1])
        positions = interpolate(
            "the fingers", fingers.stamps_ns, fingers.values, inside_ns, MAX_JOINT_GAP_S
        )
        return positions.min(axis=1) > FINGER_OPEN_M, positions.sum(axis=1)
    if not len(streams.gripper_commands):
        raise InvalidDataset(
            "neither the fingers' positions nor a gripper_command were recorded, so nothing tells "
            "whether the gripper was open"
        )
    told, _ = hold_last(*_columns(streams.gripper_commands), times_ns)
    return told, None


def _columns(gripper: Samples) -> tuple[Int[Array, "m"], Bool[Array, "m"]]:
    if not len(gripper):
        return np.zeros(1, np.int64) + np.iinfo(np.int64).max, np.zeros(1, bool)
    return gripper.stamps_ns, gripper.values[:, 0] > 0.5


class _Target:
    """The training set that is being written. An instruction is a variation of its task."""

    def __init__(self, folder: Path, options: ImportOptions) -> None:
        self._folder = folder
        self._options = options
        self._set: TrainingSet | None = None
        self._variations: dict[str, list[str]] = {}
        self._episodes: dict[tuple[str, int], int] = {}

    def add(self, episode: _Episode) -> str:
        """Write an episode, and say what was written."""
        info = episode.recorded.info
        if not info.task or info.task.startswith(".") or "/" in info.task:
            raise InvalidDataset(
                f"its task is {info.task!r}, which cannot be the name of a folder; change it in "
                "episode.json"
            )
        variations = self._variations.get(info.task, [])
        if info.instruction not in variations:
            variations = [*variations, info.instruction]
        variation = variations.index(info.instruction)
        demonstration, steps = episode.demonstration(variation)
        if self._set is None:
            wanted = TrainingSetInfo(self._options.step_s, episode.rig)
            self._set = TrainingSet.create(self._folder, wanted)
        number = self._episodes.get((info.task, variation), 0)
        with self._set.writer(info.task, variation, number) as writer:
            for images in images_of_steps(
                episode.recorded, steps.frames_ns, episode.rectifications
            ):
                writer.add_images(images)
            writer.finish(demonstration)
        self._variations[info.task] = variations
        self._episodes[info.task, variation] = number + 1
        return f"{info.task}/variation{variation}/episode{number}, {len(demonstration)} steps"
