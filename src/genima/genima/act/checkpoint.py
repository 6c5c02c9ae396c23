# SPDX-License-Identifier: Apache-2.0
"""The folder of a trained controller: configuration, statistics, weights, known instructions.

Nothing in it is a pickle. A folder is written beside its place and then moved there, so that one
that exists is whole.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from genima.act.config import ActConfig, from_json, to_json
from genima.act.language import SIZES
from genima.act.model import Act, channels_last, is_used
from genima.act.normalisation import Statistics
from genima.errors import GenimaError, PolicyError
from genima.files import json_bytes, replaced_folder
from genima.policy import Policy, policy_values

FORMAT, VERSION = "genima-act", 1
_CONFIG, _STATISTICS = "config.json", "stats.json"
_WEIGHTS, _GOALS = "model.safetensors", "goals.safetensors"


@dataclass(frozen=True, eq=False)
class ActCheckpoint:
    """Everything that a trained controller consists of.

    Attributes:
        config: How it was built and trained.
        statistics: Of its training data.
        policy: Cameras, spheres and time scale that it was trained for.
        weights: Of the network, by name.
        goals: Embeddings of the instructions it was trained on.
        trained: How it came about: data, steps, time; for people.
    """

    config: ActConfig
    statistics: Statistics
    policy: Policy
    weights: dict[str, Tensor]
    goals: dict[str, Float[Tensor, "l"]]
    trained: dict[str, Any] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write the folder; an older one of that name is replaced."""
        head = {
            "format": FORMAT,
            "version": VERSION,
            "policy": policy_values(self.policy),
            "trained": self.trained,
            "model": to_json(self.config),
        }
        weights = {name: weight.contiguous() for name, weight in self.weights.items()}
        with replaced_folder(folder) as staged:
            (staged / _CONFIG).write_bytes(json_bytes(head))
            (staged / _STATISTICS).write_bytes(json_bytes(self.statistics.to_json()))
            for name, tensors in ((_WEIGHTS, weights), (_GOALS, self.goals)):
                save_file(tensors, staged / name)
                (staged / name).chmod(0o644)  # written for the owner alone, though others use it

    @classmethod
    def load(cls, folder: Path) -> "ActCheckpoint":
        """Read a folder.

        Raises:
            PolicyError: A file is missing, damaged, or of another format.
        """
        head = _json(folder / _CONFIG)
        if head.get("format") != FORMAT or head.get("version") != VERSION:
            raise PolicyError(
                f"{folder / _CONFIG}: format {head.get('format')!r} version "
                f"{head.get('version')!r} is not {FORMAT!r} version {VERSION}; train it again, or "
                "use the version of this suite that wrote it"
            )
        try:
            config = from_json(head["model"])
            policy = Policy(**head["policy"] | {"cameras": tuple(head["policy"]["cameras"])})
        except (GenimaError, KeyError, TypeError, ValueError) as error:
            raise PolicyError(f"{folder / _CONFIG}: {error}") from error
        return cls(
            config=config,
            statistics=Statistics.from_json(_json(folder / _STATISTICS)),
            policy=policy,
            weights=_tensors(folder / _WEIGHTS),
            goals=_tensors(folder / _GOALS),
            trained=dict(head.get("trained", {})),
        )

    def network(self) -> Act:
        """The network with its weights, ready to predict.

        Raises:
            PolicyError: The weights are of another architecture.
        """
        network = Act(self.config, SIZES[self.config.language])
        wanted, given = (
            {name: value.shape for name, value in weights.items() if is_used(name, self.config)}
            for weights in (network.state_dict(), self.weights)
        )
        differing = sorted(
            name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name)
        )
        if differing:
            raise PolicyError(
                f"{_WEIGHTS} does not fit {_CONFIG}: {len(differing)} parameters differ, the "
                f"first is {differing[0]}; take both files from one training"
            )
        if not self.config.readings:
            network.auxiliary = None  # it only serves training
        network.load_state_dict({name: self.weights[name].to(torch.float32) for name in wanted})
        return channels_last(network.eval())


def _json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text())
    except OSError as error:
        raise PolicyError(
            f"{path}: cannot be read ({error.strerror}); a controller folder has {_CONFIG}, "
            f"{_STATISTICS}, {_WEIGHTS} and {_GOALS}"
        ) from error
    except ValueError as error:
        raise PolicyError(f"{path}: is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise PolicyError(f"{path}: holds {type(values).__name__}; a mapping is needed")
    return values


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise PolicyError(
            f"{path}: cannot be read as safetensors, it is missing or cut off: {error}; "
            "copy it again"
        ) from error
