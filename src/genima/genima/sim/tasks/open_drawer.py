# SPDX-License-Identifier: Apache-2.0
"""Open the bottom drawer."""

import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.sim import grips, props
from genima.sim.task import Task, Waypoint

_WIDTH_M = 0.26
_DEPTH_M = 0.22
_WALL_M = 0.012
_DRAWER_HEIGHT_M = 0.082
_DRAWERS = ("bottom", "middle", "top")
_BAR_OUT_M = 0.045
_BAR_HALF_M = 0.024
_STROKE_M = 0.20
_OPEN_M = 0.15
_PULL_M = 0.175
_TILT_RAD = np.radians(40.0)
_REACH_M = 0.09


class OpenDrawer(Task):
    """A cabinet of three drawers; done when the bottom one is 15 cm out.

    The bars stand upright and the hand comes from above, leaning towards the cabinet: a hand that
    points straight down would hit the bars above, and a level one the arm cannot hold so low.
    """

    name = "open_drawer"

    def descriptions(self, variation: int) -> tuple[str, ...]:
        """The wordings of RLBench."""
        self.require_variation(variation)
        return (
            "open bottom drawer",
            "grip the bottom handle and pull the bottom drawer open",
            "slide the bottom drawer open",
        )

    def build(self, spec: mujoco.MjSpec) -> None:
        """The cabinet: +x is out of its front, whose middle is the body's origin."""
        frame = props.add_wood(spec, "cabinet", (0.60, 0.41, 0.26))
        front = props.add_wood(spec, "drawer", (0.74, 0.55, 0.37))
        metal = props.add_material(
            spec, "cabinet_metal", (0.35, 0.35, 0.37), shininess=0.8, specular=0.8
        )
        cabinet = spec.worldbody.add_body(name="cabinet")
        height = len(_DRAWERS) * _DRAWER_HEIGHT_M + 2 * _WALL_M
        box = mujoco.mjtGeom.mjGEOM_BOX
        middle = -_DEPTH_M / 2
        for side in (-1, 1):
            props.add_collider(
                cabinet,
                box,
                (_DEPTH_M / 2, _WALL_M / 2, height / 2),
                pos=(middle, side * (_WIDTH_M - _WALL_M) / 2, height / 2),
                material=frame,
            )
        for z in (_WALL_M / 2, height - _WALL_M / 2):
            props.add_collider(
                cabinet,
                box,
                (_DEPTH_M / 2, _WIDTH_M / 2 - _WALL_M, _WALL_M / 2),
                pos=(middle, 0, z),
                material=frame,
            )
        props.add_collider(
            cabinet,
            box,
            (_WALL_M / 2, _WIDTH_M / 2 - _WALL_M, height / 2 - _WALL_M),
            pos=(-_DEPTH_M + _WALL_M / 2, 0, height / 2),
            material=frame,
        )
        for level, name in enumerate(_DRAWERS):
            self._build_drawer(cabinet, name, level, front, metal)

    def _build_drawer(
        self, cabinet: mujoco.MjsBody, name: str, level: int, front: str, metal: str
    ) -> None:
        box, capsule = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CAPSULE
        z = _WALL_M + (level + 0.5) * _DRAWER_HEIGHT_M
        drawer = cabinet.add_body(name=f"drawer_{name}", pos=(0, 0, z))
        drawer.add_joint(
            name=f"drawer_{name}_joint",
            type=mujoco.mjtJoint.mjJNT_SLIDE,
            axis=(1, 0, 0),
            range=(0.0, _STROKE_M),
            limited=True,
            damping=6.0,
            frictionloss=1.0,
        )
        half_width = _WIDTH_M / 2 - _WALL_M - 0.003
        half_height = _DRAWER_HEIGHT_M / 2 - 0.003
        props.add_collider(
            drawer, box, (0.008, half_width, half_height), pos=(-0.004, 0, 0), material=front
        )
        # The tray behind the front is only seen: nothing is ever put into it.
        depth = _DEPTH_M - _WALL_M - 0.02
        for side in (-1, 1):
            props.add_visual(
                drawer,
                front,
                shape=box,
                size=(depth / 2, 0.004, half_height * 0.7),
                pos=(-depth / 2 - 0.01, side * (half_width - 0.006), -half_height * 0.25),
            )
        props.add_visual(
            drawer,
            front,
            shape=box,
            size=(depth / 2, half_width - 0.006, 0.003),
            pos=(-depth / 2 - 0.01, 0, -half_height * 0.9),
        )
        props.add_visual(
            drawer,
            front,
            shape=box,
            size=(0.004, half_width - 0.006, half_height * 0.7),
            pos=(-depth - 0.006, 0, -half_height * 0.25),
        )
        props.add_collider(
            drawer,
            capsule,
            (0.007, _BAR_HALF_M),
            pos=(_BAR_OUT_M, 0, 0),
            material=metal,
            friction=1.5,
        )
        for end in (-1, 1):
            props.add_visual(
                drawer,
                metal,
                shape=capsule,
                size=(0.005, _BAR_OUT_M / 2),
                pos=(_BAR_OUT_M / 2, 0, end * (_BAR_HALF_M - 0.003)),
                quat=props.ALONG_X,
            )

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """At one side of the workspace, the front towards its middle."""
        side = rng.choice([-1.0, 1.0])
        # Sideways or somewhat away from the robot, so that the front camera sees the bars.
        yaw = -side * (np.pi / 2 - rng.uniform(-0.15, 0.6))
        position = (rng.uniform(0.33, 0.55), side * rng.uniform(0.12, 0.25), 0.0)
        props.fix_body(model, "cabinet", position, yaw)

    def success(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """RLBench's condition: the joint of the bottom drawer is at 15 cm."""
        return bool(data.joint("drawer_bottom_joint").qpos[0] > _OPEN_M)

    def waypoints(self, model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Waypoint, ...]:
        """Before the bar, around it, close, pull."""
        bar = _bar(data)
        cabinet = data.body("cabinet")
        out = cabinet.xmat.reshape(3, 3)[:, 0]
        already = float(data.joint("drawer_bottom_joint").qpos[0])
        grasp = grips.leaning(bar, out, _TILT_RAD)
        before = grips.shifted(grasp, -_REACH_M * grasp[:3, 2])
        pulled = grips.shifted(grasp, max(_PULL_M - already, 0.0) * out)
        at_rest = grips.at_rest(_bar, bar)
        in_hand = grips.in_hand(_bar)

        return (
            Waypoint("before", before, gripper_open=True, holds=at_rest),
            Waypoint("reach", grasp, True, speed_m_s=0.12, straight=True, holds=at_rest),
            Waypoint("grasp", grasp, gripper_open=False, holds=in_hand),
            Waypoint("pull", pulled, False, speed_m_s=0.12, straight=True, holds=in_hand),
        )


def _bar(data: mujoco.MjData) -> Float[Array, "3"]:
    """Middle of the bottom drawer's bar in panda_link0 [m]."""
    drawer = data.body("drawer_bottom")
    return np.array(drawer.xpos + _BAR_OUT_M * drawer.xmat.reshape(3, 3)[:, 0])
