# SPDX-License-Identifier: Apache-2.0
"""The target spheres as the original draws them: textured meshes through OpenGL.

`genima.spheres` is what the suite uses. This is the reference that its pictures and its speed are
compared with. It needs pyrender (`pip install pyrender-maintained`) and EGL.
"""

import os
from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from genima.arrays import Array, Bool, Float, UInt8
from genima.errors import MissingDependency
from genima.intrinsics import Intrinsics
from genima.spheres import Z_FAR_M, Sphere
from genima.view import CameraView

_TEXTURE_RGB = {
    Sphere.BASE: (255, 0, 0),
    Sphere.ELBOW: (71, 240, 62),
    Sphere.WRIST: (218, 120, 240),
    Sphere.GRIPPER: (8, 239, 235),
}
_TEXTURE_CLOSED_RGB = (255, 255, 0)
_TINT = (0.604, 0.863, 1.0, 1.0)
_TINT_CLOSED = (1.0, 1.0, 0.0, 1.0)

#: Columns of the texture, left to right, coloured and black in turns [px].
_STRIPES_PX = (24, 24, 24, 24, 24, 24, 24, 24, 24, 40)

#: Rings and segments of trimesh's sphere unless it is asked for others, so those of the original.
ORIGINAL_SUBDIVISION = (32, 64)

_OPTICAL_T_GL = np.diag([1.0, -1.0, -1.0, 1.0])  # OpenGL's cameras look along -z with y up


class TextureFilter(Enum):
    """How OpenGL looks a stripe's colour up."""

    ORIGINAL = "mipmaps, repeated"  # stripe edges are smeared, and a dot at each pole is grey
    SHARP = "nearest, clamped"


class _Scene(NamedTuple):
    """A pyrender scene and its nodes."""

    scene: Any
    spheres: list[Any]
    camera: Any


