# SPDX-License-Identifier: Apache-2.0
"""What is seen: the labelled images of a tile with the cameras that made them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from genima.arrays import Array, Bool, Float, UInt8
from genima.decode.body import cross
from genima.decode.edges import Edges, colour_edges
from genima.decode.palette import Label, Reading, labels_of, prepared
from genima.view import CameraView


@dataclass(frozen=True, eq=False)
class SeenView:
    """One labelled image."""

    view: CameraView
    radius_m: float
    image: UInt8[Array, "h w 3"]
    labels: UInt8[Array, "h w"]

    @cached_property
    def edges(self) -> dict[Label, Edges]:
        """Edges of the five colours."""
        colours = [label for label in Label if label not in (Label.OTHER, Label.BLACK)]
        return {label: colour_edges(self.image, self.labels, label) for label in colours}


@dataclass(frozen=True, eq=False)
class Scene:
    """All views of a tile, in its order."""

    views: tuple[SeenView, ...]

    @classmethod
    def from_images(
        cls,
        images: Mapping[str, UInt8[Array, "s s 3"]],
        views: Mapping[str, CameraView],
        radii_m: Mapping[str, float],
        reading: Reading,
    ) -> "Scene":
        """Label the images as a reading wants it."""
        seen = []
        for name, image in images.items():
            image = prepared(image, reading)
            labels = labels_of(image, reading)
            seen.append(SeenView(views[name], radii_m[name], image, labels))
        return cls(tuple(seen))

    @cached_property
    def cameras(self) -> "CameraArrays":
        """The cameras as arrays over the views."""
        return CameraArrays.of(self.views)


@dataclass(frozen=True, eq=False)
class CameraArrays:
    """Cameras of all views side by side, so that one expression serves all.

    Attributes:
        origin: In the base [m].
        base_R_cam: Rotation of the optical frame.
        f: Focal lengths [px].
        c: Principal points [px].
        radius_m: Sphere radius in each view [m].
    """

    origin: Float[Array, "v 3"]
    base_R_cam: Float[Array, "v 3 3"]
    f: Float[Array, "v 2"]
    c: Float[Array, "v 2"]
    radius_m: Float[Array, "v"]

    @classmethod
    def of(cls, views: Sequence[SeenView]) -> "CameraArrays":
        """Of some views."""
        intrinsics = [v.view.intrinsics for v in views]
        return cls(
            np.array([v.view.base_T_cam[:3, 3] for v in views]),
            np.array([v.view.base_T_cam[:3, :3] for v in views]),
            np.array([[k.fx, k.fy] for k in intrinsics]),
            np.array([[k.cx, k.cy] for k in intrinsics]),
            np.array([v.radius_m for v in views]),
        )


@dataclass(frozen=True, eq=False)
class Samples:
    """Points on the visible halves of spheres, and what the images show there.

    Axes are configuration, sphere, view, sample.

    Attributes:
        normals: Outward normals in the base.
        labels: What is seen; OTHER where the point is outside the image.
        seen: Whether it is inside the image and no other sphere is in front.
        radius_px: Of the spheres in the images, roughly [px].
    """

    normals: Float[Array, "b k v s 3"]
    labels: UInt8[Array, "b k v s"]
    seen: Bool[Array, "b k v s"]
    radius_px: Float[Array, "b k v"]


class Sampler:
    """Looks up what a scene shows where spheres should be.

    Args:
        scene: The labelled images.
        n: Number of samples on each sphere in each view.
        reach: Samples lie within this share of the outline's radius.
    """

    def __init__(self, scene: Scene, n: int, reach: float = 0.96) -> None:
        self._cameras = scene.cameras
        self._labels = np.stack([v.labels for v in scene.views])
        self._first = np.arange(len(scene.views))[:, None] * self._labels[0].size
        k = np.arange(n) + 0.5
        rho, phi = reach * np.sqrt(k / n), k * np.pi * (3 - np.sqrt(5))
        self._disc = np.stack([rho * np.cos(phi), rho * np.sin(phi)], axis=-1)

    def __call__(self, centres: Float[Array, "b 4 3"]) -> Samples:
        """Sample spheres with the given centres [m]."""
        cam, radius = self._cameras, self._cameras.radius_m
        from_cam = centres[:, :, None, :] - cam.origin  # b k v 3
        distance = np.linalg.norm(from_cam, axis=-1)
        toward = (from_cam / distance[..., None])[..., None, :]
        e1, e2 = _perpendicular(toward)
        across = e1 * self._disc[:, :1] + e2 * self._disc[:, 1:]  # b k v s 3
        rho2 = np.sum(self._disc**2, axis=-1)
        # In units of the radius: the outline is a circle a little in front of the centre, and the
        # ray to a point inside that circle is followed to where it meets the sphere.
        sine = np.minimum(radius / distance, 0.99)[..., None]
        ray = toward * (1 / sine - sine)[..., None] + across * np.sqrt(1 - sine**2)[..., None]
        length2 = (1 - sine**2) * (1 / sine**2 - 1 + rho2)
        reach = (1 - sine * np.sqrt(1 - rho2)) / (1 - sine**2 + sine**2 * rho2)
        normals = ray * reach[..., None] - toward / sine[..., None]
        labels, inside = self._look(ray)
        seen = inside & (distance > radius)[..., None] & ~self._hidden(ray, length2, from_cam)
        radius_px = cam.f[:, 0] * radius / np.maximum(distance, 1e-3)
        return Samples(normals, labels, seen, radius_px)

    def _look(self, ray: Array) -> tuple[Array, Array]:
        cam = self._cameras
        x, y, z = np.moveaxis(ray @ cam.base_R_cam, -1, 0)  # (s 3) by (3 3) for each view
        ahead = z > 1e-6
        z = np.where(ahead, z, 1.0)
        col = np.floor(x / z * cam.f[:, :1] + cam.c[:, :1])
        row = np.floor(y / z * cam.f[:, 1:] + cam.c[:, 1:])
        _, height, width = self._labels.shape
        inside = ahead & (col >= 0) & (row >= 0) & (col < width) & (row < height)
        at = (row * width + col) * inside + self._first
        return self._labels.reshape(-1)[at.astype(np.intp)] * inside, inside

    def _hidden(self, ray: Array, length2: Array, from_cam: Array) -> Array:
        """Whether another, nearer sphere (with a little margin) lies in a ray's way."""
        radius2 = (1.03 * self._cameras.radius_m) ** 2
        hidden = np.zeros(ray.shape[:-1], bool)
        distance2 = np.sum(from_cam**2, axis=-1)
        for j in range(4):
            along = (ray @ from_cam[:, None, j, :, :, None])[..., 0]
            off2 = distance2[:, j][:, None, :, None] - along**2 / length2
            nearer = distance2[:, j][:, None] < distance2
            nearer[:, j] = False
            hidden |= (off2 < radius2[:, None]) & (along > 0) & nearer[..., None]
        return hidden


def _perpendicular(toward: Array) -> tuple[Array, Array]:
    """Two unit vectors perpendicular to each of the given ones and to each other."""
    helper = np.where(np.abs(toward[..., 2:]) < 0.8, [0.0, 0.0, 1.0], [1.0, 0.0, 0.0])
    e1 = cross(helper, toward)
    e1 /= np.linalg.norm(e1, axis=-1, keepdims=True)
    return e1, cross(toward, e1)
