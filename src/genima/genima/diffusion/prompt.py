# SPDX-License-Identifier: Apache-2.0
"""What the text encoders make of a prompt: one encoder for SD-Turbo, two for SDXL-Turbo."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Prompt:
    """Prompts as the UNet takes them.

    Attributes:
        hidden: Hidden states of all encoders, side by side.
        added: SDXL's `text_embeds` and `time_ids`; None for others.
    """

    hidden: Float[Tensor, "b t e"]
    added: dict[str, Tensor] | None = None

    def to(self, dtype: torch.dtype) -> "Prompt":
        """The same in other numbers."""
        added = None
        if self.added is not None:
            added = {name: value.to(dtype) for name, value in self.added.items()}
        return Prompt(self.hidden.to(dtype), added)

    def copy_(self, other: "Prompt") -> None:
        """Become another prompt of the same size, in the same place."""
        self.hidden.copy_(other.hidden)
        for name, value in (self.added or {}).items():
            value.copy_((other.added or {})[name])


class TextEncoders(nn.Module):
    """The text encoders of a model with their tokenizers.

    Args:
        tokenizers: One for each encoder.
        encoders: One for SD, whose last hidden states count; two for SDXL, whose last but one do,
            and the pooled projection of the second.
        side_px: Side of the image, which SDXL is told [px].
    """

    def __init__(self, tokenizers: Sequence[Any], encoders: Sequence[nn.Module], side_px: int):
        super().__init__()
        self.tokenizers = tuple(tokenizers)
        self.encoders = nn.ModuleList(encoders)
        self._side_px = side_px

    def tokens(self, prompts: Sequence[str]) -> list[Int[Tensor, "b t"]]:
        """Token ids for each encoder, padded to its length and cut off there."""
        return [
            tokenizer(
                list(prompts),
                padding="max_length",
                max_length=tokenizer.model_max_length,
                truncation=True,
                return_tensors="pt",
            ).input_ids
            for tokenizer in self.tokenizers
        ]

    def cut_off(self, prompt: str) -> bool:
        """Whether a prompt has more tokens than an encoder takes."""
        return any(
            len(tokenizer(prompt).input_ids) > tokenizer.model_max_length
            for tokenizer in self.tokenizers
        )

    def forward(self, tokens: Sequence[Int[Tensor, "b t"]]) -> Prompt:
        """Encode what `tokens` gave."""
        device = next(self.encoders.parameters()).device
        ids = [part.to(device) for part in tokens]
        if len(self.encoders) == 1:
            return Prompt(self.encoders[0](ids[0])[0])
        outputs = [
            encoder(part, output_hidden_states=True)
            for encoder, part in zip(self.encoders, ids, strict=True)
        ]
        hidden = torch.cat([output.hidden_states[-2] for output in outputs], dim=-1)
        side = float(self._side_px)
        # Original size, crop corner, target size.
        time_ids = hidden.new_tensor([side, side, 0.0, 0.0, side, side]).repeat(len(hidden), 1)
        pooled = outputs[1].text_embeds
        return Prompt(hidden, {"text_embeds": pooled, "time_ids": time_ids})

    def encode(self, prompts: Sequence[str]) -> Prompt:
        """Tokens and encoding in one."""
        return self(self.tokens(prompts))
