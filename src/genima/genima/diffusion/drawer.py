# SPDX-License-Identifier: Apache-2.0
"""A drawing model at work: camera images in, a tile with target spheres out."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderTiny
from jaxtyping import Float
from jaxtyping import UInt8 as Bytes
from torch import Tensor

from genima.arrays import Array, UInt8
from genima.diffusion.conditioning import ArmState, draw_input
from genima.diffusion.config import STATE_SIZE, Output, require_steps
from genima.diffusion.finish import cells_of, enlarged, labels_of, painted, pixels_of
from genima.diffusion.graphs import Captured
from genima.diffusion.loop import Denoised, DenoisingLoop
from genima.diffusion.models import DrawModels, load_models
from genima.diffusion.network import Conditioning, conditioning_from, conditioning_of, decoded
from genima.diffusion.prompt import Prompt
from genima.diffusion.schedule import schedule_of
from genima.diffusion.sphere_labels import labels_drawn
from genima.diffusion.text_memory import TextMemory
from genima.diffusion.witness import contradiction, probability_of
from genima.errors import InvalidParameter, PolicyError

# What is drawn by label, on the camera images as they are.
_LABELLED = (Output.PALETTE, Output.SPHERES)


class Precision(Enum):
    """In which numbers the networks compute; the samples between them stay in single precision."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"

    @property
    def dtype(self) -> torch.dtype:
        """Torch's name for it."""
        return torch.float32 if self is Precision.FLOAT32 else torch.bfloat16


@dataclass(frozen=True)
class DrawOptions:
    """How to compute; what is drawn does not depend on it but for rounding.

    Attributes:
        device: `cpu` or `cuda`.
        precision: Of the networks.
        steps: Denoising steps; 0 for as many as the model asks for.
        compile: Whether to compile the networks, which takes minutes once.
        graph: Whether to capture the loop as one CUDA graph.
        decoder: Folder of a small decoder, such as TAESD, in place of the model's own.
        threads: Of this process on the CPU; 0 for torch's own choice.
    """

    device: str = "cpu"
    precision: Precision = Precision.BFLOAT16
    steps: int = 0
    compile: bool = False
    graph: bool = False
    decoder: str = ""
    threads: int = 0


