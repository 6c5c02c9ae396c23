#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a tile takes to draw: the stock pipeline of diffusers against the project's own loop.

Weights are random unless --policy names a folder: time does not depend on them.

    python benchmarks/diffusion.py --device cuda --size full --peak-tflops 790   # SD-Turbo, H100
    python benchmarks/diffusion.py --size reduced --rounds 5                     # narrow, on a CPU
    python benchmarks/diffusion.py --policy models/genima-tiny                   # tiles a second
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    ControlNetModel,
    StableDiffusionControlNetPipeline,
    UNet2DConditionModel,
)
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src" / "genima")]

from genima.cameras import load_rig  # noqa: E402
from genima.diffusion.conditioning import ArmState, draw_input  # noqa: E402
from genima.diffusion.config import DrawConfig, Target  # noqa: E402
from genima.diffusion.drawer import Drawer, DrawOptions, Precision  # noqa: E402
from genima.diffusion.models import DrawModels, load_models  # noqa: E402
from genima.diffusion.network import DrawNetwork, conditioning_of  # noqa: E402
from genima.diffusion.prompt import TextEncoders  # noqa: E402
from genima.diffusion.tiny import build_tiny, make_scheduler  # noqa: E402
from genima.diffusion.training.config import preset  # noqa: E402
from genima.diffusion.vocabulary import make_tokenizer  # noqa: E402
from genima.kinematics import Q_HOME  # noqa: E402
from genima.policy import Policy  # noqa: E402

GOAL = "push the maroon button"
STEPS = (1, 5, 10)


@dataclass(frozen=True)
class Size:
    """Of the networks and the images.

    Attributes:
        channels: Of the UNet's levels.
        heads: Of its attention, by level.
        text_width: Of the text encoder.
        text_layers: Of the text encoder.
        vae_channels: Of the autoencoder's levels.
        cell_px: Side of one camera's image [px].
    """

    channels: tuple[int, ...]
    heads: tuple[int, ...]
    text_width: int
    text_layers: int
    vae_channels: tuple[int, ...]
    cell_px: int


SIZES = {
    "full": Size((320, 640, 1280, 1280), (5, 10, 20, 20), 1024, 23, (128, 256, 512, 512), 256),
    "reduced": Size((32, 64, 128, 128), (2, 2, 4, 4), 64, 2, (16, 32, 64, 64), 128),
}


def sd_turbo(size: Size, device: str) -> DrawModels:
    """SD-Turbo and a ControlNet of some size with random weights."""
    config = DrawConfig(Policy(), cell_px=size.cell_px)
    common = {
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "block_out_channels": size.channels,
        "attention_head_dim": size.heads,
        "cross_attention_dim": size.text_width,
        "use_linear_projection": True,
    }
    tokenizer = make_tokenizer([config.policy.prompt(GOAL)])
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=size.text_width,
        intermediate_size=4 * size.text_width,
        num_hidden_layers=size.text_layers,
        num_attention_heads=size.text_width // 64 or 1,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.device(device):
        vae = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=size.vae_channels,
            norm_num_groups=min(32, size.vae_channels[0]),
            layers_per_block=2,
            latent_channels=4,
        )
        controlnet = ControlNetModel(**common)
        unet = UNet2DConditionModel(
            up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
            sample_size=config.side_px // 8,
            **common,
        )
        encoder = CLIPTextModel(text)
    network = DrawNetwork(config, unet, controlnet, vae).eval()
    encoders = TextEncoders([tokenizer], [encoder], config.side_px).eval()
    return DrawModels(config, network, encoders, make_scheduler(Target.EPSILON))


def scene(config: DrawConfig) -> tuple[dict[str, np.ndarray], ArmState]:
    """Random images, and the arm at home."""
    policy, rig = config.policy, load_rig(ROOT / "config" / "cameras.yaml")
    for name in policy.cameras:
        square = rig.cameras[name].intrinsics.square(policy.image_size_px)
        rig = rig.with_intrinsics(name, square)
    rng = np.random.default_rng(0)
    shape = (policy.image_size_px, policy.image_size_px, 3)
    images = {name: rng.integers(0, 256, shape, dtype=np.uint8) for name in policy.cameras}
    return images, ArmState(np.array(Q_HOME), True, rig.views(Q_HOME))


def timed(run: Callable[[], object], rounds: int, device: str) -> tuple[float, float]:
    """Median wall time and median processor time of a call [ms], after two that do not count."""
    walls, cpus = [], []
    for number in range(rounds + 2):
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        if number > 1:
            walls.append(1e3 * (time.perf_counter() - wall_s))
            cpus.append(1e3 * (time.process_time() - cpu_s))
    return float(np.median(walls)), float(np.median(cpus))


def flops_of(run: Callable[[], object]) -> float:
    """Floating point operations of a call."""
    with FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())


