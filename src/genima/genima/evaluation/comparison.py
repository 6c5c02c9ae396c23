# SPDX-License-Identifier: Apache-2.0
"""Evaluations of the same episodes side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genima.errors import EvaluationError, InvalidParameter
from genima.evaluation.checkpoints import CHECKPOINTS_FILE
from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.mcnemar import mcnemar_p
from genima.evaluation.plan import EpisodeKey, EvaluationPlan
from genima.evaluation.plan_checks import changes
from genima.evaluation.records import EpisodeRecord

#: Settings that say which episodes these are; all others may be what is compared.
_EPISODES = ("tasks", "seed", "episodes", "world", "max_steps", "poses")


@dataclass(frozen=True)
class Evaluated:
    """A finished evaluation.

    Attributes:
        path: Its folder.
        plan: What was run.
        records: What came of each episode.
    """

    path: Path
    plan: EvaluationPlan
    records: Mapping[EpisodeKey, EpisodeRecord]

    def successes(self, keys: Sequence[EpisodeKey]) -> int:
        """How many of these episodes were done."""
        return sum(self.records[key].success for key in keys)


@dataclass(frozen=True)
class Pairs:
    """Two evaluations, episode by episode.

    Attributes:
        gained: Episodes that only the second has done.
        lost: Episodes that only the first has done.
        elsewhere: Episodes in which the two had different scenes of the same seed.
        broken: Episodes that ended in an error of the suite or the simulator in one of the two.
    """

    gained: tuple[EpisodeKey, ...]
    lost: tuple[EpisodeKey, ...]
    elsewhere: tuple[EpisodeKey, ...]
    broken: tuple[EpisodeKey, ...]

    @property
    def p(self) -> float:
        """How likely so large a difference is if there is none."""
        return mcnemar_p(len(self.lost), len(self.gained))


def read_evaluations(paths: Sequence[Path]) -> list[Evaluated]:
    """Read folders to be compared.

    Raises:
        InvalidParameter: There are fewer than two, or one twice.
        EvaluationError: One is not a finished evaluation, or they hold different episodes.
    """
    if len(paths) < 2:
        raise InvalidParameter(f"{len(paths)} folders to compare; give two or more of genima eval")
    doubled = [path for i, path in enumerate(paths) if path in paths[:i]]
    if doubled:
        raise InvalidParameter(f"{doubled[0]} is named twice; name each folder once")
    found = [_read(path) for path in paths]
    for other in found[1:]:
        _require_same_episodes(found[0], other)
    return found


def pairs(first: Evaluated, second: Evaluated, keys: Sequence[EpisodeKey]) -> Pairs:
    """Compare episode by episode."""
    done = [(key, first.records[key].success, second.records[key].success) for key in keys]
    return Pairs(
        gained=tuple(key for key, before, after in done if after and not before),
        lost=tuple(key for key, before, after in done if before and not after),
        elsewhere=tuple(
            key for key in keys if first.records[key].scene != second.records[key].scene
        ),
        broken=tuple(
            key for key in keys if first.records[key].is_error or second.records[key].is_error
        ),
    )


def _read(path: Path) -> Evaluated:
    if (path / CHECKPOINTS_FILE).exists():
        raise EvaluationError(
            f"{path} holds several checkpoints, whose episodes have no single outcome; compare "
            "the folders in it"
        )
    folder = EvaluationFolder(path)
    if not folder.plan_file.exists():
        raise EvaluationError(
            f"{path} is no folder of an evaluation: it has no plan.json; give folders that genima "
            "eval --out has made"
        )
    plan = folder.read_plan()
    records = folder.records()
    if len(records) < len(plan.keys):
        raise EvaluationError(
            f"{path} has {len(records)} of {len(plan.keys)} episodes; finish it with genima eval "
            f"--resume --out {path}"
        )
    return Evaluated(path, plan, {record.key: record for record in records})


def _require_same_episodes(first: Evaluated, other: Evaluated) -> None:
    here, there = (
        {name: value for name, value in one.plan.to_json().items() if name in _EPISODES}
        for one in (first, other)
    )
    here["tasks"], there["tasks"] = sorted(here["tasks"]), sorted(there["tasks"])
    difference = changes(here, there)
    if difference:
        raise EvaluationError(
            f"{other.path} holds other episodes than {first.path}: {difference}; compare "
            "evaluations of the same episodes"
        )
