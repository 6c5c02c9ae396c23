# SPDX-License-Identifier: Apache-2.0
"""Images that do not show the arm where its joints say it is: their drawings are never followed.

A model of the shipped kind draws one crisp arm whatever it is shown, so these tests use one, as a
training begins with. Its witness learns here, in seconds, to see arms made of a few lines.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from genima.arrays import Array, Float, UInt8
from genima.decode import TargetDecoder
from genima.diffusion.agent import Drawing, DrawRequest
from genima.diffusion.conditioning import ArmState, draw_input
from genima.diffusion.drawer import Drawer, DrawOptions, Precision
from genima.diffusion.learned import LearnedAgent
from genima.diffusion.models import DrawModels, load_models, save_models
from genima.diffusion.network import conditioning_of
from genima.diffusion.tile_check import CheckSettings, TileCheck
from genima.diffusion.training.config import preset
from genima.diffusion.training.start import begin
from genima.diffusion.training.witness_loss import kinds, relit, spoiled, witness_loss
from genima.kinematics import Q_HOME
from genima.spheres import sphere_poses

from . import decode_cases as cases

Scene = dict[str, UInt8[Array, "s s 3"]]
GOAL = "push the maroon button"
HOME = np.array(Q_HOME)
SIDE = cases.POLICY.image_size_px
EXACT = DrawOptions(precision=Precision.FLOAT32)
_COLOURS = ((230, 230, 235), (90, 90, 240), (240, 160, 60), (60, 220, 90))
_STEPS, _BATCH = 120, 16


def scene(q: Float[Array, "7"], rng: np.random.Generator) -> Scene:
    """What the cameras see of an arm with joints that can be told apart, on a plain table."""
    level = rng.integers(90, 160, 3)
    images = {}
    for name, view in cases.RIG.views(q).items():
        image = np.full((SIDE, SIDE, 3), level, np.uint8)
        for colour, pose in zip(_COLOURS, sphere_poses(q), strict=True):
            (u, v), depth_m = view.project(pose[:3, 3])
            if depth_m > 0 and abs(u) < 4 * SIDE and abs(v) < 4 * SIDE:
                cv2.circle(image, (round(u), round(v)), 16, colour, -1)
        images[name] = image
    return images


def random_q(rng: np.random.Generator) -> Float[Array, "7"]:
    return HOME + rng.uniform(-0.5, 0.5, 7)


@dataclass(frozen=True, eq=False)
class Taught:
    """A model whose witness knows such arms, as an agent."""

    models: DrawModels
    agent: LearnedAgent

    def draw(self, images: Scene, q: Float[Array, "7"]) -> Drawing:
        return self.agent.draw(DrawRequest(images, q, True, GOAL, 0))


@pytest.fixture(scope="module")
def taught() -> Taught:
    config = preset("tiny")
    models = begin(
        "tiny", replace(config, draw=replace(config.draw, policy=cases.POLICY)), [GOAL], 0
    )
    rng, chance = np.random.default_rng(0), torch.Generator().manual_seed(0)
    inputs = []
    for _ in range(96):
        q = random_q(rng)
        arm = ArmState(q, True, cases.RIG.views(q))
        inputs.append(draw_input(scene(q, rng), arm, models.config))
    witness = models.network.witness
    optimiser = torch.optim.AdamW(witness.parameters(), 3e-3)
    for step in range(_STEPS):
        optimiser.param_groups[0]["lr"] = 3e-3 * (1.0 - step / _STEPS)
        chosen = [inputs[i] for i in rng.choice(len(inputs), _BATCH, replace=False)]
        given = conditioning_of(chosen, models.config, torch.device("cpu"))
        assert given.arm is not None
        noise = torch.randn(_BATCH, 8, 16, 16, generator=chance)
        kind = kinds(_BATCH, chance)
        shown = spoiled(relit(given.pictures, chance), kind, noise)
        loss = witness_loss(witness(shown), given.arm, kind)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return Taught(models, LearnedAgent(Drawer(models, EXACT), cases.RIG, "tiny"))


def test_images_of_the_arm_are_drawn_on(taught: Taught) -> None:
    rng = np.random.default_rng(1)
    configurations = [random_q(rng) for _ in range(8)]
    faults = [taught.draw(scene(q, rng), q).fault for q in configurations]
    assert faults.count("") >= 7, faults


@pytest.mark.parametrize("light", [0.5, 1.3])
def test_other_light_is_no_reason_to_refuse(taught: Taught, light: float) -> None:
    rng = np.random.default_rng(3)
    faults = []
    for _ in range(8):
        q = random_q(rng)
        images = {
            name: (image * light).clip(0, 255).astype(np.uint8)
            for name, image in scene(q, rng).items()
        }
        faults.append(taught.draw(images, q).fault)
    assert faults.count("") >= 7, faults


def alike(image: Callable[[np.random.Generator], Array]) -> Callable[..., Scene]:
    """The same kind of image from all cameras."""
    return lambda rng: {name: image(rng).astype(np.uint8) for name in cases.POLICY.cameras}


def swapped(rng: np.random.Generator) -> Scene:
    images = scene(HOME, rng)
    names = cases.POLICY.cameras
    return {name: images[other] for name, other in zip(names, names[::-1], strict=True)}


def one_white(rng: np.random.Generator) -> Scene:
    return scene(HOME, rng) | {"front": np.full((SIDE, SIDE, 3), 255, np.uint8)}


NOTHING: dict[str, Callable[[np.random.Generator], Scene]] = {
    "white": alike(lambda rng: np.full((SIDE, SIDE, 3), 255)),
    "black": alike(lambda rng: np.zeros((SIDE, SIDE, 3))),
    "noise": alike(lambda rng: rng.integers(0, 256, (SIDE, SIDE, 3))),
    "another picture": alike(cases.texture),
    "no arm": cases.plain_scene,
    "cameras swapped": swapped,
    "one camera white": one_white,
    "another moment": lambda rng: scene(HOME + np.array([0.6, 0.4, 0.3, 0.5, 0, 0.3, 0]), rng),
}


@pytest.mark.parametrize("kind", list(NOTHING))
def test_drawing_on_images_of_anything_else_is_never_followed(taught: Taught, kind: str) -> None:
    images = NOTHING[kind](np.random.default_rng(2))
    drawing = taught.draw(images, HOME)
    assert "do not show the arm where its joints say it is" in drawing.fault
    if kind == "one camera white":
        assert drawing.fault.startswith("the images of front do not")


def test_drawing_itself_looks_right_whatever_the_images_show(taught: Taught) -> None:
    """This is why somebody has to look at the images."""
    drawing = taught.draw(NOTHING["white"](np.random.default_rng(2)), HOME)
    decoder = TargetDecoder(cases.RIG, cases.POLICY)
    check = TileCheck(decoder, cases.LIMITS, cases.POLICY.horizon_s, CheckSettings())
    assert check(drawing.tile, HOME, GOAL, 0.0).fault == ""


def test_witness_is_kept_with_the_model(taught: Taught, tmp_path: Path) -> None:
    folder = tmp_path / "diffusion"
    save_models(taught.models, folder)
    again = load_models(folder).network.witness
    for name, weight in taught.models.network.witness.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], weight)
