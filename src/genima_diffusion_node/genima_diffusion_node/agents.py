# SPDX-License-Identifier: Apache-2.0
"""The agents that the parameter `agent` names."""

from collections.abc import Callable

from genima.cameras import CameraRig
from genima.diffusion.agent import Agent
from genima.diffusion.blank import BlankAgent
from genima.diffusion.oracle import OracleAgent
from genima.policy import Policy
from genima.sim.world import ExpertChunk


def make_agent(
    name: str, policy: Policy, rig: CameraRig, ask_expert: Callable[[int], ExpertChunk]
) -> Agent:
    """Make an agent for the cameras as their images are drawn on."""
    if name == "blank":
        return BlankAgent(policy)
    return OracleAgent(policy, rig, ask_expert)
