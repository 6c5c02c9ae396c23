# SPDX-License-Identifier: Apache-2.0
"""The `execute` action: one goal at a time, without ever blocking the executor."""

import math
from collections.abc import Callable
from functools import partial

from genima_msgs.action import ExecuteInstruction
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node

from genima.control.session_types import SessionState, SessionStatus
from genima.errors import GenimaError, InvalidCommand

#: How often goals are looked after [s of wall time].
_PERIOD_S = 0.02
#: How long a result can be asked for after the goal's end [s]. Clients ask as soon as the goal is
#: accepted; with the 900 s of rclpy hundreds of goals would be kept and looked at in every spin.
_RESULT_KEPT_S = 30
#: How many of these between two feedback messages.
_FEEDBACK_EVERY = 10


class ExecuteServer:
    """Serves `execute`.

    A goal stays accepted while it is worked on and is executed, in the sense of rclpy, only to
    hand out its result: an execute callback that waits would occupy the executor, and one that
    awaits keeps a core busy.

    Args:
        node: Offers the action.
        begin: Begins a goal, given its instruction; raises GenimaError to refuse it.
        refuse: Told why a goal was refused: the action itself has no words for it.
        end: Gives the goal up.
        status: The state of the session.
        now_s: The session's clock [s].
    """

    def __init__(
        self,
        node: Node,
        begin: Callable[[str], None],
        refuse: Callable[[str], None],
        end: Callable[[str], None],
        status: Callable[[], SessionStatus],
        now_s: Callable[[], float],
    ) -> None:
        self._node = node
        self._begin = begin
        self._refuse = refuse
        self._end = end
        self._status = status
        self._now_s = now_s
        self._goal: ServerGoalHandle | None = None
        self._began_s = 0.0
        self._ticks = 0
        self._server = ActionServer(
            node,
            ExecuteInstruction,
            "execute",
            execute_callback=lambda goal: self._result(goal, self._status()),
            goal_callback=self._on_goal,
            handle_accepted_callback=self._on_accepted,
            cancel_callback=lambda goal: CancelResponse.ACCEPT,
            result_timeout=_RESULT_KEPT_S,
        )
        self._timer = node.create_timer(_PERIOD_S, self._look_after)

    def destroy(self) -> None:
        """Stop serving; the client of a goal that is being worked on sees the server go."""
        self._node.destroy_timer(self._timer)
        self._server.destroy()

    def _on_goal(self, request: ExecuteInstruction.Goal) -> GoalResponse:
        self._look_after()  # so that a goal that has just ended gets its own result
        log = self._node.get_logger()
        try:
            if not 0 <= request.time_limit_s < math.inf:
                raise InvalidCommand(
                    f"time_limit_s is {request.time_limit_s}; give seconds, or 0 for no limit"
                )
            self._begin(request.instruction)
        except GenimaError as error:
            log.error(f"goal refused: {error}")
            self._refuse(str(error))
            return GoalResponse.REJECT
        log.info(f"goal: {request.instruction!r}; waiting for its first drawn target")
        return GoalResponse.ACCEPT

    def _on_accepted(self, goal: ServerGoalHandle) -> None:
        self._goal, self._began_s, self._ticks = goal, self._now_s(), 0

    def _look_after(self) -> None:
        goal = self._goal
        if goal is None:
            if self._status().active:
                self._end("whoever gave the goal went away before it was accepted")
            return
        limit_s = goal.request.time_limit_s
        elapsed_s = self._now_s() - self._began_s
        if goal.is_cancel_requested:
            self._end("cancelled")
        elif 0 < limit_s <= elapsed_s:
            self._end(f"the time limit of {limit_s} s is over")
        status = self._status()
        if not status.active:
            self._goal = None
            self._node.get_logger().info(
                f"the goal ended after {status.chunks} chunks: {status.reason}"
            )
            goal.execute(partial(self._result, status=status))
            return
        self._ticks += 1
        if self._ticks % _FEEDBACK_EVERY == 0:
            goal.publish_feedback(
                ExecuteInstruction.Feedback(
                    state=status.state.value,
                    reason=status.reason,
                    elapsed_s=elapsed_s,
                    chunks=status.chunks,
                    fit=status.fit,
                )
            )

    def _result(self, goal: ServerGoalHandle, status: SessionStatus) -> ExecuteInstruction.Result:
        result = ExecuteInstruction.Result(message=status.reason, chunks=status.chunks)
        if goal.is_cancel_requested:
            result.outcome = ExecuteInstruction.Result.CANCELLED
            goal.canceled()
        elif status.state is SessionState.HALTED:
            result.outcome = ExecuteInstruction.Result.HALTED
            goal.abort()
        else:
            result.outcome = ExecuteInstruction.Result.TIME_LIMIT
            goal.succeed()
        return result
