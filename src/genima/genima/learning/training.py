# SPDX-License-Identifier: Apache-2.0
"""One training run in one folder. An interrupted one goes on as if nothing had happened."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader

from genima.errors import InvalidParameter
from genima.learning.curves import Curves, Panel
from genima.learning.sampler import StepSampler
from genima.learning.state import Average, differences, load_progress, load_state, save_state
from genima.learning.types import Course, Errors, Progress, Report, RunOptions
from genima.policy import Policy, policy_values, save_policy

Batch = TypeVar("Batch")
Found = TypeVar("Found", bound=Errors)


@dataclass(frozen=True, eq=False)
class Subject:
    """What is trained, and with what.

    Attributes:
        trained: The module whose weights change; they are what is saved and averaged.
        whole: What the losses ask; it has `trained` in it, or is it.
        optimiser: Of its weights, with the full learning rate of each group.
        samples: A data set whose `set_epoch` decides all chances of an epoch.
        collate: Puts samples side by side.
    """

    trained: nn.Module
    whole: nn.Module
    optimiser: torch.optim.Optimizer
    samples: Any
    collate: Callable[[Sequence[Any]], Any]


class Training(ABC, Generic[Batch, Found]):
    """What the trainings of all kinds do alike; the kinds say how to learn and how to judge.

    Args:
        subject: What is trained.
        course: What the configuration says of the steps.
        out: Folder for checkpoints and curves.
        options: What does not change the result, and the seed.
        accelerator: Where it is trained.
        policy: Saved in the folder.
        run: What else makes two runs the same; values that JSON can hold.
        panels: What `curves.png` shows.

    Raises:
        InvalidParameter: The folder holds another training.
        PolicyError: What the folder holds is damaged.
    """

    def __init__(
        self,
        subject: Subject,
        course: Course,
        out: Path,
        options: RunOptions,
        accelerator: Accelerator,
        policy: Policy,
        run: dict[str, Any],
        panels: Sequence[Panel],
    ) -> None:
        self._subject, self._course = subject, course
        self._out, self._run_options, self._accelerator = out, options, accelerator
        self._rates = [group["lr"] for group in subject.optimiser.param_groups]
        self._average = Average(subject.trained, course.ema_decay)
        run = {"policy": policy_values(policy), "seed": options.seed, **run}
        self._progress = self._resume(run, policy)
        self._parallel = accelerator.prepare(subject.whole)
        self._stepper = accelerator.prepare_optimizer(subject.optimiser)
        curves = Curves(out, self._progress.step, panels, ("loss",)) if self.is_main else None
        self._curves = curves
        self._loss: dict[str, float] = {}
        self._errors: Found | None = None

    @abstractmethod
    def _learn(self, batch: Batch, seed: int) -> dict[str, float]:
        """Gradients of a batch, and the parts of its loss; of the seed follows all chance."""

    @abstractmethod
    def _validate(self) -> Found:
        """Measure the averaged weights."""

    @abstractmethod
    def _keep(self) -> None:
        """Write what is to be used of it, beside the state that a run goes on from."""

    @property
    def out(self) -> Path:
        """Its folder."""
        return self._out

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._progress

    @property
    def steps(self) -> int:
        """How many steps there are to do in all."""
        return self._course.steps

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self._progress.step >= self.steps

    @property
    def is_main(self) -> bool:
        """Whether it is this process that judges and writes."""
        return bool(self._accelerator.is_main_process)

    @property
    def device(self) -> str:
        """Where it computes."""
        return str(self._accelerator.device)

    @property
    def errors(self) -> Found | None:
        """Newest validation."""
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
            errors = self._errors.summary if self._errors is not None else {}
            tell(Report(step, self.steps, self._loss, errors))
            if should_stop():
                self._save()
                return

    def _resume(self, run: dict[str, Any], policy: Policy) -> Progress:
        progress = load_progress(self._out)
        if progress is None:
            self._out.mkdir(parents=True, exist_ok=True)
            save_policy(policy, self._out / "policy.yaml")
            return Progress(0, 0.0, run)
        if differing := differences(progress.run, run):
            raise InvalidParameter(
                f"{self._out} holds a training that differs in {differing}; name another folder, "
                "or give the same options to go on"
            )
        load_state(self._out, self._subject.trained, self._average, self._subject.optimiser)
        return Progress(progress.step, progress.seconds, run)

    def _batches(self) -> Iterator[Batch]:
        """The batches of the steps that are left."""
        samples, options = self._subject.samples, self._run_options
        sampler = StepSampler(
            len(samples),
            self._course.batch_size,
            options.seed,
            self._accelerator.process_index,
            self._accelerator.num_processes,
        )
        loader: DataLoader[Any] = DataLoader(
            samples,
            batch_sampler=sampler,
            collate_fn=self._subject.collate,
            num_workers=options.workers,
        )
        while not self.finished:
            sampler.epoch, sampler.first_step = divmod(self._progress.step, sampler.steps)
            samples.set_epoch(sampler.epoch)
            for batch in loader:
                yield batch
                if self.finished:
                    return

    def _step(self, batch: Batch) -> None:
        step, trained = self._progress.step, self._subject.trained
        # Of its own for each step and process, so that a resumed run draws what it would have.
        process = self._accelerator.process_index
        seed = hash((self._run_options.seed, step, process)) % 2**62
        torch.manual_seed(seed)
        trained.train()
        self._set_rate(step)
        self._loss = self._learn(batch, seed)
        if self._course.clip_norm:
            self._accelerator.clip_grad_norm_(trained.parameters(), self._course.clip_norm)
        self._stepper.step()
        self._stepper.zero_grad(set_to_none=True)
        self._average.update(trained, step + 1)

    def _set_rate(self, step: int) -> None:
        course = self._course
        share = min(1.0, (step + 1) / course.warmup_steps) if course.warmup_steps else 1.0
        if course.cosine:
            share *= 0.5 * (1.0 + math.cos(math.pi * step / course.steps))
        for group, rate in zip(self._subject.optimiser.param_groups, self._rates, strict=True):
            group["lr"] = share * rate

    def _note(self, step: int, seconds: float) -> None:
        """Count a step; write curves and checkpoints where they are due."""
        self._progress = Progress(step, seconds, self._progress.run)
        due = step % self._run_options.save_every == 0 or step == self.steps
        row = {"step": step, "seconds": seconds, **self._loss}
        row["learning_rate"] = self._subject.optimiser.param_groups[0]["lr"]
        if due and self.is_main:
            self._errors = self._validate()
            row |= self._errors.summary
        if self._curves is not None and (due or step % self._run_options.log_every == 0):
            self._curves.add(row)
        if due:
            self._save()
            self._accelerator.wait_for_everyone()

    def _save(self) -> None:
        if self._curves is None:
            return  # of another process
        subject = self._subject
        save_state(self._out, subject.trained, self._average, subject.optimiser, self._progress)
        self._keep()
        self._curves.draw()
