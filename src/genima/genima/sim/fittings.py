# SPDX-License-Identifier: Apache-2.0
"""Parts that several objects have: walls, hinges, tabs and buttons."""

from collections.abc import Sequence

import mujoco
import numpy as np

from genima.sim import props, shapes

_TAB_RADIUS_M, _TAB_HALF_M = 0.012, 0.017
_TAB_OUT_M = 0.026
BUTTON_CAP_M = 0.018
"""How far a button's cap stands out of its base."""
BUTTON_PRESSED_M = 0.003
"""From here on a button counts as pressed."""
_BUTTON_TRAVEL_M = 0.010
_PLANKS = 12


def add_shell(
    body: mujoco.MjsBody,
    half_size: Sequence[float],
    wall_m: float,
    *,
    centre: Sequence[float],
    open_axis: int,
    material: str,
) -> None:
    """Five walls of a box; the one in the positive direction of an axis is left out.

    Args:
        body: What the walls belong to.
        half_size: Half of the outer length, width and height [m].
        wall_m: Thickness of the walls [m].
        centre: Middle of the box in the body [m].
        open_axis: Which of x, y and z the opening faces.
        material: Its look.
    """
    half, middle = np.array(half_size), np.array(centre)
    for axis in range(3):
        for side in (-1, 1):
            if (axis, side) == (open_axis, 1):
                continue
            size, place = half.copy(), middle.copy()
            size[axis] = wall_m / 2
            place[axis] += side * (half[axis] - wall_m / 2)
            for before in range(axis):  # every edge belongs to one wall, or faces would flicker
                ends = 1 if before == open_axis else 2
                size[before] -= ends * wall_m / 2
                place[before] += (2 - ends) * wall_m / 2
            box = mujoco.mjtGeom.mjGEOM_BOX
            props.add_collider(body, box, list(size), pos=list(place), material=material)


def add_hinge(
    body: mujoco.MjsBody, name: str, axis: Sequence[float], stop_rad: float, friction_nm: float
) -> None:
    """A hinge at the body's origin that stays where it is left.

    Args:
        body: What turns.
        name: Name of the joint.
        axis: Its axis in the body.
        stop_rad: How far it goes from zero [rad].
        friction_nm: Torque that it takes to move it [N m].
    """
    body.add_joint(
        name=name,
        type=mujoco.mjtJoint.mjJNT_HINGE,
        axis=axis,
        range=(0.0, stop_rad),
        limited=True,
        damping=0.05,
        frictionloss=friction_nm,
        armature=0.002,
    )


def add_tab(
    spec: mujoco.MjSpec, body: mujoco.MjsBody, edge: Sequence[float], material: str
) -> None:
    """A roller that sticks out along x from an edge, to be held from above by its two ends.

    It turns on its stem, as one on a sewing box does: held by something that slid between the
    fingers all the way, a lid would be braked and in the end slip out of them.

    Args:
        spec: The scene.
        body: The lid.
        edge: Middle of the edge in the body [m].
        material: Its look.
    """
    x, y, z = edge
    half = _TAB_OUT_M / 2
    props.add_visual(
        body,
        material,
        shape=mujoco.mjtGeom.mjGEOM_BOX,
        size=(half, 0.005, 0.004),
        pos=(x + half, y, z),
    )
    r, end = _TAB_RADIUS_M, _TAB_HALF_M
    mesh = shapes.add_lathe(
        spec,
        f"{body.name}_tab",
        (
            (0.0, -end),
            (r - 0.002, -end),
            (r, 0.002 - end),
            (r, end - 0.002),
            (r - 0.002, end),
            (0.0, end),
        ),
        segments=24,
    )
    tab = body.add_body(name=f"{body.name}_tab", pos=tab_of(edge))
    tab.add_joint(
        name=f"{body.name}_tab_joint",
        type=mujoco.mjtJoint.mjJNT_HINGE,
        axis=(0, 1, 0),
        damping=0.0005,
        armature=0.0001,
    )
    props.add_visual(tab, material, mesh=mesh, quat=props.ALONG_Y)
    cylinder = mujoco.mjtGeom.mjGEOM_CYLINDER
    props.add_collider(tab, cylinder, (r, end), quat=props.ALONG_Y, mass_kg=0.02, friction=1.5)


def tab_of(edge: Sequence[float]) -> tuple[float, float, float]:
    """Middle of the tab on an edge, in the lid's body [m]."""
    x, y, z = edge
    return x + _TAB_OUT_M, y, z


def add_round_wall(body: mujoco.MjsBody, radius_m: float, height_m: float, thick_m: float) -> None:
    """What is felt of an open cylinder that stands on the body's origin: planks and a bottom."""
    half_width = radius_m * np.tan(np.pi / _PLANKS)
    for k in range(_PLANKS):
        angle = 2 * np.pi * k / _PLANKS
        out = (radius_m - thick_m / 2) * np.array([np.cos(angle), np.sin(angle)])
        props.add_collider(
            body,
            mujoco.mjtGeom.mjGEOM_BOX,
            (thick_m / 2, half_width, height_m / 2),
            pos=(*out, height_m / 2),
            quat=list(props.yaw_quaternion(angle)),
        )
    cylinder = mujoco.mjtGeom.mjGEOM_CYLINDER
    props.add_collider(body, cylinder, (radius_m, thick_m / 2), pos=(0, 0, thick_m / 2))


def add_button(
    spec: mujoco.MjSpec, base: mujoco.MjsBody, name: str, at: Sequence[float], look: str, dark: str
) -> None:
    """A cap on a spring in a ring, on a base that is felt a little lower than it is seen.

    Args:
        spec: The scene.
        base: What the button is on.
        name: Prefix of the names of its joint, body and meshes.
        at: Middle of the ring on the base's surface [m].
        look: Material of cap and ring.
        dark: Material of the gap between them.
    """
    shapes.add_lathe(
        spec,
        f"{name}_ring",
        ((0.045, -0.001), (0.046, 0.0025), (0.044, 0.004), (0.033, 0.004), (0.031, 0.001)),
    )
    shapes.add_lathe(
        spec,
        f"{name}_cap",
        (
            (0.0285, -0.012),
            (0.0285, 0.010),
            (0.0270, 0.0145),
            (0.0230, 0.0170),
            (0.0120, 0.0179),
            (0.0, BUTTON_CAP_M),
        ),
    )
    cylinder = mujoco.mjtGeom.mjGEOM_CYLINDER
    props.add_visual(base, look, mesh=f"{name}_ring", pos=at)
    props.add_visual(base, dark, shape=cylinder, size=(0.033, 0.0007), pos=at)
    cap = base.add_body(name=f"{name}_cap", pos=at)
    cap.add_joint(
        name=f"{name}_joint",
        type=mujoco.mjtJoint.mjJNT_SLIDE,
        axis=(0, 0, -1),
        range=(0, _BUTTON_TRAVEL_M),
        limited=True,
        stiffness=150.0,
        damping=4.0,
    )
    props.add_visual(cap, look, mesh=f"{name}_cap")
    half = BUTTON_CAP_M / 2
    props.add_collider(cap, cylinder, (0.0285, half), pos=(0, 0, half), mass_kg=0.03)
