# SPDX-License-Identifier: Apache-2.0
"""Light, coloured meshes of the Panda, made once from the `dm-robotics-panda` wheel.

The wheel's meshes are far too fine for a software renderer (134,000 faces) and take their colours
from a palette texture, which decimation would smear. So each mesh is split by colour, each part is
decimated by itself, and the result is kept in a cache folder together with the licence.
"""

import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from genima.arrays import Array, Float, Int, UInt8
from genima.errors import MissingDependency

DISTRIBUTION = "dm-robotics-panda"
INSTALL_HINT = "pip install --no-deps dm-robotics-panda==0.4.8"
_ASSETS = "dm_robotics/panda/assets/panda"
_MANIFEST = "parts.json"

LINKS = (*(f"link{i}" for i in range(8)), "hand", "finger")
_PLAIN_WHITE = ("link1", "link2")
"""Links whose texture coordinates mean nothing; the wheel's own MJCF paints them white."""

_PALETTE = {
    "white": (255, 255, 255),
    "dark": (64, 64, 64),
    "grey": (204, 204, 204),
    "blue": (39, 138, 205),
    "green": (0, 255, 0),
    "red": (255, 0, 0),
}

_FACES_PER_LINK = 1400
_MIN_FACES_PER_PART = 60
_CREASE_RAD = np.deg2rad(35.0)
_RECIPE = (3, _FACES_PER_LINK, _MIN_FACES_PER_PART, float(_CREASE_RAD))
"""Everything that the cached files depend on beside the wheel; the first number is the code's."""


@dataclass(frozen=True)
class MeshPart:
    """One link's faces of one colour.

    Attributes:
        link: One of `LINKS`.
        colour: Name of a colour of the palette.
        file: The mesh, in the link's frame [m].
        faces: How many triangles it has.
    """

    link: str
    colour: str
    file: Path
    faces: int


def cache_folder() -> Path:
    """Where the meshes are kept: below `GENIMA_CACHE`, by default `~/.cache/genima`."""
    root = Path(os.environ.get("GENIMA_CACHE") or Path.home() / ".cache" / "genima")
    recipe = hashlib.sha256(repr(_RECIPE).encode()).hexdigest()[:8]
    return root / f"panda-{_wheel().version}-{recipe}"


def build_cache() -> Path:
    """Make the cache folder if it is not there; safe to call from several processes at once.

    Raises:
        MissingDependency: The wheel is not installed.
    """
    folder = cache_folder()
    if (folder / _MANIFEST).is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _fill(unfinished)
        unfinished.rename(folder)
    except OSError:
        if not (folder / _MANIFEST).is_file():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def load_parts() -> tuple[MeshPart, ...]:
    """All parts of the arm and the hand, making the cache first where it is missing."""
    folder = build_cache()
    entries = json.loads((folder / _MANIFEST).read_text())
    return tuple(
        MeshPart(e["link"], e["colour"], folder / e["file"], int(e["faces"])) for e in entries
    )


def source_folder() -> Path:
    """The wheel's own MJCF and meshes.

    Raises:
        MissingDependency: The wheel is not installed.
    """
    return Path(str(_wheel().locate_file(_ASSETS)))


def _wheel() -> importlib.metadata.Distribution:
    try:
        return importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingDependency(
            f"the Panda's model comes from {DISTRIBUTION}, which is not installed; {INSTALL_HINT}"
        ) from error


def _fill(folder: Path) -> None:
    source = source_folder()
    entries = []
    for link in LINKS:
        for colour, vertices, faces in _decimated_parts(source, link):
            name = f"{link}_{colour}.obj"
            written = _write_obj(folder / name, vertices, faces)
            entries.append({"link": link, "colour": colour, "file": name, "faces": written})
    for licence in (*source.glob("NOTICE*"), *_licences()):
        shutil.copy(licence, folder / licence.name)
    for model in source.glob("*.xml"):
        shutil.copy(model, folder / model.name)
    (folder / _MANIFEST).write_text(json.dumps(entries, indent=1))


def _licences() -> list[Path]:
    files = _wheel().files or []
    return [Path(str(_wheel().locate_file(f))) for f in files if f.name == "LICENSE"]


