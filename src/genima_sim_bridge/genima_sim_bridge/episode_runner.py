# SPDX-License-Identifier: Apache-2.0
"""A worker of an evaluation: resets the world, gives the goal, writes down what came of it.

It is a client that ends when its work is done, so it has no life cycle to be managed. Each outcome
is on disk before the next episode begins. Where a node has gone or hangs it writes that down and
exits with 3, so that the graph is started anew. An episode that could not begin because the world
was down before it is not written down: the next graph takes it.
"""

import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from genima_msgs.srv import ResetWorld
from rclpy.node import Node

from genima.errors import WorldError
from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.plan import Agent, Controller, EpisodeKey, EvaluationPlan, Pacing
from genima.evaluation.records import ERROR_MARK, EpisodeRecord, Journal
from genima.evaluation.running import Running, touch
from genima.evaluation.worlds import longest_step_s
from genima_ros.conversions import seconds
from genima_ros.parameters import parameter
from genima_ros.policies import make_policy
from genima_sim_bridge.episode_runner_graph import GraphClient
from genima_sim_bridge.episode_runner_observer import EpisodeObserver
from genima_sim_bridge.program import run_program
from genima_sim_bridge.world_client import GraphFault, NoWorld

#: How often the world is asked how it goes [s].
_QUERY_EVERY_S = 0.05
#: How long to wait for the last observations, and for the goal's end [s].
_SETTLE_S = 2.0
_CANCEL_LIMIT_S = 10.0
#: In real time the first picture of a new scene takes long; give the goal when it is through.
_CALM_STEPS = 10
#: A goal that ends while the graph is being shut down is nobody's failure [s].
_SHUTDOWN_GRACE_S = 1.0


@dataclass(frozen=True)
class RunnerParameters:
    """What `eval.launch.xml` sets."""

    evaluation_dir: str = parameter("", "Folder with plan.json; results go there.")
    worker: int = parameter(0, "Which of those that share the folder.", minimum=0)
    video: bool = parameter(True, "Film each episode.")
    start_limit_s: float = parameter(
        60.0, "How long the graph may take to start.", unit="s", minimum=1.0, maximum=600.0
    )
    stall_limit_s: float = parameter(
        30.0,
        "How long the world may stand still, besides what its simulator may need for a step.",
        unit="s",
        minimum=1.0,
        maximum=600.0,
    )


@dataclass(frozen=True)
class _Outcome:
    success: bool
    steps: int
    reason: str


