# SPDX-License-Identifier: Apache-2.0
"""The trained controller that a training begins with, instead of with random weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genima.act.checkpoint import ActCheckpoint
from genima.act.config import ActConfig
from genima.act.model import Act
from genima.errors import InvalidParameter
from genima.plain_values import plain

#: What weights mean depends on these, though their shapes need not.
_SAME = (
    "cameras",
    "horizon_steps",
    "image_size_px",
    "stem",
    "heads",
    "pre_norm",
    "actions",
    "language",
)


@dataclass(frozen=True, eq=False)
class Start:
    """A controller to begin with: its weights, statistics and instructions are taken over.

    Attributes:
        folder: Where it is.
        checkpoint: What is in it.
    """

    folder: Path
    checkpoint: ActCheckpoint

    @classmethod
    def load(cls, folder: Path, config: ActConfig) -> "Start":
        """Read a controller.

        Args:
            folder: Where it is.
            config: What is to be trained.

        Raises:
            PolicyError: It cannot be read.
            InvalidParameter: It is of another kind.
        """
        checkpoint = ActCheckpoint.load(folder)
        theirs, wanted = plain(checkpoint.config), plain(config)
        for name in _SAME:
            if theirs[name] != wanted[name]:
                raise InvalidParameter(
                    f"{folder}: it has {name} {theirs[name]}, the training {wanted[name]}; begin "
                    "with a controller of the same kind, or without one"
                )
        return cls(folder, checkpoint)

    @property
    def record(self) -> dict[str, Any]:
        """What runs and checkpoints say of it."""
        return {
            "controller": "/".join(self.folder.resolve().parts[-2:]),
            "steps": self.checkpoint.trained.get("steps", 0),
        }

    def fill(self, network: Act) -> None:
        """Put its weights into a network; what the network has in addition stays as it is.

        Raises:
            InvalidParameter: There is no place for some of them.
        """
        given, places = self.checkpoint.weights, network.state_dict()
        for name in sorted(given):
            wanted = tuple(places[name].shape) if name in places else "none at all"
            if wanted != (shape := tuple(given[name].shape)):
                raise InvalidParameter(
                    f"{self.folder}: its {name} has shape {shape}, the training wants {wanted}; "
                    "begin with a controller of the same preset, or without one"
                )
        network.load_state_dict(given, strict=False)
