# SPDX-License-Identifier: Apache-2.0
"""Trains a model that draws."""

import json
import math
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from genima.diffusion.config import Output
from genima.diffusion.config import to_json as draw_to_json
from genima.diffusion.drawer import DrawOptions, Precision, load_drawer
from genima.diffusion.models import save_models
from genima.diffusion.network import Conditioning, conditioning_of
from genima.diffusion.training.augmentation import cropped, jitter_colours, shifts
from genima.diffusion.training.config import TrainConfig, to_json
from genima.diffusion.training.losses import clean_of, loss_of, moment_of
from genima.diffusion.training.metric import DrawingErrors, errors_of
from genima.diffusion.training.optimiser import make_optimiser
from genima.diffusion.training.pictures import save_grid
from genima.diffusion.training.questions import parted, questions
from genima.diffusion.training.samples import DrawingSamples, Samples, collate
from genima.diffusion.training.sphere_losses import sphere_losses
from genima.diffusion.training.start import begin, fitted, saved_parts, trained_part
from genima.diffusion.training.told import ToldSteps
from genima.diffusion.training.trainee import Trainee
from genima.diffusion.training.types import PANELS, TrainingOptions
from genima.files import json_bytes, write_file
from genima.learning.split import Split
from genima.learning.training import Subject, Training
from genima.policy import Policy

#: Folders below that of the training: the best model so far, the newest one, and grids.
BEST, NEWEST, PICTURES = "diffusion", "newest", "pictures"
_RECORD = "best.json"


