# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from genima.arrays import Array, Float
from genima.control.minimum_jerk import minimum_jerk_chunk
from genima.control.planner import Plan, PlannedChunk
from genima.control.quintic import Quintic
from genima.control.session_types import SessionSettings, SessionState, Setpoint
from genima.control.splicer import ChunkSplicer
from genima.errors import InvalidCommand
from genima.kinematics import Q_HOME

from .session_cases import DT_S, LIMITS, POLICY, Loop, require_smooth, target


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_goal_is_refused_before_any_joint_state(loop: Loop) -> None:
    words = r"no joint state has come; check the driver, or begin an episode .* \(reset_world\)"
    with pytest.raises(InvalidCommand, match=words):
        loop.session.begin("push the maroon button", loop.now_s)
    assert not loop.session.active


def test_goal_is_refused_when_joint_states_are_old(loop: Loop) -> None:
    loop.measure()
    with pytest.raises(InvalidCommand, match=r"no joint state for 0\.20 s, allowed are 0\.1 s"):
        loop.session.begin("push the maroon button", loop.now_s + 0.2)


@pytest.mark.parametrize("instruction", ["", "  \n"])
def test_empty_instruction_is_refused(loop: Loop, instruction: str) -> None:
    loop.measure()
    with pytest.raises(InvalidCommand, match="the instruction is empty"):
        loop.session.begin(instruction, loop.now_s)


def test_second_goal_is_refused_and_the_first_goes_on(loop: Loop) -> None:
    loop.start()
    with pytest.raises(InvalidCommand, match="already executing 'push the maroon button'"):
        loop.session.begin("open the bottom drawer", loop.now_s)
    loop.session.refuse_goal("busy")
    assert loop.status.state is SessionState.WAITING
    assert loop.status.instruction == "push the maroon button"


def test_refused_goal_leaves_its_reason_in_the_status(loop: Loop) -> None:
    loop.session.refuse_goal("no joint state has come")
    assert loop.status.state is SessionState.IDLE
    assert loop.status.reason == "goal refused: no joint state has come"


def test_instruction_is_followed_without_its_surrounding_space(loop: Loop) -> None:
    loop.measure()
    loop.session.begin("  push the maroon button \n", loop.now_s)
    assert loop.status.instruction == "push the maroon button"


def test_nothing_moves_before_the_first_target(loop: Loop) -> None:
    loop.start()
    assert loop.run(1.0) == []
    assert loop.status.state is SessionState.WAITING
    assert loop.status.reason == "waiting for the first drawn target"
    assert loop.session.target_age_s(loop.now_s) < 0


def test_goal_is_given_up_when_no_first_target_comes(loop: Loop) -> None:
    loop.start()
    loop.run(loop.settings.first_target_timeout_s - 0.1)
    assert loop.session.active
    assert loop.run(0.3) == []
    assert loop.status.state is SessionState.HALTED
    assert "no drawn target came within 10.0 s: is the diffusion node active" in loop.status.reason
    assert "a simulated world does from reset_world on" in loop.status.reason


def test_goal_without_a_usable_target_ends_with_the_reason_of_the_last_refusal(loop: Loop) -> None:
    loop.start()
    for _ in range(51):
        loop.session.refuse("no spheres in the drawing", loop.now_s)
        loop.run(0.2)
    assert loop.status.state is SessionState.HALTED
    assert "could be followed" in loop.status.reason
    assert loop.status.reason.endswith("no spheres in the drawing")


def test_target_is_followed_to_its_end_on_the_grid(loop: Loop) -> None:
    loop.start()
    loop.run(0.4)
    loop.offer(target(), age_s=0.2)
    assert loop.status.state is SessionState.RUNNING
    assert loop.status.chunks == 1
    points = loop.run(POLICY.horizon_s + 0.2)
    require_smooth(points)
    np.testing.assert_allclose(points[-1].q, target(), atol=1e-6)
    assert loop.session.target_age_s(loop.now_s) == pytest.approx(POLICY.horizon_s + 0.4)


