# SPDX-License-Identifier: Apache-2.0
"""Full definitions of message types, as a recording carries them to be read without ROS."""

import os
import re
from functools import cache

from genima.launching.ament import share_directory

_BUILT_IN = {
    *("bool", "byte", "char", "float32", "float64", "string", "wstring"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}
#: A field or a constant; bounds and array brackets follow the name of the type.
_FIELD = re.compile(r"^\s*([A-Za-z][\w/]*)(<=\d+)?(\[[^\]]*\])?\s+\w+")
_SEPARATOR = "=" * 80


@cache
def definition_of(type_name: str) -> str:
    """The text of a type, followed by those of all types that it is made of.

    Args:
        type_name: Such as `sensor_msgs/msg/Image`.

    Raises:
        LaunchError: The package of a type is not installed.
    """
    package, _, name = type_name.split("/")
    texts = {f"{package}/{name}": _text(package, name)}
    waiting = [(package, texts[f"{package}/{name}"])]
    while waiting:
        package, text = waiting.pop(0)
        for part in _parts(package, text):
            if part not in texts:
                texts[part] = _text(*part.split("/"))
                waiting.append((part.split("/")[0], texts[part]))
    main, *others = texts.values()
    _, *names = texts
    sections = [f"{_SEPARATOR}\nMSG: {n}\n{t}" for n, t in zip(names, others, strict=True)]
    return "\n".join([main, *sections])


def _text(package: str, name: str) -> str:
    path = share_directory(package, os.environ) / "msg" / f"{name}.msg"
    return path.read_text(encoding="utf-8").rstrip("\n") + "\n"


def _parts(package: str, text: str) -> list[str]:
    found = []
    for line in text.splitlines():
        match = _FIELD.match(line.partition("#")[0])
        if match and match[1] not in _BUILT_IN:
            names = match[1].split("/")
            found.append(f"{names[0]}/{names[-1]}" if len(names) > 1 else f"{package}/{names[0]}")
    return found