class EpisodeRunner:
    """Runs episodes one after another.

    Args:
        node: Owns subscriptions and clients.
        parameters: The runner's own.
        stop: Set when the runner is to end.
    """

    def __init__(self, node: Node, parameters: RunnerParameters, stop: threading.Event) -> None:
        self._node = node
        self._parameters = parameters
        self._folder = EvaluationFolder(Path(parameters.evaluation_dir), parameters.worker)
        self._plan: EvaluationPlan = self._folder.read_plan()
        self._journal = Journal(self._folder.episodes_file, self._plan)
        sign_of_life = partial(touch, self._folder.running_file)
        self._graph = GraphClient(node, stop.is_set, sign_of_life)
        self._stall_limit_s = stall_limit_s(parameters, self._plan)
        policy_file = str(Path(self._plan.policy) / "policy.yaml") if self._plan.policy else ""
        self._observer = EpisodeObserver(
            node,
            self._folder,
            make_policy(policy_file),
            parameters.video,
            _targets_topic(self._plan),
        )

    def run(self) -> None:
        """Run episodes until none is left to take.

        Raises:
            GraphFault: A node has gone or hangs; the episode is written down.
            Interrupted: The runner was told to stop; the episode is not written down.
        """
        self._graph.wait_for_nodes(self._parameters.start_limit_s)
        while (key := self._folder.take_next()) is not None:
            Running(key).write(self._folder.running_file)
            began_s = time.monotonic()
            try:
                self._run_episode(key, began_s)
            finally:
                self._observer.drop()

    def _run_episode(self, key: EpisodeKey, began_s: float) -> None:
        begun = ResetWorld.Response(instructions=[""])
        try:
            request = ResetWorld.Request(
                task=key.task, variation=0, seed=key.seed, max_steps=self._plan.max_steps
            )
            begun = self._graph.reset(request)
            instruction, start_s = begun.instructions[0], seconds(begun.stamp)
            is_first = key.seed == self._plan.seed
            self._observer.begin(key, instruction, start_s, keeps_tile=is_first)
            self._graph.wait_for_controller(start_s, self._parameters.start_limit_s)
            if self._plan.pacing is Pacing.REALTIME:
                self._graph.spin_until(
                    lambda: self._observer.last_step >= _CALM_STEPS, self._parameters.start_limit_s
                )
            outcome = self._follow(instruction)
        except GraphFault as fault:
            if isinstance(fault, NoWorld) and not begun.success:
                self._folder.running_file.unlink(missing_ok=True)  # this one is not to blame
            else:
                self._write(key, begun, self._broken(fault), began_s)
            raise
        except WorldError as error:
            outcome = self._broken(error)
        self._write(key, begun, outcome, began_s)

    def _follow(self, instruction: str) -> _Outcome:
        """Give the goal, watch the world until the episode ends, take the goal back."""
        goal = self._graph.execute(instruction, self._parameters.start_limit_s)
        steps, moved_s = -1, time.monotonic()
        while True:
            episode = self._graph.query()
            if episode.error:
                self._graph.spin_until(goal.cancel().done, _CANCEL_LIMIT_S)
                raise WorldError(episode.error)
            if episode.finished or goal.ended:
                break
            if episode.steps > steps:
                steps, moved_s = episode.steps, time.monotonic()
            elif time.monotonic() - moved_s > self._stall_limit_s:
                raise GraphFault(self._describe_stall(steps))
            self._graph.spin_until(lambda: goal.ended, _QUERY_EVERY_S)
        if not episode.finished:
            # Somebody may be ending all nodes, the controller first; then this is no outcome.
            self._graph.spin_until(lambda: False, _SHUTDOWN_GRACE_S)
            return _Outcome(False, episode.steps, f"halted: {goal.message}")
        if self._plan.pacing is Pacing.LOCKSTEP:
            self._graph.spin_until(lambda: self._observer.has_seen(episode.steps), _SETTLE_S)
        if not self._graph.spin_until(goal.cancel().done, _CANCEL_LIMIT_S):
            raise GraphFault(f"the controller did not give the goal up in {_CANCEL_LIMIT_S:.0f} s")
        steps = min(episode.steps, self._plan.max_steps)
        return _Outcome(episode.succeeded, steps, "" if episode.succeeded else "max_steps")

    def _describe_stall(self, steps: int) -> str:
        text = f"the world stood still at step {steps} for {self._stall_limit_s:.0f} s"
        status = self._graph.status
        return f"{text}; the controller says: {status.reason or 'nothing'}" if status else text

    def _broken(self, error: Exception) -> _Outcome:
        steps = max(0, min(self._observer.last_step, self._plan.max_steps))
        return _Outcome(False, steps, f"{ERROR_MARK}{error}")

    def _write(
        self, key: EpisodeKey, begun: ResetWorld.Response, outcome: _Outcome, began_s: float
    ) -> None:
        observed = self._observer.finish(outcome.success, outcome.steps)
        if observed.missed and self._plan.pacing is Pacing.LOCKSTEP:
            self._node.get_logger().warning(f"{key}: {observed.missed} joint states were missed")
        status = self._graph.status
        self._journal.append(
            EpisodeRecord(
                task=key.task,
                seed=key.seed,
                success=outcome.success,
                steps=outcome.steps,
                reason=outcome.reason,
                instruction=begun.instructions[0],
                scene=begun.scene,
                chunks=status.chunks if status else 0,
                targets_refused=status.targets_refused if status else 0,
                targets_reached=observed.drawn_error.targets,
                drawn_error_deg=observed.drawn_error.joints_deg,
                drawn_error_mm=observed.drawn_error.tip_mm,
                wall_s=round(time.monotonic() - began_s, 3),
            )
        )
        self._folder.running_file.unlink(missing_ok=True)


def stall_limit_s(parameters: RunnerParameters, plan: EvaluationPlan) -> float:
    """How long the world may stand still before the graph is given up [s]."""
    return parameters.stall_limit_s + longest_step_s(plan.world)


def _targets_topic(plan: EvaluationPlan) -> str:
    """Where the drawn targets are told, decoded.

    The geometric controller decodes the drawing; what a trained one means to do is its own.
    """
    if plan.agent is Agent.BLANK:
        return ""
    return "targets/planned" if plan.controller is Controller.GEOMETRIC else "targets/drawn"


def main() -> None:
    """Run the plan and exit: 0 when it is done, 2 for bad input, 3 when the graph is broken."""

    def work(node: Node, parameters: RunnerParameters, stop: threading.Event) -> None:
        EpisodeRunner(node, parameters, stop).run()

    run_program("episode_runner", RunnerParameters, "evaluation_dir", work)


if __name__ == "__main__":
    main()
