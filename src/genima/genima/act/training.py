# SPDX-License-Identifier: Apache-2.0
"""Trains a controller."""

from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from genima.act.backbone import parameter_groups
from genima.act.checkpoint import ActCheckpoint
from genima.act.config import ActConfig, Input, to_json
from genima.act.images import standardise, values
from genima.act.language import LanguageEncoder
from genima.act.losses import losses
from genima.act.model import Act, ActInput, channels_last, is_used
from genima.act.normalisation import Normaliser
from genima.act.samples import Batch, collate
from genima.act.start import Start
from genima.act.told import ToldWindows
from genima.act.training_data import (
    focal_lengths,
    glimpse_reach,
    held_out_batches,
    statistics,
    training_windows,
)
from genima.act.training_types import PANELS, TrainingOptions
from genima.act.validation import ChunkErrors, Validation, chunk_errors
from genima.data.textures import TextureBank
from genima.learning.split import Split
from genima.learning.training import Subject, Training
from genima.policy import Policy

#: Folder of the trained controller, below the folder of the training.
CONTROLLER = "controller"


class Trainer(Training[Batch, Validation]):
    """One training run of a controller in one folder.

    Args:
        config: Everything that decides the result.
        policy: Cameras and time scale.
        split: The data.
        bank: Pictures for the backgrounds.
        out: Folder for checkpoints and curves.
        options: The rest.

    Raises:
        InvalidParameter: The folder holds another training, or what to begin with does not fit.
        PolicyError: What the folder holds, or what to begin with, cannot be read.
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
        self._split, self._bank = split, bank
        accelerator = Accelerator(mixed_precision="bf16" if config.bf16 else "no")
        self._start = Start.load(options.start_from, config) if options.start_from else None
        begun = self._start.checkpoint if self._start else None
        self._statistics = begun.statistics if begun else statistics(split.train, policy, config)
        self._normaliser = Normaliser(self._statistics, config.actions, accelerator.device)
        self._language = LanguageEncoder(
            config.language, options.text_model, begun.goals if begun else None
        )
        for demonstration in (*split.train, *split.held_out):
            for goal in demonstration.descriptions:
                self._language(goal)
        self._network = channels_last(self._begin().to(accelerator.device))
        groups = parameter_groups(self._network.backbone, self._network, config)
        optimiser = torch.optim.AdamW(groups, weight_decay=config.weight_decay, fused=True)
        windows = training_windows(split.train, policy, config, bank, options.seed)
        subject = Subject(self._network, self._network, optimiser, windows, collate)
        super().__init__(
            subject, config, out, options, accelerator, policy, self._record(), PANELS
        )

    def _begin(self) -> Act:
        """The network before its first step."""
        config, options = self._config, self._options
        torch.manual_seed(options.seed)
        network = Act(config, self._language.size)
        if options.backbone is not None:
            network.backbone.load_imagenet(options.backbone)
            network.frozen_statistics = True
            network.train()  # freezes, before anything counts the parameters
        if self._start is not None:
            self._start.fill(network)
        if network.glimpses is not None:
            example = self._split.train[0]
            network.glimpses.reach = glimpse_reach(example, self._policy, config)
            network.glimpses.focal = focal_lengths(example, config)
        return network

    def _record(self) -> dict[str, Any]:
        run = {
            "config": to_json(self._config),
            "demonstrations": len(self._split.train),
            "backgrounds": self._bank.file.parent.name,
            "backbone": str(self._options.backbone or ""),
            "statistics": self._statistics.to_json(),
        }
        return run if self._start is None else {**run, "start_from": self._start.record}

    def _learn(self, batch: Batch, seed: int) -> dict[str, float]:
        device = self._accelerator.device
        images = standardise(values(batch.images.to(device)))
        q = batch.q.to(device)
        gripper = batch.gripper_chunk.to(device)
        padded = batch.padded.to(device)
        joints = self._normaliser.joints(batch.q_chunk.to(device), q)
        goals = torch.stack([self._language(goal) for goal in batch.instructions]).to(device)
        state = self._normaliser.state(q, batch.gripper_open.to(device))
        actions = torch.cat([joints, gripper[..., None]], dim=-1)
        told = self._told.draw(self._config.told, device) if self._config.told else None
        with self._accelerator.autocast():
            spheres = batch.spheres.to(device)
            seen = ActInput(images, state, goals)
            output = self._parallel(seen, actions, padded, spheres, told)
            result = losses(output, joints, gripper, padded, spheres, told, self._config)
        self._accelerator.backward(result.total)
        parts = {one.name: float(getattr(result, one.name).detach()) for one in fields(result)}
        return {"loss": parts.pop("total"), **parts}

    @cached_property
    def _told(self) -> ToldWindows:
        train, seed = self._split.train, self._options.seed
        return ToldWindows(train, self._policy, self._config, self._normaliser, seed)

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

    def _keep(self) -> None:
        self._checkpoint().save(self.out / CONTROLLER)

    def _checkpoint(self) -> ActCheckpoint:
        weights = self._average.weights if self._config.ema_decay else self._network.state_dict()
        trained: dict[str, Any] = {
            "steps": self.progress.step,
            "hours": round(self.progress.seconds / 3600.0, 3),
            "demonstrations": len(self._split.train),
            "tasks": sorted({demonstration.task for demonstration in self._split.train}),
            "seed": self._options.seed,
        }
        if self._start is not None:
            trained["start_from"] = self._start.record
        if self.errors is not None:
            trained |= {name: round(x, 4) for name, x in self.errors.summary.items()}
        used = {name: weight for name, weight in weights.items() if is_used(name, self._config)}
        return ActCheckpoint(
            self._config,
            self._statistics,
            self._policy,
            {name: weight.detach().cpu().clone() for name, weight in used.items()},
            self._language.known,
            trained,
        )
