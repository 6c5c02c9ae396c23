# SPDX-License-Identifier: Apache-2.0
"""The denoising loop does what the pipelines of diffusers do."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionXLControlNetPipeline,
)
from jaxtyping import Float
from torch import Tensor

from genima.diffusion.arm_view import ArmView
from genima.diffusion.config import Guide, Output, Target
from genima.diffusion.drawer import Drawer, DrawOptions, Precision
from genima.diffusion.heads import change_target
from genima.diffusion.models import DrawModels
from genima.diffusion.network import Conditioning, Guidance
from genima.diffusion.prompt import Prompt
from genima.diffusion.schedule import schedule_of
from genima.errors import PolicyError

from .draw_cases import GOALS, KINDS

EXACT = DrawOptions(precision=Precision.FLOAT32)
TOLERANCE = 1e-3


def conditioning_for(models: DrawModels) -> Conditioning:
    config, generator = models.config, torch.Generator().manual_seed(1)
    side = config.side_px
    pictures = torch.rand(1, 3 * config.pictures, side, side, generator=generator)
    state = torch.rand(1, 15, generator=generator) if config.state else None
    arm = None
    if config.output is Output.SPHERES:
        lens = torch.tensor([1.0, 1.0, 0.5, 0.5, 0.1]).expand(1, 4, 5)
        arm = ArmView(torch.zeros(1, 7), torch.eye(4).expand(1, 4, 4, 4), lens)
    return Conditioning(pictures, state, arm)


class PipelineUNet:
    """What a pipeline calls instead of the UNet, for what pipelines do not know.

    It adds the second picture's latents, the arm's state, what lies on the ground, and the head.
    """

    def __init__(self, models: DrawModels, guidance: Guidance) -> None:
        self._network, self._guidance = models.network, guidance
        self._forward = models.network.unet.forward

    def __call__(self, sample: Tensor, timestep: Tensor, **options: Any) -> tuple[Tensor]:
        if self._network.controlnet is None:
            noisy = sample[:, : self._network.latent_channels]
            sample = torch.cat([noisy, self._guidance.embedding], dim=1)
        more = {"class_labels": self._guidance.state}
        raw = self._forward(on_ground(sample, self._guidance), timestep, **options | more)[0]
        prompt = Prompt(options["encoder_hidden_states"])
        return (self._network._headed(raw, self._guidance, prompt).target,)


def on_ground(sample: Tensor, guidance: Guidance) -> Tensor:
    return sample if guidance.ground is None else guidance.ground


def informed(controlnet: Any, guidance: Guidance) -> Callable[..., Any]:
    """A ControlNet's forward with what pipelines do not know."""
    forward, more = controlnet.forward, {"class_labels": guidance.state}
    return lambda sample, *given, **options: forward(
        on_ground(sample, guidance), *given, **options | more
    )


def drawn_by_pipeline(
    models: DrawModels, conditioning: Conditioning, goal: str, steps: int, seed: int
) -> Float[Tensor, "b c h w"]:
    """The latent that the stock pipeline ends with, not guided."""
    network, text, prompt = models.network, models.text, models.config.policy.prompt(goal)
    guidance = network.guidance(conditioning)
    network.unet.forward = PipelineUNet(models, guidance)
    if network.controlnet is not None:
        network.controlnet.forward = informed(network.controlnet, guidance)
        # The pipeline makes as much noise as the UNet takes channels, the ground among them.
        network.unet.register_to_config(in_channels=network.latent_channels)
    parts = {
        "vae": network.vae,
        "text_encoder": text.encoders[0],
        "tokenizer": text.tokenizers[0],
        "unet": network.unet,
        "scheduler": models.scheduler,
    }
    options: dict[str, Any] = {
        "prompt": prompt,
        "num_inference_steps": steps,
        "guidance_scale": 0.0,
        "generator": torch.Generator().manual_seed(seed),
        "output_type": "latent",
    }
    if len(text.encoders) == 2:
        pipeline: Any = StableDiffusionXLControlNetPipeline(
            **parts,
            text_encoder_2=text.encoders[1],
            tokenizer_2=text.tokenizers[1],
            controlnet=network.controlnet,
            add_watermarker=False,
        )
        options |= {"image": conditioning.pictures}
    else:
        parts |= {
            "safety_checker": None,
            "feature_extractor": None,
            "requires_safety_checker": False,
        }
        if models.config.guide is Guide.CONTROLNET:
            pipeline = StableDiffusionControlNetPipeline(**parts, controlnet=network.controlnet)
            options |= {"image": conditioning.pictures}
        else:
            pipeline = StableDiffusionInstructPix2PixPipeline(**parts)
            options |= {"image": conditioning.pictures[:, :3], "image_guidance_scale": 0.0}
            # For a second picture, whose latents the stand-in above brings.
            network.unet.register_to_config(in_channels=2 * network.latent_channels)
    pipeline.set_progress_bar_config(disable=True)
    latents = pipeline(**options).images
    del network.unet.forward
    if network.controlnet is not None:
        del network.controlnet.forward
    return torch.as_tensor(latents)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("kind", list(KINDS))
