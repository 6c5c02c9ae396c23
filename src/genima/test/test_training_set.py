# SPDX-License-Identifier: Apache-2.0
"""Behaviour of demonstrations on disk."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from genima.data.demonstration import Demonstration
from genima.data.episode_files import assemble_episode
from genima.data.rig_json import rig_to_json
from genima.data.rlbench_motion import to_rlbench
from genima.data.rlbench_pickle import demo_bytes, read_demo
from genima.data.training_set import DemonstrationKey, TrainingSet
from genima.data.training_set_info import TrainingSetInfo
from genima.errors import InvalidDataset, InvalidImage

from .demonstration_cases import STEP_S, TASK, invented, new_set, set_of, simulated, small_rig

ARRAYS = ("stamps_s", "q", "dq", "gripper_open", "q_command", "gripper_command")
WORDS = ("task", "variation", "descriptions", "seed", "success", "source", "step_s")


def assert_equal(read: Demonstration, written: Demonstration) -> None:
    for name in WORDS:
        assert getattr(read, name) == getattr(written, name), name
    for name in (*ARRAYS, "gripper_width_m"):
        got, due = getattr(read, name), getattr(written, name)
        assert (got is None) == (due is None), name
        assert due is None or np.array_equal(got, due, equal_nan=due.dtype == float), name
    assert rig_to_json(read.rig) == rig_to_json(written.rig)
    assert set(read.images) == set(written.images)
    for name, frames in written.images.items():
        assert len(read.images[name]) == len(frames)
        assert all(np.array_equal(read.images[name][t], frames[t]) for t in range(len(frames)))


def test_demonstration_comes_back_to_the_last_bit(tmp_path):
    written = simulated(steps=4)
    set_of(tmp_path, written)
    assert_equal(TrainingSet.open(tmp_path).load(TASK, 0), written)


finite = st.floats(-1e3, 1e3)


@st.composite
def demonstrations(draw):
    n = draw(st.integers(1, 6))
    commanded = draw(hnp.arrays(bool, n))
    commanded[0] = False
    q_command = draw(hnp.arrays(float, (n, 7), elements=finite))
    q_command[~commanded] = np.nan
    flags = hnp.arrays(bool, n)
    widths = st.none() | hnp.arrays(float, n, elements=st.floats(0, 0.08))
    word = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
    return invented(
        n,
        size_px=16,
        variation=draw(st.integers(0, 99)),
        descriptions=tuple(draw(st.lists(word, min_size=1, max_size=3))),
        seed=draw(st.none() | st.integers(0, 2**40)),
        success=draw(st.sampled_from([True, False, None])),
        source=draw(word),
        step_s=draw(st.floats(0.01, 1.0)),
        stamps_s=draw(hnp.arrays(float, n, elements=st.floats(0, 2e9))),
        q=draw(hnp.arrays(float, (n, 7), elements=finite)),
        dq=draw(hnp.arrays(float, (n, 7), elements=finite)),
        gripper_open=draw(flags),
        q_command=q_command,
        gripper_command=draw(flags),
        gripper_width_m=draw(widths),
    )


@settings(max_examples=40, deadline=None)
@given(demonstrations())
def test_everything_a_demonstration_can_hold_comes_back(tmp_path_factory, written):
    root = tmp_path_factory.mktemp("set")
    info = TrainingSetInfo(written.step_s, written.rig)
    TrainingSet.create(root, info).write(written, 0)
    read = TrainingSet.open(root).load(TASK, 0, written.variation)
    # A finger is half a width, and halving is exact but for the smallest numbers.
    if written.gripper_width_m is not None:
        assert np.allclose(read.gripper_width_m, written.gripper_width_m, rtol=0, atol=1e-300)
        read = replace(read, gripper_width_m=written.gripper_width_m)
    assert_equal(read, written)


def test_layout_is_the_one_of_rlbench(tmp_path):
    set_of(tmp_path, invented(n=3))
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    episode = f"{TASK}/variation0/episodes/episode0"
    images = {f"{episode}/{c}_rgb/{t}.png" for c in small_rig().cameras for t in range(3)}
    assert there == images | {
        "metadata.json",
        f"{TASK}/variation0/variation_descriptions.pkl",
        f"{episode}/low_dim_obs.pkl",
        f"{episode}/metadata.json",
    }


def test_episodes_are_listed_in_the_order_of_their_numbers(tmp_path):
    made = new_set(tmp_path)
    for episode in (10, 2, 0):
        made.write(invented(n=2), episode)
    made.write(invented(n=2, task="open_drawer", variation=1), 3)
    assert made.tasks() == ["open_drawer", TASK]
    assert made.episodes(TASK) == [0, 2, 10]
    assert made.variations("open_drawer") == [1]
    keys = made.keys()
    assert str(keys[0]) == "open_drawer/variation1/episode3"
    assert keys[1:] == [DemonstrationKey(TASK, 0, episode) for episode in (0, 2, 10)]


def test_gripper_command_without_a_command_is_the_state(tmp_path):
    written = invented(n=3, gripper_command=np.array([False, True, True]))
    assert written.gripper_command.tolist() == [True, True, True]
    assert written.gripper_open[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"q": np.zeros((5, 6))}, "q has shape"),
        ({"stamps_s": np.zeros(4)}, "stamps_s has shape"),
        ({"gripper_width_m": np.zeros(4)}, "gripper_width_m has shape"),
        ({"gripper_open": np.ones(5)}, "array of bool"),
        ({"q_command": np.zeros((5, 7))}, "row 0"),
        ({"descriptions": ()}, "no instruction"),
        ({"step_s": 0.0}, "step_s"),
        ({"images": {"front": np.zeros((5, 32, 32, 3), np.uint8)}}, "each camera"),
    ],
)
def test_demonstration_that_contradicts_itself_is_refused(change, words):
    with pytest.raises(InvalidDataset, match=words):
        invented(n=5, **change)


def test_images_and_steps_must_be_as_many():
    frames = invented(n=4).images
    with pytest.raises(InvalidDataset, match="one for each step"):
        invented(n=5, images=frames)


def test_images_must_be_squares_of_one_size():
    rig = small_rig()
    odd = replace(rig.cameras["front"].intrinsics, height=24)
    with pytest.raises(InvalidDataset, match="squares of one size"):
        invented(n=2, rig=rig.with_intrinsics("front", odd), images={})


def test_images_are_read_when_they_are_asked_for(tmp_path):
    made = set_of(tmp_path, invented(n=3))
    (made.folder(TASK, 0) / "front_rgb" / "1.png").unlink()
    read = made.load(TASK, 0)
    assert read.images["front"][0].shape == (32, 32, 3)
    assert np.array_equal(read.images["front"][-1], read.images["front"][2])
    with pytest.raises(InvalidDataset, match=r"front_rgb/1\.png"):
        read.images["front"][1]
    with pytest.raises(IndexError):
        read.images["front"][3]


def test_episode_is_never_written_over(tmp_path):
    made = set_of(tmp_path, invented(n=2))
    with pytest.raises(InvalidDataset, match="exists already"):
        made.writer(TASK, 0, 0)


def test_writer_refuses_what_does_not_fit(tmp_path):
    made, fitting = new_set(tmp_path), invented(n=2)
    first = {name: frames[0] for name, frames in fitting.images.items()}
    with made.writer(TASK, 0, 0) as writer:
        with pytest.raises(InvalidDataset, match="has cameras"):
            writer.add_images({"front": first["front"]})
        with pytest.raises(InvalidImage, match="wrist_rgb"):
            writer.add_images(first | {"wrist": np.zeros((16, 16, 3), np.uint8)})
        with pytest.raises(InvalidImage, match="float64"):
            writer.add_images(first | {"wrist": np.zeros((32, 32, 3))})
    with made.writer(TASK, 0, 0) as writer:
        writer.add_images(first)
        with pytest.raises(InvalidDataset, match="of every step"):
            writer.finish(fitting)
        writer.add_images(first)
        for other, words in (({"task": "x"}, "of x"), ({"step_s": 0.1}, "step_s 0.1")):
            with pytest.raises(InvalidDataset, match=words):
                writer.finish(invented(n=2, **other))
        writer.finish(fitting)
    assert made.episodes(TASK) == [0]


def test_images_that_are_refused_leave_the_step_as_it_was(tmp_path):
    made, fitting = new_set(tmp_path), invented(n=1)
    images = {name: frames[0] for name, frames in fitting.images.items()}
    with made.writer(TASK, 0, 0) as writer:
        with pytest.raises(InvalidImage):
            writer.add_images(images | {"right_shoulder": np.zeros((1, 1, 3), np.uint8)})
        assert len(writer) == 0
        writer.add_images(images)
        writer.finish(fitting)
    assert_equal(made.load(TASK, 0), fitting)


def test_writer_that_is_left_by_an_error_leaves_nothing(tmp_path):
    made = new_set(tmp_path)
    with pytest.raises(RuntimeError), made.writer(TASK, 0, 0) as writer:
        writer.add_images({n: f[0] for n, f in invented(n=1).images.items()})
        raise RuntimeError
    assert made.episodes(TASK) == []
    assert list((tmp_path / TASK / "variation0" / "episodes").iterdir()) == []


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from demonstration_cases import TASK, invented
from genima.data.training_set import TrainingSet
made = TrainingSet.open(Path(sys.argv[1]))
demonstration = invented(n=500)
with made.writer(TASK, 0, 1) as writer:
    for t in range(500):
        writer.add_images({name: frames[t] for name, frames in demonstration.images.items()})
        print(t, flush=True)
    input()
"""


