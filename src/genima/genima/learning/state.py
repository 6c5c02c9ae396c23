# SPDX-License-Identifier: Apache-2.0
"""Where a training stands, on disk: weights, averaged weights, optimiser, counters. No pickles."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from genima.errors import PolicyError
from genima.files import replaced_by_kill, replaced_folder
from genima.learning.types import Progress

_FOLDER, _PROGRESS = "training_state", "progress.json"


class Average:
    """Exponentially averaged weights, which predict better than the last ones.

    Args:
        network: Whose weights.
        decay: Share of the average that a step keeps; 0 keeps the newest weights only.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        self.weights = {name: w.detach().clone() for name, w in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take the weights after a step, counted from 1."""
        decay = min(self._decay, step / (step + 10.0))  # a young average has to forget its start
        for name, weight in network.state_dict().items():
            average = self.weights[name]
            if weight.dtype.is_floating_point:
                average.lerp_(weight, 1.0 - decay)
            else:
                average.copy_(weight)


def save_state(
    out: Path,
    network: nn.Module,
    average: Average,
    optimiser: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    """Write the state; the one before stays until this one is whole."""
    with replaced_folder(out / _FOLDER) as staged:
        save_file(_contiguous(network.state_dict()), staged / "network.safetensors")
        save_file(_contiguous(average.weights), staged / "average.safetensors")
        save_file(_optimiser_tensors(optimiser), staged / "optimiser.safetensors")
        (staged / _PROGRESS).write_text(json.dumps(asdict(progress), indent=1))


def load_progress(out: Path) -> Progress | None:
    """How far the training in a folder is; None if there is none.

    Raises:
        PolicyError: Its state is damaged.
    """
    folder = _state_folder(out)
    if not folder.exists():
        return None
    try:
        return Progress(**json.loads((folder / _PROGRESS).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise PolicyError(_damaged(folder, error)) from error


def load_state(
    out: Path, network: nn.Module, average: Average, optimiser: torch.optim.Optimizer
) -> None:
    """Put a saved state into network, average and optimiser.

    Raises:
        PolicyError: It is damaged or of another network.
    """
    folder = _state_folder(out)
    try:
        network.load_state_dict(load_file(folder / "network.safetensors"))
        for name, weight in load_file(folder / "average.safetensors").items():
            average.weights[name].copy_(weight)
        _restore_optimiser(optimiser, load_file(folder / "optimiser.safetensors"))
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise PolicyError(_damaged(folder, error)) from error


def _state_folder(out: Path) -> Path:
    """Where the newest whole state is; a kill may have come between two renames."""
    folder = out / _FOLDER
    old = replaced_by_kill(folder)
    return folder if folder.exists() or not old.exists() else old


def _damaged(folder: Path, error: Exception) -> str:
    return f"{folder}: cannot be gone on with: {error}; remove it to begin anew"


def _contiguous(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: w.detach().cpu().contiguous().clone() for name, w in weights.items()}


def _optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    states = optimiser.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value).detach().cpu().contiguous().clone()
        for index, state in states.items()
        for name, value in state.items()
    }


def _restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    content = optimiser.state_dict()
    parameters = [one for group in optimiser.param_groups for one in group["params"]]
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        like = parameters[int(index)]
        if value.shape == like.shape:  # the fused step needs the same order in memory
            value = torch.empty_like(like, device="cpu").copy_(value)
        states.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({**content, "state": states})


def differences(old: dict[str, Any], new: dict[str, Any]) -> str:
    """In what two runs differ, for people; empty if in nothing."""
    flat_old, flat_new = _flat(old), _flat(new)
    names = sorted(flat_old.keys() | flat_new.keys())
    return ", ".join(
        f"{name} ({flat_old.get(name)} there, {flat_new.get(name)} now)"
        for name in names
        if flat_old.get(name) != flat_new.get(name)
    )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{name}.")
        else:
            flat[f"{prefix}{name}"] = str(list(value) if isinstance(value, tuple) else value)
    return flat
