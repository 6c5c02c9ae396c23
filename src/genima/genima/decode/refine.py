# SPDX-License-Identifier: Apache-2.0
"""Fits a configuration to the edges of a drawing: outlines of the spheres and their stripes."""

from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Bool, Float, Int
from genima.decode.body import Body, body_at
from genima.decode.edges import Edges
from genima.decode.palette import Label
from genima.decode.scene import Scene
from genima.limits import JointLimits
from genima.spheres import STRIPE_EDGES
from genima.view import CameraView

#: x / r where colour ends towards +x, and where it begins.
_ENDS = np.array(STRIPE_EDGES[1:-1:2])
_BEGINS = np.array(STRIPE_EDGES[2:-1:2])

# Edges up to this share of the radius outside a sphere may still be its outline.
_GATE = 1.3
_MAX_PER_OUTLINE = 80
_USUAL_RADIUS_PX = 20.0
# Shares of the mean curvature. With a small joint 2, joints 1 and 3 turn about almost the same
# axis: only little damping lets the stripes tell them apart. Outlines tell nothing about joint 7.
_DAMPING = 1e-6
_DAMPING_BLIND = 1e-3
# Where a nearer sphere's outline is this close, an edge may be its and not ours [of the radius].
_HIDDEN_GATE = 1.06


@dataclass(frozen=True, eq=False)
class EdgeRays:
    """Edges of all spheres in all views as rays in the base.

    Attributes:
        sphere: Which sphere's colour it is.
        origin: Of the camera [m].
        ray: Unit direction.
        outward: Direction out of the colour.
        to_black: Whether the pixel beyond is black.
        radius_m: Of the spheres in that view [m].
        f: Focal length, which makes pixels of angles [px].
    """

    sphere: Int[Array, "n"]
    origin: Float[Array, "n 3"]
    ray: Float[Array, "n 3"]
    outward: Float[Array, "n 3"]
    to_black: Bool[Array, "n"]
    radius_m: Float[Array, "n"]
    f: Float[Array, "n"]


