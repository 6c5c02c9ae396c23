# SPDX-License-Identifier: Apache-2.0
"""Behaviour of a session that asks the operator, of one that sends nothing, and of refusals."""

import numpy as np
import pytest

from genima.control.planner import Plan, PlannedChunk
from genima.control.session_types import SessionSettings, SessionState
from genima.errors import InvalidCommand
from genima.kinematics import Q_HOME

from .session_cases import POLICY, Loop, require_smooth, target

AWAITING = SessionState.AWAITING_APPROVAL
#: The hand would be turned into the forearm.
Q_FOLDED = np.array([0.0, -0.3, 0.0, -2.2, 0.0, 0.0, 2.3])


@pytest.fixture
def loop() -> Loop:
    loop = Loop(SessionSettings(target_timeout_s=0.5, approve=True, approval_timeout_s=30.0))
    loop.start()
    return loop


def test_arm_stands_until_the_target_is_approved(loop: Loop) -> None:
    loop.offer(target())
    assert loop.status.state is AWAITING
    assert loop.status.reason == "approve or reject the drawn target"
    assert loop.run(20.0) == []
    assert loop.status.state is AWAITING
    loop.session.approve(loop.now_s)
    assert loop.status.state is SessionState.RUNNING
    points = loop.run(POLICY.horizon_s + 0.2)
    require_smooth(points)
    np.testing.assert_allclose(points[-1].q, target(), atol=1e-6)


def test_silence_is_not_consent_and_another_target_is_drawn(loop: Loop) -> None:
    loop.offer(target())
    assert loop.run(30.2) == []
    assert loop.status.state is SessionState.WAITING
    assert "nobody approved the drawn target within 30.0 s" in loop.status.reason
    assert loop.status.targets_refused == 1
    with pytest.raises(InvalidCommand, match="no drawn target waits for approval"):
        loop.session.approve(loop.now_s)
    loop.run(0.3)
    assert loop.session.wants_target(loop.now_s)
    loop.offer(target())
    assert loop.status.state is AWAITING


def test_rejected_target_is_not_followed_and_another_one_is_wanted(loop: Loop) -> None:
    loop.offer(target())
    loop.run(1.0)
    loop.session.reject(loop.now_s)
    assert "the operator rejected the drawn target" in loop.status.reason
    assert loop.run(loop.settings.retry_s + 0.1) == []
    assert loop.session.wants_target(loop.now_s)
    loop.offer(target(-0.2))
    loop.run(0.5)
    loop.session.approve(loop.now_s)
    loop.run(POLICY.horizon_s + 0.2)
    np.testing.assert_allclose(loop.arm, target(-0.2), atol=1e-5)


def test_answer_that_comes_too_soon_is_not_one_to_this_target(loop: Loop) -> None:
    loop.offer(target())
    for answer in (loop.session.approve, loop.session.reject):
        with pytest.raises(InvalidCommand, match="look at it, then answer"):
            answer(loop.now_s + 0.1)
    assert loop.status.state is AWAITING


def test_no_other_target_takes_the_place_of_the_one_that_is_shown(loop: Loop) -> None:
    loop.offer(target())
    loop.run(0.5)
    assert not loop.session.wants_target(loop.now_s)
    assert not loop.session.offer(Plan(target(-0.5), True, 0.9), loop.now_s, loop.now_s)
    loop.session.approve(loop.now_s)
    loop.run(POLICY.horizon_s + 0.2)
    np.testing.assert_allclose(loop.arm, target(), atol=1e-5)


def test_each_target_is_asked_for_and_drawn_where_the_arm_stands(loop: Loop) -> None:
    loop.offer(target())
    loop.run(0.5)
    loop.session.approve(loop.now_s)
    loop.run(POLICY.horizon_s)
    due_s = loop.now_s
    loop.run(0.2)
    assert loop.session.wants_target(loop.now_s)
    assert not loop.session.offer(Plan(target(0.3), True, 0.9), due_s - 0.05, loop.now_s)
    loop.offer(target(0.3))
    assert loop.status.state is AWAITING
    loop.run(10.0)  # longer than a target may be old
    assert loop.status.state is AWAITING
    np.testing.assert_allclose(loop.arm, target(), atol=1e-5)
    loop.session.approve(loop.now_s)
    loop.run(POLICY.horizon_s + 0.2)
    require_smooth(loop.sent)
    np.testing.assert_allclose(loop.arm, target(0.3), atol=1e-5)


