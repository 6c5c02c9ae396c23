# SPDX-License-Identifier: Apache-2.0
"""Behaviour of the decoder on whole tiles."""

import numpy as np
import pytest

from genima.decode import TargetDecoder, Verdict
from genima.errors import InvalidCommand, InvalidImage, PolicyError
from genima.policy import Policy
from genima.spheres import draw_spheres, render_spheres, sphere_poses

from . import decode_cases as cases

SEED = 90_000
DECODER = TargetDecoder(cases.RIG, cases.POLICY)


def errors_deg(decoded, case):
    return np.full(7, 180.0) if decoded.q is None else np.degrees(abs(decoded.q - case.q_target))


@pytest.fixture(scope="module")
def drawn():
    """Random targets, drawn on scenes full of things in the spheres' colours."""
    made = []
    for seed in range(SEED, SEED + 40):
        rng = np.random.default_rng(seed)
        case = cases.random_case(rng)
        made.append((case, cases.tiled(case.drawn_on(cases.plain_scene(rng)))))
    return made


@pytest.fixture(scope="module")
def decoded(drawn):
    return [DECODER.decode(tile, case.q_now) for case, tile in drawn]


def test_clean_tiles_are_decoded_to_a_fraction_of_a_degree(drawn, decoded) -> None:
    errors = np.array([errors_deg(d, case) for d, (case, _) in zip(decoded, drawn, strict=True)])
    assert np.all(np.median(errors, axis=0) < 0.2)
    assert np.all(np.percentile(errors, 95, axis=0) < 1.0)


def test_gripper_state_is_read_from_the_colour(drawn, decoded) -> None:
    right = [
        d.gripper_open == case.gripper_open for d, (case, _) in zip(decoded, drawn, strict=True)
    ]
    assert np.mean(right) >= 0.98
    assert {case.gripper_open for case, _ in drawn} == {True, False}


def test_what_is_usable_is_right_and_most_is_usable(drawn, decoded) -> None:
    usable = [(d, case) for d, (case, _) in zip(decoded, drawn, strict=True) if d.usable]
    assert len(usable) >= 0.95 * len(drawn)
    for one, case in usable:
        # Where the base sphere is hidden, a configuration and its twin look the same: no angles.
        distance_m = one.sphere_centers - sphere_poses(case.q_target)[:, :3, 3]
        assert np.linalg.norm(distance_m, axis=1).max() < 0.02


def test_centers_are_those_of_the_configuration_and_limits_are_kept(decoded) -> None:
    for one in decoded:
        if one.q is not None:
            assert cases.LIMITS.within(one.q)
            assert np.allclose(one.sphere_centers, sphere_poses(one.q)[:, :3, 3], atol=1e-9)


def test_same_tile_gives_the_same_answer_whatever_came_before(drawn, decoded) -> None:
    for (case, tile), before in zip(drawn[:3], decoded[:3], strict=True):
        again = TargetDecoder(cases.RIG, cases.POLICY).decode(tile, case.q_now)
        assert np.array_equal(again.q, before.q)
        assert again.fit == before.fit


@pytest.mark.parametrize(
    ("damage", "median_deg"),
    [
        (lambda image, rng: cases.noisy(image, 15, rng), 0.3),
        (lambda image, rng: cases.jpeg(image, 50), 0.5),
    ],
    ids=["noise", "jpeg"],
)
def test_damaged_tiles_are_still_decoded(drawn, damage, median_deg) -> None:
    errors = []
    for case, tile in drawn[:12]:
        damaged = damage(tile, np.random.default_rng(1))
        errors.append(errors_deg(DECODER.decode(damaged, case.q_now), case))
    assert np.all(np.median(errors, axis=0) < median_deg)


