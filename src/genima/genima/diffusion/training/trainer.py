# SPDX-License-Identifier: Apache-2.0
"""Trains a model that draws. An interrupted run goes on as if nothing had happened."""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader

from genima.act.samples import StepSampler
from genima.act.training_data import Split
from genima.act.training_state import (
    Average,
    Progress,
    differences,
    load_progress,
    load_state,
    save_state,
)
from genima.diffusion.config import Output
from genima.diffusion.config import to_json as draw_to_json
from genima.diffusion.drawer import DrawOptions, Precision, load_drawer
from genima.diffusion.models import save_models
from genima.diffusion.network import conditioning_of
from genima.diffusion.training.augmentation import cropped, jitter_colours, shifts
from genima.diffusion.training.config import TrainConfig, to_json
from genima.diffusion.training.curves import DrawingCurves
from genima.diffusion.training.losses import clean_of, loss_of, moment_of
from genima.diffusion.training.metric import DrawingErrors, Question, errors_of, questions
from genima.diffusion.training.optimiser import make_optimiser
from genima.diffusion.training.pictures import save_grid
from genima.diffusion.training.samples import DrawingSamples, Samples, collate
from genima.diffusion.training.start import begin, saved_parts, trained_part, with_spread
from genima.diffusion.training.trainee import Trainee
from genima.diffusion.training.types import Report, TrainingOptions
from genima.errors import InvalidParameter
from genima.files import json_bytes, write_file
from genima.policy import Policy, policy_values, save_policy

#: Folders below that of the training: the best model so far, the newest one, and grids.
BEST, NEWEST, PICTURES = "diffusion", "newest", "pictures"
_RECORD = "best.json"