def _decimated_parts(
    source: Path, link: str
) -> list[tuple[str, Float[Array, "v 3"], Int[Array, "f 3"]]]:
    vertices, faces, uv = _read_obj(source / f"{link}.obj")
    colours = _face_colours(uv, source / "panda.png")
    if link in _PLAIN_WHITE:
        colours = np.full(len(faces), "white")
    parts = []
    for colour in (name for name in _PALETTE if name in colours):
        used, local = np.unique(faces[colours == colour], return_inverse=True)
        share = np.count_nonzero(colours == colour) / len(faces)
        target = max(_MIN_FACES_PER_PART, round(share * _FACES_PER_LINK))
        parts.append((colour, *_decimate(vertices[used], local.reshape(-1, 3), target)))
    return parts


def _decimate(
    vertices: Float[Array, "v 3"], faces: Int[Array, "f 3"], target: int
) -> tuple[Float[Array, "w 3"], Int[Array, "g 3"]]:
    """Weld equal vertices (1 micrometre) and reduce to about `target` faces."""
    _, first, weld = np.unique(
        np.round(vertices * 1e6).astype(np.int64), axis=0, return_index=True, return_inverse=True
    )
    vertices, faces = vertices[first], weld.reshape(-1)[faces]
    proper = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    faces = faces[proper]
    if len(faces) <= target:
        return vertices, faces
    try:
        import fast_simplification  # only set-up needs it
    except ImportError as error:
        raise MissingDependency(
            "making the robot's meshes needs fast-simplification; pip install fast-simplification"
        ) from error
    points, triangles = fast_simplification.simplify(
        vertices.astype(np.float32), faces.astype(np.int32), 1.0 - target / len(faces)
    )
    return points.astype(np.float64), triangles.astype(np.int64)


def _read_obj(
    path: Path,
) -> tuple[Float[Array, "v 3"], Int[Array, "f 3"], Float[Array, "f 2"]]:
    """Vertices, triangles, and one texture coordinate for each triangle."""
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
    return np.array(vertices), index[..., 0], np.array(texture)[index[:, 0, 1]]


def _face_colours(uv: Float[Array, "f 2"], palette_file: Path) -> Array:
    """Name of the palette colour under each texture coordinate."""
    palette: UInt8[Array, "h w 3"] = cv2.cvtColor(
        cv2.imread(str(palette_file)), cv2.COLOR_BGR2RGB
    )
    height, width = palette.shape[:2]
    column = np.clip((uv[:, 0] % 1.0 * width).astype(int), 0, width - 1)
    row = np.clip(((1.0 - uv[:, 1] % 1.0) * height).astype(int), 0, height - 1)
    pixels = palette[row, column].astype(int)
    names = np.array(list(_PALETTE))
    values = np.array(list(_PALETTE.values()))
    return names[np.abs(pixels[:, None] - values).sum(axis=2).argmin(axis=1)]


def _write_obj(path: Path, vertices: Float[Array, "v 3"], faces: Int[Array, "f 3"]) -> int:
    """Write a mesh with a normal for every corner, smooth but for its creases."""
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices]
    normals = _corner_normals(vertices, faces)
    lines += [f"vn {x:.4f} {y:.4f} {z:.4f}" for x, y, z in normals.reshape(-1, 3)]
    for i, face in enumerate(faces):
        corners = (f"{v + 1}//{3 * i + k + 1}" for k, v in enumerate(face))
        lines.append("f " + " ".join(corners))
    path.write_text("\n".join(lines) + "\n")
    return len(faces)


def _corner_normals(
    vertices: Float[Array, "v 3"], faces: Int[Array, "f 3"]
) -> Float[Array, "f 3 3"]:
    """Mean normal of a vertex's faces that meet the corner's own face at less than a crease."""
    edge_a = vertices[faces[:, 1]] - vertices[faces[:, 0]]
    edge_b = vertices[faces[:, 2]] - vertices[faces[:, 0]]
    weighted = np.cross(edge_a, edge_b)
    unit = weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-15)
    around: list[list[int]] = [[] for _ in vertices]
    for i, face in enumerate(faces):
        for v in face:
            around[v].append(i)
    result = np.empty((len(faces), 3, 3))
    for i, face in enumerate(faces):
        for k, v in enumerate(face):
            near = [j for j in around[v] if unit[j] @ unit[i] > np.cos(_CREASE_RAD)] or [i]
            mean = weighted[near].sum(axis=0)
            length = np.linalg.norm(mean)
            result[i, k] = mean / length if length > 1e-12 else (0.0, 0.0, 1.0)
    return result
