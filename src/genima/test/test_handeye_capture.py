# SPDX-License-Identifier: Apache-2.0
"""Samples that are taken by themselves, from a stream of messages and from a recording."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genima.arrays import Array, Float, UInt8
from genima.cameras import Camera
from genima.errors import CalibrationError, InvalidDataset, InvalidParameter
from genima.handeye.board import Board
from genima.handeye.capture import (
    camera_of,
    collect_from_recording,
    open_folder,
    progress_words,
    setup_of,
)
from genima.handeye.collector import Collector, Judged, Verdict
from genima.handeye.samples import Sample, SampleFolder, load_samples
from genima.intrinsics import Intrinsics
from genima.kinematics import Q_HOME

from . import handeye_cases as cases
from . import recording_cases
from .recording_cases import Script, info_message, record

Motion = Callable[[float], Float[Array, "7"]]
MOVED = Q_HOME + np.array([0.0, 0.2, 0.0, 0.1, 0.0, -0.2, 0.3])
JOINTS_S, IMAGES_S = 0.02, 0.1


def board_image() -> UInt8[Array, "h w 3"]:
    """The board as a camera sees it that looks straight at it."""
    image = np.full((480, 640), 255, np.uint8)
    picture = cases.BOARD.image(60)
    image[80 : 80 + picture.shape[0], 100 : 100 + picture.shape[1]] = picture
    return np.repeat(image[..., None], 3, axis=2)


def stop_and_go(time_s: float) -> Float[Array, "7"]:
    """At rest for a second, on the way for half a second, at rest again."""
    share = np.clip((time_s - 1.0) / 0.5, 0.0, 1.0)
    return Q_HOME + share * (MOVED - Q_HOME)


def judgements(
    motion: Motion, image: UInt8[Array, "h w 3"], length_s: float, collector: Collector
) -> list[tuple[float, Judged]]:
    """All that the collector says, with the time at which it does."""
    said = []
    for step in range(round(length_s / JOINTS_S)):
        now_s = step * JOINTS_S
        if step % round(IMAGES_S / JOINTS_S) == 0:
            collector.add_image(lambda: image, now_s)
        collector.add_joints(motion(now_s), now_s)
        judged = collector.judge()
        if judged is not None:
            said.append((now_s, judged))
    return said


def taken(said: list[tuple[float, Judged]]) -> list[Judged]:
    return [judged for _, judged in said if judged.verdict is Verdict.TAKEN]


@pytest.fixture
def collector() -> Collector:
    return Collector(cases.eye_on_base().samples)


def test_one_sample_is_taken_wherever_the_arm_rests(collector: Collector) -> None:
    samples = taken(judgements(stop_and_go, board_image(), 2.5, collector))
    np.testing.assert_allclose([s.q for s in samples], [Q_HOME, MOVED], atol=1e-9)
    assert all(s.image is not None for s in samples)


def test_nothing_is_taken_while_the_arm_moves(collector: Collector) -> None:
    said = judgements(lambda t: Q_HOME + 0.02 * t, board_image(), 2.0, collector)
    verdicts = {judged.verdict for _, judged in said}
    assert verdicts == {Verdict.NO_JOINTS, Verdict.MOVING}  # none before the first images


def test_rest_has_to_last_beyond_the_image(collector: Collector) -> None:
    """A stamp may be late or early by some hundredths of a second."""
    collector.add_image(board_image, 1.0)
    for time_s in np.arange(0.5, 1.1, 0.02):
        collector.add_joints(Q_HOME, time_s)
        assert collector.judge() is None
    for time_s in np.arange(1.11, 1.2, 0.02):
        collector.add_joints(Q_HOME + 0.1, time_s)
    judged = collector.judge()
    assert judged is not None and judged.verdict is Verdict.MOVING


def test_image_without_a_board_is_not_taken(collector: Collector) -> None:
    grey = np.full((480, 640, 3), 128, np.uint8)
    said = judgements(lambda t: Q_HOME, grey, 1.0, collector)
    assert said[-1][1].verdict is Verdict.NOT_SEEN and not taken(said)


def test_place_where_a_sample_was_taken_before_is_known(collector: Collector) -> None:
    collector.know(Q_HOME + 1e-3)
    said = judgements(lambda t: Q_HOME, board_image(), 1.0, collector)
    assert said[-1][1].verdict is Verdict.KNOWN and not taken(said)


def test_image_before_all_joint_states_is_not_used(collector: Collector) -> None:
    collector.add_image(board_image, 0.9)
    for time_s in np.arange(1.0, 1.2, 0.02):
        collector.add_joints(Q_HOME, time_s)
    judged = collector.judge()
    assert judged is not None and judged.verdict is Verdict.NO_JOINTS


def test_silence_of_the_joints_around_an_image_is_no_rest(collector: Collector) -> None:
    for time_s in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5):
        collector.add_joints(Q_HOME, time_s)
    collector.add_image(board_image, 1.0)
    for time_s in (1.02, 1.1, 1.2):
        collector.add_joints(MOVED, time_s)
    judged = collector.judge()
    assert judged is not None and judged.verdict is Verdict.NO_JOINTS


def test_clock_that_goes_back_forgets_what_was_before_it(collector: Collector) -> None:
    collector.add_joints(MOVED, 50.0)
    samples = taken(judgements(lambda t: Q_HOME, board_image(), 1.0, collector))
    np.testing.assert_allclose([s.q for s in samples], [Q_HOME])


def test_present_image_is_taken_moving_and_without_a_board() -> None:
    collector = Collector(cases.eye_on_base().samples, any_pose=True)
    grey = np.full((480, 640, 3), 128, np.uint8)
    said = judgements(lambda t: Q_HOME + 0.2 * t, grey, 1.0, collector)
    for moment_s, judged in said[1:]:
        assert judged.q is not None
        assert moment_s - 0.3 < (judged.q[0] - Q_HOME[0]) / 0.2 <= moment_s - 0.15 + 1e-9


class BoardScript(Script):
    """An episode whose camera sees the board all the time."""

    def intrinsics(self) -> Intrinsics:
        return cases.INTRINSICS


def recorded(path: Path, monkeypatch: pytest.MonkeyPatch, **script: object) -> Path:
    monkeypatch.setattr(recording_cases, "arm_at", stop_and_go)
    image = board_image()
    values = {"length_s": 2.5, "width": 640, "height": 480, "camera_hz": 10.0}
    values |= {"cameras": ("front",), "picture": lambda *_: image, **script}
    return record(path, BoardScript(**values))


def collected(recording: Path, out: Path, count: int = 9) -> SampleFolder:
    camera = cases.eye_on_base().camera
    return collect_from_recording(
        recording, camera, cases.BOARD, "", out, count, lambda folder: None
    )


def test_recording_gives_a_sample_for_each_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = collected(recorded(tmp_path / "r", monkeypatch), tmp_path / "s")
    np.testing.assert_allclose(folder.q, [Q_HOME, MOVED], atol=1e-6)
    read = load_samples(tmp_path / "s")
    assert read.setup == replace(cases.eye_on_base().samples, distortion=(0.0,) * 5)
    np.testing.assert_array_equal(read.image(1), board_image())


def test_going_on_with_a_folder_takes_nothing_twice_and_stops_at_the_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = recorded(tmp_path / "r", monkeypatch)
    assert len(collected(recording, tmp_path / "s", count=1).samples) == 1
    assert len(collected(recording, tmp_path / "s").samples) == 2
    assert len(collected(recording, tmp_path / "s").samples) == 2


def test_recording_without_rests_says_how_to_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = recorded(tmp_path / "r", monkeypatch, length_s=0.3)
    with pytest.raises(CalibrationError, match="record with pauses"):
        collected(recording, tmp_path / "s")


def test_recording_without_the_lens_or_the_camera_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CalibrationError, match="no /front/color/camera_info was recorded"):
        collected(recorded(tmp_path / "a", monkeypatch, with_infos=False), tmp_path / "s")
    other = recorded(tmp_path / "b", monkeypatch, cameras=("wrist",))
    with pytest.raises((CalibrationError, InvalidDataset), match="front"):
        collected(other, tmp_path / "s")


def test_folder_of_another_board_is_not_added_to(tmp_path: Path) -> None:
    setup = cases.eye_on_base().samples
    open_folder(tmp_path, setup)
    assert open_folder(tmp_path, setup).setup == setup
    other = cases.eye_on_base(Board(5, 5)).samples
    with pytest.raises(CalibrationError, match="begun with another board"):
        open_folder(tmp_path, other)


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CalibrationError, match=r"file/samples: cannot be written"):
        open_folder(tmp_path / "file" / "samples", cases.eye_on_base().samples)


def test_board_is_on_the_hand_or_the_table_unless_it_is_said_otherwise() -> None:
    info = info_message(cases.INTRINSICS, 0.0)
    standing, hanging = cases.eye_on_base().camera, cases.eye_in_hand().camera
    assert setup_of(standing, info, cases.BOARD, "").board_frame == "panda_hand"
    assert setup_of(standing, info, cases.BOARD, "panda_link7").board_frame == "panda_link7"
    assert setup_of(hanging, info, cases.BOARD, "").board_frame == "panda_link0"
    with pytest.raises(InvalidParameter, match="one of both must be panda_link0"):
        setup_of(hanging, info, cases.BOARD, "panda_hand")


def test_lens_of_the_camera_is_taken_over_and_an_unknown_one_refused() -> None:
    camera: Camera = cases.eye_on_base().camera
    bent = info_message(cases.INTRINSICS, 0.0, d=(0.1, -0.2, 0.0, 0.0, 0.01))
    setup = setup_of(camera, bent, cases.BOARD, "")
    assert setup.distortion == (0.1, -0.2, 0.0, 0.0, 0.01)
    assert setup.intrinsics == cases.INTRINSICS
    fish = info_message(cases.INTRINSICS, 0.0, model="equidistant")
    with pytest.raises(CalibrationError, match="'equidistant' is not known"):
        setup_of(camera, fish, cases.BOARD, "")
    fish.k[:] = 0.0
    with pytest.raises(CalibrationError, match="is not calibrated"):
        setup_of(camera, fish, cases.BOARD, "")


def test_camera_that_is_not_there_is_refused_with_those_that_are() -> None:
    rig = cases.rig()
    assert camera_of(rig, "wrist").name == "wrist"
    with pytest.raises(InvalidParameter, match=r"no camera 'back'; .*\['front', 'wrist'"):
        camera_of(rig, "back")


def test_progress_tells_how_many_and_how_far_the_hand_has_turned() -> None:
    setup = cases.eye_on_base()
    folder = SampleFolder(Path(), setup.samples)
    assert progress_words(folder, 30) == "0 of 30 samples"
    q = np.repeat(setup.q_middle[None], 3, axis=0)
    q[:, 6] += [-0.5, 0.0, 0.5]
    turned = SampleFolder(Path(), setup.samples, [Sample("", row) for row in q])
    assert progress_words(turned, 30) == "3 of 30 samples; turned about three axes by 41, 0, 0 deg"
