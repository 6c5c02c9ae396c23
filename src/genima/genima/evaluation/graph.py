# SPDX-License-Identifier: Apache-2.0
"""Runs the node graph of an evaluation in processes of its own, again when it breaks.

The graph is a launch file: the world, the nodes of the robot and the episode runner, which works
through the plan of a folder and writes down each episode. This side only watches the files.
"""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from genima.errors import EvaluationError
from genima.evaluation.domain import claim_domain
from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.plan import EpisodeKey, EvaluationPlan
from genima.evaluation.records import ERROR_MARK, EpisodeRecord, Journal
from genima.evaluation.terminal import ProgressDisplay
from genima.launching.ament import share_directory
from genima.launching.graph import last_lines, launched

#: How often the files are looked at [s].
_LOOK_EVERY_S = 0.2
#: Looks without a sign of life before the graph is given up; two minutes.
_PATIENCE_LOOKS = 600
#: How long the launcher may take to end its nodes [s]; longer than it waits for each of them.
_STOP_LIMIT_S = 30.0
#: Times in a row that the graph may end without finishing an episode in good order.
_MOST_BREAKDOWNS = 3


@dataclass(frozen=True)
class GraphSettings:
    """What a graph is started with, besides its plan.

    Attributes:
        launch_file: Must take the arguments that `_arguments` makes.
        video: Whether every step is rendered and filmed.
    """

    launch_file: Path
    video: bool


def installed_launch_file(environment: Mapping[str, str]) -> Path:
    """The launch file of evaluations, as installed.

    Raises:
        LaunchError: The workspace is not built, or its environment is not set.
    """
    return share_directory("genima_bringup", environment) / "launch" / "eval.launch.xml"


def run_graph(
    folder: EvaluationFolder,
    plan: EvaluationPlan,
    settings: GraphSettings,
    display: ProgressDisplay,
) -> None:
    """Run all episodes that remain.

    Raises:
        EvaluationError: The graph breaks down again and again.
    """
    breakdowns = 0
    with claim_domain() as domain:
        display.note(f"nodes run in ROS domain {domain}, their log is {folder.log_file}")
        while folder.remaining():
            watch = _Watch(folder, display)
            arguments = _arguments(folder, plan, settings)
            with launched(
                settings.launch_file, arguments, folder.log_file, domain, _STOP_LIMIT_S
            ) as launcher:
                end = watch.until_end(launcher)
            if not folder.remaining():
                return
            _blame(folder, plan, end)
            watch.look()
            breakdowns = 0 if watch.sound_episodes else breakdowns + 1
            if breakdowns == _MOST_BREAKDOWNS:
                raise EvaluationError(
                    f"the nodes ended {breakdowns} times in a row without finishing an episode "
                    f"({end}); repeat the command to go on once the cause is mended. The end of "
                    f"{folder.log_file}:\n{last_lines(folder.log_file)}"
                )
            display.note(f"{end}; starting the nodes again")


class _Watch:
    """Follows what the episode runner writes."""

    def __init__(self, folder: EvaluationFolder, display: ProgressDisplay) -> None:
        self._folder = folder
        self._display = display
        self._seen = len(folder.records())
        self._sign_of_life = 0
        self._silent_looks = 0
        self.sound_episodes = 0

    def until_end(self, launcher: "subprocess.Popen[bytes]") -> str:
        """Look again and again until the graph has ended or fallen silent; returns how it was."""
        while True:
            try:
                code = launcher.wait(timeout=_LOOK_EVERY_S)
                self.look()
                return f"the nodes have ended with exit code {code}"
            except subprocess.TimeoutExpired:
                self.look()
            if self._silent_looks > _PATIENCE_LOOKS:
                return f"no sign of life for {_LOOK_EVERY_S * _PATIENCE_LOOKS:.0f} s"

    def look(self) -> None:
        """Report what is new."""
        records = self._folder.records()
        for record in records[self._seen :]:
            self._display.finish(record)
            self.sound_episodes += not record.is_error
        self._seen = len(records)
        remaining = self._folder.remaining()
        if remaining:
            self._display.begin(remaining[0])
        self._note_sign_of_life()

    def _note_sign_of_life(self) -> None:
        try:
            touched = self._folder.running_file.stat().st_mtime_ns
        except FileNotFoundError:
            touched = 0
        alive = touched != self._sign_of_life
        self._silent_looks = 0 if alive else self._silent_looks + 1
        self._sign_of_life = touched


def _arguments(
    folder: EvaluationFolder, plan: EvaluationPlan, settings: GraphSettings
) -> dict[str, str]:
    return {
        "evaluation_dir": str(folder.path.absolute()),
        "agent": plan.agent.value,
        "controller": plan.controller.value,
        "pacing": plan.pacing.value,
        "policy_file": str(Path(plan.policy).absolute() / "policy.yaml") if plan.policy else "",
        "execution_horizon": str(plan.execution_horizon),
        "first_horizon": str(plan.first_horizon),
        "check_drawing": str(plan.check_drawing).lower(),
        "video": str(settings.video).lower(),
        "images_on_request": str(not settings.video).lower(),
        "image_quality": plan.image_quality.value,
    }


def _blame(folder: EvaluationFolder, plan: EvaluationPlan, end: str) -> None:
    """Write down the episode during which the runner ended without a word: never run it again."""
    try:
        values = json.loads(folder.running_file.read_text())
        key = EpisodeKey(values["task"], values["seed"])
    except (OSError, ValueError, KeyError):
        return
    folder.running_file.unlink()
    if key in folder.remaining():
        Journal(folder.episodes_file, plan).append(
            EpisodeRecord(key.task, key.seed, success=False, steps=0, reason=ERROR_MARK + end)
        )
