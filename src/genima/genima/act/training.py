# SPDX-License-Identifier: Apache-2.0
"""Trains a controller. An interrupted run goes on as if nothing had happened."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader

from genima.act.backbone import parameter_groups
from genima.act.checkpoint import ActCheckpoint
from genima.act.config import ActConfig, Input, to_json
from genima.act.curves import Curves
from genima.act.images import standardise, values
from genima.act.language import LanguageEncoder
from genima.act.losses import Losses, losses
from genima.act.model import Act, ActInput, channels_last, is_used
from genima.act.normalisation import Normaliser
from genima.act.samples import Batch, StepSampler
from genima.act.start import Start
from genima.act.training_data import (
    Split,
    glimpse_reach,
    held_out_batches,
    statistics,
    training_loader,
)
from genima.act.training_state import (
    Average,
    Progress,
    differences,
    load_progress,
    load_state,
    save_state,
)
from genima.act.training_types import Report, TrainingOptions
from genima.act.validation import ChunkErrors, Validation, chunk_errors
from genima.data.textures import TextureBank
from genima.errors import InvalidParameter
from genima.policy import Policy, policy_values, save_policy

#: Folder of the trained controller, below the folder of the training.
CONTROLLER = "controller"


class Trainer:
    """One training run in one folder.

    Args:
        config: Everything that decides the result.
        policy: Cameras and time scale.
        split: The data.
        bank: Pictures for the backgrounds.
        out: Folder for checkpoints and curves.
        options: The rest.

    Raises:
        InvalidParameter: The folder holds another training, or what to begin with does not fit.
    """

    def __init__(
        self,
        config: ActConfig,
        policy: Policy,
        split: Split,
        bank: TextureBank,
        out: Path,
        options: TrainingOptions,
    ) -> None:
        self._config, self._policy, self._options = config, policy, options
        self._split, self._bank, self._out = split, bank, out
        self._accelerator = Accelerator(mixed_precision="bf16" if config.bf16 else "no")
        device = self._accelerator.device
        self._start = Start.load(options.start_from, config) if options.start_from else None
        begun = self._start.checkpoint if self._start else None
        self._statistics = begun.statistics if begun else statistics(split.train, policy, config)
        self._normaliser = Normaliser(self._statistics, config.actions, device)
        self._language = LanguageEncoder(
            config.language, options.text_model, begun.goals if begun else None
        )
        for demonstration in (*split.train, *split.held_out):
            for goal in demonstration.descriptions:
                self._language(goal)
        torch.manual_seed(options.seed)
        network = Act(config, self._language.size)
        if options.backbone is not None:
            network.backbone.load_imagenet(options.backbone)
            network.frozen_statistics = True
            network.train()  # freezes, before anything counts the parameters
        if self._start is not None:
            self._start.fill(network)
        if network.glimpses is not None:
            network.glimpses.reach = glimpse_reach(split.train[0], policy, config)
        self._network = channels_last(network.to(device))
        optimiser = torch.optim.AdamW(
            parameter_groups(network.backbone, network, config),
            weight_decay=config.weight_decay,
            fused=True,
        )
        self._average = Average(self._network, config.ema_decay)
        self._optimiser = optimiser
        self._progress = self._resume()
        self._parallel = self._accelerator.prepare(self._network)
        self._curves = Curves(out, self._progress.step) if self._main else None
        self._loss: dict[str, float] = {}
        self._errors: Validation | None = None

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._progress

    @property
    def steps(self) -> int:
        """How many steps there are to do in all."""
        return self._config.steps

    @property
    def errors(self) -> Validation | None:
        """Newest validation, on clean and on jittered windows."""
        return self._errors

    def run(
        self, tell: Callable[[Report], None], should_stop: Callable[[], bool] = lambda: False
    ) -> None:
        """Train until the end, or until told to stop; then it can be gone on with.

        Between two steps only: what interrupts a step leaves a state that no unbroken run has.
        """
        began_s = time.monotonic() - self._progress.seconds
        for batch in self._batches():
            self._step(batch)
            step = self._progress.step + 1
            self._note(step, time.monotonic() - began_s)
            tell(Report(step, self._config.steps, self._loss, self._errors))
            if should_stop():
                self._save()
                return

    @property
    def _main(self) -> bool:
        return bool(self._accelerator.is_main_process)

    def _resume(self) -> Progress:
        run = {
            "config": to_json(self._config),
            "policy": policy_values(self._policy),
            "seed": self._options.seed,
            "demonstrations": len(self._split.train),
            "backgrounds": self._bank.file.parent.name,
            "backbone": str(self._options.backbone or ""),
            "statistics": self._statistics.to_json(),
        }
        if self._start is not None:
            run["start_from"] = self._start.record
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
        load_state(self._out, self._network, self._average, self._optimiser)
        return Progress(progress.step, progress.seconds, run)

    def _batches(self) -> Iterator[Batch]:
        """The batches of the steps that are left."""
        samples, sampler, loader = training_loader(
            self._split.train,
            self._policy,
            self._config,
            self._bank,
            self._options.seed,
            self._options.workers,
            self._accelerator.process_index,
            self._accelerator.num_processes,
        )
        while self._progress.step < self._config.steps:
            sampler.epoch, sampler.first_step = divmod(self._progress.step, sampler.steps)
            samples.set_epoch(sampler.epoch)
            yield from self._until_done(loader, sampler)

    def _until_done(self, loader: DataLoader[Any], sampler: StepSampler) -> Iterator[Batch]:
        for batch in loader:
            yield batch
            if self._progress.step >= self._config.steps:
                return

    def _step(self, batch: Batch) -> None:
        config, device = self._config, self._accelerator.device
        step = self._progress.step
        # Of its own for each step and process, so that a resumed run draws what it would have.
        torch.manual_seed(
            hash((self._options.seed, step, self._accelerator.process_index)) % 2**62
        )
        images = standardise(values(batch.images.to(device)))
        q = batch.q.to(device)
        gripper = batch.gripper_chunk.to(device)
        padded = batch.padded.to(device)
        joints = self._normaliser.joints(batch.q_chunk.to(device), q)
        goals = torch.stack([self._language(goal) for goal in batch.instructions]).to(device)
        state = self._normaliser.state(q, batch.gripper_open.to(device))
        actions = torch.cat([joints, gripper[..., None]], dim=-1)
        self._network.train()
        self._set_rate(step)
        with self._accelerator.autocast():
            output = self._parallel(ActInput(images, state, goals), actions, padded)
            spheres = batch.spheres.to(device)
            result = losses(output, joints, gripper, padded, spheres, config)
        self._accelerator.backward(result.total)
        if config.clip_norm:
            self._accelerator.clip_grad_norm_(self._network.parameters(), config.clip_norm)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self._average.update(self._network, step + 1)
        self._loss = _parts(result)

    def _set_rate(self, step: int) -> None:
        config = self._config
        share = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
        if config.cosine:
            share *= 0.5 * (1.0 + math.cos(math.pi * step / config.steps))
        rates = (config.learning_rate, config.backbone_learning_rate)
        for group, rate in zip(self._optimiser.param_groups, rates, strict=True):
            group["lr"] = share * rate

    def _note(self, step: int, seconds: float) -> None:
        """Count a step; write curves and checkpoints where they are due."""
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

    def _validate(self) -> Validation:
        network = self._checkpoint().network()
        normaliser = Normaliser(self._statistics, self._config.actions)

        def measure(jittered: bool) -> ChunkErrors:
            batches = held_out_batches(
                self._split.held_out, self._policy, self._config, self._bank, jittered
            )
            return chunk_errors(network, batches, normaliser, self._language)

        # Camera images show where the arm was, so they cannot be looked at from elsewhere.
        movable = self._config.input is Input.SPHERES
        return Validation(measure(False), measure(True) if movable else None)

    def _checkpoint(self) -> ActCheckpoint:
        weights = self._average.weights if self._config.ema_decay else self._network.state_dict()
        trained: dict[str, Any] = {
            "steps": self._progress.step,
            "hours": round(self._progress.seconds / 3600.0, 3),
            "demonstrations": len(self._split.train),
            "tasks": sorted({demonstration.task for demonstration in self._split.train}),
            "seed": self._options.seed,
        }
        if self._start is not None:
            trained["start_from"] = self._start.record
        if self._errors is not None:
            trained |= {name: round(x, 4) for name, x in self._errors.summary.items()}
        return ActCheckpoint(
            self._config,
            self._statistics,
            self._policy,
            {
                name: weight.detach().cpu().clone()
                for name, weight in weights.items()
                if is_used(name, self._config)
            },
            self._language.known,
            trained,
        )

    def _save(self) -> None:
        if not self._main:
            return
        save_state(self._out, self._network, self._average, self._optimiser, self._progress)
        self._checkpoint().save(self._out / CONTROLLER)
        if self._curves is not None:
            self._curves.draw()


def _parts(result: Losses) -> dict[str, float]:
    parts = {field.name: float(getattr(result, field.name).detach()) for field in fields(result)}
    return {"loss": parts.pop("total"), **parts}
