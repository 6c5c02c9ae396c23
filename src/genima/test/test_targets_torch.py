# SPDX-License-Identifier: Apache-2.0
"""Targets drawn on the fly: what items hold, and that they do not depend on who draws them."""

import pickle
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from torch.utils.data import DataLoader, default_collate

from genima.arrays import Array, Float, UInt8
from genima.data.backgrounds import Backgrounds
from genima.data.demonstration import Demonstration
from genima.data.drawing import LEAST_ALPHA
from genima.data.targets import Window, Windows
from genima.data.targets_torch import (
    Item,
    ObservationTargets,
    RandomBackgroundTargets,
    WindowDataset,
)
from genima.data.textures import TextureBank, folder_bank, procedural_bank
from genima.policy import Policy
from genima.spheres import SphereLayer, draw_spheres, render_spheres, sphere_poses
from genima.tiles import tile_images, untile

from .demonstration_cases import invented, set_of

SIZE_PX = 64
POLICY = Policy(image_size_px=SIZE_PX)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def demonstrations(folder: Path) -> list[Demonstration]:
    """Two of them, on disk."""
    made = set_of(folder / "set", *(invented(24 + i, i, SIZE_PX) for i in range(2)))
    return [made.load(key.task, key.episode) for key in made.keys()]  # noqa: SIM118


@pytest.fixture
def bank(folder: Path, monkeypatch: pytest.MonkeyPatch) -> TextureBank:
    monkeypatch.setenv("GENIMA_CACHE", str(folder / "cache"))
    return procedural_bank(count=16, side_px=80)


@pytest.fixture
def plain_bank(folder: Path, monkeypatch: pytest.MonkeyPatch) -> TextureBank:
    """One grey picture, so that every background is of one colour."""
    monkeypatch.setenv("GENIMA_CACHE", str(folder / "cache"))
    (folder / "grey").mkdir(exist_ok=True)
    cv2.imwrite(str(folder / "grey" / "grey.png"), np.full((80, 80, 3), 120, np.uint8))
    return folder_bank(folder / "grey", side_px=80)


@pytest.fixture
def controller(demonstrations: list[Demonstration], bank: TextureBank) -> RandomBackgroundTargets:
    return RandomBackgroundTargets(demonstrations, POLICY, bank, seed=5)


def layers(demonstration: Demonstration, step: int) -> list[SphereLayer]:
    """What is to be drawn at a step, the slow way."""
    windows = Windows(demonstration, POLICY)
    window = windows[step]
    base_T_spheres = sphere_poses(window.q_target)
    return [
        render_spheres(
            base_T_spheres,
            window.gripper_target,
            camera.view(window.q),
            POLICY.sphere_radii_m[camera.name],
        )
        for camera in windows.cameras
    ]


def images_of(item: Item) -> list[UInt8[Array, "s s 3"]]:
    return list(item["images"].numpy().transpose(0, 2, 3, 1))


def same(a: Item, b: Item) -> bool:
    assert a.keys() == b.keys()
    return all(np.array_equal(np.asarray(a[key]), np.asarray(b[key])) for key in a)


def test_diffusion_agent_gets_the_observed_tile_and_its_target(
    demonstrations: list[Demonstration],
) -> None:
    targets = ObservationTargets(demonstrations, POLICY)
    assert len(targets) == 24 + 25
    for index, (episode, step) in {0: (0, 0), 23: (0, 23), 24: (1, 0), 48: (1, 24)}.items():
        item, demonstration = targets[index], demonstrations[episode]
        images = {name: demonstration.images[name][step] for name in POLICY.cameras}
        tile = item["tile"].numpy().transpose(1, 2, 0)
        assert (tile == tile_images(images, POLICY.cameras)).all()
        target = untile(np.ascontiguousarray(item["target"].permute(1, 2, 0)), POLICY.cameras)
        for name, layer in zip(POLICY.cameras, layers(demonstration, step), strict=True):
            assert (target[name] == draw_spheres(images[name], layer)).all()
        assert item["instruction"] in demonstration.descriptions


def test_all_wordings_of_the_instruction_are_used(controller: RandomBackgroundTargets) -> None:
    assert {controller[i]["instruction"] for i in range(12)} == set(invented().descriptions)


def test_controller_gets_the_joints_and_actions_of_its_step(
    demonstrations: list[Demonstration], controller: RandomBackgroundTargets
) -> None:
    item, window = controller[24 + 10], Windows(demonstrations[1], POLICY)[10]
    assert np.allclose(item["q"], window.q) and np.allclose(item["q_chunk"], window.q_chunk)
    assert item["gripper_open"].item() == window.gripper_open
    assert (item["gripper_chunk"].numpy() == window.gripper_chunk).all()
    assert item["padded"].tolist() == [False] * 14 + [True] * 6


