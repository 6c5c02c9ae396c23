# SPDX-License-Identifier: Apache-2.0
"""Windows beside the demonstrated ones, and what is to be seen in them."""

from dataclasses import replace

import numpy as np
import pytest

from genima.act.sphere_truth import sphere_view
from genima.act.variation import Variation, labelled, shifted, straight, turned
from genima.data.targets import Window, Windows
from genima.limits import RobotModel, limits_of
from genima.policy import Policy
from genima.spheres import render_spheres, sphere_poses

from .act_cases import Q_SEEN, RIG, SMALL, demonstration

POLICY = Policy()
WINDOWS = Windows(demonstration(), POLICY)
CAMERAS = [RIG.cameras[name] for name in POLICY.cameras]
LIMITS = limits_of(RobotModel.PANDA)


def test_actions_of_a_shifted_start_lead_from_there_to_the_path() -> None:
    window, offset = WINDOWS[3], np.full(7, 0.1)
    moved = shifted(window, offset, fade_steps=8)
    assert moved.q == pytest.approx(window.q + offset)
    assert moved.q_chunk[7:] == pytest.approx(window.q_chunk[7:])
    assert moved.q_chunk[0] == pytest.approx(window.q_chunk[0] + offset, abs=2e-2)
    gap = np.abs(moved.q_chunk - window.q_chunk)
    assert (np.diff(gap, axis=0) <= 1e-12).all()
    assert moved.q_target is window.q_target


def test_end_of_a_demonstration_is_held_for_a_while() -> None:
    last = WINDOWS[len(WINDOWS) - 1]
    assert last.padded.all()
    kept = labelled(last, 12)
    assert not kept.padded[:12].any() and kept.padded[12:].all()
    assert (kept.q_chunk == last.q_chunk[0]).all()


def dwelling(arrives: int, closes: int) -> Window:
    """A window in which the arm arrives at one step of the chunk and is told to close later."""
    share = np.minimum(np.arange(1, 21) / arrives, 1.0)[:, None]
    q_chunk = Q_SEEN + share * 0.5
    return replace(
        WINDOWS[0],
        q=Q_SEEN,
        q_target=q_chunk[-1],
        q_chunk=q_chunk,
        gripper_open=True,
        gripper_target=False,
        gripper_chunk=np.arange(1, 21) < closes,
    )


@pytest.mark.parametrize("closes", [12, 15, 20])
def test_gripper_acts_on_arrival_however_long_the_demonstrator_waited(closes: int) -> None:
    label = labelled(dwelling(arrives=10, closes=closes), 0).gripper_chunk
    assert label.tolist() == [True] * 9 + [False] * 11


def test_gripper_acts_at_once_where_the_arm_has_arrived() -> None:
    window = replace(dwelling(1, 15), q_chunk=np.tile(Q_SEEN, (20, 1)))
    assert not labelled(window, 0).gripper_chunk.any()


def test_gripper_that_is_drawn_as_it_is_does_not_act() -> None:
    # The command comes within the chunk, but the drawing, K steps ahead, does not show it yet.
    window = replace(dwelling(10, 19), gripper_target=True)
    assert labelled(window, 0).gripper_chunk.all()


def test_jitter_stays_in_reach_and_is_drawn_from_the_generator() -> None:
    vary = Variation(replace(SMALL, synthetic_share=0.0, jitter_share=1.0, view_dropout=0.0))
    offsets = []
    for seed in range(200):
        varied = vary(WINDOWS[3], np.random.default_rng(seed))
        again = vary(WINDOWS[3], np.random.default_rng(seed))
        assert np.array_equal(varied.q, again.q)
        offsets.append(varied.q - WINDOWS[3].q)
    reach = np.abs(offsets).max()
    assert 0.1 < reach <= SMALL.start_jitter_rad
    assert np.abs(np.mean(offsets, axis=0)).max() < 0.02


def test_synthetic_motions_keep_to_the_limits_and_turn_the_hand() -> None:
    turns, acted = [], 0
    for seed in range(100):
        window = straight(WINDOWS[seed % len(WINDOWS)], np.random.default_rng(seed), POLICY.step_s)
        for q in (window.q, window.q_target, *window.q_chunk):
            assert (q >= LIMITS.q_min).all() and (q <= LIMITS.q_max).all()
        assert window.q_chunk[-1] == pytest.approx(window.q_target)
        assert not window.padded.any()
        turns.append(window.q_target[6] - window.q[6])
        assert window.gripper_chunk[-1] == window.gripper_target
        acted += bool(np.diff(window.gripper_chunk).any())
    assert np.std(turns) > 0.4
    assert 20 < acted < 80