class Trainer:
    """One training run in one folder.

    Args:
        base: `tiny`, or folder or hub name of the model to begin with.
        config: Everything else that decides the result.
        policy: Cameras, spheres, time scale and prompt.
        split: The data.
        out: Folder for checkpoints, curves and pictures.
        options: The rest.

    Raises:
        InvalidParameter: The folder holds a training of another kind.
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
        draw = with_spread(replace(config.draw, policy=policy), split.train)
        self._config = config = replace(config, draw=draw)
        self._policy, self._split = policy, split
        self._out, self._options = out, options
        self._accelerator = Accelerator(mixed_precision=config.precision.value)
        goals = sorted({goal for one in split.train for goal in one.descriptions})
        prompts = [policy.prompt(goal) for goal in goals]
        self._models = begin(base, config, prompts, options.seed)
        self._trained = trained_part(self._models, config).to(self._accelerator.device)
        self._trainee = Trainee(self._models).to(self._accelerator.device)
        if config.gradient_checkpointing:
            for network in (self._models.network.unet, self._models.network.controlnet):
                if network is not None:
                    network.enable_gradient_checkpointing()
        self._average = Average(self._trained, config.ema_decay)
        self._optimiser = make_optimiser(self._trained, config)
        self._progress = self._resume(base)
        self._best = self._read_best()
        self._parallel = self._accelerator.prepare(self._trainee)
        self._stepper = self._accelerator.prepare_optimizer(self._optimiser)
        self._curves = DrawingCurves(out, self._progress.step) if self._main else None
        self._loss: dict[str, float] = {}
        self._errors: DrawingErrors | None = None
        self._asked: list[Question] = []

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._progress

    @property
    def steps(self) -> int:
        """How many steps there are to do in all."""
        return self._config.steps

    @property
    def errors(self) -> DrawingErrors | None:
        """Newest validation."""
        return self._errors

    def run(
        self, tell: Callable[[Report], None], should_stop: Callable[[], bool] = lambda: False
    ) -> None:
        """Train until the end, or until told to stop; then it can be gone on with."""
        began_s = time.monotonic() - self._progress.seconds
        for samples in self._batches():
            self._step(samples)
            step = self._progress.step + 1
            self._note(step, time.monotonic() - began_s)
            tell(Report(step, self._config.steps, self._loss, self._errors))
            if should_stop():
                self._save()
                return

    @property
    def _main(self) -> bool:
        return bool(self._accelerator.is_main_process)

    def _resume(self, base: str) -> Progress:
        run = {
            "base": base,
            "config": to_json(self._config),
            "draw": draw_to_json(replace(self._config.draw, policy=Policy())) | {"policy": None},
            "policy": policy_values(self._policy),
            "seed": self._options.seed,
            "demonstrations": len(self._split.train),
        }
        progress = load_progress(self._out)
        if progress is None:
            self._out.mkdir(parents=True, exist_ok=True)
            save_policy(self._policy, self._out / "policy.yaml")
            return Progress(0, 0.0, run)
        if differing := differences(progress.run, run):
            raise InvalidParameter(
                f"{self._out} holds a training that differs in {differing}; name another folder, "
                "or give the same options to go on"
            )
        load_state(self._out, self._trained, self._average, self._optimiser)
        return Progress(progress.step, progress.seconds, run)

    def _batches(self) -> Iterator[Samples]:
        """The batches of the steps that are left."""
        config, options, accelerator = self._config, self._options, self._accelerator
        samples = DrawingSamples(
            self._split.train, self._policy, config.draw, config.start_jitter_rad, options.seed
        )
        sampler = StepSampler(
            len(samples),
            config.batch_size,
            options.seed,
            accelerator.process_index,
            accelerator.num_processes,
        )
        loader: DataLoader[Any] = DataLoader(
            samples, batch_sampler=sampler, collate_fn=collate, num_workers=options.workers
        )
        while self._progress.step < config.steps:
            sampler.epoch, sampler.first_step = divmod(self._progress.step, sampler.steps)
            samples.set_epoch(sampler.epoch)
            for batch in loader:
                yield batch
                if self._progress.step >= config.steps:
                    return

    def _step(self, samples: Samples) -> None:
        config, step = self._config, self._progress.step
        # Of its own for each step and process, so that a resumed run draws what it would have.
        seed = hash((self._options.seed, step, self._accelerator.process_index)) % 2**62
        torch.manual_seed(seed)
        chance = torch.Generator(self._accelerator.device).manual_seed(seed + 1)
        self._trained.train()
        self._set_rate(step)
        parts = samples.parts(config.accumulate)
        for part in parts[:-1]:
            with self._accelerator.no_sync(self._parallel):
                self._learn(part, chance, len(parts))
        self._loss = self._learn(parts[-1], chance, len(parts))
        if config.clip_norm:
            self._accelerator.clip_grad_norm_(self._trained.parameters(), config.clip_norm)
        self._stepper.step()
        self._stepper.zero_grad(set_to_none=True)
        self._average.update(self._trained, step + 1)

    def _learn(self, samples: Samples, chance: torch.Generator, parts: int) -> dict[str, float]:
        """Gradients of one part of a batch."""
        config, device = self._config, self._accelerator.device
        conditioning = conditioning_of(samples.given, config.draw, device)
        pictures, target = conditioning.pictures, samples.target.to(device)
        labels = samples.labels.to(device)
        if config.colour_jitter:
            bright = jitter_colours(pictures[:, :3], config.colour_jitter, chance)
            pictures = torch.cat([bright, pictures[:, 3:]], dim=1)
        if config.crop_padding_px and config.draw.output is not Output.SPHERES:
            begins = shifts(len(pictures), config.crop_padding_px, chance)
            everything = torch.cat([pictures, target, labels[:, None].float()], dim=1)
            everything = cropped(everything, config.crop_padding_px, begins)
            pictures, target = everything[:, :-4], everything[:, -4:-1]
            labels = everything[:, -1].to(torch.uint8)
        conditioning = replace(conditioning, pictures=pictures)
        clean = clean_of(self._models.network, samples, conditioning, target, labels)
        moment = moment_of(clean, config, self._models.scheduler, chance)
        with self._accelerator.autocast():
            loss = loss_of(self._parallel, conditioning, samples.goals, clean, moment, config)
        self._accelerator.backward(loss["loss"] / parts)
        return {name: float(value.detach()) for name, value in loss.items()}

    def _set_rate(self, step: int) -> None:
        config = self._config
        share = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
        if config.cosine:
            share *= 0.5 * (1.0 + math.cos(math.pi * step / config.steps))
        for group in self._optimiser.param_groups:
            group["lr"] = share * config.learning_rate

    def _note(self, step: int, seconds: float) -> None:
        """Count a step; write curves, pictures and checkpoints where they are due."""
        self._progress = Progress(step, seconds, self._progress.run)
        due = step % self._options.save_every == 0 or step == self._config.steps
        row = {"step": step, "seconds": seconds, **self._loss}
        row["learning_rate"] = self._optimiser.param_groups[0]["lr"]
        if due and self._main:
            self._errors = self._validate()
            row |= self._errors.summary
        if self._curves is not None and (due or step % self._options.log_every == 0):
            self._curves.add(row)
        if due:
            self._save()
            self._accelerator.wait_for_everyone()

    def _validate(self) -> DrawingErrors:
        """Measure the averaged weights, and keep them if they are the best."""
        self._save_models(NEWEST)
        device = str(self._accelerator.device)
        drawer = load_drawer(
            self._out / NEWEST, DrawOptions(device=device, precision=Precision.FLOAT32)
        )
        if not self._asked:
            count = self._options.validated
            self._asked = list(questions(self._split.held_out, self._policy, count))
        chance = torch.get_rng_state()
        errors, tiles = errors_of(drawer, self._asked, self._policy)
        torch.set_rng_state(chance)
        picture = self._out / PICTURES / f"{self._progress.step:07d}.png"
        save_grid(picture, self._asked, tiles, self._policy)
        if errors.rank < self._best:
            self._best = errors.rank
            self._save_models(BEST)
            # Nothing may have been readable yet, and JSON knows no NaN.
            known = {name: x for name, x in errors.summary.items() if math.isfinite(x)}
            record = {"step": self._progress.step, "rank": errors.rank, **known}
            write_file(self._out / _RECORD, json_bytes(record))
        return errors

    def _save_models(self, name: str) -> None:
        weights = {key: w.detach().clone() for key, w in self._trained.state_dict().items()}
        self._trained.load_state_dict(self._average.weights)
        save_models(self._models, self._out / name, saved_parts(self._config))
        self._trained.load_state_dict(weights)

    def _read_best(self) -> float:
        """Rank of the best model so far, of those that this run has come to."""
        try:
            record = json.loads((self._out / _RECORD).read_text())
        except (OSError, ValueError):
            return math.inf
        return float(record["rank"]) if record["step"] <= self._progress.step else math.inf

    def _save(self) -> None:
        if not self._main:
            return
        save_state(self._out, self._trained, self._average, self._optimiser, self._progress)
        if self._curves is not None:
            self._curves.draw()