class PyrenderSpheres:
    """Draws spheres of one radius for one camera. Use and close it in one thread.

    Args:
        intrinsics: Of the camera.
        radius_m: Of all spheres [m].
        texture_filter: The original's, or one that shows what is drawn and not how it is blurred.
        subdivision: Rings and segments of the sphere meshes.
        z_near_m: Near plane [m]. The original's default leaves some millimetres of depth
            resolution, which tells where separate spheres hide one another, not where they meet.

    Raises:
        MissingDependency: pyrender or EGL is missing.
    """

    def __init__(
        self,
        intrinsics: Intrinsics,
        radius_m: float,
        texture_filter: TextureFilter = TextureFilter.ORIGINAL,
        subdivision: tuple[int, int] = ORIGINAL_SUBDIVISION,
        z_near_m: float = 1e-5,
    ) -> None:
        self._pyrender, self._uv_sphere = _import_pyrender()
        self._intrinsics = intrinsics
        self._radius_m = radius_m
        self._texture_filter = texture_filter
        self._subdivision = subdivision
        self._z_near_m = z_near_m
        try:
            self._renderer = self._pyrender.OffscreenRenderer(intrinsics.width, intrinsics.height)
        except Exception as error:  # whatever PyOpenGL or the driver raises
            raise MissingDependency(
                f"pyrender has no OpenGL context ({error}); install EGL: apt-get install libegl1 "
                "libgl1-mesa-dri"
            ) from error
        self._persistent: dict[bool, _Scene] = {}

    def close(self) -> None:
        """Give the OpenGL context back.

        pyrender would end the whole EGL display with it, which MuJoCo draws on as well.
        """
        from OpenGL import EGL

        terminate = EGL.eglTerminate
        EGL.eglTerminate = lambda display: True
        try:
            self._renderer.delete()
        finally:
            EGL.eglTerminate = terminate

    def draw_rebuilding(
        self, base_T_spheres: Float[Array, "4 4 4"], gripper_open: bool, view: CameraView
    ) -> tuple[UInt8[Array, "h w 3"], Bool[Array, "h w"]]:
        """Draw with new meshes, as the original does for every frame.

        Returns:
            rgb: Colours over white.
            mask: Where there is a sphere; as in the original, wherever it is not quite white.
        """
        return self._draw(self._build_scene(gripper_open), base_T_spheres, view)

    def draw_persistent(
        self, base_T_spheres: Float[Array, "4 4 4"], gripper_open: bool, view: CameraView
    ) -> tuple[UInt8[Array, "h w 3"], Bool[Array, "h w"]]:
        """Draw by moving the meshes of earlier calls: the same picture, faster."""
        if gripper_open not in self._persistent:
            self._persistent[gripper_open] = self._build_scene(gripper_open)
        return self._draw(self._persistent[gripper_open], base_T_spheres, view)

    def _draw(
        self, parts: _Scene, base_T_spheres: Float[Array, "4 4 4"], view: CameraView
    ) -> tuple[UInt8[Array, "h w 3"], Bool[Array, "h w"]]:
        for node, base_T_sphere in zip(parts.spheres, base_T_spheres, strict=True):
            parts.scene.set_pose(node, base_T_sphere)
        parts.scene.set_pose(parts.camera, view.base_T_cam @ _OPTICAL_T_GL)
        rgb, _ = self._renderer.render(parts.scene, flags=self._pyrender.RenderFlags.FLAT)
        return rgb, (rgb != 255).any(axis=-1)

    def _build_scene(self, gripper_open: bool) -> _Scene:
        scene = self._pyrender.Scene()
        spheres = [scene.add(self._build_mesh(sphere, gripper_open)) for sphere in Sphere]
        pinhole = self._intrinsics
        camera = self._pyrender.IntrinsicsCamera(
            pinhole.fx, pinhole.fy, pinhole.cx, pinhole.cy, znear=self._z_near_m, zfar=Z_FAR_M
        )
        return _Scene(scene, spheres, scene.add(camera))

    def _build_mesh(self, sphere: Sphere, gripper_open: bool) -> Any:
        closed = sphere is Sphere.GRIPPER and not gripper_open
        mesh = self._uv_sphere(radius=self._radius_m, count=self._subdivision)
        low, high = mesh.bounds
        texture = self._pyrender.Texture(
            source=striped_texture(_TEXTURE_CLOSED_RGB if closed else _TEXTURE_RGB[sphere]),
            source_channels="RGB",
            sampler=self._build_sampler(),
        )
        material = self._pyrender.MetallicRoughnessMaterial(
            baseColorTexture=texture, baseColorFactor=_TINT_CLOSED if closed else _TINT
        )
        primitive = self._pyrender.Primitive(
            positions=mesh.vertices,
            normals=mesh.vertex_normals,
            indices=mesh.faces,
            texcoord_0=((mesh.vertices - low) / (high - low))[:, :2],
            material=material,
        )
        return self._pyrender.Mesh([primitive])

    def _build_sampler(self) -> Any:
        if self._texture_filter is TextureFilter.ORIGINAL:
            return self._pyrender.Sampler()
        gltf = self._pyrender.GLTF
        return self._pyrender.Sampler(
            minFilter=gltf.NEAREST,
            magFilter=gltf.NEAREST,
            wrapS=gltf.CLAMP_TO_EDGE,
            wrapT=gltf.CLAMP_TO_EDGE,
        )


def striped_texture(rgb: tuple[int, int, int]) -> UInt8[Array, "256 256 3"]:
    """The original's texture of one colour; its columns lie across the sphere's local x."""
    coloured = np.repeat(np.arange(len(_STRIPES_PX)) % 2 == 0, _STRIPES_PX)
    texture = np.zeros((256, 256, 3), np.uint8)
    texture[:, coloured] = rgb
    return texture


def _import_pyrender() -> tuple[Any, Any]:
    os.environ.setdefault("PYOPENGL_PLATFORM", "egl")  # PyOpenGL reads it when it is imported
    try:
        import pyrender
        from trimesh.creation import uv_sphere
    except Exception as error:  # PyOpenGL fails in many ways where a system library is missing
        raise MissingDependency(
            f"pyrender cannot be imported ({error}); pip install pyrender-maintained, and for "
            "EGL: apt-get install libegl1 libgl1-mesa-dri"
        ) from error
    return pyrender, uv_sphere
