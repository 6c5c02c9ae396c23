# SPDX-License-Identifier: Apache-2.0
"""Cross attention that works out the keys and values of a prompt once, not in every step."""

from typing import Any, cast

import torch
from diffusers.models.attention_processor import Attention
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class TextMemory:
    """All cross attention layers of some networks, which take one prompt at a time.

    Keys and values keep their place in memory, so that captured graphs and compiled code see it
    when the prompt changes.

    Args:
        networks: UNet and ControlNet.
    """

    def __init__(self, *networks: nn.Module) -> None:
        self._layers: list[tuple[Attention, _Remembered]] = []
        for network in networks:
            for name, layer in network.named_modules():
                if name.endswith("attn2") and isinstance(layer, Attention) and _plain(layer):
                    processor = _Remembered()
                    layer.set_processor(cast(Any, processor))
                    self._layers.append((layer, processor))

    def __len__(self) -> int:
        return len(self._layers)

    def remember(self, hidden: Float[Tensor, "b t e"]) -> None:
        """From now on attend to this prompt."""
        for layer, processor in self._layers:
            processor.remember(layer, hidden)


class _Remembered:
    """What a layer does, as AttnProcessor2_0 of diffusers, but for where its keys come from."""

    def __init__(self) -> None:
        self._key: Tensor | None = None
        self._value: Tensor | None = None

    def remember(self, layer: Any, hidden: Float[Tensor, "b t e"]) -> None:
        """Work out keys and values."""
        key = _by_head(layer.to_k(hidden), layer.heads)
        value = _by_head(layer.to_v(hidden), layer.heads)
        if self._key is None or self._value is None or self._key.shape != key.shape:
            self._key, self._value = key.contiguous(), value.contiguous()
        else:
            self._key.copy_(key)
            self._value.copy_(value)

    def __call__(
        self,
        attn: Any,
        hidden_states: Float[Tensor, "b n c"],
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **_: Any,
    ) -> Float[Tensor, "b n c"]:
        """Attend to the prompt. The other arguments are those of diffusers."""
        assert self._key is not None and self._value is not None
        query = _by_head(attn.to_q(hidden_states), attn.heads)
        mixed = scaled_dot_product_attention(query, self._key, self._value)
        mixed = mixed.transpose(1, 2).flatten(2)  # (b, n, heads * d)
        return torch.as_tensor(attn.to_out[0](mixed))


def _by_head(values: Float[Tensor, "b n c"], heads: int) -> Float[Tensor, "b h n d"]:
    return values.unflatten(2, (heads, -1)).transpose(1, 2)


def _plain(layer: Any) -> bool:
    """Whether a layer does nothing but attend: all of Stable Diffusion's are like that."""
    extras = (
        layer.norm_cross,
        layer.norm_q,
        layer.norm_k,
        layer.group_norm,
        layer.spatial_norm,
        layer.residual_connection,
    )
    return not any(extras) and layer.rescale_output_factor == 1