def test_setpoints_are_committed_just_beyond_the_lookahead(loop: Loop) -> None:
    loop.start()
    loop.offer(target())
    loop.run(0.3)
    ahead_s = loop.sent[-1].time_s - loop.now_s
    beyond_s = ahead_s - loop.settings.lookahead_s
    assert -1e-6 <= beyond_s < loop.settings.tick_s


@pytest.mark.parametrize("horizon_steps", [5, 10, 20])
def test_next_target_is_due_after_the_execution_horizon(horizon_steps: int) -> None:
    loop = Loop(SessionSettings(execution_horizon=horizon_steps))
    loop.start()
    loop.offer(target())
    due_s = horizon_steps * POLICY.step_s
    loop.run(due_s - 0.02)
    assert not loop.session.wants_target(loop.now_s)
    loop.run(0.02)
    assert loop.session.wants_target(loop.now_s)


def test_target_that_is_not_wanted_changes_nothing(loop: Loop) -> None:
    loop.start()
    loop.offer(target())
    loop.run(0.2)
    loop.offer(target(-0.2))
    loop.run(POLICY.horizon_s)
    assert loop.status.chunks == 1
    np.testing.assert_allclose(loop.sent[-1].q, target(), atol=1e-6)


def test_plan_for_an_earlier_goal_comes_too_late(loop: Loop) -> None:
    loop.start()
    loop.run(0.2)
    loop.session.end("cancelled")
    loop.start()
    loop.offer(target(), age_s=0.1)
    assert loop.status.state is SessionState.WAITING
    assert loop.status.targets_refused == 0
    assert loop.run(0.2) == []


def test_chunks_are_spliced_without_a_step() -> None:
    loop = Loop(SessionSettings(execution_horizon=5))
    loop.start()
    for offset_rad in (0.3, -0.2, 0.25, 0.0):
        loop.offer(target(offset_rad))
        loop.run(5 * POLICY.step_s)
    loop.run(1.0)
    assert loop.status.chunks == 4
    require_smooth(loop.sent)


def test_gripper_changes_on_arrival(loop: Loop) -> None:
    loop.start()
    loop.offer(target(), gripper_open=False)
    loop.run(0.3)
    assert loop.session.gripper_open
    loop.run(1.0)
    assert not loop.session.gripper_open


def test_target_beyond_the_limits_is_cut_off_at_them(loop: Loop) -> None:
    loop.start()
    loop.offer(np.where(np.arange(7) == 6, 3.5, Q_HOME))
    loop.finish()
    loop.run(0.1)
    require_smooth(loop.sent)
    assert loop.status.filter_active
    assert loop.arm[6] == pytest.approx(loop.session._gate.limits.q_max[6], abs=1e-6)


def test_arm_stands_at_its_limits_for_a_target_beyond_them_and_does_not_halt(loop: Loop) -> None:
    bound_rad = loop.session._gate.limits.q_max[5]
    beyond = Q_HOME.copy()
    beyond[5] = bound_rad + 0.005  # within the robot's limits, but not the gate's
    loop.arm = beyond - 0.2 * np.eye(7)[5]
    loop.start()
    loop.offer(beyond)
    loop.run(2.2 * POLICY.horizon_s)
    assert loop.session.active
    assert loop.arm[5] == pytest.approx(bound_rad, abs=1e-3)


def test_setpoints_keep_to_the_limits_whatever_targets_come() -> None:
    rng = np.random.default_rng(5)
    for _ in range(5):
        loop = Loop(SessionSettings(execution_horizon=3))
        loop.start()
        for _ in range(20):
            q = rng.uniform(LIMITS.q_min - 1.0, LIMITS.q_max + 1.0)
            loop.offer(q, age_s=float(rng.uniform(-0.1, 1.5)), gripper_open=bool(rng.integers(2)))
            loop.run(float(rng.choice([0.05, 0.15, 0.4])))
        loop.session.end("over")
        loop.run(2.0)
        assert len(loop.sent) > 20
        require_smooth(loop.sent)