def test_blended_tiles_are_still_decoded() -> None:
    errors = []
    for seed in range(SEED, SEED + 12):
        rng = np.random.default_rng(seed)
        case = cases.random_case(rng)
        tile = cases.tiled(case.drawn_on(cases.plain_scene(rng), alpha=0.7))
        errors.append(errors_deg(DECODER.decode(tile, case.q_now), case))
    assert np.all(np.median(errors, axis=0) < 0.5)


def test_things_in_the_colours_of_spheres_are_not_taken_for_spheres() -> None:
    for seed in range(SEED, SEED + 10):
        rng = np.random.default_rng(seed)
        tile = cases.tiled(cases.plain_scene(rng))
        found = DECODER.decode(tile, cases.random_case(rng).q_now)
        assert found.verdict is Verdict.NO_SPHERES
        assert found.q is None
        assert not found.usable


@pytest.mark.parametrize("kind", ["white", "black", "noise", "motley", "stripes"])
def test_garbage_is_never_usable(kind) -> None:
    rng = np.random.default_rng(SEED)
    size = 2 * cases.POLICY.image_size_px
    tile = {
        "white": lambda: np.full((size, size, 3), 255),
        "black": lambda: np.zeros((size, size, 3)),
        "noise": lambda: rng.uniform(0, 255, (size, size, 3)),
        "motley": lambda: cases.tiled({n: cases.texture(rng) for n in cases.POLICY.cameras}),
        "stripes": lambda: np.where(
            (np.arange(size) // 4 % 2)[None, :, None], (132, 104, 240), (0, 0, 0)
        ).repeat(size, axis=0),
    }[kind]()
    assert not DECODER.decode(tile.astype(np.uint8), np.zeros(7)).usable


def test_spheres_of_no_configuration_are_refused() -> None:
    refused = []
    for seed in range(SEED, SEED + 6):
        rng = np.random.default_rng(seed)
        case = cases.random_case(rng)
        scene = cases.plain_scene(rng)
        poses = sphere_poses(case.q_target)
        poses[2, :3, 3] += 0.12 * np.array([0.6, 0.0, 0.8])
        for name, view in case.views.items():
            radius_m = cases.POLICY.sphere_radii_m[name]
            layer = render_spheres(poses, case.gripper_open, view, radius_m)
            scene[name] = draw_spheres(scene[name], layer)
        found = DECODER.decode(cases.tiled(scene), case.q_now)
        assert not found.usable
        refused.append(found.verdict)
    assert Verdict.IMPOSSIBLE in refused


def test_tile_of_another_moment_is_not_trusted(drawn) -> None:
    """One sphere of another target: the worst sphere counts, not the mean."""
    (case, _), (other, _) = drawn[:2]
    mixed = sphere_poses(case.q_target)
    mixed[3] = sphere_poses(other.q_target)[3]
    scene = cases.plain_scene(np.random.default_rng(SEED))
    for name, view in case.views.items():
        radius_m = cases.POLICY.sphere_radii_m[name]
        scene[name] = draw_spheres(
            scene[name], render_spheres(mixed, case.gripper_open, view, radius_m)
        )
    assert not DECODER.decode(cases.tiled(scene), case.q_now).usable


def test_wrong_size_is_refused_with_both_sizes() -> None:
    with pytest.raises(InvalidImage, match="512"):
        DECODER.decode(np.zeros((256, 256, 3), np.uint8), np.zeros(7))


@pytest.mark.parametrize("q_now", [np.zeros(6), np.full(7, np.nan)])
def test_joint_positions_that_are_none_are_refused(drawn, q_now) -> None:
    with pytest.raises(InvalidCommand, match="seven"):
        DECODER.decode(drawn[0][1], q_now)


def test_rig_without_the_policys_cameras_is_refused() -> None:
    policy = Policy(
        cameras=("wrist", "front", "right_shoulder", "top"),
        sphere_radii_m={n: 0.05 for n in ("wrist", "front", "right_shoulder", "top")},
    )
    with pytest.raises(PolicyError, match="top"):
        TargetDecoder(cases.RIG, policy)
