# SPDX-License-Identifier: Apache-2.0
"""Four camera images in, a tile with drawn sphere targets out."""

import time

import numpy as np
from genima_msgs.msg import TargetRequest
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from genima.cameras import CameraRig
from genima.control.joint_history import JointHistory
from genima.diffusion.agent import Agent, DrawRequest
from genima.errors import DrawingError, GenimaError
from genima.kinematics import JOINT_NAMES
from genima.sync import FrameSet, FrameSync
from genima.timing import DurationStats
from genima.worker import LatestWorker
from genima_diffusion_node.agents import agent_factory, tile_check, tile_decoder
from genima_diffusion_node.health import figures, health_of, picture_faults
from genima_diffusion_node.output import Job, Picture, TileOutput
from genima_diffusion_node.parameters import DiffusionParameters
from genima_ros.cameras import CameraImages, CameraInfos
from genima_ros.conversions import gripper_is_open, joint_positions, seconds
from genima_ros.diagnostics import Health
from genima_ros.expert import ExpertClient
from genima_ros.lifecycle import GenimaNode, run_node
from genima_ros.policies import make_policy, make_rig
from genima_ros.qos import JOINT_STATES, JOINT_STATES_LOCKSTEP, LATCHED


class DiffusionNode(GenimaNode):
    """Draws targets at a fixed rate, or on request, on a worker thread."""

    def __init__(self) -> None:
        super().__init__("diffusion", DiffusionParameters)
        self._active = False
        self._worker: LatestWorker[Job] | None = None

    def configure(self) -> None:
        """Load policy and cameras, connect the topics."""
        p = self.parameters
        self._lockstep = p.pacing == "lockstep"
        self._policy = make_policy(p.policy_file)
        self._agent: Agent | None = None
        self._sync: FrameSync[Picture] = FrameSync(
            self._policy.cameras, p.sync_slop_s, stale_after_s=p.max_image_age_s
        )
        self._history = JointHistory()
        self._instruction = ""
        self._requested_s = -np.inf
        self._wanted_s: float | None = None
        self._drawn_s = -np.inf
        self._durations = DurationStats()
        self._bad = 0  # tiles that must not be followed
        self._fault = ""  # why the newest target could not be drawn
        self._expert = ExpertClient(self)
        self._make_agent = agent_factory(p, self._policy, self._expert.ask)
        self._infos = CameraInfos(self, self._policy, make_rig(p.cameras_file), self._on_rig)
        self._images = CameraImages(
            self, self._policy, self._infos, self._on_image, self._lockstep
        )
        self._connect()
        self._worker = LatestWorker("draw", self._draw, self.report_defect)

    def _connect(self) -> None:
        self._output = TileOutput(self, self._policy, 2.0 / self.parameters.rate_hz)
        joint_qos = JOINT_STATES_LOCKSTEP if self._lockstep else JOINT_STATES
        self.subscribe(JointState, "joint_states", self._on_joint_state, joint_qos)
        self.subscribe(String, "instruction", self._on_instruction, LATCHED)
        self.subscribe(TargetRequest, "target_request", self._on_target_request, LATCHED)
        self.report_health(self._health)

    def activate(self) -> None:
        """Begin to draw."""
        self._active = True
        if not self._lockstep:
            self._timer = self.create_timer(1.0 / self.parameters.rate_hz, self._draw_if_ready)
        self.get_logger().info(
            f"active: {self.parameters.agent} draws as soon as the cameras "
            f"{', '.join(self._policy.cameras)}, joint states and an instruction come"
        )

    def deactivate(self) -> None:
        """Draw no more."""
        self._active = False
        if not self._lockstep:
            self.destroy_timer(self._timer)
        self._output.clear()

    def cleanup(self) -> None:
        """Disconnect."""
        if self._worker is not None:
            self._expert.close()  # the worker may be waiting for an answer
            self._worker.stop()
            self._worker = None
        self.disconnect()

    def _on_rig(self, rig: CameraRig) -> None:
        self._decoder = tile_decoder(self.parameters, self._policy, rig)
        self._check = tile_check(self.parameters, self._policy, self._decoder)
        self._agent = self._make_agent(rig)

    def _on_joint_state(self, message: JointState) -> None:
        try:
            q = joint_positions(message, JOINT_NAMES)
        except GenimaError as error:
            self.complain("joint_states", error)
            return
        stamp_s = seconds(message.header.stamp)
        if stamp_s < self._history.newest_s:
            self._sync.reset()  # another world; its pictures are yet to come
        self._history.add(q, stamp_s)
        # Open where it is not measured.
        self._history.add_gripper(gripper_is_open(message) is not False, stamp_s)
        self._draw_if_requested()

    def _on_instruction(self, message: String) -> None:
        if message.data.strip() != self._instruction:
            self._try_again("")  # a request may have come first, and been drawn for the old one
        self._instruction = message.data.strip()
        self._draw_if_requested()
        self.get_logger().info(f"draws for {self._instruction!r}")

    def _on_target_request(self, message: TargetRequest) -> None:
        self._wanted_s = self._requested_s = seconds(message.not_before)
        self._draw_if_requested()

    def _on_image(self, camera: str, image: Picture, stamp_s: float) -> None:
        self._sync.push(camera, stamp_s, image, stamp_s if self._lockstep else self.now_s())
        self._draw_if_requested()

    def _draw_if_requested(self) -> None:
        if not self._lockstep or self._wanted_s is None:
            return
        frames, seen_s = self._sync.newest(), self._history.newest_s
        # Images may overtake the joint state of their moment; the pose before would be drawn.
        timely = frames is not None and self._wanted_s - 1e-6 <= frames.stamp_s <= seen_s + 1e-6
        if not timely:
            return
        # The worker may fail, and ask for another try, before this goes on.
        wanted_s, self._wanted_s = self._wanted_s, None
        if not self._submit(frames):
            self._wanted_s = wanted_s

    def _draw_if_ready(self) -> None:
        frames = self._sync.newest()
        if frames is None or frames.stamp_s == self._drawn_s:
            return
        if self.now_s() - frames.stamp_s <= self.parameters.max_image_age_s:
            self._submit(frames)

    def _submit(self, frames: FrameSet[Picture]) -> bool:
        """Leave a job for the worker; false while something is missing."""
        q = self._history.at(frames.stamp_s)
        ready = self._active and self._agent is not None and self._instruction
        if not ready or q is None or self._worker is None:
            return False
        self._drawn_s = frames.stamp_s
        gripper_open = self._history.gripper_open_at(frames.stamp_s)
        self._worker.put(Job(frames, q, gripper_open, self._instruction))
        return True

    def _draw(self, job: Job) -> None:
        """On the worker's thread: draw, look at what was drawn, publish."""
        try:
            self._publish(job)
        except DrawingError as error:
            self.complain("cannot draw", error)
            self._break_down(job, str(error))
        except GenimaError as error:
            self.complain("cannot draw", error)
            self._try_again(str(error))
        except Exception as error:
            self.report_defect(error)
            self._break_down(job, f"the drawing broke down: {error}")

    def _publish(self, job: Job) -> None:
        seed = self.parameters.seed
        began_s = time.perf_counter()
        drawing = self._agent.draw(
            DrawRequest(job.frames.frames, job.q, job.gripper_open, job.instruction, seed)
        )
        inference_s = time.perf_counter() - began_s
        self._durations.add(inference_s)
        if drawing.remark:
            self.complain("instruction", GenimaError(drawing.remark))
        stamp_s, checked = job.frames.stamp_s, None
        self._fault = drawing.fault
        if self._check is not None and not self._fault:
            checked = self._check(drawing.tile, job.q, job.instruction, stamp_s)
            self._fault = checked.fault
        self._bad += bool(self._fault)
        self._output.publish(drawing, job, inference_s, seed, self._fault)
        if self._output.shown and not self._fault:
            decoded = checked.decoded if checked else self._decoder.decode(drawing.tile, job.q)
            self._output.show(decoded, stamp_s)

    def _break_down(self, job: Job, fault: str) -> None:
        """Have the arm halt: nothing can be drawn."""
        self._output.fail(job, self.parameters.seed, fault)
        self._try_again(fault)

    def _try_again(self, fault: str) -> None:
        """Lockstep: draw what was asked for when the cameras report again."""
        self._fault = fault
        if self._wanted_s is None:
            self._wanted_s = self._requested_s

    def _health(self) -> Health:
        # To the synchroniser a camera whose images are refused is silent: the refusal says more.
        faults = self._images.faults
        if not faults and not self._lockstep:
            limit_s = self.parameters.max_image_age_s
            faults = picture_faults(self._sync, self.now_s(), limit_s)
        faults = faults or [self._fault] * bool(self._fault)
        values = {"tiles not to be followed": self._bad} | figures(
            self._durations, self._images.refused, self._worker, self._sync.counts
        )
        return health_of(faults, self._infos.waiting, self._instruction, values)


def main() -> None:
    """Run the node."""
    run_node(DiffusionNode)


if __name__ == "__main__":
    main()