@pytest.mark.parametrize("age_s", [1.5, -0.5])
def test_target_of_a_wrong_age_is_refused_and_counted(loop: Loop, age_s: float) -> None:
    loop.start()
    loop.run(2.0)
    loop.offer(target(), age_s=age_s)
    assert loop.status.targets_refused == 1
    assert f"the drawn target is {age_s:.2f} s old; at most 1.0 s" in loop.status.reason
    assert loop.run(1.0) == []


def test_refused_drawing_leads_to_a_hold_and_another_try(loop: Loop) -> None:
    loop.start()
    loop.offer(target())
    loop.run(POLICY.horizon_s)
    loop.session.offer(Plan(None, True, 0.1, "the drawing fits badly"), loop.now_s, loop.now_s)
    assert loop.status.state is SessionState.HOLDING
    assert loop.status.reason == "the drawing fits badly"
    assert not loop.session.wants_target(loop.now_s)
    loop.run(loop.settings.retry_s)
    assert loop.session.wants_target(loop.now_s)
    loop.offer(target(0.3))
    assert loop.status.state is SessionState.RUNNING
    loop.run(POLICY.horizon_s + 0.2)
    require_smooth(loop.sent)
    np.testing.assert_allclose(loop.arm, target(0.3), atol=1e-5)


def test_arm_holds_when_targets_stop_and_goes_on_when_they_come_again(loop: Loop) -> None:
    loop.start()
    loop.offer(target())
    loop.run(POLICY.horizon_s + loop.settings.target_timeout_s)
    assert loop.status.state is SessionState.HOLDING
    assert "no drawn target for 2 s; is the diffusion node alive?" in loop.status.reason
    last = loop.run(0.5)
    assert np.ptp([point.q for point in last], axis=0).max() < 1e-9
    loop.offer(target(0.3))
    assert loop.status.state is SessionState.RUNNING
    loop.run(POLICY.horizon_s + 0.2)
    require_smooth(loop.sent)
    np.testing.assert_allclose(loop.arm, target(0.3), atol=1e-5)


def test_targets_that_are_heard_but_not_wanted_are_no_silence(loop: Loop) -> None:
    loop.start()
    loop.offer(target())
    for _ in range(round(POLICY.horizon_s / 0.2) + 1):
        loop.session.hear_target(loop.now_s)
        loop.run(0.2)
    assert loop.status.state is SessionState.RUNNING


def test_arm_brakes_and_halts_when_joint_states_stop(loop: Loop) -> None:
    loop.start()
    loop.offer(target(0.6))
    loop.run(0.5)
    assert np.abs(loop.sent[-1].dq).max() > 0.3
    loop.joint_states_come = False
    loop.run(1.0)
    assert loop.status.state is SessionState.HALTED
    assert "no joint state for" in loop.status.reason
    require_smooth(loop.sent)
    np.testing.assert_array_equal(loop.sent[-1].q, loop.sent[-2].q)
    assert not loop.session.moving
    assert loop.run(0.5) == []


def test_halted_session_takes_a_new_goal_where_the_arm_stands(loop: Loop) -> None:
    loop.start()
    loop.offer(target(0.6))
    loop.run(0.5)
    loop.joint_states_come = False
    loop.run(1.0)
    loop.joint_states_come = True
    loop.run(0.1)
    before = len(loop.sent)
    loop.start()
    loop.offer(target(0.1))
    loop.run(POLICY.horizon_s + 0.2)
    np.testing.assert_allclose(loop.arm, target(0.1), atol=1e-5)
    require_smooth(loop.sent[before:])


def test_arm_that_does_not_follow_is_halted(loop: Loop) -> None:
    loop.start()
    loop.offer(target(0.8))
    stuck = loop.arm
    for _ in range(200):
        loop.now_s = round(loop.now_s + DT_S, 9)
        loop.session.on_joint_state(stuck, loop.now_s, gripper_open=True)
        loop.sent += loop.session.advance(loop.now_s)
    assert loop.status.state is SessionState.HALTED
    assert "rad from where it was sent" in loop.status.reason
    assert not loop.session.moving
    require_smooth(loop.sent)