def test_killed_writer_leaves_no_episode_and_can_be_repeated(tmp_path):
    made = set_of(tmp_path, invented(n=2))
    tests = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": str(tests.parent)}
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(tests)]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        while writer.stdout.readline() != "20\n":
            assert writer.poll() is None
        writer.send_signal(signal.SIGKILL)
    assert (tmp_path / TASK / "variation0" / "episodes" / ".episode1.part").is_dir()
    assert TrainingSet.open(tmp_path).episodes(TASK) == [0]
    assert made.load(TASK, 0).q.shape == (2, 7)
    made.write(invented(n=3, seed=5), 1)
    assert_equal(made.load(TASK, 1), invented(n=3, seed=5))
    names = {path.name for path in (tmp_path / TASK / "variation0" / "episodes").iterdir()}
    assert names == {"episode0", "episode1"}


def test_set_is_gone_on_with_only_as_it_was_begun(tmp_path):
    info = new_set(tmp_path).info
    assert TrainingSet.open_or_create(tmp_path, info).info.cameras == info.cameras
    with pytest.raises(InvalidDataset, match="already"):
        TrainingSet.create(tmp_path, info)
    for other, words in (
        (TrainingSetInfo(0.1, info.rig), r"step_s 0\.1 instead of 0\.05"),
        (TrainingSetInfo(STEP_S, small_rig(16)), "images of 16 px instead of 32 px"),
        (TrainingSetInfo(STEP_S, moved(info.rig)), "calibration of .'front'"),
    ):
        with pytest.raises(InvalidDataset, match=words):
            TrainingSet.open_or_create(tmp_path, other)