def test_half_of_the_synthetic_motions_are_demonstrated_but_for_the_hand() -> None:
    vary = Variation(replace(SMALL, synthetic_share=1.0, target_noise_rad=0.0))
    window = WINDOWS[2]
    kept = [
        (vary(window, np.random.default_rng(i)).q[:6] == window.q[:6]).all() for i in range(99)
    ]
    assert 30 < sum(kept) < 70


def test_turned_hand_is_all_that_differs_and_the_gripper_acts_on_arrival() -> None:
    window = dwelling(arrives=10, closes=12)
    rng = np.random.default_rng(0)
    for _ in range(50):
        other = turned(window, rng)
        assert (other.q_target[:6] == window.q_target[:6]).all()
        assert (other.q_chunk[:, :6] == window.q_chunk[:, :6]).all()
        assert LIMITS.within(other.q) and LIMITS.within(other.q_chunk).all()
        assert other.q_chunk[-1, 6] == other.q_target[6]
        steps = np.diff(np.append(other.q[6], other.q_chunk[:, 6]))
        assert steps == pytest.approx(np.full(20, steps[0]), abs=1e-9)
        assert other.gripper_chunk.tolist() == [True] * 19 + [False]
    turns = [turned(window, rng).q_target[6] - window.q_target[6] for _ in range(200)]
    assert np.ptp(turns) > 2.0


def test_spheres_are_left_out_of_some_views_but_never_of_all() -> None:
    vary = Variation(replace(SMALL, view_dropout=1.0))
    drawn = np.array([vary(WINDOWS[0], np.random.default_rng(seed)).drawn for seed in range(300)])
    whole = drawn.all(axis=2)
    assert whole.any(axis=1).all() and not whole.all(axis=1).all()
    shares = 1.0 - drawn.mean(axis=(0, 2))
    assert (shares > 0.15).all()
    assert shares[POLICY.cameras.index("front")] == shares.max()
    single = drawn.any(axis=2) & ~whole
    assert 0.02 < single.mean() < 0.2


def test_without_variation_a_window_stays_as_it_was() -> None:
    config = replace(
        SMALL,
        synthetic_share=0,
        jitter_share=0,
        view_dropout=0,
        target_noise_rad=0,
        sphere_noise_m=0,
        hold_steps=0,
    )
    window = Variation(config)(WINDOWS[5], np.random.default_rng(0))
    for name in ("q", "q_target", "q_chunk", "padded", "drawn", "offsets_m"):
        assert np.array_equal(getattr(window, name), getattr(WINDOWS[5], name)), name


def test_truth_of_the_spheres_lies_where_they_are_drawn() -> None:
    window = WINDOWS[10]
    truth = sphere_view(window, CAMERAS, POLICY.sphere_radii_m)
    for index, camera in enumerate(CAMERAS):
        view = camera.view(window.q)
        radius_m = POLICY.sphere_radii_m[camera.name]
        layer = render_spheres(sphere_poses(window.q_target), True, view, radius_m)
        for sphere in range(4):
            if not truth.visible[index, sphere]:
                continue
            rows, columns = np.nonzero(layer.index == sphere)
            place = (truth.pixel[index, sphere].numpy() + 1) * 128
            extent = max(np.ptp(rows), np.ptp(columns)) + 1
            assert abs(columns.mean() - place[0]) < 0.5 * extent
            assert abs(rows.mean() - place[1]) < 0.5 * extent
    assert truth.visible[POLICY.cameras.index("front")].all()


def test_sphere_is_visible_where_its_centre_is_what_is_drawn() -> None:
    rng, hidden, wrong = np.random.default_rng(5), 0, 0
    for _ in range(60):
        q = rng.uniform(LIMITS.q_min, LIMITS.q_max)
        window = replace(WINDOWS[10], q_target=q)
        truth = sphere_view(window, CAMERAS, POLICY.sphere_radii_m)
        for index, camera in enumerate(CAMERAS):
            view, radius_m = camera.view(window.q), POLICY.sphere_radii_m[camera.name]
            layer = render_spheres(sphere_poses(q), True, view, radius_m)
            place = (truth.pixel[index].numpy() + 1.0) * 128.0
            for sphere in np.flatnonzero((np.abs(truth.pixel[index].numpy()) < 0.99).all(-1)):
                column, row = place[sphere].astype(int)
                on_top = layer.index[row, column] == sphere
                hidden += not on_top
                wrong += bool(truth.visible[index, sphere]) != on_top
    assert hidden > 20 and wrong <= 3  # at the rim of the nearer one


def test_spheres_of_a_view_without_drawing_are_not_visible() -> None:
    drawn = np.ones((4, 4), bool)
    drawn[1] = False
    drawn[2, 0] = False
    window = replace(WINDOWS[10], drawn=drawn)
    truth = sphere_view(window, CAMERAS, POLICY.sphere_radii_m)
    assert not truth.visible[1].any() and not truth.visible[2, 0] and truth.visible[2, 1:].any()
