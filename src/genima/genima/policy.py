# SPDX-License-Identifier: Apache-2.0
"""What a policy fixes for both of its stages: cameras, layout, spheres, time scale, prompt."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from genima.errors import PolicyError

#: Sphere radius in each camera [m]; paper Table 3 and the render configuration of the original.
PAPER_RADII_M: Mapping[str, float] = MappingProxyType(
    {"wrist": 0.03, "front": 0.08, "right_shoulder": 0.065, "left_shoulder": 0.065}
)


@dataclass(frozen=True)
class Policy:
    """The contract between the diffusion agent, the controller and the cameras.

    Attributes:
        cameras: Camera names in tile order: top left, top right, bottom left, bottom right.
        image_size_px: Side of one square camera image [px]; the tile is twice that.
        sphere_radii_m: Radius of every sphere [m], for each camera.
        horizon_steps: K, how many steps ahead the target lies and how many a chunk has.
        step_s: Time between two steps [s].
        prompt_template: Prompt of the diffusion model; `{goal}` is replaced by the instruction.
    """

    cameras: tuple[str, ...] = ("wrist", "front", "right_shoulder", "left_shoulder")
    image_size_px: int = 256
    sphere_radii_m: Mapping[str, float] = field(default_factory=lambda: dict(PAPER_RADII_M))
    horizon_steps: int = 20
    step_s: float = 0.05
    prompt_template: str = "tiled perspectives of a robot arm executing '{goal}'"

    def __post_init__(self) -> None:
        if len(self.cameras) != 4 or len(set(self.cameras)) != 4:
            raise PolicyError(
                f"cameras: got {list(self.cameras)}; a tile takes four different names"
            )
        missing = [name for name in self.cameras if name not in self.sphere_radii_m]
        if missing:
            raise PolicyError(
                f"sphere_radii_m: no radius for {missing}; give one in metres for each camera"
            )
        if self.image_size_px < 16 or self.horizon_steps < 1 or not self.step_s > 0:
            raise PolicyError(
                f"image_size_px {self.image_size_px} (at least 16), horizon_steps "
                f"{self.horizon_steps} (at least 1) or step_s {self.step_s} (above 0) is wrong"
            )
        if "{goal}" not in self.prompt_template:
            raise PolicyError(
                f"prompt_template: {self.prompt_template!r} has no '{{goal}}', so the model would "
                "never see the instruction; put {goal} where the instruction belongs"
            )

    @property
    def horizon_s(self) -> float:
        """How far ahead the drawn target lies [s]."""
        return self.horizon_steps * self.step_s

    def prompt(self, instruction: str) -> str:
        """The diffusion model's prompt for an instruction."""
        return self.prompt_template.format(goal=instruction)

    def require_cameras(self, configured: list[str]) -> None:
        """Refuse a robot whose cameras are not the policy's.

        Raises:
            PolicyError: The names differ; both lists are in the message.
        """
        if set(configured) != set(self.cameras):
            raise PolicyError(
                f"the policy was made for cameras {sorted(self.cameras)}, "
                f"configured are {sorted(configured)}; use a matching policy or camera file"
            )


def load_policy(path: Path) -> Policy:
    """Read `policy.yaml`; keys that are absent take the paper's values.

    Raises:
        PolicyError: The file is missing or malformed, or names a key that does not exist.
    """
    try:
        values: Any = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise PolicyError(f"{path}: cannot be read as a policy: {error}") from error
    if not isinstance(values, dict):
        raise PolicyError(
            f"{path}: expected a mapping of policy keys, got {type(values).__name__}"
        )
    allowed = [key.name for key in fields(Policy)]
    unknown = sorted(set(values) - set(allowed))
    if unknown:
        raise PolicyError(f"{path}: unknown keys {unknown}; allowed are {allowed}")
    if "cameras" in values:
        values["cameras"] = tuple(values["cameras"])
    return Policy(**values)


def save_policy(policy: Policy, path: Path) -> None:
    """Write what `load_policy` reads."""
    path.write_text(yaml.safe_dump(policy_values(policy), sort_keys=False))


def policy_values(policy: Policy) -> dict[str, Any]:
    """A policy as values that YAML and JSON can hold."""
    values = {key.name: getattr(policy, key.name) for key in fields(Policy)}
    return values | {
        "cameras": list(policy.cameras),
        "sphere_radii_m": dict(policy.sphere_radii_m),
    }
