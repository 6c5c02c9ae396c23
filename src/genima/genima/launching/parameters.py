# SPDX-License-Identifier: Apache-2.0
"""Values of `<param>`: their types follow from the text, by the rules of YAML."""

from typing import TypeAlias

import yaml

from genima.errors import LaunchError
from genima.launching.substitution import Scope, parse_template, perform

Scalar: TypeAlias = bool | int | float | str
Value: TypeAlias = Scalar | list[bool] | list[int] | list[float] | list[str]


def infer_value(text: str, scope: Scope) -> Value:
    """The value that `launch` gives to a parameter written as `text`.

    The text is read as YAML before substitution and, where something was substituted, once more
    after it; so `value="'3'"` is a string and `value="$(var n)"` has the type of what `n` holds.

    Raises:
        LaunchError: The value is no boolean, number, string or list of one of them.
    """
    try:
        before = yaml.safe_load(text) if text else ""
    except yaml.YAMLError:
        before = text
    if isinstance(before, list):
        return _checked([_substituted(item, scope) for item in before], text)
    return _checked(_substituted(before, scope), text)


def _substituted(value: object, scope: Scope) -> object:
    if not isinstance(value, str):
        return value
    template = parse_template(value)
    performed = perform(template, scope)
    if template.is_literal or not performed:
        return performed
    try:
        return yaml.safe_load(performed)
    except yaml.YAMLError as error:
        raise LaunchError(f"the value {performed!r} is not valid YAML; quote it.") from error


def _checked(value: object, text: str) -> Value:
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        types = {type(item) for item in value}
        if len(types) <= 1 and types <= {bool, int, float, str}:
            return value
    raise LaunchError(
        f"the value {text!r} is {_kind(value)}, allowed: a boolean, a number, a string or a list "
        "of items of one of these types."
    )


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return "a list of mixed or nested items"
    return "a mapping" if isinstance(value, dict) else f"a {type(value).__name__}"
