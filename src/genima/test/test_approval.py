# SPDX-License-Identifier: Apache-2.0
"""What the operator is shown of a target, and which answers go to the controller."""

import io
import math
import os
from collections.abc import Iterator

import numpy as np
import pytest
from rich.console import Console

from genima.approval.dialogue import ApprovalDialogue, ControllerView, Order
from genima.approval.frontends import LineFrontend, state_line
from genima.approval.screen import headline, screen
from genima.approval.target import ShownTarget, joint_positions_of, motion_between
from genima.control.session_types import SessionState
from genima.kinematics import Q_HOME
from genima.limits import RobotModel, limits_of
from genima.spheres import sphere_poses

Q_TARGET = Q_HOME + np.array([0.0, 0.1, 0.0, -0.5, 0.0, 0.2, 0.0])


def status(
    state: SessionState = SessionState.AWAITING_APPROVAL, reason: str = ""
) -> ControllerView:
    return ControllerView(state, reason, "push the maroon button", 3, 0.87)


def target(stamp_s: float = 10.0) -> ShownTarget:
    return ShownTarget(Q_TARGET, True, stamp_s)


@pytest.fixture
def dialogue() -> ApprovalDialogue:
    """At 10 s a controller asks for consent to a target."""
    dialogue = ApprovalDialogue()
    dialogue.feel(Q_HOME, 10.0)
    dialogue.see(target(), 10.0)
    dialogue.hear(status(), 10.0)
    return dialogue


def shown(dialogue: ApprovalDialogue, now_s: float) -> str:
    console = Console(file=io.StringIO(), width=100, height=30)
    console.print(screen(dialogue.view(now_s)))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_spheres_tell_the_joint_positions_that_they_were_made_of() -> None:
    rng, limits = np.random.default_rng(1), limits_of(RobotModel.PANDA)
    for _ in range(200):
        q = rng.uniform(limits.q_min, limits.q_max)
        np.testing.assert_allclose(joint_positions_of(sphere_poses(q)), q, atol=1e-9)
    for q in (limits.q_min, limits.q_max):
        np.testing.assert_allclose(joint_positions_of(sphere_poses(q)), q, atol=1e-9)


def test_the_largest_motion_is_told_with_its_joint() -> None:
    motion = motion_between(Q_HOME, Q_TARGET)
    assert motion.largest_rad == pytest.approx(0.5) and motion.largest_joint == 4
    assert 0.05 < motion.tip_m < 0.5


def test_a_target_that_waits_is_shown_with_what_it_means(dialogue: ApprovalDialogue) -> None:
    text = shown(dialogue, 11.0)
    for words in (
        "MAY THE ARM DO THIS?",
        "push the maroon button",
        "28.6 degrees, joint 4",
        "0.87 of 1",
        "-28.6 deg",
        "open",
        "let it move",
    ):
        assert words in text, text


@pytest.mark.parametrize("order", [Order.APPROVE, Order.REJECT])
def test_an_answer_to_a_target_goes_to_the_controller_once(
    dialogue: ApprovalDialogue, order: Order
) -> None:
    assert dialogue.press(order, 11.0, looked=True) is order
    assert dialogue.pending
    assert dialogue.press(Order.APPROVE, 11.1, looked=True) is None
    dialogue.answer(True, "the arm follows it")
    assert not dialogue.pending
    assert f"{order.value}: the arm follows it" in shown(dialogue, 11.2)


def test_an_answer_meant_for_another_target_is_refused(dialogue: ApprovalDialogue) -> None:
    assert dialogue.press(Order.APPROVE, 10.1, looked=False) is None
    assert "new target" in shown(dialogue, 10.1)
    assert dialogue.view(12.0).asked_for_s == pytest.approx(2.0)
    dialogue.see(target(stamp_s=11.9), 12.0)
    assert dialogue.view(12.1).asked_for_s == pytest.approx(0.1)


@pytest.mark.parametrize("state", [s for s in SessionState if s.name != "AWAITING_APPROVAL"])
def test_nothing_is_approved_that_was_not_asked_for(
    dialogue: ApprovalDialogue, state: SessionState
) -> None:
    dialogue.hear(status(state, reason="because"), 11.0)
    assert dialogue.press(Order.APPROVE, 11.5, looked=True) is None
    text = shown(dialogue, 11.5)
    assert "does not ask" in text and "let it move" not in text
    assert headline(dialogue.view(11.5))[0].split()[0] in text and "because" in text


def test_a_controller_that_fell_silent_cannot_be_answered(dialogue: ApprovalDialogue) -> None:
    assert headline(dialogue.view(14.0))[0] == "THE CONTROLLER DOES NOT ANSWER"
    assert dialogue.press(Order.APPROVE, 14.0, looked=True) is None
    assert headline(ApprovalDialogue().view(0.0))[0] == "LOOKING FOR THE CONTROLLER"