def test_loop_ends_where_the_stock_pipeline_ends(kind: str, steps: int) -> None:
    models = KINDS[kind]()
    conditioning = conditioning_for(models)
    wanted = drawn_by_pipeline(models, conditioning, GOALS[0], steps, seed=5)
    drawer = Drawer(models, EXACT)
    got = drawer.denoise(conditioning, GOALS[0], drawer.noise(5, steps)).latent
    assert got.shape == wanted.shape and float(wanted.std()) > 0.01
    torch.testing.assert_close(got, wanted, atol=TOLERANCE, rtol=0.0)


def calls_of(module: Any) -> list[int]:
    """Grows by one with every call of a layer."""
    calls: list[int] = []
    module.register_forward_hook(lambda *_: calls.append(1))
    return calls


def test_what_does_not_depend_on_the_step_is_worked_out_once() -> None:
    models = KINDS["sd-turbo"]()
    drawer, conditioning = Drawer(models, EXACT), conditioning_for(models)
    layers = dict(models.network.unet.named_modules())
    keys = [calls_of(layers[name]) for name in layers if name.endswith("attn2.to_k")]
    queries = [calls_of(layers[name]) for name in layers if name.endswith("attn2.to_q")]
    embedded = calls_of(models.network.controlnet.controlnet_cond_embedding.conv_in)
    texts = calls_of(models.text.encoders[0])
    for goal in (GOALS[0], GOALS[0], GOALS[1]):
        drawer.denoise(conditioning, goal, drawer.noise(0, 3))
    assert [len(calls) for calls in keys] == [2] * len(keys) and keys  # two goals
    assert [len(calls) for calls in queries] == [9] * len(queries)  # three tiles of three steps
    assert (len(embedded), len(texts)) == (3, 2)


def test_remembered_text_is_that_of_the_present_goal() -> None:
    models = KINDS["pix2pix"]()
    conditioning = conditioning_for(models)
    wanted = [drawn_by_pipeline(models, conditioning, goal, 1, seed=5) for goal in GOALS]
    assert float((wanted[0] - wanted[1]).abs().max()) > 10 * TOLERANCE
    drawer = Drawer(models, EXACT)
    for goal, latent in zip((*GOALS, GOALS[0]), (*wanted, wanted[0]), strict=True):
        got = drawer.denoise(conditioning, goal, drawer.noise(5, 1)).latent
        torch.testing.assert_close(got, latent, atol=TOLERANCE, rtol=0.0)


OPTIONS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize(
    "scheduler",
    [
        EulerDiscreteScheduler(**OPTIONS, timestep_spacing="trailing"),
        EulerDiscreteScheduler(**OPTIONS, prediction_type="v_prediction"),
        EulerAncestralDiscreteScheduler(**OPTIONS, timestep_spacing="trailing"),
        DDIMScheduler(**OPTIONS, clip_sample=False, timestep_spacing="trailing"),
        LCMScheduler(**OPTIONS),
    ],
    ids=lambda scheduler: type(scheduler).__name__,
)
def test_single_step_schedulers_are_read_as_constants(scheduler: Any, count: int) -> None:
    schedule = schedule_of(scheduler, count)
    assert [step.timestep for step in schedule.steps] == sorted(
        (step.timestep for step in schedule.steps), reverse=True
    )
    assert schedule.steps[-1].fresh == pytest.approx(0.0, abs=1e-6)
    alphas = scheduler.alphas_cumprod[[int(step.timestep) for step in schedule.steps]]
    np.testing.assert_allclose([step.alpha for step in schedule.steps], alphas, rtol=2e-3)


@pytest.mark.parametrize(
    "scheduler",
    [DPMSolverMultistepScheduler(**OPTIONS), DDIMScheduler(**OPTIONS, clip_sample=True)],
    ids=["multistep", "clipping"],
)
def test_scheduler_whose_steps_are_not_linear_is_refused(scheduler: Any) -> None:
    with pytest.raises(PolicyError, match="use EulerDiscreteScheduler"):
        schedule_of(scheduler, 4)


def test_noise_velocity_and_clean_latent_turn_into_one_another() -> None:
    generator = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(2, 1, 4, 8, 8, generator=generator)
    alpha = torch.tensor([0.3])
    a, b = alpha.sqrt(), (1 - alpha).sqrt()
    noisy = a * clean + b * noise
    forms = {
        Target.SAMPLE: clean,
        Target.EPSILON: noise,
        Target.VELOCITY: a * noise - b * clean,
    }
    for given, value in forms.items():
        for wanted, expected in forms.items():
            got = change_target(value, noisy, alpha, given, wanted)
            torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


def test_model_of_clean_latents_is_drawn_with_a_scheduler_that_wants_velocities() -> None:
    # EulerAncestral knows no clean latents; in one step there is no difference.
    plain, changed = KINDS["tiny palette"](), KINDS["tiny palette"]()
    ancestral = EulerAncestralDiscreteScheduler.from_config(
        plain.scheduler.config, prediction_type="v_prediction"
    )
    latents = []
    for models in (plain, replace(changed, scheduler=ancestral)):
        drawer = Drawer(models, EXACT)
        conditioning = conditioning_for(models)
        latents.append(drawer.denoise(conditioning, GOALS[0], drawer.noise(0, 1)).latent)
    assert plain.config.output is Output.PALETTE
    torch.testing.assert_close(*latents, atol=TOLERANCE, rtol=0.0)
