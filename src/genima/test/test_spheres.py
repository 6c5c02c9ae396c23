# SPDX-License-Identifier: Apache-2.0
"""The spheres' places and stripes, and drawing them, against a slow and plain ray tracer."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genima.arrays import Array, Bool, Float, UInt8
from genima.errors import InvalidImage, InvalidParameter
from genima.geometry import rotation_x, rotation_y, rotation_z, transform
from genima.intrinsics import Intrinsics
from genima.kinematics import Q_HOME, base_T_tcp, frame_poses
from genima.policy import Policy
from genima.sphere_tracing import trace_sphere
from genima.spheres import (
    GRIPPER_CLOSED_RGB,
    SPHERE_RGB,
    STRIPE_EDGES,
    Z_FAR_M,
    Sphere,
    SphereLayer,
    draw_spheres,
    draw_targets,
    is_coloured,
    paint_spheres,
    render_spheres,
    sphere_poses,
)
from genima.view import CameraView

PINHOLE = Intrinsics(96, 64, 80.0, 75.0, 50.0, 30.0)
VIEW = CameraView(PINHOLE, np.eye(4))  # at the base, looking along z
FAR_AWAY = np.array([0.0, 0.0, -9.0])
Poses = Float[Array, "4 4 4"]


def poses(*centres: tuple[float, float, float], turn: float = 0.4) -> Poses:
    """Spheres at these places, and the rest behind the camera."""
    places = [*(np.array(centre) for centre in centres), *[FAR_AWAY] * (4 - len(centres))]
    return np.array([transform(rotation_y(turn + i), p) for i, p in enumerate(places)])


def random_poses(rng: np.random.Generator) -> Poses:
    """Anywhere: overlapping, beside and behind the camera, around it, beyond the far plane."""
    scale = rng.choice([0.1, 0.5, 3.0])
    return np.array(
        [
            transform(
                rotation_z(rng.uniform(-3, 3)) @ rotation_x(rng.uniform(-3, 3)),
                rng.normal([0, 0, scale], scale),
            )
            for _ in Sphere
        ]
    )


def traced_plainly(
    base_T_spheres: Poses, radius_m: float
) -> tuple[Float[Array, "h w"], Bool[Array, "h w"], Float[Array, "h w"]]:
    """Index, stripe and how safely they are known [m], in double precision, sphere by sphere."""
    rays = PINHOLE.rays
    unit = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    depth = np.full((4, *rays.shape[:2]), np.inf)
    coloured = np.zeros(depth.shape, bool)
    margin = np.full(depth.shape[1:], np.inf)
    for i, pose in enumerate(base_T_spheres):
        centre = pose[:3, 3]
        nearest_point = unit * (unit @ centre)[..., None]
        miss_m = np.linalg.norm(nearest_point - centre, axis=-1)
        margin = np.minimum(margin, abs(miss_m - radius_m))
        back = np.sqrt(np.maximum(radius_m**2 - miss_m**2, 0))
        hit = nearest_point - unit * back[..., None]
        inside = np.linalg.norm(centre) <= radius_m
        sees = (miss_m <= radius_m) & (unit @ centre > 0) & (not inside) & (hit[..., 2] < Z_FAR_M)
        depth[i][sees] = hit[..., 2][sees]
        x_over_r = (hit - centre) @ pose[:3, 0] / radius_m
        starts = np.array([-1, -0.625, -0.25, 0.125, 0.5])
        coloured[i] = (
            (x_over_r[..., None] >= starts) & (x_over_r[..., None] < starts + 0.1875)
        ).any(-1)
        to_edge = abs(x_over_r[..., None] - np.array(STRIPE_EDGES)).min(axis=-1) * radius_m
        margin = np.where(sees, np.minimum(margin, to_edge), margin)
        margin = np.minimum(margin, abs(hit[..., 2] - Z_FAR_M))
    front = np.sort(depth, axis=0)
    with np.errstate(invalid="ignore"):
        margin = np.fmin(margin, front[1] - front[0])
    index = np.where(np.isfinite(front[0]), depth.argmin(axis=0), -1)
    return index, np.take_along_axis(coloured, index[None], 0)[0] & (index >= 0), margin


def assert_agrees_with_a_plain_ray_tracer(base_T_spheres: Poses, radius_m: float) -> None:
    layer = render_spheres(base_T_spheres, True, VIEW, radius_m)
    index, coloured, margin_m = traced_plainly(base_T_spheres, radius_m)
    certain = margin_m > 1e-4
    assert (layer.index == index)[certain].all()
    assert (layer.rgb.any(axis=-1) == coloured)[certain].all()
    colours = np.array([*SPHERE_RGB.values(), (0, 0, 0)], np.uint8)
    assert (layer.rgb == np.where(layer.rgb.any(-1, keepdims=True), colours[layer.index], 0)).all()
    assert (layer.mask == (layer.index >= 0)).all()


@given(seed=st.integers(0, 2**32 - 1), radius_m=st.sampled_from([0.03, 0.08, 0.3]))
def test_drawing_agrees_with_a_plain_ray_tracer(seed: int, radius_m: float) -> None:
    assert_agrees_with_a_plain_ray_tracer(random_poses(np.random.default_rng(seed)), radius_m)


@pytest.mark.parametrize("z", [-0.02, 0.0, 0.02])
def test_sphere_that_the_camera_touches_is_not_seen_backwards(z: float) -> None:
    assert_agrees_with_a_plain_ray_tracer(poses((0.075, 0.075, z)), 0.1)


def test_footprint_box_is_no_larger_than_the_sphere_appears() -> None:
    footprint = trace_sphere(poses((0.05, -0.03, 1.0))[0], PINHOLE, 0.1)
    assert footprint is not None
    hit = np.isfinite(footprint.depth_m)
    assert hit[[0, -1]].any(axis=1).all() and hit[:, [0, -1]].any(axis=0).all()


@pytest.mark.parametrize(
    "centre", [(2.0, 0.0, 1.0), (0.0, -2.0, 1.0), (0.0, 0.0, -1.0), (0.0, 0.05, 0.02)]
)
def test_sphere_beside_behind_or_around_the_camera_has_no_footprint(
    centre: tuple[float, float, float],
) -> None:
    assert trace_sphere(poses(centre)[0], PINHOLE, 0.1) is None


def test_stripes_are_those_of_the_original() -> None:
    edges = [-1, -0.8125, -0.625, -0.4375, -0.25, -0.0625, 0.125, 0.3125, 0.5, 0.6875, 1]
    assert list(STRIPE_EDGES) == edges
    middles = (np.array(edges[:-1]) + edges[1:]) / 2
    assert is_coloured(middles).tolist() == [True, False] * 5
    assert is_coloured(np.array([-1.0, 1.0, 0.99])).tolist() == [True, False, False]


def test_colours_are_those_of_the_original() -> None:
    assert list(SPHERE_RGB.items()) == [
        (Sphere.BASE, (154, 0, 0)),
        (Sphere.ELBOW, (43, 207, 62)),
        (Sphere.WRIST, (132, 104, 240)),
        (Sphere.GRIPPER, (5, 206, 235)),
    ]


def test_negative_x_shows_a_coloured_cap_and_positive_x_a_black_one() -> None:
    for turn, rgb in ((-np.pi / 2, SPHERE_RGB[Sphere.BASE]), (np.pi / 2, (0, 0, 0))):
        pose = transform(rotation_y(turn), np.array([0, 0, 0.5]))
        assert np.allclose(pose[:3, 0], [0, 0, -np.sign(turn)])
        layer = render_spheres(np.array([pose, *poses()[1:]]), True, VIEW, 0.05)
        assert tuple(layer.rgb[30, 50]) == rgb and layer.mask[30, 50]


def test_gripper_colour_tells_open_from_closed() -> None:
    base_T_spheres = poses((-0.1, 0, 0.6), (0.1, 0, 0.6), (0.1, 0.1, 0.6), (-0.1, 0.1, 0.6))
    drawn = {state: render_spheres(base_T_spheres, state, VIEW, 0.05) for state in (True, False)}
    for state, colour in ((True, SPHERE_RGB[Sphere.GRIPPER]), (False, GRIPPER_CLOSED_RGB)):
        seen = np.unique(drawn[state].rgb[drawn[state].index == 3], axis=0).tolist()
        assert seen == sorted([[0, 0, 0], list(colour)])
    others = drawn[True].index != 3
    assert (drawn[True].rgb == drawn[False].rgb)[others].all()


def test_nearer_sphere_hides_the_farther_one_whatever_their_order() -> None:
    near, far = (0.0, 0.0, 0.5), (0.0, 0.0, 1.0)
    assert render_spheres(poses(near, far), True, VIEW, 0.1).index[30, 50] == 0
    assert render_spheres(poses(far, near), True, VIEW, 0.1).index[30, 50] == 1


def test_nothing_is_drawn_beyond_the_far_plane() -> None:
    beyond = render_spheres(poses((0, 0, Z_FAR_M + 0.6)), True, VIEW, 0.5)
    across = render_spheres(poses((0, 0, Z_FAR_M + 0.4)), True, VIEW, 0.5)
    before = render_spheres(poses((0, 0, Z_FAR_M - 0.5)), True, VIEW, 0.5)
    assert not beyond.mask.any()
    assert 0 < across.mask.sum() < before.mask.sum()


def test_drawing_a_part_of_the_image_gives_that_part_of_the_drawing() -> None:
    base_T_spheres = poses((0.05, 0, 0.4), (-0.1, 0.05, 0.5), (0.2, 0.1, 0.6))
    whole = render_spheres(base_T_spheres, True, VIEW, 0.08)
    part = render_spheres(
        base_T_spheres, True, CameraView(PINHOLE.crop(30, 10, 40, 50), np.eye(4)), 0.08
    )
    assert (part.index == whole.index[10:60, 30:70]).mean() > 0.999
    assert (part.rgb == whole.rgb[10:60, 30:70]).mean() > 0.99


def test_camera_that_moves_with_the_spheres_sees_the_same() -> None:
    base_T_spheres = poses((0.05, 0, 0.4), (-0.1, 0.05, 0.5))
    moved = transform(rotation_z(2.0) @ rotation_x(0.7), np.array([0.3, -0.2, 1.1]))
    still = render_spheres(base_T_spheres, True, VIEW, 0.05)
    seen = render_spheres(moved @ base_T_spheres, True, CameraView(PINHOLE, moved), 0.05)
    assert (seen.rgb == still.rgb).mean() > 0.999


@pytest.mark.parametrize("radius_m", [0.0, -0.1, float("nan")])
def test_radius_that_is_not_positive_is_refused(radius_m: float) -> None:
    with pytest.raises(InvalidParameter, match="radius"):
        render_spheres(poses(), True, VIEW, radius_m)


def test_spheres_sit_in_their_frames() -> None:
    q = Q_HOME + 0.1 * np.arange(7)
    links = frame_poses(q)
    assert np.allclose(sphere_poses(q), [links[2], links[4], links[6], base_T_tcp(q)])


def test_sphere_poses_take_a_batch() -> None:
    q = Q_HOME + np.random.default_rng(0).normal(size=(2, 3, 7))
    assert np.allclose(sphere_poses(q)[1, 2], sphere_poses(q[1, 2]))


@pytest.mark.parametrize(("sphere", "joint"), [(0, 1), (1, 3), (2, 5), (3, 6)])
def test_stripes_turn_with_the_sphere_s_own_joint(sphere: int, joint: int) -> None:
    turned = Q_HOME + 0.3 * (np.arange(7) == joint)
    before, after = sphere_poses(Q_HOME)[sphere], sphere_poses(turned)[sphere]
    assert np.allclose(before[:3, 3], after[:3, 3])
    assert np.allclose(after[:3, :3], before[:3, :3] @ rotation_z(0.3))


@pytest.fixture
def layer() -> SphereLayer:
    return render_spheres(poses((0, 0, 0.5)), True, VIEW, 0.1)


def grey(view: CameraView = VIEW) -> UInt8[Array, "h w 3"]:
    return np.full((view.intrinsics.height, view.intrinsics.width, 3), 100, np.uint8)


def test_drawn_spheres_cover_the_image_only_where_they_are(layer: SphereLayer) -> None:
    image = grey()
    drawn = draw_spheres(image, layer)
    assert (image == 100).all()
    assert (drawn[layer.mask] == layer.rgb[layer.mask]).all()
    assert (drawn[~layer.mask] == 100).all()


def test_transparent_spheres_mix_with_the_image(layer: SphereLayer) -> None:
    drawn = draw_spheres(grey(), layer, alpha=0.7)
    wanted = np.rint(0.7 * layer.rgb[layer.mask] + 30)
    assert abs(drawn[layer.mask] - wanted).max() <= 1
    assert (drawn[~layer.mask] == 100).all()


@pytest.mark.parametrize(
    "spoil", [lambda image: image[:-1], lambda image: image[..., :2], lambda image: image / 255]
)
def test_image_that_does_not_fit_the_layer_is_refused(
    layer: SphereLayer, spoil: Callable[[UInt8[Array, "h w 3"]], UInt8[Array, "..."]]
) -> None:
    with pytest.raises(InvalidImage, match="spheres were drawn for"):
        draw_spheres(spoil(grey()), layer)


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_impossible_opacity_is_refused(layer: SphereLayer, alpha: float) -> None:
    with pytest.raises(InvalidParameter, match="alpha"):
        draw_spheres(grey(), layer, alpha)


@given(seed=st.integers(0, 2**32 - 1), alpha=st.sampled_from([0.0, 0.7, 0.85, 1.0]))
def test_painting_gives_the_same_pixels_as_drawing_a_layer(seed: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    base_T_spheres, gripper_open = random_poses(rng), bool(rng.integers(2))
    image = rng.integers(0, 256, (64, 96, 3), np.uint8)
    layer = render_spheres(base_T_spheres, gripper_open, VIEW, 0.08)
    wanted = draw_spheres(image, layer, alpha)
    paint_spheres(image, base_T_spheres, gripper_open, VIEW, 0.08, alpha)
    assert (image == wanted).all()


def test_painting_into_an_image_of_another_size_is_refused() -> None:
    with pytest.raises(InvalidImage, match="spheres were drawn for"):
        paint_spheres(grey()[:-1], poses((0, 0, 0.5)), True, VIEW, 0.1)


def test_painting_leaves_an_image_without_visible_spheres_as_it_is() -> None:
    image = grey()
    paint_spheres(image, poses(), True, VIEW, 0.1)
    assert (image == 100).all()


def test_targets_are_drawn_in_every_camera_with_its_own_radius() -> None:
    policy = Policy()
    tcp = base_T_tcp(Q_HOME)
    view = CameraView(PINHOLE, transform(rotation_x(np.pi), tcp[:3, 3] + [0, 0, 0.8]))
    images = {name: grey() for name in (*policy.cameras, "overhead")}
    drawn = draw_targets(images, Q_HOME, False, {name: view for name in images}, policy)
    assert set(drawn) == set(policy.cameras)
    for name, image in drawn.items():
        layer = render_spheres(sphere_poses(Q_HOME), False, view, policy.sphere_radii_m[name])
        assert layer.mask.any()
        assert (image == draw_spheres(grey(), layer)).all()
    assert (drawn["front"] != 100).sum() > (drawn["wrist"] != 100).sum()


def test_targets_need_image_and_view_of_every_camera() -> None:
    policy = Policy()
    images = {name: grey() for name in policy.cameras}
    views = {name: replace(VIEW) for name in policy.cameras if name != "front"}
    with pytest.raises(InvalidImage, match=r"no image or no view of \['front'\]"):
        draw_targets(images, Q_HOME, True, views, policy)