def test_late_tick_shifts_the_motion_in_time(loop: Loop) -> None:
    loop.start()
    loop.offer(target())
    loop.run(0.5)
    before = len(loop.sent)
    loop.now_s += 0.15
    first = loop.advance()[0]
    assert first.time_s > loop.now_s
    # The motion goes on from the last point rather than leaping to where it would be by now.
    steps = np.array([point.q for point in loop.sent[before - 2 :]])
    pace = np.abs(np.diff(steps, axis=0)).max(axis=1)
    assert pace[1] == pytest.approx(pace[0], rel=0.2)
    loop.run(1.2)
    np.testing.assert_allclose(loop.arm, target(), atol=1e-6)


def test_after_a_long_delay_the_arm_begins_anew_where_it_is(loop: Loop) -> None:
    loop.start()
    loop.offer(target())
    loop.run(0.5)
    loop.now_s += 1.0
    assert loop.advance() == []
    assert loop.status.state is SessionState.HOLDING
    assert "control was late by" in loop.status.reason
    assert loop.session.wants_target(loop.now_s)
    before = len(loop.sent)
    loop.offer(target())
    np.testing.assert_allclose(loop.advance()[0].q, loop.arm, atol=1e-3)
    loop.run(1.2)
    require_smooth(loop.sent[before:])


@pytest.mark.parametrize("followed", [False, True])
def test_when_time_goes_back_targets_begin_anew(followed: bool) -> None:
    loop = Loop()
    loop.start()
    if followed:
        loop.offer(target())
        loop.run(0.5)
    loop.sent.clear()
    loop.arm, loop.now_s = np.array(Q_HOME), 2.0
    assert loop.advance() == []
    assert loop.session.wants_target(loop.now_s)
    assert loop.session.not_before_s() <= loop.now_s
    loop.offer(target(0.1))
    assert loop.status.state is SessionState.RUNNING
    loop.run(1.2)
    np.testing.assert_allclose(loop.arm, target(0.1), atol=1e-6)


def test_first_target_may_take_its_time_after_time_went_back(loop: Loop) -> None:
    loop.start()
    loop.now_s = 2.0
    loop.run(loop.settings.first_target_timeout_s - 0.5)
    assert loop.status.state is SessionState.WAITING
    loop.run(1.0)
    assert loop.status.state is SessionState.HALTED


def test_cancelled_goal_comes_to_rest_within_the_limits(loop: Loop) -> None:
    loop.start()
    loop.offer(target(0.8))
    loop.run(0.5)
    assert np.abs(loop.sent[-1].dq).max() > 0.5
    loop.session.end("cancelled")
    assert loop.session.moving and not loop.session.active
    loop.run(1.0)
    assert (loop.status.state, loop.status.reason) == (SessionState.IDLE, "cancelled")
    assert not loop.session.moving
    require_smooth(loop.sent)
    np.testing.assert_array_equal(loop.sent[-1].q, loop.sent[-2].q)


def test_goal_given_while_the_arm_brakes_waits_until_it_stands(loop: Loop) -> None:
    loop.start()
    loop.offer(target(0.8))
    loop.run(0.5)
    loop.session.end("cancelled")
    loop.start()
    loop.offer(target(0.1))
    assert loop.status.state is SessionState.WAITING
    loop.run(0.6)
    assert loop.status.state is SessionState.WAITING
    loop.offer(target(0.1))
    loop.run(1.2)
    np.testing.assert_allclose(loop.arm, target(0.1), atol=1e-5)


class Lockstep(Loop):
    """A world that takes its next step of 0.05 s only when setpoints cover it.

    And only when some came at its present time: the gripper's command comes with them.
    """

    STEP_S = 0.05

    def __init__(self, **settings: object) -> None:
        super().__init__(replace(SessionSettings(blocking=True), **settings), now_s=2.0)
        self.told_s = -np.inf

    def advance(self) -> list[Setpoint]:
        if setpoints := super().advance():
            self.told_s = self.now_s
        return setpoints

    def step(self) -> bool:
        """Tick; the world goes on if it can."""
        self.advance()
        covered = self.sent and self.sent[-1].time_s >= self.now_s + self.STEP_S - 1e-6
        if not covered or self.told_s != self.now_s:
            return False
        self.now_s = round(self.now_s + self.STEP_S, 9)
        return True


