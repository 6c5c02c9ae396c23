# SPDX-License-Identifier: Apache-2.0
"""Where samples come from and go to: the camera's own words, a folder, a recording."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from genima.cameras import BASE_FRAME, Camera, CameraRig
from genima.control.joint_order import JointOrder
from genima.data.recorded_streams import image_topic
from genima.errors import CalibrationError, InvalidParameter
from genima.handeye.board import Board
from genima.handeye.closed_form import turns_deg
from genima.handeye.collector import Collector, Judged, Verdict
from genima.handeye.refine import parent_T_mount
from genima.handeye.samples import SAMPLES_FILE, SampleFolder, SampleSetup, load_samples
from genima.intrinsics import Intrinsics
from genima.recording import cdr
from genima.recording.pictures import rgb_of
from genima.recording.recording import RecordedEpisode, Recording

#: What holds the board unless it is said otherwise.
HAND_FRAME = "panda_hand"
_LENSES = ("", "plumb_bob", "rational_polynomial")
_JOINTS = "/joint_states"


def setup_of(camera: Camera, info: Any, board: Board, board_frame: str) -> SampleSetup:
    """What samples of a camera have in common.

    Args:
        camera: As cameras.yaml says; only its frames count.
        info: What the camera says of its lens: a CameraInfo of ROS, or one of a recording.
        board: The board.
        board_frame: The frame that the board is fixed to; empty for the base or the hand,
            whichever the camera is not on.

    Raises:
        CalibrationError: The camera has no intrinsics, or its lens is of a kind that is not known.
    """
    K = np.reshape(np.asarray(info.k, float), (3, 3))
    if not (K[0, 0] > 0 and K[1, 1] > 0 and info.width > 0 and info.height > 0):
        raise CalibrationError(
            f"camera {camera.name!r}: its camera_info has focal lengths {K[0, 0]:g}, {K[1, 1]:g} "
            "and is not calibrated; calibrate its lens first"
        )
    if info.distortion_model not in _LENSES:
        raise CalibrationError(
            f"camera {camera.name!r}: a lens of the model {info.distortion_model!r} is not known; "
            f"known are {list(_LENSES[1:])}: use its rectified image"
        )
    standing = camera.parent_frame == BASE_FRAME
    return SampleSetup(
        camera=camera.name,
        frame_id=camera.frame_id,
        parent_frame=camera.parent_frame,
        board_frame=board_frame or (HAND_FRAME if standing else BASE_FRAME),
        board=board,
        intrinsics=Intrinsics.from_ros(K, info.width, info.height),
        distortion=tuple(float(value) for value in info.d),
    )


def camera_of(rig: CameraRig, name: str) -> Camera:
    """A camera of a rig.

    Raises:
        InvalidParameter: The rig lacks it.
    """
    if name not in rig.cameras:
        raise InvalidParameter(
            f"there is no camera {name!r}; cameras.yaml has {list(rig.cameras)}"
        )
    return rig.cameras[name]


def open_folder(path: Path, setup: SampleSetup) -> SampleFolder:
    """The folder to add samples to: a new one, or one that was begun with the same setup.

    Raises:
        CalibrationError: It was begun with another camera, board or frame, or cannot be written.
    """
    if (path / SAMPLES_FILE).exists():
        begun = load_samples(path)
        differing = begun.setup.differences(setup)
        if differing:
            raise CalibrationError(
                f"{path}: was begun with another {differing[0]}; give an empty folder as --out"
            )
        return begun
    folder = SampleFolder(path, setup)
    try:
        folder.save()
    except OSError as error:
        raise CalibrationError(f"{path}: cannot be written ({error.strerror})") from error
    return folder


def progress_words(folder: SampleFolder, wanted: int) -> str:
    """How many samples there are, and how far the hand has turned between them."""
    said = f"{len(folder.samples)} of {wanted} samples"
    if len(folder.samples) < 2:
        return said
    setup = folder.setup
    turns = turns_deg(parent_T_mount(folder.q, setup.parent_frame, setup.board_frame))
    return f"{said}; turned about three axes by {turns[0]:.0f}, {turns[1]:.0f}, {turns[2]:.0f} deg"


def collect_from_recording(
    recording: Path,
    camera: Camera,
    board: Board,
    board_frame: str,
    out: Path,
    count: int,
    on_sample: Callable[[SampleFolder], None],
) -> SampleFolder:
    """Samples wherever the arm rests in the episodes of a recorded data set.

    Args:
        recording: The data set.
        camera: Which camera; only name and frames count.
        board: The board.
        board_frame: As for `setup_of`.
        out: Folder of the samples.
        count: How many the folder is to have at most.
        on_sample: Told of each new sample.

    Raises:
        InvalidDataset: The recording cannot be read, or lacks the camera.
        CalibrationError: There is no camera_info, or no sample is found.
    """
    folder: SampleFolder | None = None
    for episode in Recording.open(recording).episodes():
        setup = setup_of(camera, _info(episode, camera.name), board, board_frame)
        folder = folder or open_folder(out, setup)
        for judged in _judged(episode, folder):
            if judged.image is not None and judged.q is not None and len(folder.samples) < count:
                folder = folder.add(judged.image, judged.q)
                on_sample(folder)
    if folder is None or not folder.samples:
        raise CalibrationError(
            f"{recording}: nowhere does the arm rest for half a second with the board in the "
            f"image of {camera.name!r}; record with pauses, the board whole in the picture"
        )
    return folder


def _info(episode: RecordedEpisode, camera: str) -> cdr.CameraInfo:
    topic = f"/{camera}/color/camera_info"
    for message in episode.messages([topic]):
        return cdr.decode_camera_info(message.data)
    raise CalibrationError(
        f"{episode.path}: no {topic} was recorded; without it the lens is not known"
    )


def _judged(episode: RecordedEpisode, folder: SampleFolder) -> Iterator[Judged]:
    """All images of an episode, those that are samples with their pixels."""
    collector = Collector(folder.setup)
    for sample in folder.samples:
        collector.know(sample.q)
    images, order = image_topic(episode, folder.setup.camera), JointOrder(extra_allowed=True)
    kind = episode.topics[images]
    for message in episode.messages([images, _JOINTS]):
        stamp_s, data = message.publish_time_ns * 1e-9, message.data
        if message.topic == images:
            collector.add_image(lambda data=data: rgb_of(kind, data), stamp_s)  # type: ignore[misc]
        else:
            state = cdr.decode_joint_state(data)
            collector.add_joints(state.position[order.index(state.name)], stamp_s)
        judged = collector.judge()
        if judged is not None:
            yield judged


def said_of(verdict: Verdict, corners: int) -> str:
    """A verdict as a line for the terminal."""
    return verdict.value + (f" ({corners} corners)" if verdict is Verdict.NOT_SEEN else "")
