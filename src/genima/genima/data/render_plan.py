# SPDX-License-Identifier: Apache-2.0
"""What a drawn copy of a data set depends on, and the folder that it is made in."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from genima.data.training_set_info import read_json
from genima.errors import InvalidDataset
from genima.files import json_bytes, locked_folder, write_file
from genima.policy import Policy

PLAN_FILE = "render.json"
_FORMAT, _VERSION = "genima-render", 1


class RenderKind(Enum):
    """What the spheres are drawn on."""

    RGB = "rgb"
    RANDOM = "random"


#: As the original names its copies, after the name of the data set.
_SUFFIXES = {RenderKind.RGB: "_rgb_rendered", RenderKind.RANDOM: "_rnd_bg"}


@dataclass(frozen=True)
class RenderPlan:
    """Everything that the pictures of a drawn copy depend on.

    Attributes:
        source: The data set's folder.
        kind: What to draw on.
        policy: Cameras, K and radii.
        seed: Of backgrounds and opacities.
        textures: Folder of pictures for the backgrounds; procedural ones if there is none.
    """

    source: Path
    kind: RenderKind
    policy: Policy
    seed: int = 0
    textures: Path | None = None

    def target(self, out: Path | None) -> Path:
        """The folder of the copy: in `out`, or beside the data set."""
        source = self.source.resolve()
        return (out or source.parent) / (source.name + _SUFFIXES[self.kind])

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "source": str(self.source.resolve()),
            "kind": self.kind.value,
            "cameras": list(self.policy.cameras),
            "sphere_radii_m": {
                name: self.policy.sphere_radii_m[name] for name in self.policy.cameras
            },
            "horizon_steps": self.policy.horizon_steps,
        }
        if self.kind is RenderKind.RANDOM:
            content["seed"] = self.seed
            content["textures"] = str(self.textures.resolve()) if self.textures else "procedural"
        return content


@contextmanager
def open_copy(target: Path, plan: RenderPlan) -> Iterator[None]:
    """Take a folder for a plan: make it, or go on with what the same plan has left there.

    Raises:
        InvalidDataset: The folder cannot be written, holds something else, or is in use.
    """
    if target.exists() and not (target / PLAN_FILE).exists() and any(target.iterdir()):
        raise InvalidDataset(
            f"{target} exists and was not made by this command; remove it, or name another place "
            "with --out"
        )
    instead = "name another place with --out"
    busy = f"another process is drawing into {target}; wait for it, or {instead}"
    with locked_folder(target, ".lock", InvalidDataset, busy, instead):
        _claim(target / PLAN_FILE, plan.to_json())
        yield


def _claim(file: Path, wanted: dict[str, Any]) -> None:
    if not file.exists():
        write_file(file, json_bytes(wanted))
        return
    there = read_json(file, _FORMAT, _VERSION)
    keys = [key for key in {**wanted, **there} if wanted.get(key) != there.get(key)]
    if keys:
        differences = ", ".join(f"{key} {wanted.get(key)}, there {there.get(key)}" for key in keys)
        raise InvalidDataset(
            f"{file.parent} was drawn otherwise: {differences}; repeat its settings to go on with "
            "it, or name another place with --out"
        )