def test_lockstep_commits_nothing_while_a_target_is_due() -> None:
    loop = Lockstep(execution_horizon=10)
    loop.start()
    assert not loop.step()
    loop.offer(target())
    steps = 0
    while loop.step():
        steps += 1
    assert steps == 10
    assert loop.session.wants_target(loop.now_s)
    assert loop.session.not_before_s() == loop.now_s


def test_lockstep_waits_for_a_target_for_ever() -> None:
    loop = Lockstep()
    loop.start()
    for _ in range(500):
        assert not loop.step()
    assert loop.status.state is SessionState.WAITING


def test_lockstep_time_goes_on_after_a_refused_target() -> None:
    loop = Lockstep()
    loop.start()
    loop.session.refuse("no spheres", loop.now_s)
    steps = 0
    while loop.step():
        steps += 1
    assert steps == round(loop.settings.retry_s / loop.STEP_S)
    assert loop.session.wants_target(loop.now_s)


def test_lockstep_cancel_and_new_goal_do_not_stop_time() -> None:
    loop = Lockstep()
    loop.start()
    loop.offer(target(0.8))
    for _ in range(8):
        assert loop.step()
    loop.session.end("cancelled")
    loop.start()
    steps = 0
    while loop.step():
        steps += 1
        assert steps < 100
    assert loop.status.state is SessionState.WAITING
    assert not loop.session.moving
    loop.offer(target(0.1))
    for _ in range(20):
        assert loop.step()
    require_smooth(loop.sent[-40:])


@pytest.mark.parametrize("steps", [5, 8, 13])
def test_lockstep_world_that_takes_no_further_step_is_told_the_whole_way_to_rest(
    steps: int,
) -> None:
    loop = Lockstep()
    loop.start()
    loop.offer(target(0.8))
    for _ in range(steps):
        assert loop.step()
    loop.advance()
    assert np.abs(loop.sent[-1].dq).max() > 0.3
    loop.session.halt("the emergency stop is pressed")
    loop.advance()  # no time passes: the episode may be over
    assert (loop.sent[-1].dq == 0.0).all()
    assert not loop.advance()
    while loop.session.moving:
        assert loop.step()
    require_smooth(loop.sent)


def test_lockstep_goal_given_while_the_arm_brakes_begins_where_it_comes_to_rest() -> None:
    loop = Lockstep()
    loop.start()
    loop.offer(target(0.8))
    for _ in range(10):
        assert loop.step()
    loop.session.end("cancelled")
    loop.advance()
    loop.start()
    loop.offer(target(0.1))  # too early
    while loop.session.moving:
        assert loop.step()
    before, q_rest = len(loop.sent), loop.sent[-1].q
    loop.offer(target(0.1))
    np.testing.assert_array_equal(loop.arm, q_rest)
    for _ in range(20):
        assert loop.step()
    require_smooth(loop.sent[before:])
    np.testing.assert_allclose(loop.sent[before].q, q_rest, atol=1e-3)


def test_lockstep_goes_on_in_a_world_whose_time_began_again() -> None:
    loop = Lockstep()
    loop.start()
    loop.offer(target())
    for _ in range(10):
        assert loop.step()
    loop.sent.clear()
    loop.arm, loop.now_s = np.array(Q_HOME), 1.0
    assert not loop.step()
    assert loop.session.not_before_s() == loop.now_s
    loop.offer(target())
    for _ in range(20):
        assert loop.step()
    loop.advance()
    np.testing.assert_allclose(loop.arm, target(), atol=1e-6)


# A driver that has yet to take hold of the arm


