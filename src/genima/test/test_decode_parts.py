# SPDX-License-Identifier: Apache-2.0
"""Behaviour of the parts that the decoder is made of."""

import numpy as np
import pytest

from genima.decode.body import body_at, centres_and_axes
from genima.decode.chain import (
    configurations,
    configurations_on_base,
    twin,
    with_hand_flipped,
    with_wrist_axes,
)
from genima.decode.discs import find_discs
from genima.decode.edges import colour_edges
from genima.decode.judge import Judge
from genima.decode.palette import LABEL_RGB, Label, Reading, labels_of
from genima.decode.refine import edge_rays, refine
from genima.decode.scene import Sampler, Scene
from genima.decode.snap import snapped
from genima.decode.stripes import read_axes, signs_of
from genima.spheres import sphere_poses

from . import decode_cases as cases

SEED = 91_000


def random_q(n):
    rng = np.random.default_rng(SEED)
    return rng.uniform(cases.LIMITS.q_min, cases.LIMITS.q_max, (n, 7))


@pytest.fixture(scope="module")
def case():
    q_target = np.array([0.1, 0.2, -0.1, -2.0, 0.1, 2.2, 0.6])
    return cases.Case(q_target, q_target - 0.1, gripper_open=True)


@pytest.fixture(scope="module")
def scene(case):
    images = case.drawn_on(cases.plain_scene(np.random.default_rng(SEED)))
    return Scene.from_images(images, case.views, cases.POLICY.sphere_radii_m, Reading.TOLERANT)


def test_derivatives_are_those_of_the_sphere_poses() -> None:
    step = 1e-6
    for q in random_q(5):
        body = body_at(q)
        poses = sphere_poses(q)
        assert np.allclose(body.centres, poses[:, :3, 3], atol=1e-12)
        assert np.allclose(body.axes, poses[:, :3, 0], atol=1e-12)
        for joint, change in enumerate(np.eye(7) * step):
            after, before = centres_and_axes(q + change), centres_and_axes(q - change)
            assert np.allclose(
                (after[0] - before[0]) / 2 / step, body.dcentres[..., joint], atol=1e-8
            )
            assert np.allclose(
                (after[1] - before[1]) / 2 / step, body.daxes[..., joint], atol=1e-8
            )


def test_chain_finds_the_configuration_of_any_centres() -> None:
    for q in random_q(200):
        q[6] = 0.0
        c, _ = centres_and_axes(q)
        by_elbow = configurations(c[1:2], c[2:3], c[3:4])
        by_base = configurations_on_base(q[None, :2], c[2:3], c[3:4])
        for found in (by_elbow, by_base):
            assert np.abs(found - q).max(axis=1).min() < 1e-6


def test_wrist_axis_gives_joints_five_and_six() -> None:
    for q in random_q(50):
        _, axes = centres_and_axes(q)
        found = with_wrist_axes(q, axes[2:3])
        assert np.abs((found - q + np.pi) % (2 * np.pi) - np.pi).max(axis=1).min() < 1e-6


def test_twin_and_flipped_hand_have_the_same_centres() -> None:
    for q in random_q(50):
        centres, axes = centres_and_axes(q)
        for other in (twin(q), with_hand_flipped(q)):
            assert np.abs(other - q).max() > 1.0 or np.abs(q[1]) < 1.0
            assert np.allclose(centres_and_axes(other)[0], centres, atol=1e-9)
        assert np.allclose(centres_and_axes(twin(q))[1][1:], axes[1:], atol=1e-9)


@pytest.mark.parametrize("reading", list(Reading))
def test_drawn_colours_are_labelled(reading) -> None:
    image = np.concatenate([LABEL_RGB, np.zeros((1, 3))])[None].astype(np.uint8)
    assert labels_of(image, reading).tolist() == [[1, 2, 3, 4, 5, 6]]


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_blended_colours_are_labelled(grey) -> None:
    drawn = np.concatenate([LABEL_RGB, np.zeros((1, 3))])
    image = (0.7 * drawn + 0.3 * grey)[None].astype(np.uint8)
    assert labels_of(image, Reading.TOLERANT).tolist() == [[1, 2, 3, 4, 5, 6]]


def test_walls_wood_and_robot_are_nothing() -> None:
    image = np.array(
        [[[105, 110, 116], [165, 120, 85], [235, 235, 232], [200, 205, 210]]], np.uint8
    )
    for reading in Reading:
        assert not labels_of(image, reading).any()


def test_sphere_is_found_where_it_is(case, scene) -> None:
    centres, _ = centres_and_axes(case.q_target)
    seen = scene.views[1]
    uv, depth = seen.view.project(centres[2])
    discs = find_discs(seen.edges[Label.WRIST], seen.labels, Label.WRIST, (6.0, 100.0))
    assert np.linalg.norm(discs[0, :2] - uv) < 1.0
    assert discs[0, 2] == pytest.approx(seen.view.intrinsics.fx * seen.radius_m / depth, rel=0.04)


