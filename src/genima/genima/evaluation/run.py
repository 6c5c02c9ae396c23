# SPDX-License-Identifier: Apache-2.0
"""Runs an evaluation from its plan to its report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from genima.errors import EvaluationError
from genima.evaluation.checkpoints import CHECKPOINTS_FILE
from genima.evaluation.folder import open_folder
from genima.evaluation.means import Means, run_here
from genima.evaluation.plan import EvaluationPlan
from genima.evaluation.ray_cluster import run_on_ray
from genima.evaluation.report import write_report
from genima.evaluation.terminal import ProgressDisplay, print_report
from genima.evaluation.worlds import task_names


def evaluate(
    plan: EvaluationPlan, path: Path, console: Console, means: Means
) -> Mapping[str, Any]:
    """Run what remains of a plan in a folder, print the table and return the report.

    Args:
        plan: What to run.
        path: The folder.
        console: Where progress and table go.
        means: With what.

    Raises:
        UnknownTask: The plan names a task that the world does not have.
        EvaluationError: The folder cannot be used, or the nodes break down again and again.
        LaunchError: The node graph is needed and the workspace is not built.
    """
    plan.require_tasks(task_names(plan.world))
    means.require_fit(plan)
    if (path / CHECKPOINTS_FILE).exists():
        raise EvaluationError(
            f"{path} holds an evaluation of several checkpoints; name another folder with --out"
        )
    with open_folder(path, plan) as folder:
        try:
            with ProgressDisplay(plan, folder.records(), console) as display:
                if means.ray:
                    run_on_ray(folder, plan, means, display)
                else:
                    run_here(folder, plan, means, display)
        except KeyboardInterrupt:
            console.print("Interrupted. Repeat the command to go on with what remains.")
            raise
        report = write_report(folder)
    print_report(report, console)
    return report
