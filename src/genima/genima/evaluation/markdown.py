# SPDX-License-Identifier: Apache-2.0
"""The table of an evaluation in Markdown, beside the paper's Table 1."""

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from genima.evaluation.paper import CITATION, GENIMA, MEANS
from genima.evaluation.terminal import error_words, title


def markdown_report(report: Mapping[str, Any]) -> str:
    """A page with a row for each task."""
    lines = [
        f"# {title(report)}",
        "",
        "| task | successes | rate | 95 % interval | steps to success | off the drawn target "
        "| GENIMA in the paper |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *(_row(name, task) for name, task in report["tasks"].items()),
        _mean_row(report),
        "",
        f"Rates with Wilson intervals. Paper: {CITATION}. It evaluates RLBench in CoppeliaSim; "
        "its mean over all 25 tasks is "
        + ", ".join(f"{rate:.1%} for {name}" for name, rate in MEANS.items())
        + ".",
    ]
    if words := error_words(report):
        lines += ["", words]
    checkpoints = report.get("checkpoints")
    if checkpoints:
        lines += ["", *_checkpoint_lines(report, checkpoints)]
    return "\n".join(lines) + "\n"


def _row(name: str, task: Mapping[str, Any]) -> str:
    low, high = task["wilson_95"]
    steps = task["mean_steps_to_success"]
    cells = [
        name,
        f"{task['successes']} of {task['episodes']}",
        f"{task['success_rate']:.1%}",
        f"{low:.1%} to {high:.1%}",
        "-" if steps is None else f"{steps:.0f}",
        _error_words(task),
        f"{GENIMA[name]:.1%}" if name in GENIMA else "-",
    ]
    return f"| {' | '.join(cells)} |"


def _error_words(task: Mapping[str, Any]) -> str:
    """How far the arm was from the drawn targets when it should have been there."""
    if task["drawn_error_deg"] is None:
        return "-"
    return f"{task['drawn_error_deg']:.2f} deg, {task['drawn_error_mm']:.1f} mm"


def _mean_row(report: Mapping[str, Any]) -> str:
    theirs = [GENIMA[name] for name in report["tasks"] if name in GENIMA]
    paper = f"{fmean(theirs):.1%}" if theirs else "-"
    return f"| **mean** | | **{report['mean_success_rate']:.1%}** | | | | {paper} |"


def _checkpoint_lines(
    report: Mapping[str, Any], checkpoints: list[Mapping[str, Any]]
) -> list[str]:
    lines = [
        f"Mean over {len(checkpoints)} checkpoints; the intervals are those of the mean, all "
        "having had the same episodes.",
        "",
        f"| checkpoint | {' | '.join(report['tasks'])} | mean |",
        f"|---|{'---:|' * (len(report['tasks']) + 1)}",
    ]
    for checkpoint in checkpoints:
        rates = [*checkpoint["success_rates"].values(), checkpoint["mean_success_rate"]]
        cells = " | ".join(f"{rate:.1%}" for rate in rates)
        lines.append(f"| {checkpoint['policy']} | {cells} |")
    return lines
