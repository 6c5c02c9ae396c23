# SPDX-License-Identifier: Apache-2.0
"""Reading, thinning out and writing triangle meshes; used once, when the robot's cache is made."""

from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np
from scipy.spatial import cKDTree

from genima.arrays import Array, Bool, Float, Int
from genima.errors import MissingDependency

_WELD_M = 1e-6
_RAYS = 32
_RAY_START_M = 2e-4
_NEAREST = 8
_SAMPLES = 40_000
_AGGRESSIVENESS = 3.0
"""Low is slow and keeps the shape; 7 is the library's own."""
_CREASE_COS = 0.75
"""Faces that meet at more than about 40 degrees keep their edge."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles in space.

    Attributes:
        vertices: Corners [m], (v, 3).
        faces: Three corners each, counter-clockwise from outside, (f, 3).
    """

    vertices: Float[Array, "v 3"]
    faces: Int[Array, "f 3"]

    def only(self, chosen: Bool[Array, "f"]) -> "Mesh":
        """The mesh of some of the faces."""
        used, local = np.unique(self.faces[chosen], return_inverse=True)
        return Mesh(self.vertices[used], local.reshape(-1, 3))

    def face_normals(self) -> tuple[Float[Array, "f 3"], Float[Array, "f"]]:
        """Unit normals of the faces, and their areas [m^2]."""
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        cross = np.cross(b - a, c - a)
        length = np.linalg.norm(cross, axis=1)
        return cross / np.maximum(length, 1e-15)[:, None], length / 2.0

    def centroids(self) -> Float[Array, "f 3"]:
        """Middles of the faces [m]."""
        return np.asarray(self.vertices[self.faces].mean(axis=1))


def read_obj(path: Path) -> tuple[Mesh, Float[Array, "f 2"]]:
    """A Wavefront file of triangles, with one texture coordinate for each of them."""
    vertices: list[list[float]] = []
    texture: list[list[float]] = []
    corners: list[list[list[str]]] = []
    for line in path.read_text().splitlines():
        kind, *values = line.split() or [""]
        if kind == "v":
            vertices.append([float(x) for x in values[:3]])
        elif kind == "vt":
            texture.append([float(x) for x in values[:2]])
        elif kind == "f":
            corners.append([corner.split("/") for corner in values[:3]])
    index = np.array([[[int(i) - 1 for i in c[:2]] for c in face] for face in corners])
    return Mesh(np.array(vertices), index[..., 0]), np.array(texture)[index[:, 0, 1]]


def write_obj(path: Path, mesh: Mesh, normals: Float[Array, "f 3 3"]) -> None:
    """Write a mesh with its corner normals."""
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in mesh.vertices]
    lines += [f"vn {x:.4f} {y:.4f} {z:.4f}" for x, y, z in normals.reshape(-1, 3)]
    for i, face in enumerate(mesh.faces):
        lines.append("f " + " ".join(f"{v + 1}//{3 * i + k + 1}" for k, v in enumerate(face)))
    path.write_text("\n".join(lines) + "\n")


def seen_from_outside(mesh: Mesh) -> Bool[Array, "f"]:
    """Which faces can be seen: a ray from their front reaches infinity without a hit.

    Half of the robot's faces are screws, bearings and inner walls that no camera ever sees. The
    neighbours of a face that is seen count as seen, so that no groove becomes a hole.
    """
    model = _ray_model(mesh)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    normals, _ = mesh.face_normals()
    starts = mesh.centroids() + _RAY_START_M * normals
    directions = _directions(_RAYS)
    geoms, distances = np.empty(_RAYS, np.int32), np.empty(_RAYS)
    seen = np.zeros(len(mesh.faces), dtype=bool)
    for i, (start, normal) in enumerate(zip(starts, normals, strict=True)):
        towards = directions[directions @ normal > 0.1].reshape(-1)
        n = len(towards) // 3
        mujoco.mj_multiRay(
            model, data, start, towards, None, True, -1, geoms[:n], distances[:n], None, n, 10.0
        )
        seen[i] = bool((geoms[:n] < 0).any())
    welded, _ = _weld(mesh)
    touched = np.zeros(len(mesh.vertices), dtype=bool)
    touched[welded[seen]] = True
    return np.asarray(touched[welded].any(axis=1))


