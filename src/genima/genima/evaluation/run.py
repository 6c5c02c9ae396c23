# SPDX-License-Identifier: Apache-2.0
"""Runs an evaluation from its plan to its report."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from genima.evaluation.expert_alone import run_expert
from genima.evaluation.folder import open_folder
from genima.evaluation.graph import GraphSettings, installed_launch_file, run_graph
from genima.evaluation.plan import Agent, EvaluationPlan
from genima.evaluation.report import write_report
from genima.evaluation.terminal import ProgressDisplay, print_report
from genima.sim.task import registered_tasks


def evaluate(
    plan: EvaluationPlan, path: Path, console: Console, *, video: bool
) -> Mapping[str, Any]:
    """Run what remains of a plan in a folder, print the table and return the report.

    Args:
        plan: What to run.
        path: The folder.
        console: Where progress and table go.
        video: Film each episode; numbers do not depend on it. The expert alone is not filmed.

    Raises:
        UnknownTask: The plan names a task that the world does not have.
        EvaluationError: The folder cannot be used, or the nodes break down again and again.
        LaunchError: The node graph is needed and the workspace is not built.
    """
    plan.require_tasks(tuple(registered_tasks()))
    with open_folder(path, plan) as folder:
        try:
            with ProgressDisplay(plan, folder.records(), console) as display:
                if plan.agent is Agent.EXPERT:
                    run_expert(folder, plan, display)
                else:
                    file = installed_launch_file(os.environ)
                    run_graph(folder, plan, GraphSettings(file, video), display)
        except KeyboardInterrupt:
            console.print("Interrupted. Repeat the command to go on with what remains.")
            raise
        report = write_report(folder)
    print_report(report, console)
    return report