def moved(rig):
    front = rig.cameras["front"]
    pose = front.parent_T_cam.copy()
    pose[0, 3] += 0.01
    return replace(rig, cameras={**rig.cameras, "front": replace(front, parent_T_cam=pose)})


REMOVED = object()


def edit(file: Path, **changes) -> None:
    content = json.loads(file.read_text()) | changes
    content = {key: value for key, value in content.items() if value is not REMOVED}
    file.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 2}, "version 2 of genima-training"),
        ({"format": "other"}, "'other'"),
        ({"step_s": "fast"}, "step_s"),
        ({"state": ["q"]}, "layout 'state'"),
        ({"cameras": {"front": {}}}, "'cameras' cannot be read"),
        ({"cameras": None}, "'cameras' cannot be read"),
    ],
)
def test_set_that_cannot_be_understood_is_refused(tmp_path, changes, words):
    new_set(tmp_path)
    edit(tmp_path / "metadata.json", **changes)
    with pytest.raises(InvalidDataset, match=words):
        TrainingSet.open(tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 7}, "version 7 of genima-demonstration"),
        ({"descriptions": []}, "no instruction"),
        ({"stamps_s": [0.0]}, "stamps_s has shape"),
        ({"stamps_s": ["a", "b"]}, "malformed"),
        ({"success": "yes"}, "success"),
        ({"seed": 1.5}, "seed"),
        ({"cameras": {}}, "cameras"),
        ({"source": REMOVED}, "lacks the key 'source'"),
    ],
)
def test_episode_that_cannot_be_understood_is_refused(tmp_path, changes, words):
    made = set_of(tmp_path, invented(n=2))
    edit(made.folder(TASK, 0) / "metadata.json", **changes)
    with pytest.raises(InvalidDataset, match=words):
        made.load(TASK, 0)


def test_folder_without_a_set_says_how_to_make_one(tmp_path):
    with pytest.raises(InvalidDataset, match="genima collect"):
        TrainingSet.open(tmp_path)
    made = new_set(tmp_path)
    with pytest.raises(InvalidDataset, match="no episode 4"):
        made.load(TASK, 4)


def test_joints_come_from_the_pickle(tmp_path):
    made, other = set_of(tmp_path, invented(n=3)), invented(n=3, seed=9)
    file = made.folder(TASK, 0) / "low_dim_obs.pkl"
    file.write_bytes(demo_bytes(to_rlbench(other)))
    assert np.array_equal(made.load(TASK, 0).q, other.q)
    assert np.array_equal(assemble_episode(file.parent, read_demo(file)).q, other.q)
