# SPDX-License-Identifier: Apache-2.0
"""Reads XML into elements that remember the line they stand on."""

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from genima.errors import LaunchError


@dataclass
class Element:
    """A tag of a launch file.

    Attributes:
        tag: Name of the tag.
        attributes: Its attributes as written.
        children: Elements inside it.
        path: The file.
        line: Where the tag begins, counted from 1.
    """

    tag: str
    attributes: dict[str, str]
    path: Path
    line: int
    children: list["Element"] = field(default_factory=list)

    @property
    def where(self) -> str:
        """Where the element stands, for messages."""
        return f"{self.path}:{self.line}"


def read_xml(path: Path) -> Element:
    """Read the root element of a file.

    Raises:
        LaunchError: The file cannot be read, is not XML or has text outside tags.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        raise LaunchError(f"cannot read the launch file {path}: {error.strerror}.") from error
    reader = _Reader(path)
    try:
        reader.parser.Parse(source, True)
    except expat.ExpatError as error:
        raise LaunchError(f"{path}:{error.lineno}: not well-formed XML: {error}.") from error
    return reader.open[0]


class _Reader:
    """Builds the tree; the root is never closed, so it is `open[0]` at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open: list[Element] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        element = Element(tag, attributes, self.path, self.parser.CurrentLineNumber)
        if self.open:
            self.open[-1].children.append(element)
        self.open.append(element)

    def _end(self, _tag: str) -> None:
        if len(self.open) > 1:
            self.open.pop()

    def _text(self, text: str) -> None:
        if text.strip():
            line = self.parser.CurrentLineNumber
            raise LaunchError(f"{self.path}:{line}: text outside tags: {text.strip()!r}.")