def decimate(mesh: Mesh, target: int) -> Mesh:
    """Weld equal vertices and reduce to about `target` faces.

    Raises:
        MissingDependency: fast-simplification is not installed.
    """
    faces, first = _weld(mesh)
    proper = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    welded = Mesh(mesh.vertices[first], faces[proper])
    if len(welded.faces) <= target:
        return welded
    try:
        import fast_simplification  # set-up only
    except ImportError as error:
        raise MissingDependency(
            "making the robot's meshes needs fast-simplification; pip install fast-simplification"
        ) from error
    points, triangles = fast_simplification.simplify(
        welded.vertices.astype(np.float32),
        welded.faces.astype(np.int32),
        1.0 - target / len(welded.faces),
        agg=_AGGRESSIVENESS,
    )
    return Mesh(points.astype(np.float64), triangles.astype(np.int64))


def _weld(mesh: Mesh) -> tuple[Int[Array, "f 3"], Int[Array, "w"]]:
    """Faces by welded corner, and one vertex for each welded corner."""
    _, first, weld = np.unique(
        np.round(mesh.vertices / _WELD_M).astype(np.int64),
        axis=0,
        return_index=True,
        return_inverse=True,
    )
    return weld.reshape(-1)[mesh.faces], first


def corner_normals(mesh: Mesh, fine: Mesh) -> Float[Array, "f 3 3"]:
    """Normals for a decimated mesh, taken from the surface it was made of.

    Each corner, moved a little into its face, looks up the nearest points of the fine surface and
    takes the mean normal of those that look the same way as its own face: smooth, but for the
    creases.
    """
    own, _ = mesh.face_normals()
    points, point_normals = _surface_points(fine)
    inside = 0.9 * mesh.vertices[mesh.faces] + 0.1 * mesh.centroids()[:, None]
    _, near = cKDTree(points).query(inside.reshape(-1, 3), k=_NEAREST)
    near_normals = point_normals[near.reshape(len(mesh.faces), 3, -1)]
    alike = np.einsum("fkni,fi->fkn", near_normals, own) > _CREASE_COS
    mean = np.einsum("fkn,fkni->fki", alike.astype(float), near_normals)
    none = ~alike.any(axis=2)
    mean[none] = near_normals[none][:, 0]
    return mean / np.linalg.norm(mean, axis=2, keepdims=True)


def _surface_points(mesh: Mesh) -> tuple[Float[Array, "n 3"], Float[Array, "n 3"]]:
    """Points spread evenly over a surface, one more on each face, and the normals there."""
    normals, areas = mesh.face_normals()
    rng = np.random.default_rng(0)
    real = np.flatnonzero(areas > 0.0)
    face = np.concatenate([real, rng.choice(len(areas), _SAMPLES, p=areas / areas.sum())])
    weights = rng.dirichlet(np.ones(3), len(face))
    points = np.einsum("nk,nki->ni", weights, mesh.vertices[mesh.faces[face]])
    return points, normals[face]


def _ray_model(mesh: Mesh) -> mujoco.MjModel:
    spec = mujoco.MjSpec()
    spec.add_mesh(
        name="mesh",
        uservert=mesh.vertices.reshape(-1),
        userface=mesh.faces.reshape(-1),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
    )
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="mesh")
    return spec.compile()


def _directions(count: int) -> Float[Array, "n 3"]:
    """Evenly spread unit vectors (a Fibonacci sphere)."""
    k = np.arange(count) + 0.5
    z = 1.0 - 2.0 * k / count
    angle = np.pi * (1.0 + np.sqrt(5.0)) * k
    ring = np.sqrt(1.0 - z * z)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=-1)
