# SPDX-License-Identifier: Apache-2.0
"""Four camera images in, a tile with drawn sphere targets out."""

import time
from dataclasses import dataclass

import numpy as np
from genima_msgs.msg import TargetRequest, TargetTile
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String
from visualization_msgs.msg import MarkerArray

from genima.arrays import Array, Float, UInt8
from genima.cameras import CameraRig
from genima.control.joint_history import JointHistory
from genima.decode import TargetDecoder
from genima.diffusion.agent import Agent, DrawRequest
from genima.errors import GenimaError
from genima.kinematics import JOINT_NAMES
from genima.spheres import sphere_poses
from genima.sync import FrameSet, FrameSync
from genima.timing import DurationStats
from genima.worker import LatestWorker
from genima_diffusion_node.agents import make_agent
from genima_diffusion_node.health import figures, health_of, picture_faults
from genima_diffusion_node.parameters import DiffusionParameters
from genima_ros.cameras import CameraImages, CameraInfos
from genima_ros.conversions import joint_positions, seconds
from genima_ros.diagnostics import Health
from genima_ros.expert import ExpertClient
from genima_ros.lifecycle import GenimaNode, run_node
from genima_ros.markers import no_markers, target_markers
from genima_ros.policies import make_policy, make_rig
from genima_ros.qos import (
    IMAGE_PUBLISHER,
    JOINT_STATES,
    JOINT_STATES_LOCKSTEP,
    LATCHED,
    RELIABLE_LATEST,
)
from genima_ros.tiles import tile_message

_Picture = UInt8[Array, "s s 3"]


@dataclass(frozen=True)
class _Job:
    frames: FrameSet[_Picture]
    q: Float[Array, "7"]
    instruction: str


class DiffusionNode(GenimaNode):
    """Draws targets at a fixed rate, or on request, on a worker thread."""

    def __init__(self) -> None:
        super().__init__("diffusion", DiffusionParameters)
        self._active = False
        self._worker: LatestWorker[_Job] | None = None

    def configure(self) -> None:
        """Load policy and cameras, connect the topics."""
        p = self.parameters
        self._lockstep = p.pacing == "lockstep"
        self._policy = make_policy(p.policy_file)
        self._agent: Agent | None = None
        self._sync: FrameSync[_Picture] = FrameSync(
            self._policy.cameras, p.sync_slop_s, stale_after_s=p.max_image_age_s
        )
        self._history = JointHistory()
        self._instruction = ""
        self._requested_s = -np.inf
        self._wanted_s: float | None = None
        self._drawn_s = -np.inf
        self._durations = DurationStats()
        self._fault = ""  # why the newest target could not be drawn
        self._infos = CameraInfos(self, self._policy, make_rig(p.cameras_file), self._on_rig)
        self._images = CameraImages(
            self, self._policy, self._infos, self._on_image, self._lockstep
        )
        self._expert = ExpertClient(self)
        self._connect()
        self._worker = LatestWorker("draw", self._draw, self._on_defect)

    def _connect(self) -> None:
        self._tiles = self.advertise(TargetTile, "target_tile", RELIABLE_LATEST)
        self._pictures = self.advertise(Image, "target_tile/image", IMAGE_PUBLISHER)
        self._markers = self.advertise(MarkerArray, "targets/drawn", LATCHED)
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
        self._markers.publish(no_markers())

    def cleanup(self) -> None:
        """Disconnect."""
        if self._worker is not None:
            self._expert.close()  # the worker may be waiting for an answer
            self._worker.stop()
            self._worker = None
        self.disconnect()

    def _on_rig(self, rig: CameraRig) -> None:
        self._decoder = TargetDecoder(rig, self._policy)
        self._agent = make_agent(self.parameters.agent, self._policy, rig, self._expert.ask)

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

    def _on_image(self, camera: str, image: _Picture, stamp_s: float) -> None:
        self._sync.push(camera, stamp_s, image, stamp_s if self._lockstep else self._now_s())
        self._draw_if_requested()

    def _now_s(self) -> float:
        return self.get_clock().now().nanoseconds * 1e-9

    def _draw_if_requested(self) -> None:
        if not self._lockstep or self._wanted_s is None:
            return
        frames, seen_s = self._sync.newest(), self._history.newest_s
        # Images may overtake the joint state of their moment; the pose before would be drawn.
        timely = frames is not None and self._wanted_s - 1e-6 <= frames.stamp_s <= seen_s + 1e-6
        if timely and self._submit(frames):
            self._wanted_s = None

    def _draw_if_ready(self) -> None:
        frames = self._sync.newest()
        if frames is None or frames.stamp_s == self._drawn_s:
            return
        if self._now_s() - frames.stamp_s <= self.parameters.max_image_age_s:
            self._submit(frames)

    def _submit(self, frames: FrameSet[_Picture]) -> bool:
        """Leave a job for the worker; false while something is missing."""
        q = self._history.at(frames.stamp_s)
        ready = self._active and self._agent is not None and self._instruction
        if not ready or q is None or self._worker is None:
            return False
        self._drawn_s = frames.stamp_s
        self._worker.put(_Job(frames, q, self._instruction))
        return True

    def _draw(self, job: _Job) -> None:
        """On the worker's thread: draw, publish, then look at what was drawn."""
        request = DrawRequest(job.frames.frames, job.q, job.instruction, self.parameters.seed)
        began_s = time.perf_counter()
        try:
            drawing = self._agent.draw(request)
        except GenimaError as error:
            self.complain("cannot draw", error)
            self._try_again(str(error))
            return
        inference_s = time.perf_counter() - began_s
        self._durations.add(inference_s)
        self._fault = ""
        message = tile_message(
            drawing.tile,
            self._policy,
            stamp_s=job.frames.stamp_s,
            instruction=job.instruction,
            model=drawing.model,
            inference_s=inference_s,
            seed=request.seed,
        )
        self._tiles.publish(message)
        self._pictures.publish(message.image)
        self._show(drawing.tile, job)

    def _show(self, tile: UInt8[Array, "t t 3"], job: _Job) -> None:
        """Publish the drawn target as markers, if anybody looks."""
        if not self._markers.get_subscription_count():
            return
        decoded = self._decoder.decode(tile, job.q)
        if decoded.usable:
            poses, stamp_s = sphere_poses(decoded.q), job.frames.stamp_s
            lifetime_s = 2.0 / self.parameters.rate_hz
            self._markers.publish(
                target_markers(poses, decoded.gripper_open, stamp_s, lifetime_s, alpha=0.9)
            )

    def _on_defect(self, error: Exception) -> None:
        self.report_defect(error)
        self._try_again(f"defect in the diffusion node: {error}")

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
            faults = picture_faults(self._sync, self._now_s(), limit_s)
        faults = faults or [self._fault] * bool(self._fault)
        values = figures(self._durations, self._images.refused, self._worker, self._sync.counts)
        return health_of(faults, self._infos.waiting, self._instruction, values)


def main() -> None:
    """Run the node."""
    run_node(DiffusionNode)


if __name__ == "__main__":
    main()
