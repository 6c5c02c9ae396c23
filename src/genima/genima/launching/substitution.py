# SPDX-License-Identifier: Apache-2.0
r"""Text with substitutions: `$(var x)`, `$(env X default)`, `$(find-pkg-share p)`, `$(dirname)`.

Arguments are separated by one space, may be quoted and may hold further substitutions. A backslash
makes the next character literal.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from genima.errors import LaunchError
from genima.launching.ament import share_directory

# Name -> least and greatest number of arguments.
ARGUMENTS = {"var": (1, 1), "env": (1, 2), "find-pkg-share": (1, 1), "dirname": (0, 0)}

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Call:
    """A substitution to be performed."""

    name: str
    arguments: tuple["Template", ...]


@dataclass(frozen=True)
class Template:
    """Text as written, taken apart into literal pieces and substitutions."""

    text: str
    parts: tuple[str | Call, ...]

    @property
    def is_literal(self) -> bool:
        """Whether the text holds no substitution."""
        return all(isinstance(part, str) for part in self.parts)


@dataclass(frozen=True)
class Scope:
    """What substitutions look things up in.

    Attributes:
        configurations: Values of arguments and `let`s.
        environment: Environment variables.
        directory: Folder of the launch file.
    """

    configurations: Mapping[str, str]
    environment: Mapping[str, str]
    directory: Path


def parse_template(text: str) -> Template:
    """Take `text` apart.

    Raises:
        LaunchError: A substitution is unknown, unfinished or has the wrong number of arguments.
    """
    reader = _Reader(text)
    parts = reader.template(ends="", nested=False)
    return Template(text, parts)


def perform(template: Template, scope: Scope) -> str:
    """Replace the substitutions by what they stand for.

    Raises:
        LaunchError: Something is not defined.
    """
    return "".join(
        part if isinstance(part, str) else _perform_call(part, scope) for part in template.parts
    )


def perform_words(template: Template, scope: Scope) -> tuple[str, ...]:
    """Split a command line into words as a shell does, then perform the substitutions.

    What is substituted is never split, whatever blanks it holds.
    """
    calls = [part for part in template.parts if isinstance(part, Call)]
    marked = "".join(part if isinstance(part, str) else "\0" for part in template.parts)
    following = iter(calls)
    words = []
    for word in shlex.split(marked):
        head, *tails = word.split("\0")
        words.append(head + "".join(_perform_call(next(following), scope) + t for t in tails))
    return tuple(words)


def _perform_call(call: Call, scope: Scope) -> str:
    arguments = [perform(argument, scope) for argument in call.arguments]
    if call.name == "dirname":
        return str(scope.directory)
    if call.name == "find-pkg-share":
        return str(share_directory(arguments[0], scope.environment))
    if call.name == "var":
        return _look_up("launch argument", arguments[0], scope.configurations)
    if len(arguments) == 2:
        return scope.environment.get(arguments[0], arguments[1])
    return _look_up("environment variable", arguments[0], scope.environment)


def _look_up(kind: str, name: str, values: Mapping[str, str]) -> str:
    if name not in values:
        known = f" Defined: {', '.join(sorted(values)) or 'none'}." if kind[0] == "l" else ""
        raise LaunchError(f"{kind} {name!r} is not defined.{known}")
    return values[name]


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def template(self, ends: str, nested: bool) -> tuple[str | Call, ...]:
        """Read up to, not including, one of `ends`; up to the end of the text if not nested."""
        parts: list[str | Call] = []
        literal = ""
        while self._at < len(self._text) and self._peek() not in ends:
            if self._text.startswith("$(", self._at):
                if literal:
                    parts.append(literal)
                    literal = ""
                parts.append(self._call())
                continue
            if self._peek() == "\\" and self._at + 1 < len(self._text):
                self._at += 1
            literal += self._peek()
            self._at += 1
        if nested and self._at >= len(self._text):
            raise LaunchError(f"{self._text!r} ends in the middle of a substitution.")
        if literal or not parts:
            parts.append(literal)
        return tuple(parts)

    def _call(self) -> Call:
        self._at += len("$(")
        match = _NAME.match(self._text, self._at)
        name = match.group() if match else ""
        if name not in ARGUMENTS:
            raise LaunchError(
                f"unknown substitution {name!r} in {self._text!r}; "
                f"known: {', '.join(f'$({known})' for known in ARGUMENTS)}."
            )
        self._at += len(name)
        arguments = []
        while self._peek() == " ":
            self._at += 1
            arguments.append(self._argument())
        if self._peek() != ")":
            raise LaunchError(f"$({name} is not closed by a parenthesis in {self._text!r}.")
        self._at += 1
        least, most = ARGUMENTS[name]
        if not least <= len(arguments) <= most:
            allowed = str(least) if least == most else f"{least} or {most}"
            raise LaunchError(
                f"$({name}) in {self._text!r} has {len(arguments)} arguments, allowed: {allowed}."
            )
        return Call(name, tuple(arguments))

    def _argument(self) -> Template:
        start = self._at
        quote = self._peek()
        if quote and quote in "'\"":
            self._at += 1
            parts = self.template(ends=quote, nested=True)
            self._at += 1
        else:
            parts = self.template(ends=" )", nested=True)
        return Template(self._text[start : self._at], parts)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]
