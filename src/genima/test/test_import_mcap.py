# SPDX-License-Identifier: Apache-2.0
"""Recorded episodes become demonstrations."""

import numpy as np
import pytest

from genima.data.import_mcap import import_mcap
from genima.data.import_options import ImportOptions
from genima.data.training_set import TrainingSet
from genima.errors import InvalidDataset, InvalidParameter
from genima.recording.dataset import ImageStorage

from . import recording_cases as cases
from .recording_cases import CAMERAS, START_NS, Script, arm_at, record, time_of


def imported(tmp_path, *scripts, options=None, **info):
    """The demonstrations that come out."""
    recording = record(tmp_path / "recorded", *scripts, **info)
    import_mcap(recording, tmp_path / "set", options or ImportOptions(size_px=32))
    made = TrainingSet.open(tmp_path / "set")
    return [made.load(key.task, key.episode, key.variation) for key in list(made.keys())]


def refused(tmp_path, script, options=None, **info) -> str:
    with pytest.raises(InvalidDataset) as error:
        imported(tmp_path, script, options=options, **info)
    assert not (tmp_path / "set").exists()
    return str(error.value)


def steps_s(demonstration) -> np.ndarray:
    return demonstration.stamps_s - START_NS / 1e9


def test_each_step_has_the_nearest_frame_of_each_camera(tmp_path) -> None:
    script = Script()
    (made,) = imported(tmp_path, script)
    assert np.allclose(np.diff(steps_s(made)), 0.05)
    for camera in CAMERAS:
        recorded_s = script.frame_times_s(camera)
        for t, step_s in enumerate(steps_s(made)):
            error_s = np.abs(recorded_s - step_s).min()
            shown_s = time_of(made.images[camera][t])
            assert abs(shown_s - step_s) == pytest.approx(error_s, abs=1e-3)
            assert error_s <= 0.5 / script.camera_hz + 1e-6


def test_joints_and_velocities_are_those_of_the_step(tmp_path) -> None:
    (made,) = imported(tmp_path, Script(joints_hz=37.0))
    expected = np.array([arm_at(t) for t in steps_s(made)])
    assert np.allclose(made.q, expected, atol=1e-6)
    assert np.allclose(made.dq, cases.SPEEDS)


def test_velocities_that_were_not_sent_are_differences(tmp_path) -> None:
    (made,) = imported(tmp_path, Script(with_velocity=False))
    assert np.allclose(made.dq, cases.SPEEDS, atol=1e-5)


def test_steps_begin_when_every_stream_has_begun_and_end_with_the_first_to_end(tmp_path) -> None:
    script = Script(dropped={("wrist", i) for i in range(6)} | {("front", 59), ("front", 58)})
    (made,) = imported(tmp_path, script)
    assert steps_s(made)[0] == pytest.approx(script.frame_times_s("wrist")[0], abs=1e-6)
    assert script.frame_times_s("front")[-1] - 0.05 < steps_s(made)[-1]
    assert steps_s(made)[-1] <= script.frame_times_s("front")[-1]


def test_streams_at_the_training_rate_come_out_unchanged(tmp_path) -> None:
    script = Script(camera_hz=20.0, joints_hz=20.0, phase_s=0.0)
    (made,) = imported(tmp_path, script)
    assert len(made) == len(script.frame_times_s("front"))
    assert (made.q == [arm_at(t) for t in script.frame_times_s("front")]).all()
    assert "at most 0.0 ms away" in made.source


def test_missing_frames_refuse_the_episode_and_name_camera_and_time(tmp_path) -> None:
    script = Script(dropped={("wrist", i) for i in (30, 31, 32)})
    message = refused(tmp_path, script)
    assert "camera 'wrist' has no frame for 2 of 40 steps" in message
    assert "at most 25 ms" in message


def test_missing_frames_can_be_allowed_and_are_told_of(tmp_path) -> None:
    script = Script(dropped={("wrist", i) for i in (30, 31, 32)})
    options = ImportOptions(size_px=32, max_image_error_s=0.08)
    (made,) = imported(tmp_path, script, options=options)
    assert "at most 42.0 ms away, 2 of them used twice" in made.source
    shown_s = np.array([time_of(made.images["wrist"][t]) for t in range(len(made))])
    assert 0.025 < np.abs(shown_s - steps_s(made)).max() <= 0.08


