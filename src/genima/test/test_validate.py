# SPDX-License-Identifier: Apache-2.0
"""What `dataset validate` finds, and what it leaves alone."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from genima.cameras import CameraRig
from genima.data.demonstration import Demonstration
from genima.data.findings import Defect, runs
from genima.data.png_frames import write_png
from genima.data.rlbench_motion import to_rlbench
from genima.data.rlbench_pickle import RlbenchDemo, demo_bytes
from genima.data.training_set import TrainingSet
from genima.data.validate import validate
from genima.limits import RobotModel

from .demonstration_cases import TASK, invented, new_set, set_of, simulated

N = 24


def findings(made: TrainingSet, images: bool = True, episode: int = 0):
    verdicts = {v.key.episode: v for v in validate(made, RobotModel.PANDA, images)}
    return verdicts[episode].findings


def changed(array, place, value):
    copy = np.array(array)
    copy[place] = value
    return copy


def with_camera(rig: CameraRig, name: str, **changes) -> CameraRig:
    return CameraRig({**rig.cameras, name: replace(rig.cameras[name], **changes)})


def front_pose(rig: CameraRig) -> np.ndarray:
    return rig.cameras["front"].parent_T_cam.copy()


@dataclass
class Planted:
    """One defect, how it comes into episode 0, and what must be found: nothing else may be."""

    defect: Defect
    frame: int | None
    words: str
    demonstration: Callable[[Demonstration], dict] = lambda d: {}
    pickle: Callable[[RlbenchDemo], object] = lambda demo: None
    files: Callable[[Path], object] = lambda folder: None
    metadata: dict = field(default_factory=dict)
    quick: bool = True  # whether it is found without looking into images


def other_front(**changes) -> Callable[[Demonstration], dict]:
    return lambda d: {"rig": with_camera(d.rig, "front", **changes)}


def skewed(d: Demonstration) -> dict:
    pose = front_pose(d.rig)
    pose[:3, 0] *= 1.01
    return {"rig": with_camera(d.rig, "front", parent_T_cam=pose)}


def mirrored(d: Demonstration) -> dict:
    pose = front_pose(d.rig)
    pose[:3, 0] *= -1
    return {"rig": with_camera(d.rig, "front", parent_T_cam=pose)}


def shifted(metres: float) -> Callable[[Demonstration], dict]:
    def change(d: Demonstration) -> dict:
        pose = front_pose(d.rig)
        pose[0, 3] += metres
        return {"rig": with_camera(d.rig, "front", parent_T_cam=pose)}

    return change


def unscaled(d: Demonstration) -> dict:
    intrinsics = replace(d.rig.cameras["front"].intrinsics, fx=352.0, fy=352.0, cx=128, cy=128)
    return {"rig": with_camera(d.rig, "front", intrinsics=intrinsics)}


def another_lens(d: Demonstration) -> dict:
    intrinsics = d.rig.cameras["front"].intrinsics
    other = replace(intrinsics, fx=intrinsics.fx + 3)
    return {"rig": with_camera(d.rig, "front", intrinsics=other)}


def wandered(demo: RlbenchDemo) -> None:
    for observation in demo.observations[4:7]:
        pose = observation.misc["wrist_camera_extrinsics"].copy()
        pose[2, 3] += 0.02
        observation.misc["wrist_camera_extrinsics"] = pose


def frozen(first: int, last: int, camera: str = "wrist") -> Callable[[Demonstration], dict]:
    def change(d: Demonstration) -> dict:
        frames = np.array(d.images[camera])
        frames[first : last + 1] = frames[first]
        return {"images": {**d.images, camera: frames}}

    return change


def blank(d: Demonstration) -> dict:
    return {"images": {**d.images, "front": changed(d.images["front"], 3, 128)}}


def elbow(d: Demonstration, frame: int, rad: float, commanded: bool) -> dict:
    """Joint 4 stands close to its limit, and goes or is told to go beyond it in one frame."""
    q = changed(d.q, (slice(None), 3), -0.1)
    command = changed(q, 0, np.nan)
    (command if commanded else q)[frame, 3] = rad
    return {"q": q, "q_command": command}


def small_png(folder: Path) -> None:
    write_png(folder / "front_rgb" / "5.png", np.eye(3, dtype=np.uint8)[..., None].repeat(3, 2), 3)


PLANTED = {
    "missing frame": Planted(
        Defect.MISSING_FRAME,
        7,
        "front lacks frame 7 of 24",
        files=lambda folder: (folder / "front_rgb" / "7.png").unlink(),
    ),
    "missing end": Planted(
        Defect.MISSING_FRAME,
        22,
        "wrist lacks frames 22 to 23",
        files=lambda folder: [(folder / "wrist_rgb" / f"{t}.png").unlink() for t in (22, 23)],
    ),
    "missing camera": Planted(
        Defect.MISSING_FRAME,
        None,
        "front has no folder front_rgb",
        files=lambda folder: (folder / "front_rgb").rename(folder / "odd"),
    ),
    "unequal lengths": Planted(
        Defect.UNEQUAL_LENGTHS,
        24,
        "front has images up to 24.png for 24 steps",
        files=lambda folder: (folder / "front_rgb" / "24.png").write_bytes(b""),
    ),
    "unreadable image": Planted(
        Defect.UNREADABLE_IMAGE,
        9,
        "left_shoulder_rgb/9.png cannot be read",
        files=lambda folder: (folder / "left_shoulder_rgb" / "9.png").write_bytes(b"\x89PNG"),
        quick=False,
    ),
    "empty image": Planted(
        Defect.UNREADABLE_IMAGE,
        0,
        "front_rgb/0.png cannot be read",
        files=lambda folder: (folder / "front_rgb" / "0.png").write_bytes(b""),
        quick=False,
    ),
    "wrong size": Planted(Defect.WRONG_SIZE, 5, "front is 3x3 px", files=small_png, quick=False),
    "blank image": Planted(
        Defect.BLANK_IMAGE, 3, "front shows nothing", demonstration=blank, quick=False
    ),
    "frozen camera": Planted(
        Defect.FROZEN_CAMERA,
        4,
        "wrist shows one image in frames 4 to 9",
        demonstration=frozen(4, 9),
        quick=False,
    ),
    "not a number": Planted(
        Defect.NOT_A_NUMBER,
        6,
        "joint positions in frame 6",
        demonstration=lambda d: {"q": changed(d.q, (6, 2), np.nan)},
    ),
    "joint limit": Planted(
        Defect.JOINT_LIMIT,
        10,
        "joint 4 is at -0.050 rad in frame 10; it can go from -3.072 to -0.070 rad",
        demonstration=lambda d: elbow(d, 10, -0.05, commanded=False),
    ),
    "command limit": Planted(
        Defect.JOINT_LIMIT,
        3,
        "the command of joint 4 is at 0.000 rad in frame 3",
        demonstration=lambda d: elbow(d, 3, 0.0, commanded=True),
    ),
    "jump": Planted(
        Defect.JUMP,
        12,
        "joint 1 goes",
        demonstration=lambda d: {
            "q": d.q + np.outer(np.arange(N) >= 12, np.eye(7)[0]) * 0.2,
            "q_command": np.full((N, 7), np.nan),
        },
    ),
    "far command": Planted(
        Defect.FAR_COMMAND,
        10,
        "joint 2 was told to be 0.60 rad",
        demonstration=lambda d: {"q_command": changed(d.q_command, (10, 1), d.q[10, 1] - 0.6)},
    ),
    "gripper": Planted(
        Defect.GRIPPER,
        1,
        "told to close, and still open",
        demonstration=lambda d: {
            "gripper_open": np.ones(N, bool),
            "gripper_command": np.zeros(N, bool),
        },
    ),
    "stamps that go back": Planted(
        Defect.IRREGULAR_STAMPS,
        8,
        "do not rise",
        demonstration=lambda d: {
            "stamps_s": d.stamps_s - 0.06 * (np.arange(N) >= 8),
        },
    ),
    "stamps with a hole": Planted(
        Defect.IRREGULAR_STAMPS,
        15,
        "550.0 ms after the frame before it, where 50 ms are due",
        demonstration=lambda d: {"stamps_s": d.stamps_s + 0.5 * (np.arange(N) >= 15)},
    ),
    "skewed pose": Planted(
        Defect.WRONG_CALIBRATION, None, "axes are not orthonormal", demonstration=skewed
    ),
    "mirrored pose": Planted(
        Defect.WRONG_CALIBRATION, None, "right-handed", demonstration=mirrored
    ),
    "millimetres": Planted(
        Defect.WRONG_CALIBRATION, None, "millimetres", demonstration=shifted(1650.0)
    ),
    "intrinsics of another size": Planted(
        Defect.WRONG_CALIBRATION, None, "principal point of front", demonstration=unscaled
    ),
    "another lens": Planted(
        Defect.WRONG_CALIBRATION, None, "fx, fy, cx, cy of front", demonstration=another_lens
    ),
    "another place": Planted(
        Defect.WRONG_CALIBRATION,
        None,
        "front is 5.0 mm and 0.00 degrees from where the data set has it",
        demonstration=shifted(0.005),
    ),
    "another parent": Planted(
        Defect.WRONG_CALIBRATION,
        None,
        "front is fixed to panda_hand; in the data set to panda_link0",
        demonstration=other_front(parent_frame="panda_hand"),
    ),
    "wandering wrist camera": Planted(
        Defect.WRONG_CALIBRATION, 4, "camera wrist in low_dim_obs.pkl is 20.0 mm", pickle=wandered
    ),
    "wrong joint pose": Planted(
        Defect.WRONG_CALIBRATION,
        2,
        "the pose of joint 4",
        pickle=lambda demo: (
            demo.observations[2]
            .misc["joint_poses"]
            .__setitem__(3, demo.observations[2].misc["joint_poses"][4])
        ),
    ),
    "lacking gripper pose": Planted(
        Defect.WRONG_CALIBRATION,
        0,
        "lacks the pose of the gripper",
        pickle=lambda demo: [setattr(o, "gripper_matrix", None) for o in demo.observations],
    ),
    "another task": Planted(
        Defect.CONTRADICTION, None, "variation 0 of open_box", metadata={"task": "open_box"}
    ),
    "another step": Planted(
        Defect.CONTRADICTION, None, "steps of 0.051 s", metadata={"step_s": 0.051}
    ),
    "damaged pickle": Planted(
        Defect.UNREADABLE,
        None,
        "low_dim_obs.pkl",
        files=lambda folder: (folder / "low_dim_obs.pkl").write_bytes(b"\x80\x04"),
    ),
    "no metadata": Planted(
        Defect.UNREADABLE,
        None,
        "metadata.json: cannot be read",
        files=lambda folder: (folder / "metadata.json").unlink(),
    ),
    "damaged descriptions": Planted(
        Defect.UNREADABLE,
        None,
        "variation_descriptions.pkl",
        files=lambda folder: (folder.parent.parent / "variation_descriptions.pkl").write_bytes(
            b""
        ),
    ),
}


def plant(root: Path, planted: Planted) -> TrainingSet:
    """A set whose episode 0 has the defect and whose episode 1 is clean."""
    clean = invented(N)
    demonstration = replace(clean, **planted.demonstration(clean))
    made = new_set(root)
    made.write(demonstration, 0)
    made.write(invented(N, seed=1), 1)
    folder = made.folder(TASK, 0)
    demo = to_rlbench(demonstration)
    planted.pickle(demo)
    (folder / "low_dim_obs.pkl").write_bytes(demo_bytes(demo))
    metadata = json.loads((folder / "metadata.json").read_text()) | planted.metadata
    (folder / "metadata.json").write_text(json.dumps(metadata))
    planted.files(folder)
    return made


@pytest.mark.parametrize("name", PLANTED)
def test_planted_defect_is_found_where_it_is(tmp_path, name):
    planted = PLANTED[name]
    made = plant(tmp_path, planted)
    found = findings(made)
    assert {(f.defect, f.frame) for f in found} == {(planted.defect, planted.frame)}, found
    assert planted.words in found[0].detail
    assert bool(findings(made, images=False)) == planted.quick
    if name != "damaged descriptions":  # which the episodes of a variation share
        assert findings(made, episode=1) == ()


@pytest.mark.parametrize("images", [True, False])
def test_clean_set_has_no_findings(tmp_path, images):
    made = set_of(tmp_path, invented(N), invented(40, seed=1))
    verdicts = list(validate(made, RobotModel.PANDA, images))
    assert [(v.key.episode, v.steps, v.findings) for v in verdicts] == [(0, 24, ()), (1, 40, ())]


def test_simulated_episode_has_no_findings(tmp_path):
    made = set_of(tmp_path, simulated(steps=30))
    assert findings(made) == ()


def test_arm_that_stands_still_may_show_the_same_image(tmp_path):
    still = invented(N)
    q = np.repeat(still.q[:1], N, axis=0)
    frames = {name: np.repeat(f[:1], N, axis=0) for name, f in still.images.items()}
    commands = changed(q, 0, np.nan)
    made = set_of(tmp_path, replace(still, q=q, q_command=commands, images=frames))
    assert findings(made) == ()


def test_one_repeated_image_is_no_frozen_camera(tmp_path):
    demonstration = invented(N)
    made = set_of(tmp_path, replace(demonstration, **frozen(4, 5)(demonstration)))
    assert findings(made) == ()


def test_limits_are_those_of_the_robot_that_is_named(tmp_path):
    made = set_of(tmp_path, invented(N))
    fr3 = next(iter(validate(made, RobotModel.FR3, False)))
    assert fr3.findings == ()
    q = invented(N).q
    q[:, 5] += 0.84 - q[:, 5].max()  # below what joint 6 of an FR3 reaches
    commands = np.full((N, 7), np.nan)
    made.write(replace(invented(N), q=q, q_command=commands), 1)
    assert findings(made, episode=1) == ()
    verdict = list(validate(made, RobotModel.FR3, False))[1]
    assert {f.defect for f in verdict.findings} == {Defect.JOINT_LIMIT}


def test_findings_come_in_the_order_of_their_frames(tmp_path):
    demonstration = invented(N)
    broken = replace(
        demonstration,
        stamps_s=demonstration.stamps_s + 0.5 * (np.arange(N) >= 3),
        **frozen(10, 15, "front")(demonstration),
    )
    made = set_of(tmp_path, broken)
    (made.folder(TASK, 0) / "wrist_rgb" / "7.png").unlink()
    assert [f.frame for f in findings(made)] == [3, 7, 10]


def test_runs_join_neighbours():
    assert runs([1, 2, 3, 7, 9, 10]) == [(1, 3), (7, 7), (9, 10)]
    assert runs([]) == []
