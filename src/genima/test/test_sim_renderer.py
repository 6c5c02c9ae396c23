# SPDX-License-Identifier: Apache-2.0
"""Camera images of the MuJoCo world: geometry to the pixel, threads, resets."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest

from genima.arrays import Array, Bool, Float, UInt8
from genima.cameras import CameraRig, CameraView, Intrinsics, load_rig
from genima.errors import MissingDependency, WorldError
from genima.sim.mujoco_world import Q_START, MujocoSnapshot, MujocoWorld
from genima.sim.props import VISUAL_GROUP
from genima.sim.renderer import MujocoRenderer, Quality
from genima.sim.scene import scene_spec

ROOT = Path(__file__).parents[3]
MARKER_RADIUS_M = 0.008
# Glowing balls, by their colour: (frame, position in it [m]).
MARKERS = {
    (255, 0, 255): ("world", np.array([0.55, 0.22, 0.05])),
    (0, 255, 255): ("world", np.array([0.55, -0.22, 0.10])),
    (255, 255, 0): ("panda_hand_tcp", np.array([0.06, 0.02, 0.02])),
}
POSTURES = [
    Q_START,
    Q_START + np.array([0.4, 0.1, -0.2, 0.2, 0.1, -0.1, 0.5]),
    Q_START + np.array([-0.4, -0.1, 0.2, 0.1, -0.2, 0.3, -0.7]),
]


@pytest.fixture(scope="module")
def rig() -> CameraRig:
    return load_rig(ROOT / "config" / "cameras.yaml")


@pytest.fixture(scope="module")
def world(rig: CameraRig) -> MujocoWorld:
    world = MujocoWorld(rig)
    world.reset("push_button", 0, 0)
    return world


@pytest.fixture(scope="module")
def renderer(world: MujocoWorld) -> Iterator[MujocoRenderer]:
    renderer = MujocoRenderer(world)
    yield renderer
    renderer.close()


def marked_snapshot(rig: CameraRig, world: MujocoWorld, q: Float[Array, "7"]) -> MujocoSnapshot:
    """The scene without a task, with the markers in it, the arm at `q`."""
    spec = scene_spec(rig, 0.002)
    for colour, (frame, position) in MARKERS.items():
        rgba = [*(np.array(colour) / 255.0), 1.0]
        name = marker_name(colour)
        spec.add_material(name=name, rgba=rgba, emission=3.0, specular=0.0)
        spec.body(frame).add_geom(
            name=name,
            type=mujoco.mjtGeom.mjGEOM_SPHERE,
            size=[MARKER_RADIUS_M, 0.0, 0.0],
            pos=position,
            material=name,
            group=VISUAL_GROUP,
            contype=0,
            conaffinity=0,
        )
    model = spec.compile()
    data = mujoco.MjData(model)
    data.qpos[:7] = q
    mujoco.mj_kinematics(model, data)
    mujoco.mj_camlight(model, data)
    return MujocoSnapshot(
        model, data.geom_xpos, data.geom_xmat, data.cam_xpos, data.cam_xmat, world.state()
    )


def marker_name(colour: tuple[int, ...]) -> str:
    return "marker_" + "_".join(map(str, colour))


def seen_as(image: UInt8[Array, "h w 3"], colour: tuple[int, ...]) -> Bool[Array, "h w"]:
    return np.abs(image.astype(int) - colour).max(axis=2) < 8


def marker_errors(
    image: UInt8[Array, "h w 3"], view: CameraView, snapshot: MujocoSnapshot
) -> list[float]:
    """Distance between where each whole marker should be and where it is [px]."""
    errors = []
    for colour in MARKERS:
        at = seen_as(image, colour)
        uv, depth = view.project(snapshot.geom_xpos[snapshot.model.geom(marker_name(colour)).id])
        area = np.pi * (MARKER_RADIUS_M * view.intrinsics.fx / depth) ** 2
        if depth <= 0.0 or at.sum() < 0.8 * area or at.sum() < 5:
            continue  # outside of the image, or behind something
        rows, columns = np.nonzero(at)
        errors.append(float(np.hypot(columns.mean() + 0.5 - uv[0], rows.mean() + 0.5 - uv[1])))
    return errors


def test_known_points_appear_where_the_rig_says(
    rig: CameraRig, world: MujocoWorld, renderer: MujocoRenderer
) -> None:
    errors: dict[str, list[float]] = {name: [] for name in rig.cameras}
    for q in POSTURES:
        snapshot = marked_snapshot(rig, world, q)
        images = renderer.render(snapshot)
        for name, view in rig.views(q).items():
            errors[name] += marker_errors(images[name], view, snapshot)
    for name, found in errors.items():
        assert len(found) >= 3, name
        assert max(found) < 0.6, name


def test_calibrated_intrinsics_are_obeyed(rig: CameraRig, world: MujocoWorld) -> None:
    odd = Intrinsics(width=320, height=240, fx=400.0, fy=360.0, cx=175.0, cy=98.0)
    calibrated = rig.with_intrinsics("front", odd)
    other_world = MujocoWorld(calibrated)
    renderer = MujocoRenderer(other_world)
    snapshot = marked_snapshot(calibrated, world, Q_START)
    images = renderer.render(snapshot)
    renderer.close()
    assert images["front"].shape == (240, 320, 3)
    found = marker_errors(images["front"], calibrated.views(Q_START)["front"], snapshot)
    assert len(found) >= 2
    assert max(found) < 0.6


def test_images_are_of_the_rigs_cameras_and_sizes(
    rig: CameraRig, world: MujocoWorld, renderer: MujocoRenderer
) -> None:
    images = renderer.render(world.snapshot())
    assert list(images) == list(rig.cameras)
    for image in images.values():
        assert image.shape == (256, 256, 3)
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
        assert image.std() > 10.0  # there is something to see


def test_moving_the_arm_changes_the_image_and_an_old_snapshot_does_not(
    world: MujocoWorld, renderer: MujocoRenderer
) -> None:
    world.reset("push_button", 0, 0)
    before = world.snapshot()
    first = renderer.render(before)["front"]
    world.advance(np.linspace(Q_START, Q_START + 0.2, 200), True)
    later = renderer.render(world.snapshot())["front"]
    assert np.abs(later.astype(int) - first).max() > 50
    np.testing.assert_array_equal(renderer.render(before)["front"], first)


def test_new_episode_is_drawn_with_its_own_objects(
    world: MujocoWorld, renderer: MujocoRenderer
) -> None:
    world.reset("take_lid_off_saucepan", 0, 1)
    lid = renderer.render(world.snapshot())["front"]
    world.reset("open_drawer", 0, 1)
    drawer = renderer.render(world.snapshot())["front"]
    world.reset("take_lid_off_saucepan", 0, 1)
    again = renderer.render(world.snapshot())["front"]
    assert np.abs(lid.astype(int) - drawer).max() > 50
    np.testing.assert_array_equal(lid, again)


def test_shadows_darken_the_table_and_nothing_else_is_needed(world: MujocoWorld) -> None:
    world.reset("push_button", 0, 0)
    pictures = {}
    for quality in (Quality.FAST, Quality.SHADOWS):
        renderer = MujocoRenderer(world, quality)
        pictures[quality] = renderer.render(world.snapshot())["front"].astype(int)
        renderer.close()
    difference = pictures[Quality.FAST] - pictures[Quality.SHADOWS]
    assert (difference.max(axis=2) > 20).mean() > 0.01
    assert (difference.min(axis=2) > -20).mean() > 0.99


def test_beauty_picture_is_large(world: MujocoWorld, renderer: MujocoRenderer) -> None:
    assert renderer.beauty(world.snapshot()).shape == (480, 640, 3)


def test_another_thread_is_turned_away(world: MujocoWorld, renderer: MujocoRenderer) -> None:
    renderer.render(world.snapshot())
    errors: list[Exception] = []

    def intrude() -> None:
        try:
            renderer.render(world.snapshot())
        except WorldError as error:
            errors.append(error)

    thread = threading.Thread(target=intrude)
    thread.start()
    thread.join()
    assert len(errors) == 1
    assert "thread" in str(errors[0])


def test_renderer_works_in_a_thread_of_its_own(world: MujocoWorld) -> None:
    images: list[dict[str, UInt8[Array, "h w 3"]]] = []
    snapshot = world.snapshot()

    def work() -> None:
        renderer = MujocoRenderer(world)
        images.append(renderer.render(snapshot))
        renderer.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(images) == 1


def test_closed_renderer_can_be_used_again(world: MujocoWorld) -> None:
    renderer = MujocoRenderer(world)
    first = renderer.render(world.snapshot())["wrist"]
    renderer.close()
    renderer.close()
    np.testing.assert_array_equal(renderer.render(world.snapshot())["wrist"], first)
    renderer.close()


def test_missing_opengl_is_named_with_the_line_that_installs_it(
    world: MujocoWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUJOCO_GL", "nothing_of_the_kind")
    renderer = MujocoRenderer(world)
    with pytest.raises(MissingDependency, match="apt-get install"):
        renderer.render(world.snapshot())


def test_renders_though_mujoco_was_imported_without_a_choice_of_opengl() -> None:
    code = (
        "import mujoco; from pathlib import Path; from genima.cameras import load_rig;"
        "from genima.sim.mujoco_world import MujocoWorld;"
        "from genima.sim.renderer import MujocoRenderer;"
        f"w = MujocoWorld(load_rig(Path({str(ROOT / 'config' / 'cameras.yaml')!r})));"
        "w.reset('push_button', 0, 0); r = MujocoRenderer(w); r.render(w.snapshot()); r.close()"
    )
    paths = ":".join(entry for entry in sys.path if entry)
    environment = {k: v for k, v in os.environ.items() if k != "MUJOCO_GL"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_tampered_camera_pose_would_be_noticed(
    rig: CameraRig, world: MujocoWorld, renderer: MujocoRenderer
) -> None:
    """The measurement of the first test sees a camera that is two millimetres off."""
    snapshot = marked_snapshot(rig, world, Q_START)
    shifted = replace(snapshot, cam_xpos=snapshot.cam_xpos + np.array([0.0, 0.004, 0.0]))
    image = renderer.render(shifted)["front"]
    assert max(marker_errors(image, rig.views(Q_START)["front"], snapshot)) > 0.6


def test_cameras_that_share_a_shadow_map_see_what_each_would_see_alone(rig: CameraRig) -> None:
    """Also after the arm has moved, and for the model of a new episode."""
    alone = {name: MujocoWorld(CameraRig({name: camera})) for name, camera in rig.cameras.items()}
    together = MujocoWorld(rig)
    renderer = MujocoRenderer(together)
    try:
        for task in ("push_button", "open_drawer"):
            for world in (together, *alone.values()):
                world.reset(task, 0, 0)
            for q in (Q_START, POSTURES[1]):
                for world in (together, *alone.values()):
                    world.advance(np.tile(q, (25, 1)), True)
                images = renderer.render(together.snapshot())
                for name, world in alone.items():
                    single = MujocoRenderer(world)
                    expected = single.render(world.snapshot())[name]
                    single.close()
                    np.testing.assert_array_equal(images[name], expected, err_msg=f"{task} {name}")
                    assert expected.std() > 10.0
    finally:
        renderer.close()
