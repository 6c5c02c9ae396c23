# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a validation: a bar, a line for each finding, and one sentence."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from genima.data.training_set import TrainingSet
from genima.data.validate import Verdict, validate
from genima.limits import RobotModel

#: Findings of one episode that are printed; more of them rarely tell more.
_MOST_FINDINGS = 20


def report_validation(
    training_set: TrainingSet, robot: RobotModel, images: bool, console: Console
) -> bool:
    """Validate a set and print what is found; returns whether it is clean."""
    total = len(training_set.keys())
    verdicts = []
    bar = Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task("validating", total=total)
        for verdict in validate(training_set, robot, images):
            verdicts.append(verdict)
            _print_findings(verdict, console)
            bar.update(task, advance=1)
    sentence, clean = _conclusion(training_set, verdicts, images)
    console.print(sentence, style="green" if clean else "red", highlight=False, soft_wrap=True)
    return clean


def _print_findings(verdict: Verdict, console: Console) -> None:
    lines = [f"{verdict.key}: {finding}" for finding in verdict.findings]
    if len(lines) > _MOST_FINDINGS:
        more = len(lines) - _MOST_FINDINGS
        lines = [*lines[:_MOST_FINDINGS], f"{verdict.key}: and {more} findings more"]
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _conclusion(
    training_set: TrainingSet, verdicts: list[Verdict], images: bool
) -> tuple[str, bool]:
    findings = sum(len(verdict.findings) for verdict in verdicts)
    wrong = sum(bool(verdict.findings) for verdict in verdicts)
    steps = sum(verdict.steps for verdict in verdicts)
    if not verdicts:
        return f"{training_set.root} holds no episodes.", False
    if findings:
        plural = "" if findings == 1 else "s"
        where = f"{wrong} of {count_of_episodes(len(verdicts))}"
        return f"{findings} finding{plural} in {where}.", False
    looked = f"{steps * len(training_set.info.cameras)} images" if images else "no look at images"
    return f"Nothing wrong: {count_of_episodes(len(verdicts))}, {steps} steps, {looked}.", True


def count_of_episodes(count: int) -> str:
    """`1 episode`, `2 episodes`."""
    return f"{count} episode" if count == 1 else f"{count} episodes"
