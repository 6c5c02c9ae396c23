# SPDX-License-Identifier: Apache-2.0
"""Random targets, scenes and damage, for the tests and the benchmark of the decoder."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.cameras import CameraRig, load_rig
from genima.kinematics import base_T_tcp
from genima.limits import RobotModel, limits_of
from genima.policy import Policy
from genima.spheres import SphereLayer, draw_spheres, render_spheres, sphere_poses
from genima.tiles import tile_images
from genima.view import CameraView

RIG: CameraRig = load_rig(Path(__file__).parents[3] / "config" / "cameras.yaml")
POLICY = Policy()
LIMITS = limits_of(RobotModel.PANDA)

#: Colours of the spheres, of things that are nearly coloured like them, and black.
PROP_RGB = (
    (154, 0, 0),
    (200, 20, 20),
    (230, 30, 30),
    (43, 207, 62),
    (60, 180, 75),
    (132, 104, 240),
    (120, 80, 200),
    (5, 206, 235),
    (0, 180, 220),
    (255, 255, 0),
    (240, 220, 30),
    (10, 10, 10),
    (30, 30, 30),
    (230, 230, 230),
)


@dataclass(frozen=True, eq=False)
class Case:
    """A target to be drawn and where the arm is meanwhile."""

    q_target: Float[Array, "7"]
    q_now: Float[Array, "7"]
    gripper_open: bool

    @property
    def views(self) -> dict[str, CameraView]:
        return RIG.views(self.q_now)

    def layers(self) -> dict[str, SphereLayer]:
        poses = sphere_poses(self.q_target)
        return {
            name: render_spheres(poses, self.gripper_open, view, POLICY.sphere_radii_m[name])
            for name, view in self.views.items()
        }

    def drawn_on(self, images: dict[str, Array], alpha: float = 1.0) -> dict[str, Array]:
        layers = self.layers()
        return {name: draw_spheres(image, layers[name], alpha) for name, image in images.items()}


def random_case(rng: np.random.Generator) -> Case:
    """A target in front of the robot and above the table, the arm up to 0.8 rad a joint away.

    The gripper points downwards to within 60 degrees. The centres of the wrist and the gripper
    sphere are inside at least one image each.
    """
    while True:
        q_target = rng.uniform(LIMITS.q_min + 0.05, LIMITS.q_max - 0.05)
        q_target[[0, 2]] *= 0.6
        spheres, tcp = sphere_poses(q_target), base_T_tcp(q_target)
        x, y, z = tcp[:3, 3]
        if not (0.25 < x < 0.75 and abs(y) < 0.4 and 0.01 < z < 0.6 and tcp[2, 2] < -0.5):
            continue
        if spheres[1, 2, 3] < 0.25 or spheres[2, 2, 3] < 0.1:
            continue
        q_now = LIMITS.clamp(q_target + rng.uniform(-0.8, 0.8, 7) * rng.uniform())
        case = Case(q_target, q_now, bool(rng.uniform() < 0.5))
        if all(_in_some_image(case, spheres[i, :3, 3]) for i in (2, 3)):
            return case


def _in_some_image(case: Case, point: Array) -> bool:
    size = POLICY.image_size_px
    pixels = [view.project(point)[0] for view in case.views.values()]
    return any(bool(np.all((uv > 0) & (uv < size))) for uv in pixels)


def texture(rng: np.random.Generator) -> UInt8[Array, "s s 3"]:
    """Something motley: noise of several sizes in random colours."""
    size = POLICY.image_size_px
    image = np.zeros((size, size, 3))
    for grain in (4, 16, 64):
        small = rng.uniform(0, 255, (size // grain + 1, size // grain + 1, 3))
        how = cv2.INTER_CUBIC if rng.uniform() < 0.6 else cv2.INTER_NEAREST
        image += cv2.resize(small, (size, size), interpolation=how) * rng.uniform(0.2, 1)
    image = (image - image.min()) * (255 / np.ptp(image))
    share = rng.uniform(0.2, 1)
    return (share * image + (1 - share) * rng.uniform(0, 255, 3)).clip(0, 255).astype(np.uint8)


def plain_scene(rng: np.random.Generator) -> dict[str, Array]:
    """A table with things on it that are coloured like spheres, for tests without OpenGL."""
    return {name: _table(rng) for name in POLICY.cameras}


def _table(rng: np.random.Generator) -> UInt8[Array, "s s 3"]:
    size = POLICY.image_size_px
    image = np.empty((size, size, 3), np.uint8)
    image[:] = (105, 110, 116)
    image[size // 3 :] = (165, 120, 85)
    for _ in range(6):
        rgb = PROP_RGB[rng.integers(len(PROP_RGB))]
        u, v = (int(x) for x in rng.integers(10, size - 10, 2))
        if rng.uniform() < 0.5:
            cv2.circle(image, (u, v), int(rng.integers(6, 30)), rgb, -1)
        else:
            w, h = (int(x) for x in rng.integers(8, 40, 2))
            cv2.rectangle(image, (u, v), (u + w, v + h), rgb, -1)
    shade = np.linspace(0.85, 1.0, size)[None, :, None]
    return (image * shade + rng.normal(0, 2, image.shape)).clip(0, 255).astype(np.uint8)


def noisy(image: Array, sigma: float, rng: np.random.Generator) -> Array:
    return (image + rng.normal(0, sigma, image.shape)).clip(0, 255).astype(np.uint8)


def jpeg(image: Array, quality: int) -> Array:
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def tiled(images: dict[str, Array]) -> UInt8[Array, "2s 2s 3"]:
    return tile_images(images, POLICY.cameras)
