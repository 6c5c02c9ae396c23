# SPDX-License-Identifier: Apache-2.0
"""Smooth meshes for what boxes and cylinders cannot show."""

from collections.abc import Sequence

import mujoco
import numpy as np
from scipy.spatial import ConvexHull

from genima.arrays import Array, Float


def add_lathe(
    spec: mujoco.MjSpec,
    name: str,
    profile: Sequence[tuple[float, float]],
    segments: int = 40,
    stretch: float = 1.0,
) -> str:
    """A mesh made by turning a profile about z; returns its name.

    Args:
        spec: The scene.
        name: Name of the mesh.
        profile: Points (radius, height) [m] from the bottom up along the outside; the surface is
            seen from the right-hand side of that path. Radius 0 closes it.
        segments: Faces around.
        stretch: Factor of the length along x, for oval things.
    """
    radius, height = np.array(profile).T
    angle = 2 * np.pi * np.arange(segments) / segments
    ring = np.stack([stretch * np.cos(angle), np.sin(angle)], axis=-1)
    vertices = np.concatenate(
        [
            np.broadcast_to(radius[:, None, None] * ring, (len(radius), segments, 2)),
            np.broadcast_to(height[:, None, None], (len(radius), segments, 1)),
        ],
        axis=-1,
    )
    faces = []
    for k in range(len(radius) - 1):
        for i in range(segments):
            a, b = k * segments + i, k * segments + (i + 1) % segments
            c, d = a + segments, b + segments
            faces += [(a, b, d)] if radius[k] > 0 else []
            faces += [(a, d, c)] if radius[k + 1] > 0 else []
    spec.add_mesh(
        name=name,
        uservert=vertices.reshape(-1),
        userface=np.array(faces).reshape(-1),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
    )
    return name


def add_rounded_box(
    spec: mujoco.MjSpec, name: str, half_size: Sequence[float], radius: float
) -> str:
    """A mesh of a box with round edges; returns its name.

    Args:
        spec: The scene.
        name: Name of the mesh.
        half_size: Half of length, width and height [m].
        radius: Radius of the edges [m].
    """
    pieces = 5
    bend = np.linspace(0.0, np.pi / 2, pieces)
    core = np.array(half_size) - radius
    corners = [(1, 1), (-1, 1), (-1, -1), (1, -1)]
    turn = np.concatenate([bend + quarter * np.pi / 2 for quarter in range(4)])
    middle = np.repeat(corners, pieces, axis=0) * core[:2]
    rings: list[Float[Array, "n 3"]] = []
    for tilt in np.concatenate([bend - np.pi / 2, bend]):
        out = radius * np.cos(tilt)
        height = core[2] * (1 if len(rings) >= pieces else -1) + radius * np.sin(tilt)
        ring = middle + out * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
        rings.append(np.column_stack([ring, np.full(len(turn), height)]))
    around = len(turn)
    faces = []
    for k in range(len(rings) - 1):
        for i in range(around):
            a, b = k * around + i, k * around + (i + 1) % around
            faces += [(a, b, b + around), (a, b + around, a + around)]
    low = [quarter * pieces for quarter in range(4)]
    high = [(len(rings) - 1) * around + corner for corner in low]
    faces += [(low[0], low[2], low[1]), (low[0], low[3], low[2])]
    faces += [(high[0], high[1], high[2]), (high[0], high[2], high[3])]
    vertices = np.concatenate(rings)
    spec.add_mesh(
        name=name,
        uservert=vertices.reshape(-1),
        userface=np.array([face for face in faces if _area(vertices[list(face)]) > 0]).reshape(-1),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
    )
    return name


def _area(triangle: Float[Array, "3 3"]) -> float:
    """Area of a triangle [m^2], nothing where two corners coincide."""
    a, b, c = triangle
    area = 0.5 * float(np.linalg.norm(np.cross(b - a, c - a)))
    return area if area > 1e-12 else 0.0


def add_crumpled_ball(spec: mujoco.MjSpec, name: str, radius: float, seed: int) -> str:
    """A mesh of a ball of crumpled paper: flat facets, none as far out as the next.

    Args:
        spec: The scene.
        name: Name of the mesh.
        radius: How far it reaches [m].
        seed: Which of all such balls.
    """
    rng = np.random.default_rng(seed)
    count = 60
    # Points of a spiral are spread evenly over the ball.
    height = 1.0 - 2.0 * (np.arange(count) + 0.5) / count
    angle = np.pi * (3.0 - np.sqrt(5.0)) * np.arange(count)
    level = np.sqrt(1.0 - height**2)
    even = np.stack([level * np.cos(angle), level * np.sin(angle), height], axis=-1)
    vertices = even * radius * rng.uniform(0.80, 1.0, (count, 1))
    # Every facet has corners of its own, for a normal of its own.
    facets = vertices[ConvexHull(even).simplices]
    inward = np.einsum("ij,ij->i", np.cross(*_sides(facets)), facets.mean(axis=1)) < 0
    facets[inward] = facets[inward][:, ::-1]
    spec.add_mesh(
        name=name,
        uservert=facets.reshape(-1),
        userface=np.arange(3 * len(facets)),
        usernormal=np.repeat(_normals(facets), 3, axis=0).reshape(-1),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
    )
    return name


def _sides(facets: Float[Array, "n 3 3"]) -> tuple[Float[Array, "n 3"], Float[Array, "n 3"]]:
    return facets[:, 1] - facets[:, 0], facets[:, 2] - facets[:, 0]


def _normals(facets: Float[Array, "n 3 3"]) -> Float[Array, "n 3"]:
    normal = np.cross(*_sides(facets))
    unit: Float[Array, "n 3"] = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    return unit
