# SPDX-License-Identifier: Apache-2.0
"""Reports for people and for programs."""

import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from genima.doctor.areas import Report
from genima.doctor.finding import Finding, Verdict

_STYLES = {
    Verdict.OK: "green",
    Verdict.WARNING: "yellow",
    Verdict.MISSING: "bold red",
    Verdict.UNKNOWN: "dim",
}
_SUBJECT_WIDTH = 16


def print_finding(finding: Finding, console: Console) -> None:
    """One finding as it comes: some checks take seconds, and somebody waits."""
    row = Table.grid(padding=(0, 1))
    row.add_column(width=max(len(verdict.value) for verdict in Verdict))
    row.add_column(width=_SUBJECT_WIDTH)
    row.add_column(ratio=1)
    words = Text(finding.found, overflow="fold")
    if finding.remedy:
        words.append(f"\n-> {finding.remedy}", style="bold")
    style = _STYLES[finding.verdict]
    row.add_row(Text(finding.verdict.value, style=style), Text(finding.subject), words)
    console.print(row)


def print_summary(report: Report, console: Console) -> None:
    """What all findings of an area come to."""
    lacks = report.lacks
    if not lacks:
        console.print(Text(f"fit for {report.area.purpose}", style="green"))
        return
    things = "1 thing is" if lacks == 1 else f"{lacks} things are"
    console.print(Text(f"{things} missing for {report.area.purpose}", style="bold red"))


def as_json(reports: Sequence[Report]) -> str:
    """The reports as one JSON object, by area."""
    return json.dumps(
        {
            report.area.value: {
                "missing": report.lacks,
                "findings": [
                    {
                        "subject": finding.subject,
                        "verdict": finding.verdict.name.lower(),
                        "found": finding.found,
                        "remedy": finding.remedy,
                    }
                    for finding in report.findings
                ],
            }
            for report in reports
        },
        indent=2,
    )