def test_spheres_on_random_backgrounds_are_exactly_those_of_the_plain_renderer(
    demonstrations: list[Demonstration], bank: TextureBank, controller: RandomBackgroundTargets
) -> None:
    controller.set_epoch(3)
    for index in (0, 9, 17):
        rng = np.random.default_rng([5, 3, index])
        backgrounds = Backgrounds(bank, SIZE_PX)
        drawn = images_of(controller[index])
        for image, layer in zip(drawn, layers(demonstrations[0], index), strict=True):
            background = backgrounds.draw(rng)
            wanted = draw_spheres(background, layer, rng.uniform(LEAST_ALPHA, 1.0))
            assert (image == wanted).all()


def opacities(image: UInt8[Array, "s s 3"], layer: SphereLayer) -> Float[Array, "n"]:
    """Of each sphere pixel that differs clearly from the even background."""
    background = image[~layer.mask][0].astype(float)
    assert (image[~layer.mask] == background).all()
    difference = layer.rgb[layer.mask] - background
    clear = abs(difference) > 80
    return (image[layer.mask] - background)[clear] / difference[clear]


def test_each_image_has_one_opacity_between_0_7_and_1(
    demonstrations: list[Demonstration], plain_bank: TextureBank
) -> None:
    targets = RandomBackgroundTargets(demonstrations[:1], POLICY, plain_bank)
    found = []
    for epoch in range(4):
        targets.set_epoch(epoch)
        for index in range(24):
            for image, layer in zip(
                images_of(targets[index]), layers(demonstrations[0], index), strict=True
            ):
                alphas = opacities(image, layer) if layer.mask.any() else np.empty(0)
                if len(alphas):
                    assert np.ptp(alphas) < 0.02  # rounding to whole levels
                    found.append(alphas.mean())
    assert len(found) > 200
    assert 0.69 < min(found) < 0.72 and 0.98 < max(found) < 1.01
    assert abs(np.mean(found) - 0.85) < 0.02


def test_every_camera_every_index_and_every_epoch_has_a_background_of_its_own(
    controller: RandomBackgroundTargets,
) -> None:
    seen = set()
    for epoch in range(3):
        controller.set_epoch(epoch)
        for index in range(10):
            seen |= {image.tobytes() for image in images_of(controller[index])}
    assert len(seen) == 3 * 10 * 4


def test_item_depends_on_seed_epoch_and_index_alone(
    demonstrations: list[Demonstration], bank: TextureBank, controller: RandomBackgroundTargets
) -> None:
    controller.set_epoch(2)
    there = controller[7]
    controller.set_epoch(0)
    assert not same(controller[7], there)
    other = RandomBackgroundTargets(demonstrations, POLICY, bank, seed=5)
    other.set_epoch(2)
    for index in (30, 7):
        item = other[index]
    assert same(item, there)


@pytest.mark.parametrize(("workers", "start"), [(1, "fork"), (2, "fork"), (2, "spawn")])
def test_loader_s_workers_change_nothing(
    controller: RandomBackgroundTargets, workers: int, start: str
) -> None:
    loader = DataLoader(
        controller,
        batch_size=4,
        num_workers=workers,
        multiprocessing_context=start,
        persistent_workers=True,
    )
    for epoch in (0, 1):
        controller.set_epoch(epoch)
        batches = list(loader)
        assert len(batches) == 13
        for first, batch in ((0, batches[0]), (20, batches[5])):
            assert same(batch, default_collate([controller[first + i] for i in range(4)]))


def turned_and_half_blind(window: Window, rng: np.random.Generator) -> Window:
    drawn = np.tile(np.array([[True], [False], [True], [False]]), 4)
    return replace(window, q=window.q + rng.uniform(0.1, 0.2, 7), drawn=drawn)


def test_varied_window_moves_the_wrist_camera_and_leaves_out_spheres(
    demonstrations: list[Demonstration], plain_bank: TextureBank
) -> None:
    varied = RandomBackgroundTargets(
        demonstrations, POLICY, plain_bank, vary=turned_and_half_blind
    )
    moved_wrist = 0
    for index in range(24):
        item = varied[index]
        masks = [(image != image[0, 0]).any(axis=-1) for image in images_of(item)]
        wanted = layers(demonstrations[0], index)
        q = demonstrations[0].q[index]
        assert (item["q"].numpy() > q + 0.09).all()
        moved_wrist += (masks[0] != wanted[0].mask).any()
        assert not masks[1].any() and not masks[3].any()
    assert moved_wrist > 2


@pytest.mark.parametrize("kind", [ObservationTargets, RandomBackgroundTargets])
def test_pickle_holds_neither_images_nor_pictures(
    kind: type[WindowDataset], demonstrations: list[Demonstration], bank: TextureBank
) -> None:
    targets = kind(demonstrations, POLICY, *([bank] if kind is RandomBackgroundTargets else []))
    item = targets[3]
    data = pickle.dumps(targets)
    assert len(data) < 40_000
    assert same(pickle.loads(data)[3], item)


@pytest.mark.parametrize("index", [-1, 49])
def test_index_beyond_the_data_is_refused(controller: RandomBackgroundTargets, index: int) -> None:
    with pytest.raises(IndexError, match="of 49"):
        controller[index]