@pytest.mark.parametrize("taking_s", [0.1, 1.5, 6.0])
def test_target_is_wanted_once_the_driver_holds_the_arm(taking_s: float) -> None:
    loop = Loop(SessionSettings(execution_horizon=20))
    loop.session.arm_held = False
    loop.start()
    early_s = loop.now_s
    assert not loop.session.offer(Plan(target(), True, 0.9), early_s, early_s)
    standing = loop.advance() + loop.run(taking_s)
    assert loop.status.reason == "the arm's driver takes hold of the arm"
    assert np.ptp([point.q for point in standing], axis=0).max() == 0.0  # a stream to begin with
    assert not loop.session.wants_target(loop.now_s)
    loop.session.arm_held = True
    loop.run(DT_S)
    assert loop.status.state is SessionState.WAITING and "first drawn" in loop.status.reason
    assert not loop.session.offer(Plan(target(), True, 0.9), early_s, loop.now_s)  # of before
    loop.offer(target())
    began_s = loop.now_s
    loop.finish()
    assert loop.now_s - began_s == pytest.approx(POLICY.horizon_s, abs=0.05)
    loop.run(0.1)
    np.testing.assert_allclose(loop.arm, target(), atol=1e-3)
    require_smooth(loop.sent)


def test_goal_after_a_slow_one_waits_for_the_driver_as_any_other() -> None:
    loop = Loop(fraction=0.1)
    loop.start()
    loop.offer(target(0.5))
    assert "at this speed" in loop.status.reason
    loop.finish()
    loop.session.end("done")
    loop.run(1.0)
    loop.session.arm_held = False
    loop.start()
    loop.run(0.5)
    assert loop.status.reason == "the arm's driver takes hold of the arm"
    loop.session.arm_held = True
    loop.run(DT_S)
    loop.offer(target(0.45))
    loop.run(DT_S)
    assert loop.status.state is SessionState.RUNNING, loop.status.reason
    loop.finish()
    np.testing.assert_allclose(loop.arm, target(0.45), atol=1e-3)


def test_arm_that_the_driver_lets_go_of_in_mid_motion_begins_anew_where_it_is() -> None:
    loop = Loop()
    loop.start()
    loop.offer(target(0.5))
    loop.run(0.4)
    loop.session.arm_held = loop.arm_obeys = False
    loop.arm = Q_HOME + 0.05
    standing = loop.run(0.2)
    assert all((point.q == loop.arm).all() for point in standing)
    assert loop.status.reason == "the arm's driver takes hold of the arm"


def test_arm_that_no_driver_takes_is_told_of_and_halted() -> None:
    loop = Loop()
    loop.session.arm_held = False
    loop.start()
    loop.run(21.8)
    assert loop.status.state is SessionState.WAITING
    loop.run(0.4)
    assert loop.status.state is SessionState.HALTED
    assert "has not taken hold of the arm within 22 s; see its status" in loop.status.reason


def test_goal_that_ends_before_the_arm_is_held_moves_nothing_later() -> None:
    loop = Loop()
    loop.start()
    loop.session.arm_held = False
    loop.offer(target())
    loop.run(0.2)
    loop.session.end("cancelled")
    loop.session.arm_held = True
    loop.run(0.3)
    np.testing.assert_array_equal(loop.arm, Q_HOME)
    loop.start()
    assert loop.run(0.3) == []


# Targets that are too far for the horizon


@pytest.mark.parametrize("fraction", [1.0, 0.2])
@pytest.mark.parametrize("learned", [False, True])
def test_target_too_far_for_the_horizon_is_reached_later(fraction: float, learned: bool) -> None:
    loop = Loop(fraction=fraction)
    loop.start()
    loop.advance()
    way_rad = 2.0 if fraction == 1.0 else 1.0
    goal = np.where(np.arange(7) == 0, way_rad, Q_HOME)
    chunk = chunk_to(goal) if learned else None
    began_s = loop.now_s
    loop.session.offer(Plan(goal, False, 0.9, chunk=chunk), loop.now_s, loop.now_s)
    loop.finish()
    least_s = 1.875 * way_rad / (fraction * LIMITS.dq_max[0])  # at the speed of least jerk
    assert least_s <= loop.now_s - began_s < 1.3 * least_s
    loop.run(0.2)
    np.testing.assert_allclose(loop.arm, goal, atol=1e-3)
    require_smooth(loop.sent)
    speeds = np.abs([point.dq for point in loop.sent]).max(axis=0)
    assert (speeds <= fraction * LIMITS.dq_max + 1e-9).all()


