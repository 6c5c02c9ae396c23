# SPDX-License-Identifier: Apache-2.0
"""Training sets become LeRobotDatasets that LeRobot's tools read."""

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from genima.data.export_lerobot import export_lerobot
from genima.data.lerobot_statistics import ImageHistogram, vector_statistics
from genima.data.training_set import TrainingSet
from genima.data.training_set_info import TrainingSetInfo
from genima.errors import InvalidDataset

from .demonstration_cases import invented, new_set, set_of, small_rig

pytest.importorskip("pyarrow", reason="pyarrow writes Parquet; install genima[lerobot]")

SIZE_PX = 64
LENGTHS = (21, 24, 30)
INSTRUCTIONS = ("push the button", "press it", "push the button")


def telling_images(episode: int, n: int) -> np.ndarray:
    """Images whose colour tells episode and step."""
    images = np.zeros((n, SIZE_PX, SIZE_PX, 3), np.uint8)
    images[..., 0], images[..., 2] = 40 + 60 * episode, 90
    images[..., 1] = (8 * np.arange(n))[:, None, None]
    return images


def demonstrations():
    rig = small_rig(SIZE_PX)
    for episode, n in enumerate(LENGTHS):
        images = dict.fromkeys(rig.cameras, telling_images(episode, n))
        yield invented(
            n,
            seed=episode,
            rig=rig,
            images=images,
            variation=int(episode == 1),
            descriptions=(INSTRUCTIONS[episode], "another wording"),
        )


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> TrainingSet:
    made = new_set(tmp_path_factory.mktemp("source") / "set", small_rig(SIZE_PX))
    for number, demonstration in zip((0, 0, 1), demonstrations(), strict=True):
        made.write(demonstration, number)
    return made


