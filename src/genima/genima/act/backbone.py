# SPDX-License-Identifier: Apache-2.0
"""A residual network with torchvision's parameter names, modulated by the instruction.

With the paper's widths it is ResNet18 without its classifier, and torchvision's checkpoint loads.
FiLM acts behind the second normalisation of each block, before the shortcut is added (MT-ACT).
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genima.act.config import ActConfig, Stem
from genima.errors import PolicyError


class Film(nn.Module):
    """Scale and shift of every channel of some blocks, from one vector."""

    def __init__(self, condition: int, blocks: int, channels: int) -> None:
        super().__init__()
        self._shape = (blocks, 2, channels)
        self.generate = nn.Linear(condition, blocks * 2 * channels)
        nn.init.zeros_(self.generate.weight)  # begins as no modulation at all
        nn.init.zeros_(self.generate.bias)

    def forward(self, condition: Float[Tensor, "b d"]) -> Float[Tensor, "b n 2 c"]:
        """Scales (less one) and shifts for each block."""
        return self.generate(condition).view(-1, *self._shape)


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(
        self, x: Float[Tensor, "b i h w"], film: Float[Tensor, "b 2 o"] | None
    ) -> Float[Tensor, "b o h2 w2"]:
        """One block; `film` may be None."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if film is not None:
            y = y * (1.0 + film[:, 0, :, None, None]) + film[:, 1, :, None, None]
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class Backbone(nn.Module):
    """From an image to a map of features.

    Args:
        config: Stem, widths, blocks and which stages are modulated.
        condition: Length of the vector that modulates.
    """

    def __init__(self, config: ActConfig, condition: int) -> None:
        super().__init__()
        widths = config.widths
        self._unshuffle = config.stem is Stem.UNSHUFFLE
        kernel, channels = (5, 12) if self._unshuffle else (7, 3)
        self.conv1 = nn.Conv2d(channels, widths[0], kernel, 2, kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.stages = len(widths)
        inputs = widths[0]
        for stage, (width, blocks) in enumerate(zip(widths, config.blocks, strict=True)):
            first_stride = 1 if stage == 0 else 2
            layer = [Block(inputs, width, first_stride)]
            layer += [Block(width, width, 1) for _ in range(blocks - 1)]
            self.add_module(f"layer{stage + 1}", nn.ModuleList(layer))
            inputs = width
        self.films = nn.ModuleDict(
            {
                f"layer{stage + 1}": Film(condition, config.blocks[stage], widths[stage])
                for stage in config.film_stages
            }
        )

    def forward(
        self, image: Float[Tensor, "b 3 h w"], condition: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b c h2 w2"]:
        """Features of images with values around zero."""
        x = nn.functional.pixel_unshuffle(image, 2) if self._unshuffle else image
        x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in range(self.stages):
            name = f"layer{stage + 1}"
            films = self.films[name](condition) if name in self.films else None
            for i, block in enumerate(self.get_submodule(name).children()):
                x = block(x, None if films is None else films[:, i])
        return x

    def load_imagenet(self, path: Path) -> None:
        """Take the weights of a torchvision ResNet18 checkpoint.

        Raises:
            PolicyError: It cannot be read, or is not of this architecture.
        """
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds for a bad file
            raise PolicyError(f"{path}: cannot be read as a checkpoint: {error}") from error
        state = {name: value for name, value in state.items() if _of_features(name)}
        own = {name for name in self.state_dict() if _of_features(name)}
        differing = sorted(own.symmetric_difference(state))
        if not differing:
            shapes = self.state_dict()
            differing = [name for name in state if state[name].shape != shapes[name].shape]
        if differing:
            raise PolicyError(
                f"{path}: not the weights of this backbone; {len(differing)} parameters differ, "
                f"the first is {differing[0]}; give a checkpoint of torchvision's resnet18"
            )
        self.load_state_dict(state, strict=False)

    def freeze_statistics(self) -> None:
        """Let normalisation layers stay as the checkpoint has them, as DETR does."""
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
                module.requires_grad_(False)


def _of_features(name: str) -> bool:
    """Whether a parameter is one that torchvision's checkpoint and this backbone share."""
    return not name.startswith(("fc.", "films.")) and not name.endswith("num_batches_tracked")


def parameter_groups(
    backbone: nn.Module, everything: nn.Module, config: ActConfig
) -> Sequence[dict[str, object]]:
    """The backbone's parameters with their own learning rate, and all others."""
    of_backbone = {id(parameter) for parameter in backbone.parameters()}
    trained = [parameter for parameter in everything.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trained if id(p) not in of_backbone], "lr": config.learning_rate},
        {
            "params": [p for p in trained if id(p) in of_backbone],
            "lr": config.backbone_learning_rate,
        },
    ]
