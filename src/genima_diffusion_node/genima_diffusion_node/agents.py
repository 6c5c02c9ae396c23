# SPDX-License-Identifier: Apache-2.0
"""The agents that the parameter `agent` names, and the check of what a learned one draws."""

from collections.abc import Callable
from pathlib import Path

from genima.cameras import CameraRig
from genima.decode import TargetDecoder
from genima.diffusion.agent import Agent
from genima.diffusion.blank import BlankAgent
from genima.diffusion.oracle import OracleAgent
from genima.diffusion.tile_check import CheckSettings, TileCheck
from genima.errors import InvalidParameter
from genima.limits import RobotModel, limits_of
from genima.policy import Policy
from genima.sim.world import ExpertChunk
from genima_diffusion_node.parameters import DiffusionParameters


def agent_factory(
    parameters: DiffusionParameters, policy: Policy, ask_expert: Callable[[int], ExpertChunk]
) -> Callable[[CameraRig], Agent]:
    """Load what the parameters name; the agent itself needs to know the cameras.

    Raises:
        GenimaError: The weights cannot be used.
    """
    if parameters.agent == "blank":
        return lambda rig: BlankAgent(policy)
    if parameters.agent == "oracle":
        return lambda rig: OracleAgent(policy, rig, ask_expert)
    return _learned(parameters, policy)


def _learned(parameters: DiffusionParameters, policy: Policy) -> Callable[[CameraRig], Agent]:
    # Torch and diffusers take seconds, and only this needs them.
    from genima.diffusion.drawer import DrawOptions, Precision, load_drawer
    from genima.diffusion.learned import LearnedAgent, require_trained_for

    if not parameters.policy_file:
        raise InvalidParameter(
            "agent 'policy' needs weights: set policy_file to the policy.yaml of a policy "
            "folder that has the folder diffusion/ beside it"
        )
    folder = _model_folder(parameters)
    options = DrawOptions(
        device=parameters.device,
        precision=Precision(parameters.precision),
        steps=parameters.steps,
        compile=parameters.compile,
        graph=parameters.cuda_graph,
        decoder=parameters.decoder,
        threads=parameters.threads,
    )
    drawer = load_drawer(folder, options)
    require_trained_for(policy, drawer)
    drawer.warm_up()
    return lambda rig: LearnedAgent(drawer, rig, folder.parent.name)


def tile_decoder(parameters: DiffusionParameters, policy: Policy, rig: CameraRig) -> TargetDecoder:
    """What reads tiles, within the limits of the robot."""
    return TargetDecoder(rig, policy, limits_of(RobotModel(parameters.robot)))


def tile_check(
    parameters: DiffusionParameters, policy: Policy, decoder: TargetDecoder
) -> TileCheck | None:
    """What looks at each tile before it is published; nothing where no model has drawn it.

    Raises:
        PolicyError: The model's folder cannot be read.
    """
    if parameters.agent != "policy":
        return None
    from genima.diffusion.models import load_config

    settings = CheckSettings(parameters.max_residual_px, parameters.jump_margin_rad)
    limits = limits_of(RobotModel(parameters.robot))
    farthest_rad = load_config(_model_folder(parameters)).farthest_rad
    return TileCheck(decoder, limits, policy.horizon_s, settings, farthest_rad)


def _model_folder(parameters: DiffusionParameters) -> Path:
    return Path(parameters.policy_file).absolute().parent / "diffusion"
