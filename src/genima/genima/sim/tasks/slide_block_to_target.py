# SPDX-License-Identifier: Apache-2.0
"""Slide the block onto the target."""

import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.sim import props, shapes
from genima.sim.draws import draw_until
from genima.sim.task import Task, Waypoint

_HALF_BLOCK_M = (0.045, 0.052, 0.030)
_WORKSPACE_M = np.array([[0.34, -0.22], [0.60, 0.22]])
_HALF_TARGET_M = 0.072
_ON_TARGET_M = 0.03
_FINGER_HALF_M = 0.0105
_CLEARANCE_M = 0.05
_PUSH_HEIGHT_M = 0.032
_TRAVEL_HEIGHT_M = 0.14
_SIDEWAYS_M = 0.025


class SlideBlockToTarget(Task):
    """A block and a square on the table; done when the block's middle is on the square's.

    The fingers stay open: two fingertips on one face keep the block from turning.
    """

    name = "slide_block_to_target"

    def descriptions(self, variation: int) -> tuple[str, ...]:
        """The wordings of RLBench."""
        self.require_variation(variation)
        return (
            "slide the block to target",
            "slide the block onto the target",
            "push the block until it is sitting on top of the target",
            "slide the block towards the green target",
            "cover the target with the block by pushing the block in its direction",
        )

    def build(self, spec: mujoco.MjSpec) -> None:
        """A free block and a flat green square that is only seen."""
        slate = props.add_material(spec, "block", (0.33, 0.40, 0.52), shininess=0.5)
        green = props.add_material(spec, "target_green", (0.24, 0.52, 0.30), specular=0.1)
        pale = props.add_material(spec, "target_pale", (0.62, 0.74, 0.60), specular=0.1)
        shapes.add_rounded_box(spec, "block", _HALF_BLOCK_M, 0.006)
        shapes.add_rounded_box(spec, "target", (_HALF_TARGET_M, _HALF_TARGET_M, 0.0009), 0.0008)
        inner = _HALF_TARGET_M - 0.008
        shapes.add_rounded_box(spec, "target_inner", (inner, inner, 0.0009), 0.0008)
        target = spec.worldbody.add_body(name="target")
        props.add_visual(target, pale, mesh="target", pos=(0, 0, 0.0009))
        props.add_visual(target, green, mesh="target_inner", pos=(0, 0, 0.0014))
        block = spec.worldbody.add_body(name="block")
        block.add_freejoint(name="block_joint")
        props.add_visual(block, slate, mesh="block")
        props.add_collider(
            block, mujoco.mjtGeom.mjGEOM_BOX, _HALF_BLOCK_M, mass_kg=0.25, friction=0.5
        )

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """The block at any yaw, the target straight ahead of its face."""
        low, high = _WORKSPACE_M

        def anywhere() -> tuple[Float[Array, "2"], float, Float[Array, "2"]]:
            block, yaw = rng.uniform(low, high), rng.uniform(-np.pi, np.pi)
            target = block + rng.uniform(0.14, 0.22) * np.array([np.cos(yaw), np.sin(yaw)])
            return block, yaw, target

        block, yaw, target = draw_until(
            lambda drawn: bool(np.all((drawn[2] > low) & (drawn[2] < high))), anywhere
        )
        props.fix_body(model, "target", (*target, 0.0), yaw)
        height = _HALF_BLOCK_M[2] + 0.0005
        props.free_body(model, data, "block_joint", (*block, height), yaw)

    def success(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Like RLBench's sensor: the block's middle is in a zone around the target's."""
        return bool(np.linalg.norm(_gap(data)) < _ON_TARGET_M)

    def waypoints(self, model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Waypoint, ...]:
        """Behind the block, down, push, up."""
        block = np.array(data.body("block").xpos[:2])
        gap = _gap(data)
        ahead = gap / max(float(np.linalg.norm(gap)), 1e-6)
        contact = _half_length_m(data, ahead) + _FINGER_HALF_M
        behind = block - (contact + _CLEARANCE_M) * ahead
        end = block + gap - contact * ahead
        yaw = props.wrap(float(np.arctan2(ahead[1], ahead[0])), np.pi)
        aside = np.array([-ahead[1], ahead[0]])

        def untouched(_: mujoco.MjModel, data: mujoco.MjData) -> bool:
            return bool(np.linalg.norm(data.body("block").xpos[:2] - block) < 0.015)

        def on_the_line(_: mujoco.MjModel, data: mujoco.MjData) -> bool:
            off = abs(float(_gap(data) @ aside))
            short = float(_gap(data) @ ahead) > -_ON_TARGET_M
            return off < _SIDEWAYS_M and short

        above = props.top_down((*behind, _TRAVEL_HEIGHT_M), yaw)
        down = props.top_down((*behind, _PUSH_HEIGHT_M), yaw)
        push = props.top_down((*end, _PUSH_HEIGHT_M), yaw)
        return (
            Waypoint("behind", above, gripper_open=True, holds=untouched),
            Waypoint("down", down, True, speed_m_s=0.15, straight=True, holds=untouched),
            Waypoint("push", push, True, speed_m_s=0.12, straight=True, holds=on_the_line),
        )


def _gap(data: mujoco.MjData) -> Float[Array, "2"]:
    """From the block's middle to the target's [m]."""
    return np.array(data.body("target").xpos[:2] - data.body("block").xpos[:2])


def _half_length_m(data: mujoco.MjData, ahead: Float[Array, "2"]) -> float:
    """From the block's middle to the face that is pushed [m]."""
    axes = data.body("block").xmat.reshape(3, 3)[:2, :2]
    return float(_HALF_BLOCK_M[np.abs(axes.T @ ahead).argmax()])