class Drawer:
    """Draws one tile at a time. The same input and seed give the same tile.

    Args:
        models: What to draw with; their precision and device are changed.
        options: How to compute.

    Raises:
        InvalidParameter: The options cannot be had here.
        PolicyError: Scheduler or decoder do not fit.
    """

    def __init__(self, models: DrawModels, options: DrawOptions) -> None:
        _require_possible(options)
        if options.threads:
            torch.set_num_threads(options.threads)
        self.config = models.config
        self._options = options
        self._device = torch.device(options.device)
        self._models = models
        self._network = models.network.requires_grad_(False).eval()
        _place(self._network, self._device, options.precision)
        if self._network.motion is not None:
            self._network.motion.float()  # joint positions need more digits than pictures
        self._text = models.text.requires_grad_(False).eval().to(self._device)
        self._decoder = _decoder(models, options, self._device)
        parts = [self._network.unet, self._network.controlnet]
        networks = [part for part in parts if part is not None]
        self._memory = TextMemory(*networks)
        if options.compile:
            mode = "max-autotune-no-cudagraphs" if self._device.type == "cuda" else None
            for network in networks:
                network.compile(fullgraph=True, mode=mode)
        self._steps = options.steps or self.config.steps
        require_steps(self.config.output, self._steps)
        self._loops: dict[int, DenoisingLoop] = {}
        self._goal: str | None = None
        self._prompt: Prompt | None = None
        self._captured: Captured | None = None

    def warm_up(self) -> None:
        """Draw once, so that the first drawing that counts is as fast as the others."""
        config = self.config
        batch, side = 1 if config.tiled else 4, config.side_px
        tensors = [torch.zeros(batch, 3 * config.pictures, side, side)]
        tensors += [torch.zeros(batch, STATE_SIZE)] * config.state
        if config.output is Output.SPHERES:
            shapes = ((7,), (4, 4, 4), (4, 5))
            tensors += [torch.ones(batch, *shape) for shape in shapes]
        conditioning = conditioning_from([part.to(self._device) for part in tensors], config)
        self._denoise(conditioning, "warm up", 0, self._steps)

    def draw(
        self,
        images: Mapping[str, UInt8[Array, "s s 3"]],
        arm: ArmState,
        goal: str,
        seed: int,
        steps: int = 0,
    ) -> UInt8[Array, "t t 3"]:
        """Draw where the arm should be.

        Args:
            images: One square RGB image for each camera of the policy.
            arm: Where the arm was when they were taken.
            goal: What it should do.
            seed: Of the noise.
            steps: Denoising steps; 0 for as many as the options say.

        Returns:
            A tile of the policy's size.

        Raises:
            InvalidParameter: The model cannot draw in so many steps.
        """
        steps = steps or self._steps
        require_steps(self.config.output, steps)
        inputs = draw_input(images, arm, self.config)
        conditioning = conditioning_of([inputs], self.config, self._device)
        drawn = self._denoise(conditioning, goal, seed, steps).cpu().numpy()
        if self.config.output in _LABELLED:
            return painted(drawn, images, self.config)
        return enlarged(drawn, self.config)

    @torch.no_grad()
    def contradiction(self, images: Mapping[str, UInt8[Array, "s s 3"]], arm: ArmState) -> str:
        """Why images cannot be of an arm, in a sentence; empty if they can, or nobody can tell."""
        if self._network.witness is None:
            return ""
        inputs = conditioning_of([draw_input(images, arm, self.config)], self.config, self._device)
        assert inputs.arm is not None  # of every model that has a witness
        scores = self._network.witness(inputs.pictures[:, :3].to(self._network.unet.dtype))
        probable = probability_of(scores, inputs.arm)[0].tolist()
        return contradiction(dict(zip(self.config.policy.cameras, probable, strict=True)))

    def cut_off(self, goal: str) -> bool:
        """Whether the end of a goal is not seen, since its prompt is too long."""
        return self._models.text.cut_off(self.config.policy.prompt(goal))

    @torch.no_grad()
    def denoise(
        self, conditioning: Conditioning, goal: str, noise: Float[Tensor, "n b c h w"]
    ) -> Denoised:
        """The loop alone, for noises that are given."""
        self._attend(goal, len(conditioning.pictures))
        assert self._prompt is not None
        return self._loop(len(noise) - 1)(conditioning, noise, self._prompt)

    @torch.no_grad()
    def _denoise(
        self, conditioning: Conditioning, goal: str, seed: int, steps: int
    ) -> Bytes[Tensor, "4 ..."]:
        """Pixels of the four images, or their labels."""
        self._attend(goal, len(conditioning.pictures))
        inputs = (self.noise(seed, steps), *conditioning.tensors())
        if not self._options.graph or steps != self._steps:
            return self._picture(*inputs)
        if self._captured is None:
            self._captured = Captured(self._picture, inputs)
        return self._captured(*inputs)

    def _picture(self, noise: Tensor, *tensors: Tensor) -> Bytes[Tensor, "4 ..."]:
        assert self._prompt is not None
        conditioning = conditioning_from(tensors, self.config)
        drawn = self._loop(len(noise) - 1)(conditioning, noise, self._prompt)
        scores, arm = drawn.last.scores, conditioning.arm
        if scores is not None:
            return labels_of(cells_of(scores, self.config), self.config)
        if arm is not None:
            return labels_drawn(drawn.latent, arm, self.config.policy.image_size_px)[0]
        latent = drawn.latent.to(self._options.precision.dtype)
        return pixels_of(cells_of(decoded(self._decoder, latent), self.config))

    def _loop(self, steps: int) -> DenoisingLoop:
        if steps not in self._loops:
            schedule = schedule_of(self._models.scheduler, steps)
            self._loops[steps] = DenoisingLoop(self._network, schedule, self._device)
        return self._loops[steps]

    def noise(self, seed: int, steps: int) -> Float[Tensor, "n b c h w"]:
        """The first noise and one for each step, drawn as the pipelines of diffusers draw them."""
        generator = torch.Generator().manual_seed(seed)
        channels = self._network.latent_channels
        side = self.config.side_px // self._network.latent_px
        shape = (1 if self.config.tiled else 4, channels, side, side)
        noises = [torch.randn(shape, generator=generator) for _ in range(steps + 1)]
        return torch.stack(noises).to(self._device)

    def _attend(self, goal: str, batch: int) -> None:
        """Encode a goal, unless it is the one before; all tensors keep their place."""
        if goal == self._goal:
            return
        prompts = [self.config.policy.prompt(goal)] * batch
        prompt = self._models.text.encode(prompts).to(self._options.precision.dtype)
        self._goal = None  # what fails half-way leaves neither goal in memory
        if self._prompt is None:
            self._prompt = prompt
        else:
            self._prompt.copy_(prompt)
        self._memory.remember(self._prompt.hidden)
        self._goal = goal


def _require_possible(options: DrawOptions) -> None:
    kind = options.device.partition(":")[0]
    if kind not in ("cpu", "cuda"):
        raise InvalidParameter(f"device is {options.device!r}; give cpu or cuda")
    if kind == "cuda" and not torch.cuda.is_available():
        raise InvalidParameter(
            "device is 'cuda', but torch finds no NVIDIA GPU; see to the driver, or set device "
            "to 'cpu'"
        )
    if options.graph and kind != "cuda":
        raise InvalidParameter("graph is set, but only device 'cuda' has graphs; unset it")
    if options.steps < 0:
        raise InvalidParameter(f"steps is {options.steps}; give 0 or a number above it")


def _decoder(models: DrawModels, options: DrawOptions, device: torch.device) -> Any:
    """The decoder that is asked for, or the model's own."""
    if not options.decoder:
        return models.network.vae
    if models.config.output in _LABELLED:
        raise InvalidParameter("decoder is set, but this model draws labels; leave it empty")
    try:
        small = AutoencoderTiny.from_pretrained(
            options.decoder, local_files_only=True, torch_dtype=options.precision.dtype
        )
    except (OSError, ValueError, KeyError) as error:
        raise PolicyError(
            f"decoder {options.decoder}: cannot be read as an AutoencoderTiny such as TAESD: "
            f"{str(error).partition(chr(10))[0]}"
        ) from error
    wanted, got = models.network.latent_channels, small.config.latent_channels
    if wanted != got:
        raise PolicyError(
            f"decoder {options.decoder}: it takes latents of {got} channels, the model makes "
            f"{wanted}; use the decoder of this model's family"
        )
    _place(small.eval(), device, options.precision)
    return small


def _place(network: Any, device: torch.device, precision: Precision) -> None:
    network.to(device, precision.dtype, memory_format=torch.channels_last)


def load_drawer(folder: Path, options: DrawOptions) -> Drawer:
    """Read a model and make it ready.

    Raises:
        InvalidParameter: The options cannot be had here.
        PolicyError: The folder cannot be used.
    """
    _require_possible(options)
    return Drawer(load_models(folder), options)