def test_frame_that_stands_for_two_steps_is_counted(tmp_path) -> None:
    script = Script(camera_hz=20.0, phase_s=0.0, dropped={("front", 10)})
    options = ImportOptions(size_px=32, max_image_error_s=0.05)
    (made,) = imported(tmp_path, script, options=options)
    assert "1 of them used twice" in made.source


def test_missing_camera_is_named(tmp_path) -> None:
    first = Script()
    without = Script(cameras=tuple(c for c in CAMERAS if c != "front"))
    recording = record(tmp_path / "recorded", first, without)
    report = import_mcap(recording, tmp_path / "set", ImportOptions(size_px=32))
    assert len(report.imported) == 1
    (skipped,) = report.skipped
    assert "episode_000001" in skipped and "no images of camera 'front'" in skipped


def test_silent_joints_are_refused(tmp_path) -> None:
    message = refused(tmp_path, Script(joints_silent_s=(0.5, 0.72)))
    assert "joint_states were silent for 0.2" in message


@pytest.mark.parametrize("storage", list(ImageStorage))
@pytest.mark.parametrize("encoding", ["rgb8", "bgr8"])
def test_images_in_every_storage_and_encoding_have_their_colours(
    tmp_path, storage, encoding
) -> None:
    def picture(time_s: float, width: int, height: int) -> np.ndarray:
        return np.broadcast_to(np.array([200, 90, 20], np.uint8), (height, width, 3)).copy()

    script = Script(length_s=0.5, storage=storage, encoding=encoding, padding=10, picture=picture)
    (made,) = imported(tmp_path, script)
    assert made.images["front"][3].shape == (32, 32, 3)
    assert np.abs(made.images["front"][3].astype(int) - [200, 90, 20]).max() <= 3


def scene(_time_s: float, width: int, height: int) -> np.ndarray:
    """Bright blobs on black, to find again to a fraction of a pixel."""
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    image = np.zeros((height, width))
    for x, y in BLOBS:
        image += 255 * np.exp(-((u - x) ** 2 + (v - y) ** 2) / (2 * 3.0**2))
    return np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, -1)


BLOBS = ((70.0, 45.0), (240.0, 60.0), (160.0, 120.0), (80.0, 200.0), (250.0, 190.0))


def centre_near(image: np.ndarray, x: float, y: float, reach: int = 10) -> tuple[float, float]:
    u, v = np.meshgrid(np.arange(image.shape[1]) + 0.5, np.arange(image.shape[0]) + 0.5)
    weight = image[..., 0] * ((np.abs(u - x) < reach) & (np.abs(v - y) < reach))
    return (u * weight).sum() / weight.sum(), (v * weight).sum() / weight.sum()


def test_distortion_is_removed_and_the_intrinsics_are_those_of_the_result(tmp_path) -> None:
    script = Script(
        length_s=0.3,
        width=320,
        height=240,
        distortion=(-0.08, 0.02, 0.001, -0.0005, 0.0),
        picture=lambda t, w, h: cases.undistorted_lookalike(script, scene(t, w, h)),
    )
    script.intrinsics = lambda: cases.Intrinsics(320, 240, 260.0, 262.0, 163.0, 118.0)
    (made,) = imported(tmp_path, script, options=ImportOptions(size_px=256))
    seen, sharp = made.images["front"][2], script.intrinsics()
    k = made.rig.cameras["front"].intrinsics
    shifts = []
    for x, y in BLOBS:
        # The ray through the blob, by the intrinsics before; its pixel, by those after.
        u = (x - sharp.cx) / sharp.fx * k.fx + k.cx
        v = (y - sharp.cy) / sharp.fy * k.fy + k.cy
        found = centre_near(seen, u, v)
        assert found == pytest.approx((u, v), abs=0.25)
        lens = cases.undistorted_lookalike(script, scene(0, 320, 240))
        shifts.append(np.hypot(*np.subtract(centre_near(lens, x, y, 14), (x, y))))
    assert max(shifts) > 1.5, "without rectification the blobs would be elsewhere"
    assert "distortion removed from" in made.source and "no camera" not in made.source


