# SPDX-License-Identifier: Apache-2.0
"""Things on the table that have nothing to do with the task."""

from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.sim import props, shapes
from genima.sim.panda import ARM_JOINTS, FINGER_JOINTS
from genima.sim.perturbation import Perturbation, PlacedScene
from genima.sim.perturbation_textures import PALETTE

_COUNT = 2  # as Colosseum's configuration of the paper
_AREA_M = np.array([[0.24, -0.44], [0.74, 0.44]])
_TRIES = 300
_FROM_OBJECTS_M = 0.03
#: Half of the hand's width, and something.
_FROM_WAY_M = 0.12
#: Higher than this the hand passes over whatever stands there [m].
_LOW_M = 0.38
_PARKED_M = (0.0, -3.0, 1.0)


@dataclass(frozen=True)
class _Kind:
    """A thing that stands upright on its origin.

    Attributes:
        half: Half of the box that it is felt as [m]; of a round thing the radius, twice.
        round: Whether it is felt as a cylinder.
        draw: Adds its mesh under a name; the mesh stands on its origin or has it in its middle.
        centred: Whether the mesh has it in its middle.
    """

    half: tuple[float, float, float]
    round: bool
    draw: Callable[[mujoco.MjSpec, str], str]
    centred: bool = False


def _turned(radius: int, height: int, *profile: tuple[int, int]) -> _Kind:
    """A thing turned on a lathe; all in millimetres."""
    points = [(r / 1000, z / 1000) for r, z in profile]
    half = radius / 1000, radius / 1000, height / 2000
    return _Kind(half, True, lambda spec, name: shapes.add_lathe(spec, name, points, segments=28))


def _boxed(half: tuple[float, float, float]) -> _Kind:
    return _Kind(half, False, lambda s, name: shapes.add_rounded_box(s, name, half, 0.004), True)


_CARTON = _boxed((0.030, 0.046, 0.075))
_BOOK = _boxed((0.085, 0.060, 0.012))
_CUBE = _boxed((0.034, 0.034, 0.034))
_CAN = _turned(33, 116, (0, 0), (31, 0), (33, 3), (33, 113), (30, 116), (0, 116))
_BOTTLE = _turned(34, 190, (0, 0), (33, 0), (34, 4), (34, 110), (14, 150), (14, 190), (0, 190))
_BOWL = _turned(60, 50, (0, 0), (28, 0), (52, 25), (60, 50), (56, 50), (26, 6), (0, 4))
_CONE = _turned(48, 120, (0, 0), (48, 0), (48, 8), (36, 9), (8, 120), (0, 120))
_VASE = _turned(40, 140, (0, 0), (24, 0), (40, 40), (36, 80), (18, 110), (26, 140), (0, 136))
_KINDS = (_CARTON, _BOOK, _CUBE, _CAN, _BOTTLE, _BOWL, _CONE, _VASE)


class Distractors(Perturbation):
    """Two free things of different kinds, beside the task's objects and the expert's way."""

    def add(self, spec: mujoco.MjSpec, rng: np.random.Generator) -> None:
        """Make them; until they are placed they are far away."""
        self._kinds = [_KINDS[i] for i in rng.choice(len(_KINDS), _COUNT, replace=False)]
        colours = list(PALETTE.values())
        for number, kind in enumerate(self._kinds):
            name = _name(number)
            look = props.add_material(spec, name, colours[rng.integers(len(colours))])
            body = spec.worldbody.add_body(name=name, pos=_PARKED_M)
            body.add_freejoint(name=name)
            up = (0.0, 0.0, kind.half[2])
            kind.draw(spec, name)
            props.add_visual(body, look, mesh=name, pos=up if kind.centred else (0, 0, 0))
            shape = mujoco.mjtGeom.mjGEOM_CYLINDER if kind.round else mujoco.mjtGeom.mjGEOM_BOX
            size = kind.half[1:] if kind.round else kind.half
            props.add_collider(body, shape, size, pos=up, mass_kg=0.3)

    def change(self, scene: PlacedScene, rng: np.random.Generator) -> None:
        """Place one after the other where there is room, or where there is most of it."""
        taken = _reach_of_objects(scene)
        way = scene.way[scene.way[:, 2] < _LOW_M, :2]
        for number, kind in enumerate(self._kinds):
            radius_m = float(np.hypot(*kind.half[:2])) if not kind.round else kind.half[0]
            tries = rng.uniform(_AREA_M[0], _AREA_M[1], (_TRIES, 2))
            room = np.minimum(
                _distances(tries, taken) - _FROM_OBJECTS_M,
                _distances(tries, np.stack([way, way], axis=1)) - _FROM_WAY_M,
            )
            at = tries[int(np.minimum(room - radius_m, 0.0).argmax())]
            yaw = rng.uniform(-np.pi, np.pi)
            props.free_body(scene.model, scene.data, _name(number), (*at, 0.0005), yaw)
            taken = np.concatenate([taken, [[at - radius_m, at + radius_m]]])


def _name(number: int) -> str:
    return f"distractor_{number}"


def _reach_of_objects(scene: PlacedScene) -> Float[Array, "n 2 2"]:
    """Boxes on the table, least and greatest x and y [m], of all that objects can cover.

    Drawers and doors are taken as they are, half open and open.
    """
    model, moved = scene.model, mujoco.MjData(scene.model)
    seen = np.flatnonzero(
        np.isin(model.geom_group, (props.VISUAL_GROUP, props.COLLISION_GROUP))
        & [not _is_distractor(model, body) for body in model.geom_bodyid]
    )
    robots = {model.joint(name).id for name in (*ARM_JOINTS, *FINGER_JOINTS)}
    free = mujoco.mjtJoint.mjJNT_FREE
    parts = [j for j in range(model.njnt) if j not in robots and model.jnt_type[j] != free]
    boxes = []
    for share in (0.0, 0.5, 1.0):
        moved.qpos[:] = scene.data.qpos
        for joint in parts:
            low, high = model.jnt_range[joint]
            moved.qpos[model.jnt_qposadr[joint]] += share * (high - low)
        mujoco.mj_kinematics(model, moved)
        rotation = moved.geom_xmat[seen].reshape(-1, 3, 3)
        middle = moved.geom_xpos[seen] + np.einsum(
            "gij,gj->gi", rotation, model.geom_aabb[seen, :3]
        )
        half = np.einsum("gij,gj->gi", np.abs(rotation), model.geom_aabb[seen, 3:])
        boxes.append(np.stack([middle - half, middle + half], axis=1)[..., :2])
    return np.concatenate(boxes)


def _is_distractor(model: mujoco.MjModel, body: int) -> bool:
    return str(model.body(body).name).startswith("distractor_")


def _distances(points: Float[Array, "p 2"], boxes: Float[Array, "n 2 2"]) -> Float[Array, "p"]:
    """From each point to the nearest box [m]."""
    outside = np.maximum(boxes[:, 0] - points[:, None], points[:, None] - boxes[:, 1])
    gaps = np.linalg.norm(np.maximum(outside, 0.0), axis=-1)
    nearest: Float[Array, "p"] = gaps.min(axis=1, initial=np.inf)
    return nearest