def test_approved_target_is_not_followed_where_the_arm_was_moved_meanwhile(loop: Loop) -> None:
    loop.offer(target())
    loop.arm = loop.arm - 0.15  # guided by hand
    loop.run(1.0)
    with pytest.raises(InvalidCommand, match=r"the arm was moved by 0\.15 rad"):
        loop.session.approve(loop.now_s)
    assert loop.status.state is SessionState.WAITING
    assert "another one is drawn" in loop.status.reason
    assert loop.run(loop.settings.retry_s + 0.1) == []
    loop.offer(target())
    loop.run(0.5)
    loop.session.approve(loop.now_s)
    loop.run(POLICY.horizon_s + 0.2)
    np.testing.assert_allclose(loop.arm, target(), atol=1e-5)


def test_free_space_is_asked_again_when_a_target_is_approved(loop: Loop) -> None:
    loop.offer(target())
    loop.run(1.0)
    loop.session._gate.objection = lambda q: "it would bring the arm into a wall"  # moved in
    with pytest.raises(InvalidCommand, match="cannot be followed: it would bring the arm into"):
        loop.session.approve(loop.now_s)
    assert loop.run(0.1) == []
    assert loop.status.state is SessionState.WAITING


def test_cancelled_halted_and_dead_goals_ask_for_nothing(loop: Loop) -> None:
    for stop in (loop.session.end, loop.session.halt):
        loop.offer(target())
        assert loop.status.state is AWAITING
        stop("enough")
        with pytest.raises(InvalidCommand, match="no drawn target waits"):
            loop.session.approve(loop.now_s + 1.0)
        loop.run(0.5)
        loop.start()
    loop.offer(target())
    loop.joint_states_come = False
    loop.run(0.3)
    assert loop.status.state is SessionState.HALTED


def test_waiting_world_waits_for_the_operator_too() -> None:
    loop = Loop(SessionSettings(blocking=True, approve=True))
    loop.start()
    loop.offer(target())
    assert loop.status.state is AWAITING
    assert loop.advance() == []
    loop.session.reject(loop.now_s)
    assert loop.run(loop.settings.retry_s + 0.1) != []  # its time goes on to the next drawing
    loop.offer(target())
    assert loop.advance() == []
    loop.session.approve(loop.now_s)
    assert loop.advance() != []


def test_dry_run_computes_motion_from_where_the_arm_is_though_it_never_moves() -> None:
    loop = Loop(SessionSettings(target_timeout_s=0.5, dry_run=True))
    loop.arm_obeys = False
    loop.start()
    for offset_rad in (0.7, 0.7, -0.3):  # more than the arm may be from where it was sent
        loop.offer(target(offset_rad))
        assert loop.status.state is SessionState.RUNNING
        assert loop.status.reason == "dry run: nothing is sent to the arm"
        computed = loop.run(POLICY.horizon_s)
        np.testing.assert_allclose(computed[0].q, Q_HOME, atol=1e-2)
        np.testing.assert_allclose(computed[-1].q, target(offset_rad), atol=1e-2)
    assert loop.status.chunks == 3
    assert loop.status.state is not SessionState.HALTED


@pytest.mark.parametrize("as_chunk", [False, True])
def test_target_that_folds_the_arm_onto_itself_is_refused_before_it_moves(as_chunk: bool) -> None:
    loop = Loop()
    loop.start()
    chunk = None
    if as_chunk:
        way = Q_HOME + np.linspace(0, 1, POLICY.horizon_steps)[:, None] * (Q_FOLDED - Q_HOME)
        chunk = PlannedChunk(np.concatenate([way, way[::-1]])[::2], np.ones(len(way), bool))
    goal = target(0.0) if as_chunk else Q_FOLDED
    loop.session.offer(Plan(goal, True, 0.9, chunk=chunk), loop.now_s, loop.now_s)
    assert loop.run(0.1) == []
    assert "the drawn target cannot be followed: it would bring the" in loop.status.reason
    assert loop.status.targets_refused == 1
    loop.run(0.2)
    assert loop.session.wants_target(loop.now_s)
