# SPDX-License-Identifier: Apache-2.0
"""A training set in the layout that RLBench's own loader accepts."""

from pathlib import Path

import cv2
import numpy as np

from genima.arrays import Array, UInt8
from genima.cameras import Camera, CameraRig
from genima.data.demonstration import Demonstration
from genima.data.demonstration_writer import DESCRIPTIONS
from genima.data.episode_files import LOW_DIM_OBS, rgb_folder
from genima.data.import_options import Progress
from genima.data.png_frames import write_png
from genima.data.rlbench_motion import FAR_M, NEAR_M, RLBENCH_CAMERAS, to_rlbench
from genima.data.rlbench_pickle import demo_bytes, description_bytes
from genima.data.staged_folder import staged_folder
from genima.data.training_set import DemonstrationKey, TrainingSet
from genima.errors import InvalidDataset
from genima.geometry import rotation_x, transform
from genima.intrinsics import Intrinsics

README = "README.md"

#: RLBench's overhead camera looks down on the table; ours is a placeholder that does, too.
_OVERHEAD_POSE = transform(rotation_x(np.pi), np.array([0.5, 0.0, 1.5]))
_OVERHEAD_FOVY_RAD = np.pi / 3


def export_rlbench(training_set: TrainingSet, out: Path, progress: Progress | None = None) -> None:
    """Write all demonstrations as RLBench's generator would, in a new folder.

    RLBench's loader wants colour, depth and masks of all five cameras. Of what was not recorded,
    placeholders are written; a README in the folder tells which.

    Args:
        training_set: What is written.
        out: The new folder.
        progress: Told how many episodes of how many are done.

    Raises:
        InvalidDataset: `out` is not empty, there are no demonstrations, or their cameras are not
            RLBench's.
    """
    keys = list(training_set.keys())
    if not keys:
        raise InvalidDataset(f"{training_set.root} holds no demonstrations that could be exported")
    unknown = sorted(set(training_set.info.cameras) - set(RLBENCH_CAMERAS))
    if unknown:
        raise InvalidDataset(
            f"cameras {unknown} have no place in RLBench's layout; it has {list(RLBENCH_CAMERAS)}"
        )
    with staged_folder(out) as folder:
        (folder / README).write_text(_readme(training_set), encoding="utf-8")
        for done, key in enumerate(keys, 1):
            _write_episode(training_set, key, folder)
            if progress is not None:
                progress(done, len(keys))


def _write_episode(training_set: TrainingSet, key: DemonstrationKey, root: Path) -> None:
    demonstration = training_set.load(key.task, key.episode, key.variation)
    variation = root / key.task / f"variation{key.variation}"
    episode = variation / "episodes" / f"episode{key.episode}"
    episode.mkdir(parents=True)
    descriptions = variation / DESCRIPTIONS
    if not descriptions.exists():
        descriptions.write_bytes(description_bytes(demonstration.descriptions))
    (episode / LOW_DIM_OBS).write_bytes(demo_bytes(to_rlbench(_with_all_cameras(demonstration))))
    size_px, steps = demonstration.image_size_px, len(demonstration)
    black = _png(np.zeros((size_px, size_px, 3), np.uint8))
    far = _png(np.full((size_px, size_px, 3), 255, np.uint8))
    for camera in RLBENCH_CAMERAS:
        _fill(episode / f"{camera}_depth", far, steps)
        _fill(episode / f"{camera}_mask", black, steps)
        if camera not in demonstration.images:
            _fill(rgb_folder(episode, camera), black, steps)
            continue
        folder = rgb_folder(episode, camera)
        folder.mkdir()
        for t in range(steps):
            write_png(folder / f"{t}.png", demonstration.images[camera][t], size_px)


def _with_all_cameras(demonstration: Demonstration) -> Demonstration:
    """With calibrations for cameras that there are not: the loader reads those of all five."""
    size_px = demonstration.image_size_px
    intrinsics = Intrinsics.from_fovy(_OVERHEAD_FOVY_RAD, size_px, size_px)
    placeholders = {
        name: Camera(name, intrinsics, "panda_link0", _OVERHEAD_POSE) for name in RLBENCH_CAMERAS
    }
    rig = CameraRig(placeholders | dict(demonstration.rig.cameras))
    fields = {**vars(demonstration), "rig": rig, "images": {}}
    return Demonstration(**fields)


def _fill(folder: Path, png: bytes, count: int) -> None:
    folder.mkdir()
    for t in range(count):
        (folder / f"{t}.png").write_bytes(png)


def _png(image: UInt8[Array, "h w 3"]) -> bytes:
    return bytes(cv2.imencode(".png", image)[1].tobytes())


def _readme(training_set: TrainingSet) -> str:
    absent = [camera for camera in RLBENCH_CAMERAS if camera not in training_set.info.cameras]
    return f"""# RLBench layout

Exported so that RLBench's own loader accepts it: it wants colour, depth and masks of five cameras.
Not everything was recorded. Placeholders are:

* depth of all cameras: everywhere at the far clipping plane ({FAR_M:g} m; near is {NEAR_M:g} m);
* masks of all cameras: object 0 everywhere;
* colour and calibration of {", ".join(absent) or "no camera"}: black images, a made-up pose.

Do not train on them, and do not ask the loader for point clouds. Joint forces, touch forces and
the state of the task are None. Steps are {training_set.info.step_s:g} s apart.
"""