@pytest.fixture(scope="module")
def exported(source, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "lerobot"
    told: list[tuple[int, int]] = []
    export_lerobot(source, out, lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    return out


@pytest.fixture(scope="module")
def in_order(source) -> list:
    """As they are exported: variation by variation."""
    return [source.load(k.task, k.episode, k.variation) for k in list(source.keys())]


@pytest.fixture(scope="module")
def read_back(exported, tmp_path_factory):
    """What LeRobot's own class makes of it."""
    pytest.importorskip("ledataset", reason="lerobot-dataset is not installed")
    folder = tmp_path_factory.mktemp("read")
    program = Path(__file__).with_name("lerobot_reader.py")
    done = subprocess.run(
        [sys.executable, program, exported, folder / "read.npz"],
        env=os.environ | {"HF_HOME": str(folder), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(folder / "read.npz") as arrays:
        return dict(arrays), json.loads(done.stdout.splitlines()[-1])


def test_lerobot_reads_states_actions_and_tasks(read_back, in_order) -> None:
    arrays, facts = read_back
    q = np.concatenate([d.q for d in in_order])
    gripper = np.concatenate([d.gripper_open for d in in_order])
    assert np.allclose(arrays["observation.state"][:, :7], q, atol=1e-6)
    assert (arrays["observation.state"][:, 7] == gripper).all()
    assert list(arrays["task"]) == [d.instruction for d in in_order for _ in range(len(d))]
    assert facts["episodes"] == 3 and facts["fps"] == 20 and facts["robot_type"] == "panda"
    assert facts["tasks"] == ["push the button", "press it"]
    assert facts["names"][0] == "panda_joint1.pos" and facts["names"][7] == "gripper.pos"


def test_action_of_a_frame_is_the_command_that_followed_it(read_back, in_order) -> None:
    arrays, _ = read_back
    first = in_order[0]
    actions = arrays["action"][: len(first)]
    assert np.allclose(actions[:-1, :7], first.q_command[1:], atol=1e-6)
    assert np.allclose(actions[-1, :7], first.q_command[-1], atol=1e-6)
    assert (actions[:-1, 7] == first.gripper_command[1:]).all()
    assert not np.isnan(arrays["action"]).any()


def test_lerobot_finds_the_image_of_every_frame(read_back, in_order) -> None:
    arrays, _ = read_back
    for camera in ("front", "wrist", "left_shoulder", "right_shoulder"):
        seen = arrays[f"observation.images.{camera}"]
        assert seen.shape == (sum(LENGTHS), 3, SIZE_PX, SIZE_PX)
        shown = np.concatenate([np.stack(list(d.images[camera])) for d in in_order])
        error = np.abs(255 * np.moveaxis(seen, 1, -1) - shown)
        assert error.max() < 4, "less than half of what neighbouring frames differ by"


def test_lerobot_asks_for_chunks_and_single_episodes(read_back, in_order) -> None:
    arrays, _ = read_back
    first = in_order[0]
    assert list(arrays["chunk_is_pad"]) == [False, True, True]
    assert np.allclose(arrays["chunk"][:, :7], first.q_command[-1], atol=1e-6)
    green = 255 * arrays["two_images"][:, 1].mean(axis=(1, 2))
    assert np.allclose(green, [8 * (len(first) - 2), 8 * (len(first) - 1)], atol=3.9)
    assert np.allclose(arrays["second_episode_state"][:7], in_order[1].q[0], atol=1e-6)


def test_statistics_are_those_of_the_data(read_back) -> None:
    arrays, facts = read_back
    assert np.allclose(facts["mean"], arrays["action"].mean(axis=0), atol=1e-5)
    image_mean = arrays["observation.images.front"].mean(axis=(0, 2, 3))
    assert np.shape(facts["image_mean"]) == (3, 1, 1)
    assert np.allclose(np.ravel(facts["image_mean"]), image_mean, atol=0.01)


def test_doctor_finds_no_fault(exported) -> None:
    doctor = Path(sys.executable).with_name("lerobot-doctor")
    if not doctor.exists():
        pytest.skip("lerobot-doctor is not installed")
    done = subprocess.run([doctor, exported, "--json"], capture_output=True, text=True)
    report = json.loads(done.stdout)
    severities = {check["name"]: check["severity"] for check in report["checks"]}
    assert "FAIL" not in severities.values(), report
    for name in (
        "Metadata & Format Compliance",
        "Temporal Consistency",
        "Video Integrity",
        "Feature Consistency",
        "Portability",
    ):
        assert severities[name] == "PASS", report


def test_videos_have_a_frame_for_each_step_at_its_time(exported) -> None:
    (path,) = (exported / "videos" / "observation.images.wrist").rglob("*.mp4")
    with av.open(str(path)) as video:
        stream = video.streams.video[0]
        assert stream.frames == sum(LENGTHS) and stream.average_rate == 20
        times_s = [float(frame.pts * stream.time_base) for frame in video.decode(stream)]
    assert np.allclose(times_s, np.arange(sum(LENGTHS)) / 20, atol=1e-9)


def test_sources_and_cameras_are_kept(exported, in_order) -> None:
    kept = json.loads((exported / "meta" / "genima.json").read_text())
    assert [e["from"] for e in kept["episodes"]] == [
        "push_button/variation0/episode0",
        "push_button/variation0/episode1",
        "push_button/variation1/episode0",
    ]
    pose = kept["cameras"]["wrist"]["parent_T_cam"]
    assert np.allclose(pose, in_order[0].rig.cameras["wrist"].parent_T_cam)


def test_steps_without_command_take_the_position_that_followed(tmp_path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    demonstration = invented(12, q_command=np.full((12, 7), np.nan))
    export_lerobot(set_of(tmp_path / "set", demonstration), tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "data")
    actions = np.array(table["action"].to_pylist())
    assert np.allclose(actions[:-1, :7], demonstration.q[1:], atol=1e-6)
    assert np.allclose(actions[-1, :7], demonstration.q[-1], atol=1e-6)


def test_long_videos_continue_in_another_file(source, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("genima.data.lerobot_video.VIDEO_FILE_MB", 0)
    pq = pytest.importorskip("pyarrow.parquet")
    export_lerobot(source, tmp_path / "out")
    episodes = pq.read_table(tmp_path / "out" / "meta" / "episodes").to_pylist()
    key = "videos/observation.images.front"
    assert [e[f"{key}/file_index"] for e in episodes] == [0, 1, 2]
    assert [e[f"{key}/from_timestamp"] for e in episodes] == [0.0, 0.0, 0.0]
    assert len(list((tmp_path / "out" / key).rglob("*.mp4"))) == 3


def test_full_folder_is_refused_and_left_alone(source, tmp_path) -> None:
    (tmp_path / "precious").write_text("data")
    with pytest.raises(InvalidDataset, match="is not empty"):
        export_lerobot(source, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["precious"]


def test_export_that_is_broken_off_leaves_nothing(source, tmp_path) -> None:
    def pulled_plug(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_lerobot(source, tmp_path / "out", pulled_plug)
    assert not list(tmp_path.iterdir())


def test_what_a_killed_export_left_is_in_nobodys_way(source, tmp_path) -> None:
    left = tmp_path / ".out.part"
    left.mkdir()
    (left / "half").write_text("written")
    export_lerobot(source, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert not (tmp_path / "out" / "half").exists()


def test_rates_that_lerobot_cannot_state_are_refused(tmp_path) -> None:
    made = TrainingSet.create(tmp_path / "set", TrainingSetInfo(0.03, small_rig()))
    made.write(invented(step_s=0.03), 0)
    with pytest.raises(InvalidDataset, match=r"0\.03 s are 33\.3333 a second"):
        export_lerobot(made, tmp_path / "out")


def test_empty_sets_and_odd_images_are_refused(tmp_path) -> None:
    with pytest.raises(InvalidDataset, match="no demonstrations"):
        export_lerobot(new_set(tmp_path / "empty"), tmp_path / "out")
    odd = set_of(tmp_path / "odd", invented(4, size_px=33))
    with pytest.raises(InvalidDataset, match="must be even"):
        export_lerobot(odd, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_image_statistics_are_exact() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    histogram, other = ImageHistogram(), ImageHistogram()
    for i, image in enumerate(images):
        (histogram if i < 3 else other).add(image)
    histogram.merge(other)
    got = histogram.statistics()
    pixels = images.reshape(-1, 3) / 255
    expected = vector_statistics(pixels)
    for name in ("min", "max", "mean", "std", "q01", "q10", "q50", "q90", "q99"):
        assert np.allclose(np.ravel(got[name]), expected[name], atol=1 / 255), name
    assert got["count"] == [5]
