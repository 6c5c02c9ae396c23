# SPDX-License-Identifier: Apache-2.0
"""How long the episode runner waits."""

from genima.evaluation.plan import EvaluationPlan, WorldName
from genima.rlbench.simulator import RlbenchOptions
from genima_sim_bridge.episode_runner import RunnerParameters, stall_limit_s

PARAMETERS = RunnerParameters()


def test_step_that_its_simulator_may_take_is_no_stall() -> None:
    """Else a slow step of RLBench would end the nodes, and not the episode alone."""
    plan = EvaluationPlan(("push_button",), 1, world=WorldName.RLBENCH)
    longest_s = RlbenchOptions().patience.step_s
    assert stall_limit_s(PARAMETERS, plan) > longest_s + 20.0


def test_world_without_a_simulator_of_its_own_is_given_what_the_parameter_says() -> None:
    plan = EvaluationPlan(("push_button",), 1)
    assert stall_limit_s(PARAMETERS, plan) == PARAMETERS.stall_limit_s
