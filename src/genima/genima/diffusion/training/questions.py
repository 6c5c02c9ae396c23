# SPDX-License-Identifier: Apache-2.0
"""The held-out steps at which drawings are judged.

Those whose target is away count: where the arm stays, drawing where it is would do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from genima.arrays import Array, UInt8
from genima.cameras import CameraRig
from genima.data.demonstration import Demonstration
from genima.data.drawing import observed
from genima.data.targets import Window, Windows
from genima.diffusion.conditioning import ArmState
from genima.errors import InvalidDataset
from genima.policy import Policy

#: Of joints 1 to 6; the last one turns the hand about its own axis.
COUNTED_JOINTS = 6
#: A target is away if these joints move by more than this on average, or the gripper acts.
_AWAY_DEG = 5.0


@dataclass(frozen=True, eq=False)
class Question:
    """One step of a held-out demonstration.

    Attributes:
        images: What the cameras saw.
        arm: Where the arm was.
        goal: What it was to do.
        window: What should be drawn.
        rig: The cameras.
    """

    images: dict[str, UInt8[Array, "s s 3"]]
    arm: ArmState
    goal: str
    window: Window
    rig: CameraRig


def motion_deg(window: Window) -> float:
    """By how much the target moves the joints that count, on average [deg]."""
    motion = np.abs(window.q_target - window.q)[:COUNTED_JOINTS]
    return float(np.rad2deg(motion).mean())


def is_away(window: Window) -> bool:
    """Whether something has to be known of the scene and the task to draw the target."""
    return motion_deg(window) > _AWAY_DEG or window.gripper_open != window.gripper_target


def parted(held_out: Sequence[Demonstration]) -> tuple[list[Demonstration], list[Demonstration]]:
    """Those to choose the best model by, and those to judge it by: every other one of a task."""
    by_task: dict[str, list[Demonstration]] = {}
    for demonstration in held_out:
        by_task.setdefault(demonstration.task, []).append(demonstration)
    chosen = [one for demonstrations in by_task.values() for one in demonstrations[0::2]]
    judged = [one for demonstrations in by_task.values() for one in demonstrations[1::2]]
    return chosen, judged


def questions(
    demonstrations: Sequence[Demonstration], policy: Policy, count: int, away: bool = True
) -> list[Question]:
    """Steps of demonstrations, evenly over all of them.

    Args:
        demonstrations: With their images.
        policy: Cameras, image size, K.
        count: How many, at most.
        away: Whether those whose target is away, or the others.

    Raises:
        InvalidDataset: There is no such step.
    """
    all_windows = [Windows(demonstration, policy) for demonstration in demonstrations]
    steps = [
        (episode, step)
        for episode, windows in enumerate(all_windows)
        for step, window in enumerate(windows)
        if is_away(window) == away
    ]
    if not steps:
        raise InvalidDataset(
            f"of {len(demonstrations)} held-out demonstrations no step has a target that is "
            f"{'away from' if away else 'at'} the arm; hold more demonstrations out"
        )
    chosen = np.linspace(0, len(steps) - 1, min(count, len(steps))).round().astype(int)
    rigs = [
        CameraRig({camera.name: camera for camera in windows.cameras}) for windows in all_windows
    ]
    asked = []
    for episode, step in (steps[index] for index in chosen):
        windows, rig = all_windows[episode], rigs[episode]
        window, demonstration = windows[step], demonstrations[episode]
        images = observed(demonstration.images, step, windows.cameras)
        arm = ArmState(window.q, window.gripper_open, rig.views(window.q))
        asked.append(Question(images, arm, demonstration.instruction, window, rig))
    return asked


def with_other_images(asked: Sequence[Question]) -> list[Question]:
    """The same questions with what the cameras saw in another demonstration.

    They are taken where the arm was nearest, of the same instruction if there are any, so that it
    is the scene that is wrong. A model that draws as well as before does not look at it.
    """
    return [replace(question, images=_elsewhere(question, asked).images) for question in asked]


def _elsewhere(question: Question, asked: Sequence[Question]) -> Question:
    others = [one for one in asked if one.rig is not question.rig] or [question]
    others = [one for one in others if one.goal == question.goal] or others
    return min(others, key=lambda one: float(np.linalg.norm(one.window.q - question.window.q)))
