# SPDX-License-Identifier: Apache-2.0
"""Lets the simulated world's expert do one episode after the other while the recorder records.

It is a client that ends when its work is done, so it has no life cycle to be managed. The expert
is asked at each policy step, and what it says goes out as the robot's controller would say it.
Where a node has gone or hangs it exits with 3, so that the graph is started anew.
"""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from genima_msgs.msg import GripperCommand
from genima_msgs.srv import KeepTake, QueryExpert, ResetWorld, StartTake
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from genima.collect.expert_drive import (
    COMMAND_TIMES_S,
    EXPERT_STEPS,
    ExpertCommand,
    ExpertCommander,
)
from genima.collect.recordings import RecordingsFolder, TakeJob, Taken
from genima.kinematics import JOINT_NAMES
from genima.sim.world import ExpertChunk
from genima.timing import SAME_TIME_S
from genima_ros.conversions import seconds, time_message, trajectory
from genima_ros.parameters import parameter
from genima_ros.qos import LATCHED, RECORDING, RELIABLE_LATEST
from genima_sim_bridge.program import run_program
from genima_sim_bridge.world_client import GraphFault, WorldClient

_RETRY_S = 0.2


@dataclass(frozen=True)
class CommanderParameters:
    """What `collect.launch.xml` sets."""

    recordings_dir: str = parameter("", "Folder with jobs.json; what was recorded is noted there.")
    start_limit_s: float = parameter(
        60.0, "How long the graph may take to start.", unit="s", minimum=1.0, maximum=600.0
    )
    stall_limit_s: float = parameter(
        30.0, "How long the world may stand still.", unit="s", minimum=1.0, maximum=600.0
    )


class TakeClient(WorldClient):
    """Speaks to the sim bridge and the recorder, and never waits without a limit.

    Args:
        node: Owns the clients.
        stop: Set when everything is to be given up.
    """

    def __init__(self, node: Node, stop: threading.Event) -> None:
        super().__init__(node, stop.is_set, lambda: None)
        self._expert = node.create_client(QueryExpert, "query_expert")
        self._start = node.create_client(StartTake, "recorder/start_take")
        self._keep = node.create_client(KeepTake, "recorder/keep_take")
        self._discard = node.create_client(Trigger, "recorder/discard_take")
        for client in (self._expert, self._start, self._keep, self._discard):
            self._offers[client.srv_name] = client.service_is_ready

    def ask_expert(self) -> ExpertChunk:
        """What the expert would do in the next policy steps.

        Raises:
            GraphFault: The sim bridge does not answer or has no expert.
        """
        request = QueryExpert.Request(horizon_steps=EXPERT_STEPS)
        answer = self._answered(self._expert, request)
        q = np.reshape(answer.q, (EXPERT_STEPS, len(JOINT_NAMES)))
        return ExpertChunk(np.array(answer.q_now), q, np.array(answer.gripper_open, bool))

    def start_take(self, task: str, instruction: str, limit_s: float) -> None:
        """Begin to record, again while something does not flow yet.

        Raises:
            GraphFault: The recorder goes on refusing, or does not answer.
        """
        deadline_s = time.monotonic() + limit_s
        request = StartTake.Request(task=task, instruction=instruction)
        while True:
            answer = self._answer(self._start.call_async(request), "start_take")
            if answer.success:
                return
            if time.monotonic() > deadline_s:
                raise GraphFault(f"the recorder refused for {limit_s:.0f} s: {answer.message}")
            self.spin_until(lambda: False, _RETRY_S)

    def keep_take(self, success: bool) -> Path:
        """Keep what was recorded; returns its folder.

        Raises:
            GraphFault: The recorder cannot, or does not answer.
        """
        return Path(self._answered(self._keep, KeepTake.Request(task_success=success)).message)

    def drop_take(self) -> None:
        """Throw a take away that an earlier program may have left open."""
        self._answer(self._discard.call_async(Trigger.Request()), "discard_take")

    def _answered(self, client: Any, request: Any) -> Any:
        answer = self._answer(client.call_async(request), client.srv_name)
        if not answer.success:
            raise GraphFault(f"{client.srv_name}: {answer.message}")
        return answer


