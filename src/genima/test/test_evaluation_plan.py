# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path
from typing import Any

import pytest

from genima.errors import EvaluationError, InvalidParameter, PolicyError, UnknownTask
from genima.evaluation.means import Means
from genima.evaluation.options import make_plans
from genima.evaluation.plan import (
    Agent,
    Controller,
    EpisodeKey,
    EvaluationPlan,
    Pacing,
    WorldName,
    digest,
)
from genima.evaluation.plan_checks import choose
from genima.sim.scenery import Factor, Poses

PLAN = EvaluationPlan(tasks=("a", "b"), episodes=2, seed=7)
#: As the command line gives them.
OPTIONS = PLAN.to_json() | {"tasks": "a,b", "perturb": "", "policy": ""}


def test_episodes_go_task_by_task_through_the_seeds() -> None:
    assert PLAN.keys == (
        EpisodeKey("a", 7),
        EpisodeKey("a", 8),
        EpisodeKey("b", 7),
        EpisodeKey("b", 8),
    )


def test_plan_survives_json() -> None:
    plan = EvaluationPlan(
        ("a",),
        3,
        agent=Agent.EXPERT,
        pacing=Pacing.REALTIME,
        max_steps=9,
        perturb=(Factor.DISTRACTORS, Factor.LIGHT),
        poses=Poses.GRID,
    )
    assert EvaluationPlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_plan_of_before_scenes_could_be_chosen_is_of_those_of_training() -> None:
    values = PLAN.to_json()
    del values["perturb"], values["poses"], values["diffusion_steps"]
    assert EvaluationPlan.from_json(values) == PLAN


def test_only_the_embedded_world_makes_other_scenes() -> None:
    for change in ({"perturb": (Factor.LIGHT,)}, {"poses": Poses.GRID}):
        with pytest.raises(InvalidParameter, match="world 'rlbench' takes its scenes as they are"):
            EvaluationPlan(("a",), 1, world=WorldName.RLBENCH, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"tasks": ()}, "no task is named"),
        ({"tasks": ("a", "a")}, "'a' twice"),
        ({"episodes": 0}, "episodes is 0; give a whole number from 1 on"),
        ({"seed": -1}, "seed is -1; give a whole number from 0 on"),
        ({"execution_horizon": 0}, "execution_horizon is 0"),
        ({"execution_horizon": 21}, "execution_horizon is 21"),
        ({"max_steps": 0}, "max_steps is 0"),
    ],
)
def test_impossible_plan_is_refused(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(InvalidParameter, match=complaint):
        EvaluationPlan(**({"tasks": ("a",), "episodes": 1} | change))  # type: ignore[arg-type]


def test_unknown_task_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownTask, match=r"no task 'b' in world 'mujoco'; it has: a, c"):
        PLAN.require_tasks(("a", "c"))


def test_unknown_choice_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidParameter, match=r"agent is 'dog'; allowed: expert, oracle"):
        choose(Agent, "dog", "agent")


def test_difference_names_each_setting_with_both_values() -> None:
    other = EvaluationPlan(tasks=("a",), episodes=2, seed=8)
    assert PLAN.difference(other) == "tasks is a there and a,b here, seed is 8 there and 7 here"
    assert PLAN.difference(PLAN) == ""


def test_plan_of_another_version_is_refused() -> None:
    with pytest.raises(EvaluationError, match="written by another version"):
        EvaluationPlan.from_json({"tasks": ["a"]})


@pytest.mark.parametrize(
    "stage", [{"controller": Controller.ACT}, {"agent": Agent.POLICY}], ids=["act", "policy"]
)
def test_stage_with_weights_needs_a_policy(stage: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter, match="needs weights; give --policy FOLDER"):
        EvaluationPlan(("a",), 1, **stage)
    assert EvaluationPlan(("a",), 1, policy="models/x", **stage).policy


def test_digest_tells_two_trainings_in_one_folder_apart(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"has no policy\.yaml"):
        digest(tmp_path)
    (tmp_path / "policy.yaml").write_text("{}")
    (tmp_path / "controller").mkdir()
    weights = tmp_path / "controller" / "model.safetensors"
    digests = set()
    for content in (b"one", b"two", b"one"):
        weights.write_bytes(content)
        digests.add(digest(tmp_path))
    assert len(digests) == 2


def test_policy_is_the_same_from_wherever_the_evaluation_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "policy.yaml").write_text("{}")
    monkeypatch.chdir(tmp_path)
    (plan,) = make_plans(OPTIONS | {"policy": "mine"})
    assert plan.policy == str(tmp_path / "mine")
    with pytest.raises(InvalidParameter, match=r"names .*/mine twice"):
        make_plans(OPTIONS | {"policy": "mine,mine/"})
    monkeypatch.chdir("/")
    Means().require_fit(plan)


def test_policy_that_lacks_a_stage_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("{}")
    words = OPTIONS | {"policy": str(tmp_path)}
    make_plans(words)
    for stage, file in (
        ({"agent": "policy"}, "diffusion/genima.json"),
        ({"controller": "act"}, "controller/config.json"),
    ):
        with pytest.raises(PolicyError, match=f"has no {file}; give the folder"):
            make_plans(words | stage)


def test_steps_in_which_nothing_can_be_drawn_are_refused(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("{}")
    (tmp_path / "diffusion").mkdir()
    config = tmp_path / "diffusion" / "genima.json"
    words = OPTIONS | {"policy": str(tmp_path), "agent": "policy", "diffusion_steps": 5}
    config.write_text('{"output": "spheres", "target": "sample", "steps": 1, "state": true}')
    with pytest.raises(InvalidParameter, match="drawn in one step, got 5; give 1"):
        make_plans(words)
    assert make_plans(words | {"diffusion_steps": 1})[0].diffusion_steps == 1
    config.write_text("{}")
    assert make_plans(words)[0].diffusion_steps == 5
    with pytest.raises(InvalidParameter, match="agent 'oracle' makes none; leave it out"):
        make_plans(words | {"agent": "oracle"})
    with pytest.raises(InvalidParameter, match="diffusion_steps is -1"):
        make_plans(words | {"diffusion_steps": -1})