def test_intrinsics_follow_crop_and_size(tmp_path) -> None:
    script = Script(length_s=0.3)
    (made,) = imported(tmp_path, script, options=ImportOptions(size_px=24))
    assert made.rig.cameras["front"].intrinsics == script.intrinsics().square(24)


def test_without_camera_info_the_calibration_file_counts(tmp_path) -> None:
    script = Script(length_s=0.3, with_infos=False)
    (made,) = imported(tmp_path, script)
    assert made.rig.cameras["front"].intrinsics == script.intrinsics().square(32)


def test_unknown_lens_model_is_refused(tmp_path) -> None:
    script = Script(length_s=0.3, distortion=(0.1,) * 4, distortion_model="equidistant")
    assert "'equidistant'" in refused(tmp_path, script)


def plan(sent_s: float, times_s, offset: float, stamped: bool = True):
    q = [arm_at(t) + offset for t in times_s]
    message = cases.trajectory_message(sent_s, times_s, q, stamped)
    return ("/joint_trajectory", sent_s, message)


@pytest.mark.parametrize("stamped", [True, False])
def test_newer_trajectory_replaces_the_rest_of_the_older(tmp_path, stamped) -> None:
    old = plan(0.2, np.arange(0.22, 1.4, 0.02), 0.01)
    new = plan(0.8, np.arange(0.82, 1.2, 0.02), 0.02, stamped)
    (made,) = imported(tmp_path, Script(extra=[old, new]))
    at_s = steps_s(made)
    offset = made.q_command - [arm_at(t) for t in at_s]
    assert np.isnan(offset[at_s < 0.2]).all()
    assert np.allclose(offset[(at_s > 0.25) & (at_s < 0.78)], 0.01, atol=1e-6)
    late = 0.0 if stamped else 0.003  # without a stamp the time of arrival counts
    assert np.allclose(
        offset[(at_s > 0.85) & (at_s < 1.17)], 0.02 - late * cases.SPEEDS, atol=1e-5
    )
    held = made.q_command[at_s > 1.25]
    assert np.allclose(held, held[0])


def test_first_step_has_no_command_and_no_commands_are_no_commands(tmp_path) -> None:
    early = plan(-0.5, np.arange(-0.5, 2.5, 0.02), 0.0)
    (made,) = imported(tmp_path, Script(extra=[early]))
    assert list(made.commanded) == [False] + [True] * (len(made) - 1)
    (made,) = imported(tmp_path / "none", Script())
    assert not made.commanded.any()


def test_gripper_is_what_the_fingers_say_and_its_command_what_was_sent(tmp_path) -> None:
    sent = [
        ("/gripper_command", t, cases.gripper_message(t, o))
        for t, o in ((0.3, True), (0.9, False))
    ]
    motion = plan(0.0, np.arange(0.0, 2.5, 0.02), 0.0)
    (made,) = imported(tmp_path, Script(extra=[*sent, motion]))
    at_s = steps_s(made)
    assert (made.gripper_open == (at_s < 1.0)).all()
    assert np.allclose(made.gripper_width_m[at_s < 0.99], 0.08)
    told = at_s >= 0.9
    assert not made.gripper_command[told].any() and made.gripper_command[~told].all()


def test_without_fingers_the_last_command_counts_and_without_either_it_is_refused(
    tmp_path,
) -> None:
    sent = [("/gripper_command", 0.9, cases.gripper_message(0.9, False))]
    message = refused(tmp_path / "neither", Script(with_fingers=False))
    assert "nothing tells whether the gripper was open" in message
    sent.insert(0, ("/gripper_command", -0.1, cases.gripper_message(-0.1, True)))
    (made,) = imported(tmp_path, Script(with_fingers=False, extra=sent))
    assert (made.gripper_open == (steps_s(made) < 0.9)).all()
    assert made.gripper_width_m is None


@pytest.mark.parametrize(("success", "flag"), [(False, "failed"), (None, "unlabelled")])
def test_only_successful_episodes_are_taken_unless_asked_for(tmp_path, success, flag) -> None:
    message = refused(tmp_path / "a", Script(length_s=0.4), success=success)
    assert "not asked for" in message
    options = ImportOptions(size_px=32, **{flag: True})
    (made,) = imported(tmp_path / "b", Script(length_s=0.4), options=options, success=success)
    assert made.success is success


