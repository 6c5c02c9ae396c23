# SPDX-License-Identifier: Apache-2.0
"""What a check has found."""

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """How good it is."""

    OK = "ok"
    WARNING = "look"
    MISSING = "missing"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: What it is, in a few words.
        verdict: How good it is.
        found: What there is, in a sentence without a full stop.
        remedy: What to do about it; empty if nothing.
    """

    subject: str
    verdict: Verdict
    found: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if self.verdict in (Verdict.MISSING, Verdict.WARNING) and not self.remedy:
            raise ValueError(f"{self.subject}: a finding that is not good says what to do")


def ok(subject: str, found: str) -> Finding:
    """All is well."""
    return Finding(subject, Verdict.OK, found)


def warning(subject: str, found: str, remedy: str) -> Finding:
    """It works, but not well, or not safely."""
    return Finding(subject, Verdict.WARNING, found, remedy)


def missing(subject: str, found: str, remedy: str) -> Finding:
    """Without it the rest does not work."""
    return Finding(subject, Verdict.MISSING, found, remedy)


def unknown(subject: str, found: str, remedy: str = "") -> Finding:
    """It could not be found out, or was not asked for."""
    return Finding(subject, Verdict.UNKNOWN, found, remedy)
