# SPDX-License-Identifier: Apache-2.0
"""The graph with a model that has learned nothing: whatever it draws, the arm stands."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from diagnostic_msgs.msg import DiagnosticStatus
from genima_msgs.msg import ControllerStatus, TargetTile
from sensor_msgs.msg import JointState

from genima.diffusion.models import save_models
from genima.diffusion.tiny import TinySize, build_tiny, palette_config
from genima.evaluation.domain import claim_domain
from genima.policy import Policy, save_policy
from genima_ros.qos import JOINT_STATES, RELIABLE_LATEST

from .node_graph import NodeGraph

pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(
        not os.environ.get("AMENT_PREFIX_PATH"), reason="the workspace is not built and sourced"
    ),
]

BUTTON = "push the maroon button"
SIZE = TinySize(patch_px=16, channels=(16, 16), text_width=16, text_layers=1)
#: Bad tiles that are waited for.
SEEN_ENOUGH = 3
STILL_RAD = 0.01


@pytest.fixture(scope="module")
def policy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy whose model has random weights."""
    folder, policy = tmp_path_factory.mktemp("random"), Policy()
    torch.manual_seed(0)
    models = build_tiny(palette_config(policy, cell_px=64), [policy.prompt(BUTTON)], SIZE)
    save_models(models, folder / "diffusion")
    save_policy(policy, folder / "policy.yaml")
    return folder / "policy.yaml"


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[NodeGraph]:
    with claim_domain() as domain:
        graph = NodeGraph(tmp_path, domain, "lockstep")
        yield graph
        graph.close()


def test_drawings_of_random_weights_are_never_followed_and_status_says_so(
    graph: NodeGraph, policy_file: Path
) -> None:
    tiles: list[TargetTile] = []
    places: list[list[float]] = []
    node = graph.node
    node.create_subscription(TargetTile, "target_tile", tiles.append, RELIABLE_LATEST)
    node.create_subscription(
        JointState, "joint_states", lambda m: places.append(list(m.position)[:7]), JOINT_STATES
    )
    graph.start("diffusion", agent="policy", policy_file=policy_file, threads=1)
    graph.until(lambda: "active: policy draws" in graph.log("diffusion"), "a loaded model")
    graph.start("sim_bridge", image_quality="fast", images_on_request="true")
    graph.start("controller", policy_file=policy_file)
    assert graph.reset("push_button", seed=1).success
    graph.give_goal_until_accepted(BUTTON)
    graph.until(lambda: len(tiles) >= SEEN_ENOUGH, "tiles of random weights")
    assert all(tile.state == TargetTile.BAD and tile.fault for tile in tiles)
    graph.until(lambda: "the drawing cannot be followed" in graph.status.reason, "the reason")
    assert graph.status.state in (ControllerStatus.WAITING, ControllerStatus.HOLDING)
    assert graph.status.targets_refused > 0 and graph.status.chunks == 0
    graph.until_health("diffusion", DiagnosticStatus.ERROR, "the drawing cannot be followed")
    assert np.ptp(places, axis=0).max() < STILL_RAD
