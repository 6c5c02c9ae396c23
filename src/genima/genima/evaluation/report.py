# SPDX-License-Identifier: Apache-2.0
"""What an evaluation amounts to. Two runs of a plan in lockstep write the same report."""

import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.markdown import markdown_report
from genima.evaluation.plan import Agent, EvaluationPlan
from genima.evaluation.plots import draw_plots
from genima.evaluation.records import EpisodeRecord
from genima.evaluation.wilson import wilson_interval_by_seed
from genima.files import write_text

#: Packages that a result can depend on.
_PACKAGES = ("genima", "mujoco", "mink", "numpy", "opencv-python-headless")
#: Settings that mean nothing where no nodes run.
_OF_THE_GRAPH = ("controller", "pacing", "execution_horizon", "diffusion_steps", "image_quality")


def build_report(plan: EvaluationPlan, records: Sequence[EpisodeRecord]) -> dict[str, Any]:
    """Count successes by task. Wall times are left out: they differ from run to run."""
    tasks = {
        task: _task_report([record for record in records if record.task == task])
        for task in plan.tasks
    }
    settings = plan.to_json()
    if plan.agent is Agent.EXPERT:  # runs without nodes
        settings |= dict.fromkeys(_OF_THE_GRAPH)
    return {
        "tasks": tasks,
        "mean_success_rate": fmean(task["success_rate"] for task in tasks.values()),
        **{name: settings[name] for name in settings if name not in ("tasks", "seed", "episodes")},
        "seeds": list(plan.seeds),
        "versions": _versions(),
    }


def write_report(folder: EvaluationFolder) -> Mapping[str, Any]:
    """Write and return the report of a folder whose episodes are finished."""
    records = folder.records()
    report = build_report(folder.read_plan(), records)
    store_report(folder, report, records)
    return report


def store_report(
    folder: EvaluationFolder, report: Mapping[str, Any], records: Sequence[EpisodeRecord]
) -> None:
    """Write a report as JSON, as a table and as plots, the JSON last: with it, all are there."""
    draw_plots(folder, report, records)
    write_text(folder.table_file, markdown_report(report))
    write_text(folder.report_file, json.dumps(report, indent=2) + "\n")


def _task_report(records: Sequence[EpisodeRecord]) -> dict[str, Any]:
    successes = [record for record in records if record.success]
    count, episodes = len(successes), len(records)
    by_seed = {record.seed: 0 for record in records}
    for record in successes:
        by_seed[record.seed] += 1
    runs = episodes // max(1, len(by_seed))  # one for each checkpoint
    measured = [r for r in records if r.targets_reached]
    return {
        "successes": count,
        "episodes": episodes,
        "errors": sum(record.is_error for record in records),
        "success_rate": count / episodes if episodes else 0.0,
        "wilson_95": list(wilson_interval_by_seed(list(by_seed.values()), runs)),
        "mean_steps_to_success": fmean(r.steps for r in successes) if successes else None,
        "drawn_error_deg": _weighted(measured, "drawn_error_deg"),
        "drawn_error_mm": _weighted(measured, "drawn_error_mm"),
        "failures": [
            {"seed": record.seed, "steps": record.steps, "reason": record.reason}
            for record in records
            if not record.success
        ],
    }


def _weighted(records: Sequence[EpisodeRecord], name: str) -> float | None:
    """The mean over all drawn targets of all episodes; None if there are none."""
    total = sum(record.targets_reached for record in records)
    values = [record.targets_reached * getattr(record, name) for record in records]
    return round(sum(values) / total, 4) if total else None


def _versions() -> dict[str, str | None]:
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return versions
