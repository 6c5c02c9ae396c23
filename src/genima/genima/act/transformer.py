# SPDX-License-Identifier: Apache-2.0
"""DETR's transformer: positions are added to queries and keys, never to values."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from genima.act.config import ActConfig


class Attention(nn.Module):
    """Multi-head attention by the fused kernel."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self._heads, self._dropout = heads, dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(
        self,
        query: Float[Tensor, "b q d"],
        key: Float[Tensor, "b n d"],
        value: Float[Tensor, "b n d"],
        absent: Bool[Tensor, "b n"] | None = None,
    ) -> Float[Tensor, "b q d"]:
        """Attend; keys that are `absent` are not looked at."""
        parts = (self.query(query), self.key(key), self.value(value))
        q, k, v = (part.unflatten(-1, (self._heads, -1)).transpose(1, 2) for part in parts)
        mask = None if absent is None else ~absent[:, None, None, :]
        dropout = self._dropout if self.training else 0.0
        y = nn.functional.scaled_dot_product_attention(q, k, v, mask, dropout)
        return self.out(y.transpose(1, 2).flatten(2))


class FeedForward(nn.Sequential):
    """Two linear layers, for each token by itself."""

    def __init__(self, width: int, inner: int, dropout: float) -> None:
        super().__init__(
            nn.Linear(width, inner), nn.ReLU(), nn.Dropout(dropout), nn.Linear(inner, width)
        )


class _Residual(nn.Module):
    """The sum around a part of a layer, normalised before or after it."""

    def __init__(self, config: ActConfig) -> None:
        super().__init__()
        self._pre = config.pre_norm
        self.norm = nn.LayerNorm(config.hidden)
        self.dropout = nn.Dropout(config.dropout)

    def before(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        return self.norm(x) if self._pre else x

    def after(self, x: Float[Tensor, "b n d"], y: Tensor) -> Float[Tensor, "b n d"]:
        total = x + self.dropout(y)
        return total if self._pre else self.norm(total)


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward."""

    def __init__(self, config: ActConfig) -> None:
        super().__init__()
        self.attention = Attention(config.hidden, config.heads, config.dropout)
        self.feedforward = FeedForward(config.hidden, config.feedforward, config.dropout)
        self.around_attention = _Residual(config)
        self.around_feedforward = _Residual(config)

    def forward(
        self,
        x: Float[Tensor, "b n d"],
        position: Float[Tensor, "b n d"],
        absent: Bool[Tensor, "b n"] | None,
    ) -> Float[Tensor, "b n d"]:
        """One layer."""
        y = self.around_attention.before(x)
        placed = y + position
        x = self.around_attention.after(x, self.attention(placed, placed, y, absent))
        y = self.feedforward(self.around_feedforward.before(x))
        return self.around_feedforward.after(x, y)


class Encoder(nn.Module):
    """A stack of encoder layers."""

    def __init__(self, config: ActConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_layers))
        self.norm = nn.LayerNorm(config.hidden) if config.pre_norm else nn.Identity()

    def forward(
        self,
        x: Float[Tensor, "b n d"],
        position: Float[Tensor, "b n d"],
        absent: Bool[Tensor, "b n"] | None = None,
    ) -> Float[Tensor, "b n d"]:
        """Encode tokens; those that are `absent` are not looked at."""
        for layer in self.layers:
            x = layer(x, position, absent)
        return self.norm(x)


class DecoderLayer(nn.Module):
    """Self-attention of the queries, attention to the memory, feed-forward."""

    def __init__(self, config: ActConfig) -> None:
        super().__init__()
        self.own = Attention(config.hidden, config.heads, config.dropout)
        self.cross = Attention(config.hidden, config.heads, config.dropout)
        self.feedforward = FeedForward(config.hidden, config.feedforward, config.dropout)
        self.around_own = _Residual(config)
        self.around_cross = _Residual(config)
        self.around_feedforward = _Residual(config)

    def forward(
        self,
        x: Float[Tensor, "b k d"],
        query: Float[Tensor, "1 k d"],
        memory: Float[Tensor, "b n d"],
        keys: Float[Tensor, "b n d"],
    ) -> Float[Tensor, "b k d"]:
        """One layer; `keys` is the memory with its positions."""
        y = self.around_own.before(x)
        placed = y + query
        x = self.around_own.after(x, self.own(placed, placed, y))
        y = self.around_cross.before(x) + query
        x = self.around_cross.after(x, self.cross(y, keys, memory))
        y = self.feedforward(self.around_feedforward.before(x))
        return self.around_feedforward.after(x, y)


class Decoder(nn.Module):
    """One learned query for each step of the chunk; the last layer's output counts."""

    def __init__(self, config: ActConfig) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(1, config.horizon_steps, config.hidden) * 0.5)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(config.hidden)

    def forward(
        self, memory: Float[Tensor, "b n d"], position: Float[Tensor, "b n d"]
    ) -> Float[Tensor, "b k d"]:
        """Read a chunk out of the memory."""
        x = torch.zeros_like(self.query).expand(len(memory), -1, -1)
        keys = memory + position
        for layer in self.layers:
            x = layer(x, self.query, memory, keys)
        return self.norm(x)
