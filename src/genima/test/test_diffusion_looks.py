# SPDX-License-Identifier: Apache-2.0
"""A small model learns to look: what it draws depends on what the images show, and is there."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from genima.data.demonstration import Demonstration
from genima.data.stops import places_ahead
from genima.diffusion.conditioning import ArmState
from genima.diffusion.config import DrawConfig, Output, Target
from genima.diffusion.drawer import Drawer, DrawOptions, Precision
from genima.diffusion.network import conditioning_of
from genima.diffusion.places import places_in
from genima.diffusion.tiny import TinySize
from genima.diffusion.training.config import Learned, TrainConfig
from genima.diffusion.training.config import Precision as Numbers
from genima.diffusion.training.samples import DrawingSamples
from genima.diffusion.training.trainer import Trainer
from genima.diffusion.training.types import TrainingOptions
from genima.learning.split import Split
from genima.policy import Policy

from .act_cases import GOAL, demonstration

POLICY = Policy(image_size_px=64)
CONFIG = TrainConfig(
    draw=DrawConfig(cell_px=64, output=Output.SPHERES, target=Target.SAMPLE, state=True, steps=1),
    size=TinySize(
        patch_px=4,
        channels=(16, 32),
        embedding_channels=(16,),
        unshuffle_px=4,
        text_width=16,
        text_layers=1,
    ),
    learned=Learned.ALL,
    batch_size=8,
    learning_rate=3e-3,
    warmup_steps=5,
    cosine=True,
    ema_decay=0.9,
    steps=70,
    precision=Numbers.FLOAT32,
    colour_jitter=0.0,
    told_steps=32,
)


def marked(seed: int) -> Demonstration:
    """A demonstration in which a white disc lies where the arm ends."""
    demo = demonstration(seed)
    place = places_ahead(demo.q, demo.gripper_open)[0, 1]
    images = {}
    for name in demo.rig.cameras:
        frames = np.full((len(demo), 256, 256, 3), 90, np.uint8)
        for frame, q in zip(frames, demo.q, strict=True):
            (u, v), depth_m = demo.rig.views(q)[name].project(np.array([*place, 0.0]))
            if depth_m > 0 and abs(u) < 1000 and abs(v) < 1000:
                cv2.circle(frame, (round(u), round(v)), 16, (255, 255, 255), -1)
        images[name] = frames
    return replace(demo, images=images)


@pytest.fixture(scope="module")
def demonstrations() -> list[Demonstration]:
    return [marked(seed) for seed in range(8)]


@pytest.fixture(scope="module")
def trainer(
    tmp_path_factory: pytest.TempPathFactory, demonstrations: list[Demonstration]
) -> Trainer:
    options = TrainingOptions(workers=0, log_every=1000, save_every=1000, validated=1)
    split = Split(demonstrations[:6], demonstrations[6:])
    folder: Path = tmp_path_factory.mktemp("looks")
    made = Trainer("tiny", CONFIG, POLICY, split, folder, options)
    made.run(lambda report: None)
    return made


def found(trainer: Trainer, seen: Demonstration, arm: Demonstration) -> torch.Tensor:
    """Where the model finds the end when it sees one demonstration, and has the arm of another."""
    models = trainer._models
    samples = DrawingSamples([replace(arm, images=seen.images)], models.config)
    given = conditioning_of([samples[0].given], models.config, torch.device("cpu"))
    prompt = models.text.encode([POLICY.prompt(GOAL)])
    with torch.no_grad():
        nothing = torch.zeros(1, 8, 1, 1)
        marks = models.network(nothing, torch.tensor([999]), given, prompt).marks
        assert given.arm is not None
        return places_in(marks, given.arm).ground[0, 1]


def test_places_are_found_where_images_never_seen_before_show_them(
    trainer: Trainer, demonstrations: list[Demonstration]
) -> None:
    for held_out in demonstrations[6:]:
        true = torch.from_numpy(places_ahead(held_out.q, held_out.gripper_open)[0, 1]).float()
        assert float((found(trainer, held_out, held_out) - true).norm()) < 0.04


def test_other_images_lead_elsewhere(
    trainer: Trainer, demonstrations: list[Demonstration]
) -> None:
    one, other = demonstrations[6:]
    # Both begin at the same joint positions.
    moved = found(trainer, other, one) - found(trainer, one, one)
    ends = [places_ahead(demo.q, demo.gripper_open)[0, 1] for demo in (one, other)]
    np.testing.assert_allclose(moved.numpy(), ends[1] - ends[0], atol=0.05)
    assert np.linalg.norm(ends[1] - ends[0]) > 0.08


def test_drawing_depends_on_the_images_but_not_on_the_seed(
    trainer: Trainer, demonstrations: list[Demonstration]
) -> None:
    drawer = Drawer(trainer._models, DrawOptions(precision=Precision.FLOAT32))
    one, other = demonstrations[6:]
    arm = ArmState(one.q[0], True, one.rig.views(one.q[0]))
    scenes = [
        {name: cv2.resize(demo.images[name][0], (64, 64)) for name in POLICY.cameras}
        for demo in (one, other)
    ]
    drawer.draw(scenes[0], arm, GOAL, seed=0)
    answers = []
    for scene, seed in ((scenes[0], 0), (scenes[0], 1), (scenes[1], 0)):
        tile = drawer.draw(scene, arm, GOAL, seed)
        canvas = np.concatenate(
            [
                np.concatenate([scene[name] for name in POLICY.cameras[:2]], axis=1),
                np.concatenate([scene[name] for name in POLICY.cameras[2:]], axis=1),
            ]
        )
        answers.append((tile != canvas).any(axis=2))
    assert np.array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0], answers[2])