class ExpertEpisodes:
    """Has episodes recorded.

    Args:
        node: Publishes the commands.
        parameters: The program's own.
        stop: Set when the program is to end.
    """

    def __init__(self, node: Node, parameters: CommanderParameters, stop: threading.Event) -> None:
        self._parameters = parameters
        self._folder = RecordingsFolder(Path(parameters.recordings_dir))
        self._client = TakeClient(node, stop)
        self._stamp_s, self._times_seen = -np.inf, 0
        self._trajectory = node.create_publisher(
            JointTrajectory, "joint_trajectory", RELIABLE_LATEST
        )
        self._gripper = node.create_publisher(GripperCommand, "gripper_command", LATCHED)
        node.create_subscription(JointState, "joint_states", self._on_joint_state, RECORDING)

    def run(self) -> None:
        """Record what remains.

        Raises:
            GraphFault: A node has gone or hangs.
            Interrupted: The program was told to stop.
        """
        self._client.wait_for_nodes(self._parameters.start_limit_s)
        for job in self._folder.remaining():
            self._folder.note_taken(self._take(job))

    def _take(self, job: TakeJob) -> Taken:
        request = ResetWorld.Request(
            task=job.task, variation=0, seed=job.seed, max_steps=job.max_steps
        )
        response = self._client.reset(request)
        start_s = seconds(response.stamp)
        self._wait_for(start_s, times=2)
        self._client.drop_take()
        limit_s = self._parameters.start_limit_s
        self._client.start_take(job.task, response.instructions[0], limit_s)
        steps, success = self._drive(start_s)
        folder = self._client.keep_take(success)
        return Taken(job, folder.name, tuple(response.instructions), start_s, steps)

    def _drive(self, start_s: float) -> tuple[int, bool]:
        """Command each policy step; returns how many there were and whether the task is done."""
        commander, now_s = ExpertCommander(), start_s
        while not (episode := self._client.query()).finished:
            command = commander.command(self._client.ask_expert())
            self._send(command, now_s)
            self._wait_for(now_s + SAME_TIME_S, resend=command)
            now_s = self._stamp_s
        self._wait_for(now_s, times=2)
        return episode.steps, episode.succeeded

    def _send(self, command: ExpertCommand, now_s: float) -> None:
        self._gripper.publish(_gripper_message(command.gripper_open, now_s))
        times_s = (now_s + COMMAND_TIMES_S).tolist()
        self._trajectory.publish(trajectory(JOINT_NAMES, now_s, times_s, command.q, command.dq))

    def _wait_for(
        self, not_before_s: float, times: int = 1, resend: ExpertCommand | None = None
    ) -> None:
        """Wait for a state of the world. The second time it comes, its images have come, too.

        A world that waits says everything again after a while; then `resend` is sent again.
        """
        deadline_s = time.monotonic() + self._parameters.stall_limit_s
        before_s, repeats = self._stamp_s, self._times_seen

        def seen() -> bool:
            return self._stamp_s >= not_before_s and self._times_seen >= times

        def seen_or_repeated() -> bool:
            return seen() or (self._stamp_s == before_s and self._times_seen > repeats)

        while not seen():
            left_s = deadline_s - time.monotonic()
            if left_s < 0.0:
                raise GraphFault(
                    f"the world stood still for {self._parameters.stall_limit_s:.0f} s"
                )
            self._client.spin_until(seen_or_repeated, left_s)
            if not seen() and resend is not None and self._times_seen > repeats:
                repeats = self._times_seen
                self._send(resend, before_s)

    def _on_joint_state(self, message: JointState) -> None:
        stamp_s = seconds(message.header.stamp)
        self._times_seen = self._times_seen + 1 if stamp_s == self._stamp_s else 1
        self._stamp_s = stamp_s


def _gripper_message(is_open: bool, stamp_s: float) -> GripperCommand:
    message = GripperCommand(open=is_open)
    message.header.stamp = time_message(stamp_s)
    return message


def main() -> None:
    """Record the jobs and exit: 0 when all are done, 2 for bad input, 3 for a broken graph."""

    def work(node: Node, parameters: CommanderParameters, stop: threading.Event) -> None:
        ExpertEpisodes(node, parameters, stop).run()

    run_program("expert_commander", CommanderParameters, "recordings_dir", work)


if __name__ == "__main__":
    main()
