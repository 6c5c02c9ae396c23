# SPDX-License-Identifier: Apache-2.0
"""What the diffusion node publishes of a drawing."""

from dataclasses import dataclass

from genima_msgs.msg import TargetTile
from sensor_msgs.msg import Image
from visualization_msgs.msg import MarkerArray

from genima.arrays import Array, Float, UInt8
from genima.decode import DecodedTarget
from genima.diffusion.agent import Drawing
from genima.policy import Policy
from genima.spheres import sphere_poses
from genima.sync import FrameSet
from genima.tiles import tile_images
from genima_ros.lifecycle import GenimaNode
from genima_ros.markers import no_markers, target_markers
from genima_ros.qos import IMAGE_PUBLISHER, LATCHED, RELIABLE_LATEST
from genima_ros.tiles import tile_message

Picture = UInt8[Array, "s s 3"]


@dataclass(frozen=True)
class Job:
    """What one tile is drawn from.

    Attributes:
        frames: One image of each camera.
        q: Joint positions then [rad].
        gripper_open: Whether the gripper was open then.
        instruction: What to draw for.
    """

    frames: FrameSet[Picture]
    q: Float[Array, "7"]
    gripper_open: bool
    instruction: str


class TileOutput:
    """The topics `target_tile`, `target_tile/image` and `targets/drawn`.

    Args:
        node: Owns the publishers.
        policy: Of the tiles.
        lifetime_s: How long markers stay [s].
    """

    def __init__(self, node: GenimaNode, policy: Policy, lifetime_s: float) -> None:
        self._policy = policy
        self._lifetime_s = lifetime_s
        self._tiles = node.advertise(TargetTile, "target_tile", RELIABLE_LATEST)
        self._pictures = node.advertise(Image, "target_tile/image", IMAGE_PUBLISHER)
        self._markers = node.advertise(MarkerArray, "targets/drawn", LATCHED)

    @property
    def shown(self) -> bool:
        """Whether anybody looks at the markers."""
        return bool(self._markers.get_subscription_count())

    def publish(
        self, drawing: Drawing, job: Job, inference_s: float, seed: int, fault: str
    ) -> None:
        """A drawn tile; one with a fault is not to be followed."""
        state = TargetTile.BAD if fault else TargetTile.USABLE
        self._send(drawing, job, inference_s, seed, state, fault)

    def fail(self, job: Job, seed: int, fault: str) -> None:
        """That nothing could be drawn: the arm shall halt."""
        images = dict(job.frames.frames)
        undrawn = Drawing(tile_images(images, self._policy.cameras), "nothing")
        self._send(undrawn, job, 0.0, seed, TargetTile.FAILED, fault)

    def show(self, decoded: DecodedTarget, stamp_s: float) -> None:
        """The decoded target as markers."""
        if decoded.usable and decoded.q is not None:
            poses = sphere_poses(decoded.q)
            self._markers.publish(
                target_markers(poses, decoded.gripper_open, stamp_s, self._lifetime_s, alpha=0.9)
            )

    def clear(self) -> None:
        """Take all markers away."""
        self._markers.publish(no_markers())

    def _send(
        self, drawing: Drawing, job: Job, inference_s: float, seed: int, state: int, fault: str
    ) -> None:
        message = tile_message(
            drawing.tile,
            self._policy,
            stamp_s=job.frames.stamp_s,
            instruction=job.instruction,
            model=drawing.model,
            inference_s=inference_s,
            seed=seed,
            state=state,
            fault=fault,
        )
        self._tiles.publish(message)
        self._pictures.publish(message.image)