def test_plain_disc_of_a_spheres_colour_is_not_one() -> None:
    image = np.full((256, 256, 3), 120, np.uint8)
    v, u = np.mgrid[:256, :256]
    image[np.hypot(u - 100, v - 120) < 25] = LABEL_RGB[Label.WRIST - 1]
    labels = labels_of(image, Reading.TOLERANT)
    edges = colour_edges(image, labels, Label.WRIST)
    assert len(edges) > 100
    assert len(find_discs(edges, labels, Label.WRIST, (6.0, 100.0))) == 0


def test_picture_that_is_all_of_a_spheres_colour_has_no_disc() -> None:
    image = np.full((64, 64, 3), LABEL_RGB[Label.WRIST - 1], np.uint8)
    labels = labels_of(image, Reading.TOLERANT)
    edges = colour_edges(image, labels, Label.WRIST)
    assert len(edges) == 0
    assert len(find_discs(edges, labels, Label.WRIST, (6.0, 100.0))) == 0


def test_edge_between_colour_and_black_is_found_between_pixels() -> None:
    """A yellow half whose border lies at u = 100.3, as an area sensor sees it."""
    image = np.zeros((64, 200, 3), np.uint8)
    image[:, :100] = (255, 255, 0)
    image[:, 100] = (round(0.3 * 255), round(0.3 * 255), 0)
    edges = colour_edges(image, labels_of(image, Reading.TOLERANT), Label.CLOSED)
    assert edges.to_black.all()
    assert np.allclose(edges.uv[:, 0], 100.3, atol=0.3)


def test_stripe_axis_is_read_to_half_a_stripe(case, scene) -> None:
    centres, axes = centres_and_axes(case.q_target[None])
    samples = Sampler(scene, 60)(centres)
    signs = signs_of(samples.labels[0, 2], samples.seen[0, 2], Label.WRIST).ravel()
    found, agreement = read_axes(samples.normals[0, 2].reshape(-1, 3), signs)
    assert np.degrees(np.arccos(found @ axes[0, 2])).min() < 6.0
    assert agreement[0] > 0.6


def test_sampled_points_lie_on_the_spheres_and_face_the_camera(case, scene) -> None:
    centres, _ = centres_and_axes(case.q_target[None])
    samples = Sampler(scene, 30)(centres)
    assert np.allclose(np.linalg.norm(samples.normals, axis=-1), 1.0, atol=1e-6)
    for i, seen in enumerate(scene.views):
        away = seen.view.base_T_cam[:3, 3] - centres[0]
        facing = np.einsum("ksi,ki->ks", samples.normals[0, :, i], away)
        outside = np.linalg.norm(away, axis=1) > 0.1
        assert np.all(facing[outside] > 0)


def test_refinement_returns_from_two_degrees(case, scene) -> None:
    rng = np.random.default_rng(SEED)
    q = cases.LIMITS.clamp(case.q_target + np.radians(rng.uniform(-2, 2, 7)))
    rays = edge_rays(scene, centres_and_axes(q)[0], case.gripper_open)
    q = refine(rays, q, cases.LIMITS, (6.0, 4.0, 3.0, 2.0), with_stripes=False).q
    found = refine(rays, q, cases.LIMITS, (4.0, 3.0, 2.0, 1.5, 1.0, 1.0), with_stripes=True)
    assert np.degrees(np.abs(found.q - case.q_target)).max() < 0.5
    assert found.residual_px < 0.5


def test_snapping_follows_centres_and_axes() -> None:
    rng = np.random.default_rng(SEED)
    q = np.array([0.2, 0.3, -0.4, -1.8, 0.3, 2.0, 0.5])
    centres, axes = centres_and_axes(q)
    found = snapped(q + rng.uniform(-0.2, 0.2, 7), centres, axes, cases.LIMITS)
    assert np.abs(found - q).max() < 0.02


def test_fit_tells_right_from_nearly_right(case, scene) -> None:
    judge = Judge(scene)
    right = judge(case.q_target, case.gripper_open).fit
    assert right > 0.97
    for joint in range(7):
        q = case.q_target.copy()
        q[joint] += np.radians(15 if q[joint] < 0 else -15)
        assert judge(q, case.gripper_open).fit < 0.85
    assert judge(case.q_target, not case.gripper_open).fit < 0.75


def test_spheres_behind_all_cameras_have_no_edges(scene) -> None:
    behind = np.array([v.view.base_T_cam[:3, 3] - v.view.base_T_cam[:3, 2] for v in scene.views])
    above = behind.mean(axis=0) + np.array([0.0, 0.0, 9.0])
    rays = edge_rays(scene, np.tile(above, (4, 1)), gripper_open=True)
    assert len(rays.sphere) == 0
    q = np.array([0.1, 0.2, -0.1, -2.0, 0.1, 2.2, 0.6])
    assert np.array_equal(refine(rays, q, cases.LIMITS, (2.0,), with_stripes=True).q, q)
