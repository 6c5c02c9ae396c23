# SPDX-License-Identifier: Apache-2.0
"""How the joints move to places: by what the arm's own plane shows, learned from told steps."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genima.diffusion.conditioning import state_of
from genima.diffusion.config import DrawConfig
from genima.diffusion.motion_head import CHANNELS, MOTION_RAD, MotionHead, answer_for
from genima.diffusion.places import PLACES
from genima.diffusion.training.told import ToldSteps
from genima.kinematics import Q_HOME
from genima.policy import Policy

from .act_cases import demonstration

CONFIG = DrawConfig(policy=Policy(image_size_px=64))
WIDTH = 16


def head() -> MotionHead:
    torch.manual_seed(0)
    made = MotionHead(WIDTH, 32)
    torch.nn.init.normal_(made.answer.weight)
    return made.eval()


def asked(q: torch.Tensor, ground: torch.Tensor) -> torch.Tensor:
    state = torch.from_numpy(state_of(q.numpy(), torch.ones(len(q)).bool().numpy(), CONFIG))
    text = torch.ones(len(q), 5, WIDTH)
    with torch.no_grad():
        return head()(q, state.float(), ground, text)


@settings(deadline=None, max_examples=30)
@given(
    turn=st.floats(-2.0, 2.0),
    place=st.tuples(st.floats(0.2, 0.8), st.floats(-0.4, 0.4)),
)
def test_turning_the_world_about_the_first_joint_changes_no_motion(
    turn: float, place: tuple[float, float]
) -> None:
    q = torch.tensor(np.array([Q_HOME])).float()
    ground = torch.tensor([[place, (0.5, 0.1)]]).float()
    cos, sin = torch.tensor(turn).cos(), torch.tensor(turn).sin()
    rotation = torch.stack([torch.stack([cos, -sin]), torch.stack([sin, cos])])
    turned = q.clone()
    turned[:, 0] += turn
    torch.testing.assert_close(
        asked(turned, ground @ rotation.T), asked(q, ground), atol=2e-4, rtol=1e-3
    )


def test_another_place_is_another_motion() -> None:
    q = torch.tensor(np.array([Q_HOME])).float()
    near = asked(q, torch.full((1, PLACES, 2), 0.3))
    assert not torch.allclose(near, asked(q, torch.full((1, PLACES, 2), 0.4)), atol=0.01)


def test_first_answer_of_all_is_that_nothing_moves() -> None:
    q = torch.tensor(np.array([Q_HOME])).float()
    fresh = MotionHead(WIDTH)(
        q, torch.zeros(1, 15), torch.zeros(1, PLACES, 2), torch.ones(1, 5, WIDTH)
    )
    assert fresh.shape == (1, CHANNELS) and not fresh.any()


def test_answer_says_how_far_the_joints_move_and_what_the_gripper_does() -> None:
    q = torch.tensor(np.array([Q_HOME])).float()
    answer = answer_for(q, q + 0.1, torch.tensor([False]))
    torch.testing.assert_close(answer[0, :7], torch.full((7,), 0.1 / MOTION_RAD))
    assert answer[0, 7] == -1.0


@pytest.fixture(scope="module")
def steps() -> ToldSteps:
    return ToldSteps([demonstration(0), demonstration(1)], CONFIG, 3.0)


def test_told_steps_are_those_of_the_demonstrations_but_for_their_errors(
    steps: ToldSteps,
) -> None:
    known = torch.from_numpy(demonstration(0).q).float(), torch.from_numpy(demonstration(1).q)
    every = torch.cat([part.float() for part in known])
    for error in (0.0, 0.05):
        told = steps.draw(64, error, 0.0, torch.Generator().manual_seed(1))
        gap = (told.q[:, None] - every).abs().amax(dim=2).amin(dim=1)
        assert gap.max() <= error + 1e-5
    assert gap.max() > 0.01  # of the second


def test_told_places_are_off_by_as_much_as_asked(steps: ToldSteps) -> None:
    def drawn(error_m: float) -> torch.Tensor:
        return steps.draw(2000, 0.0, error_m, torch.Generator().manual_seed(1)).ground

    gap = drawn(0.03) - drawn(0.0)
    # Standard deviations uniform up to 0.03 have a mean square of 0.03**2 / 3.
    assert abs(float(gap.square().mean().sqrt()) - 0.03 / 3**0.5) < 0.002


def test_same_chance_tells_the_same_steps(steps: ToldSteps) -> None:
    one, other = (steps.draw(8, 0.05, 0.01, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(one.q, other.q) and one.goals == other.goals
