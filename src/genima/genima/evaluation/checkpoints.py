# SPDX-License-Identifier: Apache-2.0
"""Several checkpoints of one training, evaluated with the same episodes and averaged.

The paper's numbers are such means, over the last three. Each checkpoint has a folder of its own
below that of the whole, with all that an evaluation leaves.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from genima.errors import EvaluationError
from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.plan import EvaluationPlan
from genima.evaluation.report import build_report, store_report
from genima.evaluation.terminal import print_report
from genima.files import locked_folder, write_text

CHECKPOINTS_FILE = "checkpoints.json"

#: Runs one plan in one folder.
Evaluate = Callable[[EvaluationPlan, Path], object]


def evaluate_checkpoints(
    plans: Sequence[EvaluationPlan], path: Path, console: Console, evaluate: Evaluate
) -> Mapping[str, Any]:
    """Run one plan after another below a folder, then write, print and return the mean.

    Args:
        plans: The same but for their policies.
        path: The folder.
        console: Where the table goes.
        evaluate: Runs a plan in a folder.

    Raises:
        EvaluationError: The folder holds something else, or a plan cannot be run.
    """
    if EvaluationFolder(path).plan_file.exists():
        raise EvaluationError(
            f"{path} holds an evaluation of one policy; name another folder with --out"
        )
    busy = f"another evaluation is writing to {path}; wait for it or name another folder"
    with locked_folder(path, ".lock", EvaluationError, busy, "name another folder with --out"):
        folders = _claim(path, plans)
        for plan, folder in zip(plans, folders, strict=True):
            console.print(f"checkpoint {plan.policy}", highlight=False, soft_wrap=True)
            evaluate(plan, folder.path)
        report = _mean_report(plans, folders)
        records = [record for folder in folders for record in folder.records()]
        store_report(EvaluationFolder(path), report, records)
    console.print(f"mean over {len(plans)} checkpoints", style="bold")
    print_report(report, console)
    return report


def plans_of(path: Path) -> list[EvaluationPlan]:
    """What a folder was begun with: one plan, or one for each checkpoint.

    Raises:
        EvaluationError: It holds no evaluation.
    """
    if not (path / CHECKPOINTS_FILE).exists():
        if not EvaluationFolder(path).plan_file.exists():
            raise EvaluationError(
                f"{path} holds no evaluation that could go on: it has no plan.json; leave "
                "--resume out and give --tasks to begin one"
            )
        return [EvaluationFolder(path).read_plan()]
    try:
        plans = json.loads((path / CHECKPOINTS_FILE).read_text())
        return [EvaluationPlan.from_json(plan) for plan in plans]
    except (OSError, ValueError, TypeError) as error:
        raise EvaluationError(
            f"{path / CHECKPOINTS_FILE} cannot be read: {error}; use a new folder"
        ) from error


def _claim(path: Path, plans: Sequence[EvaluationPlan]) -> list[EvaluationFolder]:
    before = plans_of(path) if (path / CHECKPOINTS_FILE).exists() else []
    if before != list(plans):
        if before and not _extend(plans, before):
            policies = ", ".join(plan.policy for plan in before)
            raise EvaluationError(
                f"{path} holds another evaluation, of {policies}; go on with it by --resume, or "
                "name another folder with --out"
            )
        EvaluationFolder(path).report_file.unlink(missing_ok=True)
        text = json.dumps([plan.to_json() for plan in plans], indent=2)
        write_text(path / CHECKPOINTS_FILE, text + "\n")
    names = [f"{i}_{Path(plan.policy).name}" for i, plan in enumerate(plans, start=1)]
    return [EvaluationFolder(path / name) for name in names]


def _extend(plans: Sequence[EvaluationPlan], before: Sequence[EvaluationPlan]) -> bool:
    """Whether these are the same plans with more episodes."""
    return len(plans) == len(before) and all(
        plan.extends(smaller) for plan, smaller in zip(plans, before, strict=True)
    )


def _mean_report(
    plans: Sequence[EvaluationPlan], folders: Sequence[EvaluationFolder]
) -> dict[str, Any]:
    """As of one policy; as all have the same episodes, rates of all together are mean rates."""
    own = [
        build_report(plan, folder.records()) for plan, folder in zip(plans, folders, strict=True)
    ]
    records = [record for folder in folders for record in folder.records()]
    report = build_report(plans[0], records)
    for task in report["tasks"].values():
        task["failures"] = []  # they stand in the reports of the checkpoints
    checkpoints = [
        {
            "policy": plan.policy,
            "weights": plan.weights,
            "folder": folder.path.name,
            "success_rates": {n: task["success_rate"] for n, task in one["tasks"].items()},
            "mean_success_rate": one["mean_success_rate"],
        }
        for plan, folder, one in zip(plans, folders, own, strict=True)
    ]
    del report["policy"], report["weights"]
    return report | {"checkpoints": checkpoints}