def edge_rays(scene: Scene, centres: Float[Array, "4 3"], gripper_open: bool) -> EdgeRays:
    """The edges near spheres with the given centres [m]."""
    gripper = Label.OPEN if gripper_open else Label.CLOSED
    parts = []
    for seen in scene.views:
        uv, depth = seen.view.project(centres)
        for i, label in enumerate((Label.BASE, Label.ELBOW, Label.WRIST, gripper)):
            k = seen.view.intrinsics
            reach_px = _GATE * k.fx * seen.radius_m / (depth[i] - seen.radius_m / 2)
            edges = seen.edges[label]
            near = np.sum((edges.uv - uv[i]) ** 2, axis=1) < reach_px**2
            chosen = np.flatnonzero(near & (depth[i] > seen.radius_m))
            if len(chosen) > _MAX_PER_OUTLINE:
                chosen = chosen[np.linspace(0, len(chosen) - 1, _MAX_PER_OUTLINE).astype(int)]
            parts.append(_rays_of(edges.select(chosen), i, seen.view, seen.radius_m))
    return EdgeRays(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _rays_of(edges: Edges, sphere: int, view: CameraView, radius_m: float) -> tuple[Array, ...]:
    k, pose = view.intrinsics, view.base_T_cam
    n = len(edges)
    ray = np.ones((n, 3))
    ray[:, 0] = (edges.uv[:, 0] - k.cx) / k.fx
    ray[:, 1] = (edges.uv[:, 1] - k.cy) / k.fy
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    return (
        np.full(n, sphere),
        np.tile(pose[:3, 3], (n, 1)),
        ray @ pose[:3, :3].T,
        edges.outward @ pose[:3, :2].T,
        edges.to_black,
        np.full(n, radius_m),
        np.full(n, k.fx),
    )


@dataclass(frozen=True, eq=False)
class Linear:
    """Residuals [px] and their derivatives [px/rad] at one configuration.

    Attributes:
        residual: Distance from the outline or stripe [px].
        jacobian: Its derivative by the joints.
        size: How much larger than usual the sphere is in its image, at least 1.
    """

    residual: Float[Array, "n"]
    jacobian: Float[Array, "n 7"]
    size: Float[Array, "n"]


def linearise(rays: EdgeRays, body: Body, with_stripes: bool) -> Linear:
    """How far every edge is from the outline or the stripe it belongs to."""
    to_centre = body.centres[rays.sphere] - rays.origin
    along = _dot(to_centre, rays.ray)
    off = to_centre - along[:, None] * rays.ray
    distance = np.sqrt(_dot(off, off)) + 1e-12
    scale = rays.f / along
    outline = (distance - rays.radius_m) * scale
    leads_out = _dot(off, rays.outward) < 0  # the centre lies behind us
    inside = rays.to_black & (distance < 0.995 * rays.radius_m)
    half = np.sqrt(np.maximum(rays.radius_m**2 - distance**2, 1e-12))
    normal = ((along - half)[:, None] * rays.ray - to_centre) / rays.radius_m[:, None]
    stripe, by_centre, by_axis = _stripes(rays, body.axes[rays.sphere], normal, scale)
    if with_stripes:
        is_stripe = inside & ((np.abs(stripe) < np.abs(outline)) | ~leads_out)
        usable = is_stripe | leads_out
    else:
        is_stripe = np.zeros(len(along), bool)
        usable = leads_out & ~inside
    usable &= ~_near_occluder(rays, body, to_centre)
    by_centre = np.where(is_stripe[:, None], by_centre, off * (scale / distance)[:, None])
    by_axis = np.where(is_stripe[:, None], by_axis, 0.0)
    jacobian = np.empty((len(along), 7))
    for i in range(4):
        mine = rays.sphere == i
        jacobian[mine] = by_centre[mine] @ body.dcentres[i] + by_axis[mine] @ body.daxes[i]
    size = np.maximum(rays.radius_m * scale / _USUAL_RADIUS_PX, 1.0)
    return Linear(np.where(is_stripe, stripe, outline)[usable], jacobian[usable], size[usable])


def _stripes(
    rays: EdgeRays, axis: Array, normal: Array, scale: Array
) -> tuple[Array, Array, Array]:
    """Distance of edges from the nearest stripe's edge of their kind.

    Args:
        rays: Edges.
        axis: Stripe axis of each edge's sphere.
        normal: Of the sphere where the ray meets it.
        scale: Pixels of a metre across the ray [px/m].

    Returns:
        The distances [px], and their derivatives by the sphere's centre and by its axis.
    """
    slope = axis - normal * (_dot(axis, rays.ray) / _dot(normal, rays.ray))[:, None]
    slope /= rays.radius_m[:, None]  # of x / r, when the ray is moved sideways
    steepness = np.sqrt(_dot(slope, slope)) + 1e-12
    x = _dot(normal, axis)
    level = np.where(_dot(slope, rays.outward) > 0, _nearest(x, _ENDS), _nearest(x, _BEGINS))
    factor = scale / steepness
    return (x - level) * factor, -slope * factor[:, None], normal * factor[:, None]


def _near_occluder(rays: EdgeRays, body: Body, to_centre: Array) -> Array:
    near = np.zeros(len(rays.sphere), bool)
    own2 = _dot(to_centre, to_centre)
    for j in range(4):
        other = body.centres[j] - rays.origin
        along = _dot(other, rays.ray)
        other2 = _dot(other, other)
        off2 = other2 - along * along
        near |= (
            (rays.sphere != j)
            & (other2 < own2)
            & (along > 0)
            & (off2 < (_HIDDEN_GATE * rays.radius_m) ** 2)
        )
    return near


def _nearest(x: Array, levels: Array) -> Array:
    """The level nearest to each x; the levels are equally far apart."""
    step = levels[1] - levels[0]
    index = np.clip(np.rint((x - levels[0]) / step), 0, len(levels) - 1).astype(int)
    return np.asarray(levels[index])


def _dot(a: Array, b: Array) -> Array:
    return np.einsum("ni,ni->n", a, b)


@dataclass(frozen=True, eq=False)
class Refined:
    """A fitted configuration.

    Attributes:
        q: Joint positions [rad], within the limits.
        residual_px: Median distance of the edges that took part [px].
    """

    q: Float[Array, "7"]
    residual_px: float


def refine(
    rays: EdgeRays,
    q: Float[Array, "7"],
    limits: JointLimits,
    scales_px: tuple[float, ...],
    with_stripes: bool,
) -> Refined:
    """Damped Gauss-Newton on robust residuals, one step for each scale.

    Args:
        rays: Edges.
        q: Start [rad].
        limits: Joint limits.
        scales_px: Width of the robust loss in each step [px]; edges several times farther away
            than that hardly count.
        with_stripes: Use stripe edges, not only outlines.
    """
    residual = np.empty(0)
    damping = _DAMPING if with_stripes else _DAMPING_BLIND
    for scale_px in scales_px:
        linear = linearise(rays, body_at(q), with_stripes)
        residual = linear.residual
        # Geman-McClure. An error in space is more pixels where the sphere is near the camera.
        weight = 1.0 / (1.0 + (residual / (scale_px * linear.size)) ** 2) ** 2
        weighted = linear.jacobian * weight[:, None]
        hessian = linear.jacobian.T @ weighted
        gradient = weighted.T @ residual
        hessian[np.diag_indices(7)] += damping * float(np.trace(hessian)) / 7 + 1e-6
        q = limits.clamp(q - np.linalg.solve(hessian, gradient))
    near = np.abs(residual) < 3 * scales_px[-1]
    return Refined(q, float(np.median(np.abs(residual[near]))) if near.any() else float("inf"))