@pytest.mark.parametrize(
    ("fraction", "way", "after_s"),
    [(0.2, (0.3, -0.3), 0.6), (0.8, (0.8, -0.8), 0.3), (0.2, (0.6, 0.3, 0.6, -0.1), 0.9)],
)
def test_slow_arm_that_gets_another_target_in_motion_does_not_go_on_in_the_old_direction(
    fraction: float, way: tuple[float, ...], after_s: float
) -> None:
    loop = Loop(SessionSettings(execution_horizon=5), fraction=fraction)
    loop.start()
    for goal in way:
        loop.session._watch.due_s = loop.now_s  # at the worst moment, be it due or not
        q_goal = np.where(np.arange(7) == 0, goal, Q_HOME)
        begins = loop.sent[-1] if loop.sent else Setpoint(loop.now_s, loop.arm, np.zeros(7))
        motion = loop.session._motion
        from_s = motion._committed_s - motion._delay_s if loop.sent else loop.now_s
        stop = Quintic.stop(motion._splicer._at(from_s), from_s, loop.session._gate.limits)
        q_rest = stop.at(stop.end_s).q
        loop.offer(q_goal)
        sent = []
        for _ in range(round(after_s / DT_S)):
            loop.session.hear_target(loop.now_s)
            sent += loop.run(DT_S)
        assert loop.status.state is SessionState.RUNNING, loop.status.reason
        hull = begins.q[0], q_rest[0], goal
        q = np.array([point.q[0] for point in sent])
        assert min(hull) - 1e-3 <= q.min() and q.max() <= max(hull) + 1e-3
    require_smooth(loop.sent)


def test_target_that_would_take_far_too_long_is_refused_with_what_to_do() -> None:
    loop = Loop(fraction=0.05)
    loop.start()
    loop.offer(np.where(np.arange(7) == 0, 1.0, Q_HOME))
    assert loop.status.targets_refused == 1 and loop.status.chunks == 0
    assert "17.2 s away at velocity_fraction 0.05" in loop.status.reason
    assert "at most 5 s are allowed" in loop.status.reason
    loop.run(0.5)
    assert loop.status.state is SessionState.HOLDING
    np.testing.assert_array_equal(loop.arm, Q_HOME)


def test_silence_of_the_drawer_stops_a_slow_motion_and_a_fresh_target_moves_the_arm_again() -> (
    None
):
    loop = Loop(fraction=0.2)
    loop.start()
    goal = np.where(np.arange(7) == 0, 1.0, Q_HOME)
    loop.offer(goal)
    assert loop.status.reason == "takes 4.3 s at this speed"
    loop.run(2.0)
    assert loop.status.state is SessionState.HOLDING
    assert "no drawn target for" in loop.status.reason
    assert loop.arm[0] < 0.2
    loop.offer(goal)
    loop.finish()
    np.testing.assert_allclose(loop.arm, goal, atol=1e-3)
    require_smooth(loop.sent)


def test_target_within_reach_of_the_limits_takes_the_horizon_to_the_last_bit() -> None:
    loop, splicer = Loop(), ChunkSplicer(LIMITS, Q_HOME)
    loop.start()
    loop.offer(target(0.5))
    splicer.move_to(target(0.5), True, loop.now_s, POLICY.horizon_steps, POLICY.step_s)
    for point in loop.advance() + loop.run(POLICY.horizon_s):
        assert (point.q == splicer.sample(point.time_s).q).all()


def test_chunk_far_from_the_arm_does_not_halt_a_slow_one() -> None:
    loop = Loop(fraction=0.2)
    loop.start()
    way = np.tile(target(0.3), (POLICY.horizon_steps, 1))  # all of it is to be faded in
    plan = Plan(way[-1], True, 0.9, chunk=PlannedChunk(way, np.ones(len(way), bool)))
    loop.session.offer(plan, loop.now_s, loop.now_s)
    loop.finish()
    np.testing.assert_allclose(loop.arm, way[-1], atol=0.02)


