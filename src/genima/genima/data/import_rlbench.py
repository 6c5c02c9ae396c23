# SPDX-License-Identifier: Apache-2.0
"""Data sets of RLBench's own generator as a training set."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from genima.arrays import Array, Float
from genima.cameras import Camera, CameraRig, rlbench_to_ros, square_image
from genima.data.demonstration import Demonstration
from genima.data.demonstration_writer import DESCRIPTIONS
from genima.data.episode_files import LOW_DIM_OBS, rgb_folder
from genima.data.import_options import ImportReport, Progress
from genima.data.png_frames import read_png
from genima.data.rlbench_frames import world_T_base_of
from genima.data.rlbench_motion import Motion, motion_of
from genima.data.rlbench_pickle import RlbenchDemo, read_demo, read_descriptions
from genima.data.staged_folder import staged_folder
from genima.data.training_set import DemonstrationKey, TrainingSet
from genima.data.training_set_info import TrainingSetInfo
from genima.errors import GenimaError, InvalidDataset
from genima.geometry import invert, pose_error
from genima.intrinsics import Intrinsics
from genima.kinematics import base_T_frame
from genima.policy import Policy

#: RLBench simulates and records at this step [s]; its files do not say so.
STEP_S = 0.05
_PARENTS = {"wrist": "panda_hand_tcp"}
#: How far a camera may wander in its parent, which RLBench's do not [m], [rad].
_SAME_M, _SAME_RAD = 0.002, 0.005


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
    motion = motion_of(demo, str(folder / LOW_DIM_OBS))
    n = len(motion.q)
    world_T_base = world_T_base_of(demo, motion.q, str(folder))
    cameras = Policy().cameras
    images = {camera: _Images(folder, camera, n) for camera in cameras}
    rig = CameraRig({c: _camera(demo, motion, c, world_T_base, images[c]) for c in cameras})
    xyz = ", ".join(f"{value:.4f}" for value in world_T_base[:3, 3])
    q_command, gripper_command = motion.q_command.copy(), motion.gripper_command
    q_command[0] = np.nan
    return Demonstration(
        task=key.task,
        variation=key.variation,
        descriptions=read_descriptions(folder.parent.parent / DESCRIPTIONS),
        seed=None,
        success=True,
        source=f"RLBench {source_name(folder)}; its panda_link0 stands at ({xyz}) in its world; "
        "it records no steps while the gripper moves",
        step_s=STEP_S,
        stamps_s=np.arange(n) * STEP_S,
        q=motion.q,
        dq=motion.dq,
        gripper_open=motion.gripper_open,
        q_command=q_command,
        gripper_command=gripper_command,
        rig=rig,
        images=images,
        gripper_width_m=motion.gripper_width_m,
    )


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


def _camera(
    demo: RlbenchDemo,
    motion: Motion,
    name: str,
    world_T_base: Float[Array, "4 4"],
    images: _Images,
) -> Camera:
    """A camera of RLBench, fixed to the base or, on the wrist, to the hand."""
    try:
        misc: list[Any] = [vars(observation)["misc"] for observation in demo.observations]
        world_T_sim = np.array([entry[f"{name}_camera_extrinsics"] for entry in misc], float)
        K_sim = np.array(misc[0][f"{name}_camera_intrinsics"], float)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidDataset(
            f"camera {name!r} has no extrinsics and intrinsics in each observation ({error}); "
            "generate the data set with a newer RLBench"
        ) from error
    world_T_cam = np.array([rlbench_to_ros(pose, K_sim)[0] for pose in world_T_sim])
    intrinsics = rlbench_to_ros(world_T_sim[0], K_sim)[1]
    height, width = images.shape
    if max(abs(intrinsics.width - width) / width, abs(intrinsics.height - height) / height) > 0.25:
        raise InvalidDataset(
            f"camera {name!r}: images of {width}x{height} px with intrinsics for about "
            f"{intrinsics.width}x{intrinsics.height} px; generate the data set again"
        )
    # The principal point of exported real cameras is a little off the centre of the image.
    intrinsics = Intrinsics.from_matrix(intrinsics.K, width, height)
    parent = _PARENTS.get(name, "panda_link0")
    base_T_parent = base_T_frame(motion.q, parent)
    parent_T_cam = invert(base_T_parent) @ invert(world_T_base) @ world_T_cam
    middle = parent_T_cam[len(parent_T_cam) // 2]
    distance_m, angle_rad = pose_error(np.broadcast_to(middle, parent_T_cam.shape), parent_T_cam)
    if distance_m.max() > _SAME_M or angle_rad.max() > _SAME_RAD:
        raise InvalidDataset(
            f"camera {name!r} moves by {distance_m.max() * 1e3:.1f} mm in {parent} during the "
            "episode; it must be fixed to it, as in RLBench"
        )
    return Camera(name, intrinsics.square(min(height, width)), parent, middle)
