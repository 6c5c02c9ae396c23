# SPDX-License-Identifier: Apache-2.0
"""A CLIP tokenizer that knows the words of given prompts, and spells all others."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from transformers import CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

_END = "</w>"


def make_tokenizer(prompts: Sequence[str], length: int = 77) -> CLIPTokenizer:
    """A tokenizer for which every word of the prompts is one token.

    Args:
        prompts: Their words become tokens.
        length: Longest prompt [tokens].
    """
    letters = list(bytes_to_unicode().values())
    merges: list[tuple[str, str]] = []
    for word in sorted(_words(prompts, letters, length)):
        while len(parts := _split(word, merges)) > 1:
            merges.append((parts[0], parts[1]))
    return _tokenizer(letters, merges, length)


def _tokenizer(letters: list[str], merges: list[tuple[str, str]], length: int) -> CLIPTokenizer:
    tokens = [*letters, *(letter + _END for letter in letters), *("".join(m) for m in merges)]
    tokens = list(dict.fromkeys([*tokens, "<|startoftext|>", "<|endoftext|>"]))
    vocabulary = {token: number for number, token in enumerate(tokens)}
    rules: dict[str, Any] = {"vocab": vocabulary, "merges": merges}
    return CLIPTokenizer(**rules, model_max_length=length)


def _words(prompts: Sequence[str], letters: list[str], length: int) -> set[str]:
    """The words as CLIP's rules divide prompts; an apostrophe takes a following s with it."""
    rules = _tokenizer(letters, [], length).backend_tokenizer
    words = set()
    for prompt in prompts:
        text = rules.normalizer.normalize_str(prompt)
        words |= {word for word, _ in rules.pre_tokenizer.pre_tokenize_str(text)}
    return words


def _split(word: str, merges: list[tuple[str, str]]) -> list[str]:
    """A word as byte pair encoding divides it."""
    parts = [*word[:-1], word[-1] + _END]
    rank = {pair: number for number, pair in enumerate(merges)}
    while len(parts) > 1:
        pairs = list(pairwise(parts))
        best = min(pairs, key=lambda pair: rank.get(pair, len(merges)))
        if best not in rank:
            break
        at = pairs.index(best)
        parts[at : at + 2] = ["".join(best)]
    return parts