@pytest.mark.parametrize("lacks", ["target", "joint positions"])
def test_a_target_that_is_not_shown_can_only_be_refused(lacks: str) -> None:
    dialogue = ApprovalDialogue()
    if lacks == "target":
        dialogue.feel(Q_HOME, 10.0)
    dialogue.hear(status(), 10.0)
    if lacks == "joint positions":
        dialogue.see(target(), 10.0)
    assert not dialogue.view(10.5).asks
    dialogue.hear(status(), 12.5)
    assert dialogue.view(12.5).asks
    text = shown(dialogue, 12.5)
    assert "what it wants to do is not shown: refuse it" in text
    assert "refuse this target" in text and "let it move" not in text
    assert dialogue.press(Order.APPROVE, 12.6, looked=True) is None and not dialogue.pending
    assert dialogue.press(Order.REJECT, 12.7, looked=True) is Order.REJECT


def test_a_motion_that_shows_up_late_must_be_looked_at_first() -> None:
    dialogue = ApprovalDialogue()
    dialogue.hear(status(), 10.0)
    dialogue.see(target(), 10.0)
    dialogue.feel(Q_HOME, 12.4)
    assert dialogue.view(12.5).asked_for_s == pytest.approx(0.1)


@pytest.mark.parametrize("answered_here", [True, False])
def test_the_target_before_is_not_shown_for_the_one_that_is_asked_about(
    dialogue: ApprovalDialogue, answered_here: bool
) -> None:
    if answered_here:
        dialogue.press(Order.REJECT, 11.0, looked=True)
        dialogue.answer(True, "another target is drawn")
    else:
        dialogue.hear(status(SessionState.RUNNING), 11.0)
    dialogue.hear(status(), 11.5)  # its markers have not come yet, or cannot be read
    assert dialogue.view(13.9).motion is None
    assert dialogue.press(Order.APPROVE, 13.9, looked=True) is None
    dialogue.see(target(stamp_s=13.5), 14.0)
    assert dialogue.press(Order.APPROVE, 14.4, looked=True) is Order.APPROVE


def test_a_target_that_came_before_the_answer_to_the_last_one_is_kept(
    dialogue: ApprovalDialogue,
) -> None:
    dialogue.press(Order.REJECT, 11.0, looked=True)
    dialogue.see(target(stamp_s=11.05), 11.1)
    dialogue.answer(True, "another target is drawn")
    assert dialogue.view(11.6).motion is not None


def test_an_answer_that_did_not_reach_the_controller_can_be_given_again(
    dialogue: ApprovalDialogue,
) -> None:
    dialogue.press(Order.APPROVE, 11.0, looked=True)
    dialogue.answer(False, "the controller did not answer; look at its state")
    assert dialogue.press(Order.APPROVE, 11.5, looked=True) is Order.APPROVE


def test_texts_of_others_do_not_steer_the_terminal(dialogue: ApprovalDialogue) -> None:
    dialogue.hear(status(reason="\x1b[2J\x1b]0;owned\x07"), 10.5)
    assert "\x1b" not in shown(dialogue, 10.6) and "\x07" not in state_line(dialogue.view(10.6))


@pytest.fixture
def lines(dialogue: ApprovalDialogue) -> Iterator[tuple[LineFrontend, int, io.StringIO]]:
    reading, writing = os.pipe()
    out = io.StringIO()
    with LineFrontend(dialogue, reading, out) as frontend:
        yield frontend, writing, out
    os.close(reading)


def test_a_script_reads_what_is_asked_and_answers(
    dialogue: ApprovalDialogue, lines: tuple[LineFrontend, int, io.StringIO]
) -> None:
    frontend, writing, out = lines
    assert frontend.turn(10.2, 0.0) is None
    (line,) = out.getvalue().splitlines()
    assert line.startswith("asks chunk=3 stamp=10.000 largest_motion_deg=29 joint=4 fit=0.87")
    os.write(writing, b"approve\n")
    assert frontend.turn(10.3, 0.0) is Order.APPROVE
    os.close(writing)
    assert frontend.turn(10.4, 0.0) is None  # the answer is still to come
    dialogue.answer(True, "done")
    with pytest.raises(EOFError):
        frontend.turn(10.5, 0.0)
    assert "note approve: done" in out.getvalue()


def test_a_script_that_answers_before_it_is_asked_approves_nothing(
    lines: tuple[LineFrontend, int, io.StringIO],
) -> None:
    frontend, writing, out = lines
    os.write(writing, b"approve\nyes\n")
    assert frontend.turn(10.2, 0.0) is None
    assert frontend.turn(10.3, 0.0) is None
    assert "error this is a new target" in out.getvalue()
    assert "error 'yes' is no answer; there are: approve, reject, quit" in out.getvalue()
    os.close(writing)


def test_large_motions_and_poor_drawings_stand_out(dialogue: ApprovalDialogue) -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard")
    dialogue.see(ShownTarget(Q_HOME + np.array([0, 0, 0, 0, 0, 0, 1.0]), False, 11.0), 11.0)
    console.print(screen(dialogue.view(12.0)))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert f"\x1b[1;31m{math.degrees(1.0):.1f} degrees, joint 7" in text
    assert "closed" in text