class Trainer(Training[Samples, DrawingErrors]):
    """One training run of a drawing model in one folder.

    Args:
        base: `tiny`, or folder or hub name of the model to begin with.
        config: Everything else that decides the result.
        policy: Cameras, spheres, time scale and prompt.
        split: The data.
        out: Folder for checkpoints, curves and pictures.
        options: The rest.

    Raises:
        InvalidParameter: The folder holds a training of another kind.
        InvalidDataset: In no held-out step is the target away from the arm.
        PolicyError: The base cannot be had.
    """

    def __init__(
        self,
        base: str,
        config: TrainConfig,
        policy: Policy,
        split: Split,
        out: Path,
        options: TrainingOptions,
    ) -> None:
        self._config = config = fitted(config, policy, split.train)
        self._policy = policy
        accelerator = Accelerator(mixed_precision=config.precision.value)
        goals = sorted({goal for one in split.train for goal in one.descriptions})
        prompts = [policy.prompt(goal) for goal in goals]
        self._models = begin(base, config, prompts, options.seed)
        trained = trained_part(self._models, config).to(accelerator.device)
        trainee = Trainee(self._models).to(accelerator.device)
        if config.gradient_checkpointing:
            for network in (self._models.network.unet, self._models.network.controlnet):
                if network is not None:
                    network.enable_gradient_checkpointing()
        run = {
            "base": base,
            "config": to_json(config),
            "draw": draw_to_json(replace(config.draw, policy=Policy())) | {"policy": None},
            "demonstrations": len(split.train),
        }
        samples = DrawingSamples(
            split.train, config.draw, config.start_jitter_rad, options.seed, config.every
        )
        optimiser = make_optimiser(trained, config)
        subject = Subject(trained, trainee, optimiser, samples, collate)
        super().__init__(subject, config, out, options, accelerator, policy, run, PANELS)
        self._best = self._read_best()
        self._kept_step = -1  # of the newest model
        self._demonstrations = split.train
        self._asked = questions(parted(split.held_out)[0], policy, options.validated)

    def _learn(self, batch: Samples, seed: int) -> dict[str, float]:
        chance = torch.Generator(self._accelerator.device).manual_seed(seed + 1)
        parts = batch.parts(self._config.accumulate)
        for part in parts[:-1]:
            with self._accelerator.no_sync(self._parallel):
                self._learn_part(part, chance, len(parts))
        return self._learn_part(parts[-1], chance, len(parts))

    def _learn_part(
        self, samples: Samples, chance: torch.Generator, parts: int
    ) -> dict[str, float]:
        """Gradients of one part of a batch."""
        config, device = self._config, self._accelerator.device
        conditioning = conditioning_of(samples.given, config.draw, device)
        if config.colour_jitter:
            pictures = conditioning.pictures
            bright = jitter_colours(pictures[:, :3], config.colour_jitter, chance)
            conditioning = replace(
                conditioning, pictures=torch.cat([bright, pictures[:, 3:]], dim=1)
            )
        learn = self._drawing_losses
        if config.draw.output is Output.SPHERES:
            learn = self._sphere_losses
        loss = learn(samples, conditioning, chance)
        self._accelerator.backward(loss["loss"] / parts)
        return {name: float(value.detach()) for name, value in loss.items()}

    @cached_property
    def _told(self) -> ToldSteps:
        return ToldSteps(self._demonstrations, self._config.draw, self._config.moving_weight)

    def _sphere_losses(
        self, samples: Samples, conditioning: Conditioning, chance: torch.Generator
    ) -> dict[str, torch.Tensor]:
        config = self._config
        jitter, error = config.start_jitter_rad, config.place_error_m
        told = self._told.draw(config.told_steps, jitter, error, chance)
        return sphere_losses(self._parallel, conditioning, samples, told, config, chance)

    def _drawing_losses(
        self, samples: Samples, conditioning: Conditioning, chance: torch.Generator
    ) -> dict[str, torch.Tensor]:
        config, device = self._config, self._accelerator.device
        pictures, target = conditioning.pictures, samples.target.to(device)
        labels = samples.labels.to(device)
        if config.crop_padding_px:
            begins = shifts(len(pictures), config.crop_padding_px, chance)
            everything = torch.cat([pictures, target, labels[:, None].float()], dim=1)
            everything = cropped(everything, config.crop_padding_px, begins)
            pictures, target = everything[:, :-4], everything[:, -4:-1]
            labels = everything[:, -1].to(torch.uint8)
        conditioning = replace(conditioning, pictures=pictures)
        clean = clean_of(self._models.network, target, labels)
        moment = moment_of(clean, config, self._models.scheduler, chance)
        with self._accelerator.autocast():
            return loss_of(self._parallel, conditioning, samples.goals, clean, moment, config)

    def _validate(self) -> DrawingErrors:
        """Measure the averaged weights, and keep them if they are the best."""
        self._keep()
        options = DrawOptions(device=self.device, precision=Precision.FLOAT32)
        drawer = load_drawer(self.out / NEWEST, options)
        chance = torch.get_rng_state()
        errors, tiles = errors_of(drawer, self._asked, self._policy)
        torch.set_rng_state(chance)
        picture = self.out / PICTURES / f"{self.progress.step:07d}.png"
        save_grid(picture, self._asked, tiles, self._policy)
        if errors.rank < self._best:
            self._best = errors.rank
            self._save_models(BEST)
            # Nothing may have been readable yet, and JSON knows no NaN.
            known = {name: x for name, x in errors.summary.items() if math.isfinite(x)}
            record = {"step": self.progress.step, "rank": errors.rank, **known}
            write_file(self.out / _RECORD, json_bytes(record))
        return errors

    def _keep(self) -> None:
        if self._kept_step != self.progress.step:
            self._save_models(NEWEST)
            self._kept_step = self.progress.step

    def _save_models(self, name: str) -> None:
        trained = self._subject.trained
        weights = {key: w.detach().clone() for key, w in trained.state_dict().items()}
        trained.load_state_dict(self._average.weights)
        save_models(self._models, self.out / name, saved_parts(self._config))
        trained.load_state_dict(weights)

    def _read_best(self) -> float:
        """Rank of the best model so far, of those that this run has come to."""
        try:
            record: dict[str, Any] = json.loads((self.out / _RECORD).read_text())
        except (OSError, ValueError):
            return math.inf
        return float(record["rank"]) if record["step"] <= self.progress.step else math.inf