# Learned chunks


def test_first_chunk_may_be_left_sooner_than_the_others() -> None:
    loop = Loop(SessionSettings(execution_horizon=10, first_horizon=4))
    loop.start()
    asked_s = []
    for _ in range(3):
        loop.offer(target())
        began_s = loop.now_s
        while not loop.session.wants_target(loop.now_s):
            loop.run(DT_S)
        asked_s.append(loop.now_s - began_s)
    assert asked_s == pytest.approx([0.2, 0.5, 0.5])


def chunk_to(end: Float[Array, "7"], closes_at: int = 20) -> PlannedChunk:
    """Straight from home, eased at both ends; the gripper closes at one of its steps."""
    chunk = minimum_jerk_chunk(Q_HOME, end, True, True, 0.0, POLICY.horizon_steps, POLICY.step_s)
    return PlannedChunk(chunk.q, np.arange(1, POLICY.horizon_steps + 1) < closes_at)


def test_chunk_is_followed_step_by_step(loop: Loop) -> None:
    loop.start()
    chunk = chunk_to(target())
    plan = Plan(chunk.q[-1], False, 0.9, chunk=chunk)
    loop.session.offer(plan, loop.now_s, loop.now_s)
    began_s = loop.now_s
    points = loop.advance() + loop.run(1.0)
    require_smooth(points)
    by_time = {round(point.time_s - began_s, 6): point.q for point in points}
    for step in range(4, POLICY.horizon_steps, 2):  # its first steps fade in
        assert by_time[round(step * POLICY.step_s, 6)] == pytest.approx(
            chunk.q[step - 1], abs=2e-3
        )


def test_chunk_for_a_moving_arm_begins_when_its_picture_was_taken() -> None:
    loop = Loop(SessionSettings(execution_horizon=5))
    loop.start()
    chunk = chunk_to(target())
    loop.session.offer(Plan(chunk.q[-1], True, 0.9, chunk=chunk), loop.now_s, loop.now_s)
    began_s = loop.now_s
    loop.advance()
    loop.run(0.4)
    # The same motion, seen on from 0.25 s ago: what was done since is not done again.
    later = PlannedChunk(
        np.vstack([chunk.q[5:], np.tile(chunk.q[-1:], (5, 1))]), chunk.gripper_open
    )
    seen_s = began_s + 0.25
    loop.session.offer(Plan(chunk.q[-1], True, 0.9, chunk=later), seen_s, loop.now_s)
    points = loop.run(0.5)
    require_smooth(points)
    by_time = {round(point.time_s - began_s, 6): point.q for point in points}
    for step in range(12, 18, 2):
        assert by_time[round(step * POLICY.step_s, 6)] == pytest.approx(
            chunk.q[step - 1], abs=5e-3
        )


def test_gripper_acts_at_its_step_of_a_chunk(loop: Loop) -> None:
    loop.start()
    loop.advance()
    plan = Plan(target(), False, 0.9, chunk=chunk_to(target(), closes_at=10))
    loop.session.offer(plan, loop.now_s, loop.now_s)
    loop.run(0.45)
    assert loop.session.gripper_open
    loop.run(0.1)
    assert not loop.session.gripper_open


def test_warning_of_a_plan_is_told_while_it_is_followed(loop: Loop) -> None:
    loop.start()
    plan = Plan(target(), True, 0.9, chunk=chunk_to(target()), warning="ends elsewhere")
    loop.session.offer(plan, loop.now_s, loop.now_s)
    assert loop.status.state is SessionState.RUNNING and loop.status.reason == "ends elsewhere"
    assert loop.run(0.2)


def test_warning_of_a_plan_halts_where_that_is_asked_for() -> None:
    loop = Loop(SessionSettings(halt_on_warning=True))
    loop.start()
    plan = Plan(target(), True, 0.9, chunk=chunk_to(target()), warning="ends elsewhere")
    loop.session.offer(plan, loop.now_s, loop.now_s)
    assert loop.status.state is SessionState.HALTED and loop.status.reason == "ends elsewhere"
    assert not loop.run(0.2)
