# SPDX-License-Identifier: Apache-2.0
"""Training models that draw: every kind learns, survives a kill, and is judged by its drawings."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from genima.data.demonstration import Demonstration
from genima.diffusion.conditioning import GREY
from genima.diffusion.config import DrawConfig, Guide, Output, Present, Target
from genima.diffusion.drawer import DrawOptions, Precision, load_drawer
from genima.diffusion.models import load_config, save_models
from genima.diffusion.tiny import TinySize
from genima.diffusion.training.baselines import NearestStep, PresentSpheres
from genima.diffusion.training.blind import Blind
from genima.diffusion.training.command import best_model
from genima.diffusion.training.config import Learned, TrainConfig
from genima.diffusion.training.config import Precision as Numbers
from genima.diffusion.training.metric import DrawingErrors, errors_of, truth
from genima.diffusion.training.questions import (
    Question,
    motion_deg,
    parted,
    questions,
    with_other_images,
)
from genima.diffusion.training.samples import DrawingSamples
from genima.diffusion.training.start import fitted
from genima.diffusion.training.trainer import BEST, PICTURES, Trainer
from genima.diffusion.training.types import TrainingOptions
from genima.diffusion.training.verdict import judge, save_verdict, table_of
from genima.errors import InvalidDataset, InvalidParameter
from genima.learning.split import Split
from genima.learning.types import Report
from genima.policy import Policy
from genima.spheres import draw_targets, sphere_colours
from genima.tiles import tile_images

from .act_cases import GOAL, demonstration
from .draw_cases import sd_turbo, sdxl_turbo

POLICY = Policy(image_size_px=64)
OPTIONS = TrainingOptions(workers=0, log_every=1, save_every=3, validated=2)
TINY = TrainConfig(
    draw=DrawConfig(
        cell_px=32,
        output=Output.SPHERES,
        target=Target.SAMPLE,
        present=Present.LAYER,
        state=True,
        steps=1,
    ),
    size=TinySize(
        patch_px=8,
        channels=(16, 32),
        attention_levels=1,
        embedding_channels=(8, 8, 16),
        unshuffle_px=2,
        text_width=16,
        text_layers=1,
    ),
    learned=Learned.ALL,
    batch_size=4,
    learning_rate=2e-3,
    warmup_steps=2,
    steps=4,
    precision=Numbers.FLOAT32,
    last_step_share=0.8,
)
BASED = TrainConfig(
    draw=DrawConfig(cell_px=32, steps=1),
    batch_size=4,
    accumulate=2,
    learning_rate=1e-3,
    warmup_steps=1,
    steps=3,
    precision=Numbers.FLOAT32,
    gradient_checkpointing=True,
)


def seen(seed: int) -> Demonstration:
    """A demonstration whose images are grey, and lighter from step to step."""
    demo = demonstration(seed)
    side = demo.image_size_px
    levels = np.linspace(90, 200, len(demo)).astype(np.uint8)
    frames = np.broadcast_to(levels[:, None, None, None], (len(demo), side, side, 3))
    return replace(demo, images=dict.fromkeys(demo.rig.cameras, frames))


@pytest.fixture(scope="module")
def split() -> Split:
    return Split([seen(seed) for seed in range(3)], [seen(9)])


def trained(
    out: Path,
    split: Split,
    config: TrainConfig = TINY,
    base: str = "tiny",
    tell: Callable[[Report], None] = lambda report: None,
) -> Trainer:
    trainer = Trainer(base, config, POLICY, split, out, OPTIONS)
    trainer.run(tell)
    return trainer


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "training_state" / "average.safetensors")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, split: Split) -> Path:
    out = tmp_path_factory.mktemp("diffusion") / "unbroken"
    trained(out, split)
    return out


@pytest.mark.parametrize("stop_after", [1, 3])
def test_interrupted_training_ends_as_an_unbroken_one(
    unbroken: Path, tmp_path: Path, split: Split, stop_after: int
) -> None:
    trainer = Trainer("tiny", TINY, POLICY, split, tmp_path, OPTIONS)
    trainer.run(lambda report: None, lambda: trainer.progress.step == stop_after)
    assert trainer.progress.step == stop_after
    trained(tmp_path, split)
    wanted = weights(unbroken)
    for name, weight in weights(tmp_path).items():
        assert torch.equal(weight, wanted[name]), name


def test_training_lowers_the_loss(tmp_path: Path, split: Split) -> None:
    losses: list[float] = []
    config = replace(TINY, steps=30, colour_jitter=0.0)
    options = replace(OPTIONS, save_every=1000, validated=1)
    trainer = Trainer("tiny", config, POLICY, split, tmp_path, options)
    trainer.run(lambda report: losses.append(report.loss["motion"]))
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])


def test_folder_of_a_training_is_a_model_that_draws(unbroken: Path, split: Split) -> None:
    drawer = load_drawer(unbroken / BEST, DrawOptions(precision=Precision.FLOAT32))
    asked = questions(split.held_out, POLICY, 1)
    tile = drawer.draw(asked[0].images, asked[0].arm, GOAL, seed=0)
    assert tile.shape == (128, 128, 3)
    assert list((unbroken / PICTURES).glob("*.png"))
    header, *rows = (unbroken / "curves.csv").read_text().splitlines()
    assert len(rows) == TINY.steps and "error_deg" in header
    assert (unbroken / "curves.png").exists()


def test_another_training_is_not_gone_on_with(unbroken: Path, split: Split) -> None:
    with pytest.raises(InvalidParameter, match=r"learning_rate \(0.002 there, 0.5 now\)"):
        Trainer("tiny", replace(TINY, learning_rate=0.5), POLICY, split, unbroken, OPTIONS)


@pytest.mark.parametrize("output", [Output.PALETTE, Output.RESIDUAL])
def test_other_outputs_are_trained(tmp_path: Path, split: Split, output: Output) -> None:
    config = replace(TINY, draw=replace(TINY.draw, output=output), crop_padding_px=2, steps=2)
    trained(tmp_path, split, config)
    assert (tmp_path / BEST / "unet").is_dir()


@pytest.mark.parametrize("kind", ["sd-turbo", "sdxl-turbo"])
def test_base_stays_as_it_is_while_a_controlnet_is_trained(
    tmp_path: Path, split: Split, kind: str
) -> None:
    base = tmp_path / "base"
    save_models(sd_turbo() if kind == "sd-turbo" else sdxl_turbo(), base)
    out = tmp_path / "out"
    trained(out, split, BASED, str(base))
    assert sorted(path.name for path in (out / BEST).iterdir()) == ["controlnet", "genima.json"]
    load_drawer(out / BEST, DrawOptions(precision=Precision.FLOAT32))
    before = Trainer(str(base), BASED, POLICY, split, tmp_path / "new", OPTIONS)
    fresh = dict(before._subject.trained.state_dict())
    assert any(not torch.equal(w, fresh[name]) for name, w in weights(out).items())


def test_pix2pix_trains_the_unet_of_a_base(tmp_path: Path, split: Split) -> None:
    base, out = tmp_path / "base", tmp_path / "out"
    save_models(sd_turbo(), base)
    config = replace(BASED, draw=replace(BASED.draw, guide=Guide.CONCAT), learned=Learned.UNET)
    trained(out, split, config, str(base))
    assert sorted(path.name for path in (out / BEST).iterdir()) == ["genima.json", "unet"]
    load_drawer(out / BEST, DrawOptions(precision=Precision.FLOAT32))


def test_true_drawings_have_no_error_and_present_ones_do(split: Split) -> None:
    class Truth:
        def draw(self, images, arm, goal, seed):  # type: ignore[no-untyped-def]
            question = next(one for one in asked if one.arm is arm)
            return truth(question, policy)

    policy = Policy()
    asked = questions(split.train[:1], policy, 3)
    perfect, tiles = errors_of(Truth(), asked, policy)
    assert perfect.summary["error_deg"] < 0.5 and perfect.usable.all()
    assert perfect.gripper_right.all() and not perfect.missing.any()
    assert tiles[0].shape == (512, 512, 3)
    present, _ = errors_of(PresentSpheres(policy), asked, policy)
    assert perfect.rank < present.rank < 90
    assert perfect.skill > 0.95 and present.skill < 0.05


def test_drawing_without_spheres_lacks_them(split: Split) -> None:
    class Blank:
        def draw(self, images, arm, goal, seed):  # type: ignore[no-untyped-def]
            black = {name: np.zeros_like(image) for name, image in images.items()}
            return tile_images(black, policy.cameras)

    policy = Policy()
    errors, _ = errors_of(Blank(), questions(split.held_out, policy, 2), policy)
    assert errors.missing.all() and not errors.usable.any() and errors.rank == 90.0


def test_spheres_are_no_objects_of_their_colours(split: Split) -> None:
    def scene(question: Question) -> Question:
        images = {name: image.copy() for name, image in question.images.items()}
        for image in images.values():
            for place, colour in enumerate(sphere_colours(True)):
                image[-60:-10, 10 + 60 * place : 60 + 60 * place] = colour
        return replace(question, images=images)

    class Nothing:
        def draw(self, images, arm, goal, seed):  # type: ignore[no-untyped-def]
            return tile_images(images, policy.cameras)

    policy = Policy()
    asked = [scene(question) for question in questions(split.train[:1], policy, 3)]
    undrawn, _ = errors_of(Nothing(), asked, policy)
    assert undrawn.missing.all()
    drawn, _ = errors_of(NearestStep(split.train, policy), asked, policy)
    assert not drawn.missing.any()


def test_spheres_that_were_drawn_elsewhere_are_not_missing(split: Split) -> None:
    class Elsewhere:
        def draw(self, images, arm, goal, seed):  # type: ignore[no-untyped-def]
            window = next(one for one in asked if one.arm is arm).window
            beside = window.q_target + np.array([0.2, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0])
            views, opened = dict(arm.views), window.gripper_target
            return tile_images(draw_targets(images, beside, opened, views, policy), policy.cameras)

    policy = Policy()
    asked = questions(split.train, policy, 1)
    elsewhere, _ = errors_of(Elsewhere(), asked, policy)
    assert elsewhere.each_deg[0] > 8.0 and not elsewhere.missing.any()


def test_errors_are_those_of_usable_drawings_and_the_others_are_told() -> None:
    joints = np.stack([np.full(7, 1.0), np.full(7, 40.0), np.full(7, np.nan), np.full(7, 3.0)])
    usable = np.array([True, False, False, True])
    tip_cm = np.array([1.0, 30.0, np.nan, 2.0])
    errors = DrawingErrors(
        np.full(4, 92.0), joints, tip_cm, usable, usable, ~usable, np.full(4, 20.0)
    )
    assert errors.summary["tip_cm"] == 1.5
    assert errors.summary["error_deg"] == errors.each_deg[0] == 2.0
    assert errors.rank == np.mean([1.0, 90.0, 90.0, 3.0])
    assert errors.skill == 0.5
    console = Console(file=io.StringIO(), width=140)
    console.print(table_of({"somebody": errors}, {"somebody": 0.25}))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    row = next(line for line in text.splitlines() if "somebody" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["somebody", "50.0", "25.0", "2.00", "1.50", "46.00", "0.50", "50.0", "50.0"]


def test_steps_are_asked_for_where_the_target_is_away(split: Split) -> None:
    away, near = (questions(split.train, POLICY, 1000, away) for away in (True, False))
    assert len(away) + len(near) == sum(map(len, split.train))
    assert all(
        motion_deg(one.window) <= 5.0 and one.window.gripper_open == one.window.gripper_target
        for one in near
    )
    still = replace(split.train[0], q=split.train[0].q[:1].repeat(30, axis=0))
    still = replace(still, gripper_open=np.ones(30, bool))
    with pytest.raises(InvalidDataset, match="no step has a target that is away from the arm"):
        questions([still], POLICY, 3)


def test_models_are_judged_by_other_demonstrations_than_they_are_chosen_by() -> None:
    tasks = [replace(demonstration(seed), task=f"task {seed // 3}") for seed in range(6)]
    chosen, judged = parted(tasks)
    assert [one.seed for one in chosen] == [0, 2, 3, 5]
    assert [one.seed for one in judged] == [1, 4]


def test_images_of_another_episode_are_those_of_the_nearest_step_of_the_same_goal(
    split: Split,
) -> None:
    asked = questions(split.train, POLICY, 9)
    for before, after in zip(asked, with_other_images(asked), strict=True):
        source = next(one for one in asked if one.images is after.images)
        assert source.rig is not before.rig
        assert after.window is before.window and after.arm is before.arm


def test_network_without_images_learns_what_joints_and_instruction_tell(split: Split) -> None:
    policy = Policy()
    demos = [replace(split.train[0], descriptions=("a",)), split.train[1]]
    asked = [*questions(demos[:1], policy, 2), *questions(demos[1:], policy, 2)]
    errors, _ = errors_of(Blind(demos, policy), asked, policy)
    assert errors.skill > 0.8
    images = dict.fromkeys(asked[0].images, np.zeros((256, 256, 3), np.uint8))
    blind = replace(asked[0], images=images)
    again, _ = errors_of(Blind(demos, policy), [blind], policy)
    assert np.allclose(again.joints_deg, errors.joints_deg[:1], atol=0.5)


def test_best_model_is_judged_beside_guesses(unbroken: Path, split: Split, tmp_path: Path) -> None:
    held_out = [seen(9), seen(10)]
    verdict = judge(unbroken / BEST, replace(split, held_out=held_out), POLICY, 2, "cpu")
    rows = verdict.rows
    assert len(rows) == 6
    assert rows["where the arm is"].skill < 0.1
    # Its witness has learned nothing yet, and images without an arm are no arm's.
    assert verdict.refused["best model"] == 1.0 and "where the arm is" not in verdict.refused
    save_verdict(tmp_path / "verdict.json", verdict)
    saved = json.loads((tmp_path / "verdict.json").read_text())
    assert saved["best model"]["rank"] == rows["best model"].rank
    assert saved["best model"]["refused"] == 1.0 and "refused" not in saved["where the arm is"]


def test_model_knows_the_instructions_and_the_reach_of_its_training(
    unbroken: Path, split: Split, tmp_path: Path
) -> None:
    config = load_config(unbroken / BEST)
    assert config.goals == (GOAL,)
    largest = np.zeros(7)
    for demo in split.train:
        ahead = np.minimum(np.arange(len(demo)) + POLICY.horizon_steps, len(demo) - 1)
        largest = np.maximum(largest, np.abs(demo.q[ahead] - demo.q).max(axis=0))
    assert np.allclose(config.farthest_rad, largest, atol=1e-4)
    based = fitted(BASED, POLICY, split.train)
    assert based.draw.goals == () and based.draw.farthest_rad == config.farthest_rad


def test_virtual_camera_is_drawn_without_the_scene(split: Split) -> None:
    draw = replace(BASED.draw, policy=POLICY, present=Present.CELL, virtual_camera="front")
    sample = DrawingSamples(split.train, draw)[12]
    corner = np.s_[:4, -4:]  # of the front camera's cell, where there is no sphere
    assert np.all(sample.given.pictures[0][corner] == GREY)
    assert np.all(sample.target[0][corner] == GREY)
    assert not np.all(sample.target[0][:4, :4] == GREY)


def test_training_that_was_never_validated_names_no_model(split: Split, tmp_path: Path) -> None:
    trainer = Trainer("tiny", TINY, POLICY, split, tmp_path, OPTIONS)
    trainer.run(lambda report: None, lambda: True)
    assert best_model(tmp_path).startswith("there is no model yet")
    (tmp_path / BEST).mkdir()
    assert best_model(tmp_path) == "the best model is in diffusion/"


def test_text_encoder_receives_each_samples_instruction_in_the_policys_template(
    split: Split, tmp_path: Path
) -> None:
    goals = ("push the maroon button", "lift the lid")
    demos = [
        replace(demo, descriptions=(goal,)) for demo, goal in zip(split.train, goals, strict=False)
    ]
    trainer = Trainer("tiny", TINY, POLICY, Split(demos, split.held_out), tmp_path, OPTIONS)
    text, received, samples = trainer._models.text, [], next(trainer._batches())
    text.encoders[0].register_forward_pre_hook(lambda _, given: received.append(given[0]))
    trainer._step(samples)
    tokens, _ = received  # of the images, then of the steps that are told
    told = [text.tokenizers[0].decode(row, skip_special_tokens=True) for row in tokens]
    assert set(samples.goals) == set(goals)
    assert [" ".join(words.replace("'", " ").split()) for words in told] == [
        f"tiled perspectives of a robot arm executing {goal}" for goal in samples.goals
    ]


def test_nearest_step_draws_the_target_of_a_step_that_it_knows(split: Split) -> None:
    policy = Policy()
    asked = questions(split.train[:1], policy, 3)
    errors, _ = errors_of(NearestStep(split.train, policy), asked, policy)
    assert errors.summary["error_deg"] < 0.5
