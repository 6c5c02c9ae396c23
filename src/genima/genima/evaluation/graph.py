# SPDX-License-Identifier: Apache-2.0
"""Workers that are node graphs: a world, the robot's nodes and an episode runner, launched."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from genima.evaluation.crew import Start
from genima.evaluation.domain import claim_domain
from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.plan import EvaluationPlan, Pacing
from genima.evaluation.terminal import ProgressDisplay
from genima.evaluation.worlds import cameras_file
from genima.launching.ament import share_directory
from genima.launching.graph import launched
from genima.launching.one_core import ONE_CORE

#: How long the launcher may take to end its nodes [s]; longer than it waits for each of them.
_STOP_LIMIT_S = 30.0


@dataclass(frozen=True)
class GraphSettings:
    """What a graph is started with, besides its plan.

    Attributes:
        launch_file: Must take the arguments that `_arguments` makes.
        video: Whether every step is rendered and filmed.
    """

    launch_file: Path
    video: bool


def installed_launch_file(environment: Mapping[str, str]) -> Path:
    """The launch file of evaluations, as installed.

    Raises:
        LaunchError: The workspace is not built, or its environment is not set.
    """
    return share_directory("genima_bringup", environment) / "launch" / "eval.launch.xml"


def graph_starter(
    plan: EvaluationPlan, settings: GraphSettings, display: ProgressDisplay
) -> Start:
    """Starts graphs, each in a ROS domain of its own."""
    # In real time the machine must be fast, in lockstep its results must not depend on it.
    environment = ONE_CORE if plan.pacing is Pacing.LOCKSTEP else {}

    @contextmanager
    def graph(folder: EvaluationFolder) -> Iterator["subprocess.Popen[bytes]"]:
        arguments = _arguments(folder, plan, settings)
        with claim_domain() as domain:
            display.note(f"nodes run in ROS domain {domain}, their log is {folder.log_file}")
            with launched(
                settings.launch_file,
                arguments,
                folder.log_file,
                domain,
                _STOP_LIMIT_S,
                environment,
            ) as launcher:
                yield launcher

    return graph


def _arguments(
    folder: EvaluationFolder, plan: EvaluationPlan, settings: GraphSettings
) -> dict[str, str]:
    return {
        "evaluation_dir": str(folder.path.absolute()),
        "worker": str(folder.worker),
        "backend": plan.world.value,
        "cameras_file": str(cameras_file(plan.world)),
        "agent": plan.agent.value,
        "controller": plan.controller.value,
        "pacing": plan.pacing.value,
        "policy_file": str(Path(plan.policy) / "policy.yaml") if plan.policy else "",
        "execution_horizon": str(plan.execution_horizon),
        "first_horizon": str(plan.first_horizon),
        "diffusion_steps": str(plan.diffusion_steps),
        "check_drawing": str(plan.check_drawing).lower(),
        "video": str(settings.video).lower(),
        "images_on_request": str(not settings.video).lower(),
        "image_quality": plan.image_quality.value,
        "perturb": ",".join(factor.value for factor in plan.perturb),
        "poses": plan.poses.value,
    }
