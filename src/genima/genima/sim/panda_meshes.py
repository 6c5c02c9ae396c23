# SPDX-License-Identifier: Apache-2.0
"""Light, coloured meshes of the Panda, made once from the `dm-robotics-panda` wheel.

The wheel's meshes are far too fine for a software renderer (134,000 faces) and take their colours
from a palette texture, which decimation would smear. So what cannot be seen is left out, each mesh
is split by colour, each part is decimated by itself, and the result is kept in a cache folder
together with the licence.
"""

import hashlib
import importlib.metadata
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from genima.arrays import Array, Float
from genima.errors import MissingDependency, WorldError
from genima.files import cache_root
from genima.sim.mesh_tools import (
    Mesh,
    corner_normals,
    decimate,
    read_obj,
    seen_from_outside,
    write_obj,
)

DISTRIBUTION = "dm-robotics-panda"
INSTALL_HINT = "pip install --no-deps dm-robotics-panda==0.4.8"
_ASSETS = "dm_robotics/panda/assets/panda"
_MANIFEST = "parts.json"

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

_FACES = {
    "link0": 1300,
    "link1": 900,
    "link2": 900,
    "link3": 1200,
    "link4": 1200,
    "link5": 1500,
    "link6": 2600,
    "link7": 1200,
    "hand": 1300,
    "finger": 300,
}
"""Triangles to keep of each link; link 6 carries the buttons."""
_WEIGHT = {"white": 1.0, "dark": 2.0}
"""Share in a link's faces relative to what a colour has in the fine mesh; 1.5 where not given.

Ragged edges of dark on white are what one sees first.
"""
_MIN_FACES_PER_PART = 240
_RECIPE = (9, sorted(_FACES.items()), sorted(_WEIGHT.items()), _MIN_FACES_PER_PART)
"""Everything that the cached files depend on beside the wheel; the first number is the code's."""


@dataclass(frozen=True)
class MeshPart:
    """One link's faces of one colour.

    Attributes:
        link: `link0` to `link7`, `hand` or `finger`.
        colour: Name of a colour of the palette.
        file: The mesh, in the link's frame [m].
        faces: How many triangles it has.
    """

    link: str
    colour: str
    file: Path
    faces: int


def cache_folder() -> Path:
    """Where the meshes are kept."""
    recipe = hashlib.sha256(repr(_RECIPE).encode()).hexdigest()[:8]
    return cache_root() / f"panda-{_wheel().version}-{recipe}"


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
    for link in _FACES:
        for colour, mesh, fine in _decimated_parts(source, link):
            name = f"{link}_{colour}.obj"
            write_obj(folder / name, mesh, corner_normals(mesh, fine))
            faces = len(mesh.faces)
            entries.append({"link": link, "colour": colour, "file": name, "faces": faces})
    for licence in (*source.glob("NOTICE*"), *_licences()):
        shutil.copy(licence, folder / licence.name)
    for model in source.glob("*.xml"):
        shutil.copy(model, folder / model.name)
    (folder / _MANIFEST).write_text(json.dumps(entries, indent=1))


def _licences() -> list[Path]:
    files = _wheel().files or []
    return [Path(str(_wheel().locate_file(f))) for f in files if f.name == "LICENSE"]


def _decimated_parts(source: Path, link: str) -> Iterator[tuple[str, Mesh, Mesh]]:
    """Colour, coarse mesh and the fine one it was made of, part by part."""
    whole, uv = read_obj(source / f"{link}.obj")
    colours = _face_colours(uv, source / "panda.png")
    if link in _PLAIN_WHITE:
        colours = np.full(len(whole.faces), "white")
    seen = seen_from_outside(whole)
    chosen = {name: seen & (colours == name) for name in _PALETTE if name in colours[seen]}
    wish = {name: _WEIGHT.get(name, 1.5) * np.count_nonzero(at) for name, at in chosen.items()}
    for colour, at in chosen.items():
        share = wish[colour] / sum(wish.values())
        fine = whole.only(at)
        yield colour, decimate(fine, max(_MIN_FACES_PER_PART, round(share * _FACES[link]))), fine


def _face_colours(uv: Float[Array, "f 2"], palette_file: Path) -> Array:
    """Name of the palette colour under each texture coordinate."""
    picture = cv2.imread(str(palette_file))
    if picture is None:
        raise WorldError(f"{palette_file}: cannot be read as a picture; {INSTALL_HINT}")
    palette = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    height, width = palette.shape[:2]
    column = np.clip((uv[:, 0] % 1.0 * width).astype(int), 0, width - 1)
    row = np.clip(((1.0 - uv[:, 1] % 1.0) * height).astype(int), 0, height - 1)
    pixels = palette[row, column].astype(int)
    names = np.array(list(_PALETTE))
    values = np.array(list(_PALETTE.values()))
    return np.asarray(names[np.abs(pixels[:, None] - values).sum(axis=2).argmin(axis=1)])