def stock(models: DrawModels, device: str, dtype: torch.dtype) -> Callable[[int], object]:
    """The pipeline of diffusers with the same weights, as its documentation runs it."""
    network, text = models.network.to(device, dtype), models.text
    pipeline = StableDiffusionControlNetPipeline(
        vae=network.vae,
        text_encoder=text.encoders[0].to(device, dtype),
        tokenizer=text.tokenizers[0],
        unet=network.unet,
        controlnet=network.controlnet,
        scheduler=models.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    images, arm = scene(models.config)
    inputs = draw_input(images, arm, models.config)
    pictures = conditioning_of([inputs], models.config, torch.device(device)).pictures.to(dtype)
    prompt = models.config.policy.prompt(GOAL)

    def run(steps: int) -> object:
        return pipeline(
            prompt=prompt,
            image=pictures,
            num_inference_steps=steps,
            guidance_scale=0.0,
            generator=torch.Generator().manual_seed(0),
            output_type="np",
        )

    return run


def variants(options: DrawOptions, taesd: str) -> dict[str, DrawOptions]:
    """Ways to run the project's own loop, from the plain to the fastest."""
    ways = {"ours": options}
    if options.device == "cuda":
        ways["ours, graph"] = replace(options, graph=True)
        ways["ours, compiled, graph"] = replace(options, compile=True, graph=True)
    if taesd:
        last = list(ways.values())[-1]
        ways["ours, fastest, small decoder"] = replace(last, decoder=taesd)
    return ways


def compare(arguments: argparse.Namespace, options: DrawOptions, taesd: str) -> None:
    """Print the table of stock pipeline against own loop."""
    device, size = options.device, SIZES[arguments.size]
    torch.manual_seed(0)
    models = sd_turbo(size, device)
    parts = {"UNet": models.network.unet, "ControlNet": models.network.controlnet}
    counts = [
        f"{n} {sum(p.numel() for p in m.parameters()) / 1e6:.0f} M" for n, m in parts.items()
    ]
    print(
        f"{', '.join(counts)}; tile {2 * size.cell_px} px, {options.precision.value}, {device}\n"
    )
    print("| | steps | wall [ms] | CPU [ms] | of stock | share of the limit |")
    print("|---|---|---|---|---|---|")
    pipeline = stock(models, device, options.precision.dtype)
    reference = {}
    for steps in STEPS:
        reference[steps], cpu = timed(lambda: pipeline(steps), arguments.rounds, device)  # noqa: B023
        print(f"| stock pipeline | {steps} | {reference[steps]:.1f} | {cpu:.1f} | 1.00 | |")
    images, arm = scene(models.config)
    flops = {}  # before anything is compiled, which hides them
    for decoder in {"", taesd} if arguments.peak_tflops else ():
        for steps in STEPS:
            drawer = Drawer(models, replace(options, steps=steps, decoder=decoder))
            flops[decoder, steps] = flops_of(lambda: drawer.draw(images, arm, GOAL, 0))  # noqa: B023
    for name, chosen in variants(options, taesd).items():
        for steps in STEPS:
            drawer = Drawer(models, replace(chosen, steps=steps))
            draw = lambda: drawer.draw(images, arm, GOAL, 0)  # noqa: B023, E731
            wall, cpu = timed(draw, arguments.rounds, device)
            limit = ""
            if flops:
                limit_ms = flops[chosen.decoder, steps] / (1e9 * arguments.peak_tflops)
                limit = f"{100 * limit_ms / wall:.0f} %"
            ratio = wall / reference[steps]
            row = (name, steps, f"{wall:.1f}", f"{cpu:.1f}", f"{ratio:.2f}", limit)
            print(f"| {' | '.join(map(str, row))} |", flush=True)


def tiles_a_second(arguments: argparse.Namespace, options: DrawOptions) -> None:
    """Print how many tiles a small model draws in a second."""
    policy = Policy()
    if arguments.policy == "random":
        tiny = preset("tiny")
        draw = replace(tiny.draw, policy=policy)
        models = build_tiny(draw, [policy.prompt(GOAL)], tiny.size)
    else:
        models = load_models(Path(arguments.policy) / "diffusion")
    images, arm = scene(models.config)
    drawer = Drawer(models, options)
    wall, cpu = timed(lambda: drawer.draw(images, arm, GOAL, 0), arguments.rounds, options.device)
    count = sum(p.numel() for p in models.network.parameters()) / 1e6
    steps = options.steps or models.config.steps
    print(
        f"{arguments.policy}: {count:.1f} M parameters, {models.config.side_px} px, "
        f"steps: {steps}, threads: {torch.get_num_threads()}: {1e3 / wall:.1f} tiles/s, "
        f"{wall:.0f} ms a tile, {cpu:.0f} ms of CPU"
    )


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--size", default="reduced", choices=tuple(SIZES))
    parser.add_argument("--precision", default="bfloat16", choices=[p.value for p in Precision])
    parser.add_argument("--rounds", type=int, default=20, help="calls that are timed")
    parser.add_argument("--threads", type=int, default=2, help="of the CPU")
    parser.add_argument("--steps", type=int, default=0, help="of a small model; 0 for its own")
    parser.add_argument(
        "--peak-tflops", type=float, default=0.0, help="of the device, dense: 790 of an H100"
    )
    parser.add_argument(
        "--policy", default="", help="time a small model instead: a policy folder, or random"
    )
    arguments = parser.parse_args()
    options = DrawOptions(
        arguments.device, Precision(arguments.precision), threads=arguments.threads
    )
    with torch.no_grad():
        if arguments.policy:
            tiles_a_second(arguments, replace(options, steps=arguments.steps))
            return
        with tempfile.TemporaryDirectory() as folder:
            AutoencoderTiny().save_pretrained(folder)
            compare(arguments, options, folder)


if __name__ == "__main__":
    main()
