# SPDX-License-Identifier: Apache-2.0
"""What a drawing model's folder says of it in `genima.json`, besides what diffusers keeps there.

Sizes of networks are not in it: diffusers writes them to `unet/config.json` and so on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from genima.errors import InvalidParameter
from genima.plain_values import filled, plain
from genima.policy import Policy


class Guide(Enum):
    """How the camera images reach the network."""

    CONTROLNET = "controlnet"  # through a ControlNet, as in the paper
    CONCAT = "pix2pix"  # encoded like the drawing and beside it, as in instruct-pix2pix


class Output(Enum):
    """What the network's output channels are."""

    LATENT = "latent"  # what the scheduler asks for: noise, velocity or the clean latent
    RESIDUAL = "residual"  # the clean latent less that of the camera images
    PALETTE = "palette"  # for each pixel, scores of `genima.decode.palette.Label`
    SPHERES = "spheres"  # how far the joints move; the spheres follow, see `motion_head`


class Target(Enum):
    """What the network predicts; the names are diffusers'. All but LATENT predict SAMPLE."""

    EPSILON = "epsilon"
    VELOCITY = "v_prediction"
    SAMPLE = "sample"


class Present(Enum):
    """How the network is told where the arm is now, besides seeing it.

    The picture is the spheres of the present joint positions on grey.
    """

    NONE = "none"
    LAYER = "layer"  # a second picture below the camera images
    CELL = "cell"  # in place of one camera's image, as in the paper's appendix J


@dataclass(frozen=True)
class DrawConfig:
    """How drawings are asked of a model. The defaults are the paper's.

    Attributes:
        policy: Cameras, spheres, time scale and prompt that it was trained for.
        cell_px: Side of one camera's image as the model draws it [px].
        tiled: Whether the four images are drawn as one; else one after the other.
        guide: How the camera images reach the network.
        output: What the network's output channels are.
        target: What the network predicts.
        present: How the network is told where the arm is now.
        virtual_camera: Whose image the picture of the present spheres replaces; for `CELL`.
        state: Whether joint positions and gripper, as numbers, join the time embedding.
        q_mean: What is taken off joint positions for that [rad]; the mean of the training data.
        q_spread: What they are then divided by [rad]; their standard deviation.
        steps: Denoising steps, unless others are asked for.
        base: Folder or hub name of the model that lends what this folder lacks; empty for none.
        goals: All instructions that it knows, for a model whose text encoder learned from them
            alone; empty for one that knows language.
        farthest_rad: How far from the arm a target of the training data lies at most, joint by
            joint [rad]; empty where that is not known.
    """

    policy: Policy = field(default_factory=Policy)
    cell_px: int = 256
    tiled: bool = True
    guide: Guide = Guide.CONTROLNET
    output: Output = Output.LATENT
    target: Target = Target.EPSILON
    present: Present = Present.NONE
    virtual_camera: str = ""
    state: bool = False
    q_mean: tuple[float, ...] = (0.0,) * 7
    q_spread: tuple[float, ...] = (1.0,) * 7
    steps: int = 5
    base: str = ""
    goals: tuple[str, ...] = ()
    farthest_rad: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.cell_px < 8 or self.cell_px % 8 or self.steps < 1:
            raise InvalidParameter(
                f"cell_px is {self.cell_px}, steps is {self.steps}; give a multiple of 8 and a "
                "number above 0"
            )
        if len(self.q_mean) != 7 or len(self.q_spread) != 7 or min(self.q_spread) <= 0:
            raise InvalidParameter(
                f"q_mean {self.q_mean}, q_spread {self.q_spread}: give seven numbers each, those "
                "of q_spread above 0"
            )
        if len(self.farthest_rad) not in (0, 7) or min(self.farthest_rad, default=0.0) < 0:
            raise InvalidParameter(
                f"farthest_rad {self.farthest_rad}: give seven numbers, none below 0, or none"
            )
        if self.output is not Output.LATENT and self.target is not Target.SAMPLE:
            raise InvalidParameter(
                f"output {self.output.value!r} predicts the clean drawing; set target to 'sample'"
            )
        if self.output is Output.SPHERES:
            self._require_fit_for_spheres()
        if self.present is Present.CELL and self.output is not Output.LATENT:
            raise InvalidParameter(
                "present 'cell' needs output 'latent': the others leave the camera images as they "
                "are, so the present spheres would stay; use present 'layer'"
            )
        wanted = self.policy.cameras if self.present is Present.CELL else ("",)
        if self.virtual_camera not in wanted:
            raise InvalidParameter(
                f"virtual_camera is {self.virtual_camera!r}; with present "
                f"{self.present.value!r} it must be one of {list(wanted)}"
            )

    def _require_fit_for_spheres(self) -> None:
        if not self.tiled:
            raise InvalidParameter("output 'spheres' needs all cameras at once; set tiled to true")
        if self.guide is not Guide.CONTROLNET:
            raise InvalidParameter(
                f"output 'spheres' needs a ControlNet, guide is {self.guide.value!r}; set guide "
                "to 'controlnet'"
            )
        if not self.state:
            raise InvalidParameter("output 'spheres' has to know the arm; set state to true")
        require_steps(self.output, self.steps)

    @property
    def side_px(self) -> int:
        """Side of what is drawn at once [px]."""
        return self.cell_px * (2 if self.tiled else 1)

    @property
    def pictures(self) -> int:
        """How many RGB pictures the network is given."""
        return 2 if self.present is Present.LAYER else 1


def require_steps(output: Output, steps: int) -> None:
    """Refuse numbers of denoising steps in which a model cannot draw.

    Raises:
        InvalidParameter: The gripper's answer of `SPHERES` is a score, which is no clean latent
            that noise could be added to for a next step.
    """
    if output is Output.SPHERES and steps != 1:
        raise InvalidParameter(f"output 'spheres' is drawn in one step, got {steps}; give 1")


#: Length of the vector that `DrawConfig.state` adds: seven joints, their squares, gripper.
STATE_SIZE = 15


def to_json(config: DrawConfig) -> dict[str, Any]:
    """The configuration as values that JSON can hold."""
    return plain(config)


def from_json(values: Mapping[str, Any]) -> DrawConfig:
    """The inverse of `to_json`; what is absent takes the paper's value.

    Raises:
        InvalidParameter: A key is unknown, or a value is not allowed.
        PolicyError: The policy in it is wrong.
    """
    return filled(DrawConfig(), values, "drawing configuration")