def test_stillness_is_cut_off_on_request(tmp_path, monkeypatch) -> None:
    def moving(time_s: float) -> np.ndarray:
        return cases.Q_HOME + 0.5 * np.clip(time_s - 1.5, 0.0, 1.0)

    monkeypatch.setattr(cases, "arm_at", moving)
    script = Script(length_s=4.5)
    script.finger_m = lambda t: 0.04
    (whole,) = imported(tmp_path / "whole", script)
    options = ImportOptions(size_px=32, trim=True)
    (made,) = imported(tmp_path / "cut", script, options=options)
    assert steps_s(whole)[0] < 0.1 and steps_s(whole)[-1] > 4.3
    assert steps_s(made)[0] == pytest.approx(1.0, abs=0.1)
    assert steps_s(made)[-1] == pytest.approx(3.0, abs=0.1)
    assert np.isnan(made.q_command[0]).all()


def test_arm_that_never_moves_is_refused_when_cutting(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(cases, "arm_at", lambda time_s: cases.Q_HOME)
    script = Script()
    script.finger_m = lambda t: 0.04
    message = refused(tmp_path, script, ImportOptions(size_px=32, trim=True))
    assert "ever moves" in message


def test_each_instruction_of_a_task_is_a_variation(tmp_path) -> None:
    short = Script(length_s=0.3)
    record(tmp_path / "recorded", short, short)
    record(tmp_path / "recorded", short, instruction="push the red button")
    import_mcap(tmp_path / "recorded", tmp_path / "set", ImportOptions(size_px=32))
    made = TrainingSet.open(tmp_path / "set")
    assert list(map(str, made.keys())) == [
        "push_button/variation0/episode0",
        "push_button/variation0/episode1",
        "push_button/variation1/episode0",
    ]
    assert made.load("push_button", 0, 1).descriptions == ("push the red button",)


def test_camera_that_was_changed_meanwhile_is_refused(tmp_path) -> None:
    other = cases.info_message(cases.Intrinsics(64, 48, 70.0, 70.0, 32.0, 24.0), 0.21)
    script = Script(length_s=0.4, extra=[("/front/color/camera_info", 0.21, other)])
    assert "changed its calibration" in refused(tmp_path, script)


def test_frames_recorded_twice_change_nothing(tmp_path) -> None:
    image = cases.image_message(cases.stamped_image(0.2, 64, 48), 0.2)
    script = Script(length_s=0.6, extra=[("/front/color/image_raw", 0.2, image)] * 2)
    (made,) = imported(tmp_path, script)
    (same,) = imported(tmp_path / "same", Script(length_s=0.6))
    assert all(
        (made.images["front"][t] == same.images["front"][t]).all() for t in range(len(same))
    )


def test_existing_set_is_not_written_over(tmp_path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "precious").write_text("data")
    recording = record(tmp_path / "recorded", Script(length_s=0.3))
    with pytest.raises(InvalidDataset, match="is not empty"):
        import_mcap(recording, tmp_path / "set", ImportOptions(size_px=32))
    assert [p.name for p in (tmp_path / "set").iterdir()] == ["precious"]


def test_nothing_is_left_of_an_import_that_fails(tmp_path) -> None:
    recording = record(tmp_path / "recorded", Script(length_s=0.3))

    def pulled_plug(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_mcap(recording, tmp_path / "set", ImportOptions(size_px=32), pulled_plug)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["recorded"]


@pytest.mark.parametrize("wrong", [{"step_s": 0.0}, {"size_px": 4}, {"max_image_error_s": -1.0}])
def test_wrong_options_are_refused(wrong) -> None:
    with pytest.raises(InvalidParameter, match=next(iter(wrong))):
        ImportOptions(**wrong)


def test_place_that_cannot_be_written_is_named(tmp_path) -> None:
    recording = record(tmp_path / "recorded", Script(length_s=0.3))
    (tmp_path / "file").touch()
    with pytest.raises(InvalidDataset, match="file/set could not be made"):
        import_mcap(recording, tmp_path / "file" / "set", ImportOptions(size_px=32))


def test_task_that_is_no_folder_name_is_refused(tmp_path) -> None:
    assert "cannot be the name of a folder" in refused(tmp_path, Script(length_s=0.3), task="../a")
