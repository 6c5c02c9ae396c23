# SPDX-License-Identifier: Apache-2.0
"""Which simulators the bridge makes, and what they refuse."""

from pathlib import Path

import pytest

from genima.cameras import load_rig
from genima.errors import InvalidParameter
from genima_sim_bridge.backends import make_backend
from genima_sim_bridge.parameters import SimParameters

RIG = load_rig(Path(__file__).parents[3] / "config" / "cameras.yaml")


def test_parameters_say_how_scenes_differ_from_those_of_training() -> None:
    bodies = []
    for perturb in ("", "light, distractors"):
        world = make_backend(SimParameters(perturb=perturb), RIG).world
        world.reset("push_button", 0, 1)
        bodies.append(world.snapshot().model.nbody)
    assert bodies[1] == bodies[0] + 2


@pytest.mark.parametrize("change", [{"perturb": "light"}, {"poses": "grid"}], ids=str)
def test_scenes_of_rlbench_are_taken_as_they_are(change: dict[str, str]) -> None:
    with pytest.raises(InvalidParameter, match="perturb and poses need backend mujoco"):
        make_backend(SimParameters(backend="rlbench", **change), RIG)


def test_unknown_factor_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidParameter, match="perturb names 'fog'; allowed: object_color"):
        make_backend(SimParameters(perturb="fog"), RIG)
