# SPDX-License-Identifier: Apache-2.0
"""With what a plan is run. Results do not depend on it."""

import os
from dataclasses import dataclass
from pathlib import Path

from genima.errors import EvaluationError, InvalidParameter
from genima.evaluation.crew import Start, run_crew
from genima.evaluation.domain import MOST_DOMAINS
from genima.evaluation.expert_alone import start_expert
from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.graph import GraphSettings, graph_starter, installed_launch_file
from genima.evaluation.plan import Agent, EvaluationPlan, Pacing, digest
from genima.evaluation.terminal import ProgressDisplay


@dataclass(frozen=True)
class Means:
    """What a plan is run with.

    Attributes:
        video: Film each episode; the expert alone is not filmed.
        workers: How many graphs work side by side, each on one core.
        ray: Address of a Ray cluster that does the work instead; `local` for this computer.
    """

    video: bool = True
    workers: int = 1
    ray: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= MOST_DOMAINS:
            raise InvalidParameter(
                f"workers is {self.workers}; give 1 to {MOST_DOMAINS}, about as many as there are "
                "cores"
            )
        if self.ray and self.workers != 1:
            raise InvalidParameter(
                "--ray uses all cores of the cluster; leave --workers out, or --ray"
            )

    def require_fit(self, plan: EvaluationPlan) -> None:
        """Refuse what cannot go together.

        Raises:
            InvalidParameter: Several graphs would disturb one another in real time.
            EvaluationError: The policy is not the one of the plan.
        """
        if plan.pacing is Pacing.REALTIME and (self.workers > 1 or self.ray):
            raise InvalidParameter(
                "pacing 'realtime' needs the computer for itself; leave --workers and --ray out, "
                "or give --pacing lockstep"
            )
        if plan.policy and digest(Path(plan.policy)) != plan.weights:
            raise EvaluationError(
                f"the files of {plan.policy} are not those that the evaluation began with; "
                "evaluate them in a new folder"
            )


def run_here(
    folder: EvaluationFolder, plan: EvaluationPlan, means: Means, display: ProgressDisplay
) -> None:
    """Run all episodes that remain on this computer.

    Raises:
        EvaluationError: The workers break down again and again.
        LaunchError: The workspace is not built.
    """
    run_crew(folder, plan, _starter(plan, means.video, display), means.workers, display)


def _starter(plan: EvaluationPlan, video: bool, display: ProgressDisplay) -> Start:
    if plan.agent is Agent.EXPERT:
        return start_expert
    settings = GraphSettings(installed_launch_file(os.environ), video)
    return graph_starter(plan, settings, display)
