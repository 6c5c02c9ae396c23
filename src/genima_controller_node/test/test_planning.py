# SPDX-License-Identifier: Apache-2.0
"""What the controller node plans with, as its parameters name it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genima.cameras import load_rig
from genima.control.planner import GeometricPlanner, Seen
from genima.errors import InvalidParameter, PolicyError
from genima.kinematics import Q_HOME
from genima.policy import Policy, save_policy
from genima_controller_node.parameters import ControllerParameters
from genima_controller_node.planning import make_session, planner_factory

torch = pytest.importorskip("torch", reason="torch is not installed")

from genima.act.checkpoint import ActCheckpoint  # noqa: E402
from genima.act.config import PRESETS  # noqa: E402
from genima.act.model import Act  # noqa: E402
from genima.act.normalisation import Statistics  # noqa: E402
from genima.act.planner import ActPlanner  # noqa: E402

RIG = load_rig(Path(__file__).parents[3] / "config" / "cameras.yaml")
LANGUAGE = 384


@pytest.fixture
def policy_file(tmp_path: Path) -> str:
    """A policy folder with untrained weights."""
    config = replace(PRESETS["tiny"], hidden=16, heads=2, widths=(8, 8, 8))
    network = Act(config, LANGUAGE)
    weights = dict(network.state_dict())
    ones = (1.0,) * 7
    statistics = Statistics(tuple(Q_HOME.tolist()), ones, (0.0,) * 7, ones)
    goals = {"push the maroon button": torch.ones(LANGUAGE)}
    ActCheckpoint(config, statistics, Policy(), weights, goals).save(tmp_path / "controller")
    save_policy(Policy(), tmp_path / "policy.yaml")
    return str(tmp_path / "policy.yaml")


def test_geometric_controller_needs_no_weights() -> None:
    planner = planner_factory(ControllerParameters(), Policy())(RIG)
    assert isinstance(planner, GeometricPlanner)


def test_demonstrated_tasks_stay_within_the_bounds_that_are_shipped() -> None:
    """The lowest tool centre of the four tasks' demonstrations is 3 cm above the table."""
    p = ControllerParameters()
    assert p.workspace_min_m[2] < 0.03
    assert make_session(p, Policy())._gate.parameters.position_margin_rad == p.position_margin_rad


def test_act_plans_with_the_controller_beside_the_policy_file(policy_file: str) -> None:
    parameters = ControllerParameters(
        controller="act", policy_file=policy_file, check_drawing=False
    )
    planner = planner_factory(parameters, Policy())(RIG)
    assert isinstance(planner, ActPlanner)
    seen = Seen(np.array(Q_HOME), True, "push the maroon button")
    plan = planner.plan(np.zeros((512, 512, 3), np.uint8), seen)
    assert plan.chunk is not None and plan.chunk.q.shape == (20, 7)


def test_act_without_a_policy_file_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="controller 'act' needs weights: set policy_file"):
        planner_factory(ControllerParameters(controller="act"), Policy())


def test_act_without_weights_or_for_another_policy_is_refused(policy_file: str) -> None:
    parameters = ControllerParameters(controller="act", policy_file=policy_file)
    with pytest.raises(PolicyError, match="trained with horizon_steps 20, the policy has 10"):
        planner_factory(parameters, replace(Policy(), horizon_steps=10))
    (Path(policy_file).parent / "controller" / "model.safetensors").unlink()
    with pytest.raises(PolicyError, match=r"model\.safetensors: cannot be read"):
        planner_factory(parameters, Policy())
