# SPDX-License-Identifier: Apache-2.0
import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from rclpy.node import Node

from genima.errors import InvalidParameter
from genima_ros.parameters import declare_parameters, parameter, read_parameters


@dataclass(frozen=True)
class Schema:
    flag: bool = parameter(True, "A switch.")
    count: int = parameter(3, "How many.", minimum=1, maximum=10)
    rate_hz: float = parameter(50.0, "How often.", unit="Hz", minimum=1.0)
    gain: float = parameter(1.0, "Without bounds.")
    depth_m: float = parameter(0.5, "How deep.", unit="m", maximum=2.0)
    mode: str = parameter("slow", "How.", choices=("slow", "fast"))
    names: list[str] = parameter(["a", "b"], "Which ones.")  # noqa: RUF009


def read(start_ros: Callable[..., None], *words: str) -> Schema:
    start_ros(*(part for word in words for part in ("-p", word)))
    node = Node("test")
    try:
        declare_parameters(node, Schema)
        return read_parameters(node, Schema)
    finally:
        node.destroy_node()


def test_defaults_are_read_where_nothing_is_given(start_ros: Callable[..., None]) -> None:
    assert read(start_ros) == Schema()


def test_given_values_are_read(start_ros: Callable[..., None]) -> None:
    given = read(
        start_ros, "flag:=false", "count:=7", "rate_hz:=20.5", "mode:=fast", "names:=[u, v]"
    )
    assert given == Schema(False, 7, 20.5, 1.0, 0.5, "fast", ["u", "v"])


def test_whole_number_serves_as_a_number(start_ros: Callable[..., None]) -> None:
    rate_hz = read(start_ros, "rate_hz:=20").rate_hz
    assert (rate_hz, type(rate_hz)) == (20.0, float)


def test_unknown_parameter_is_refused_with_those_there_are(
    start_ros: Callable[..., None],
) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        read(start_ros, "rate:=20.0")
    text = str(refusal.value)
    assert "unknown parameter 'rate'" in text
    assert "test takes ['count', 'depth_m', 'flag'" in text


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "rate_hz:=quick",
            "'rate_hz' is 'quick', of type str; it takes a number of at least 1.0 Hz",
        ),
        ("rate_hz:=0.5", "'rate_hz' is 0.5; it takes a number of at least 1.0 Hz"),
        ("rate_hz:=true", "'rate_hz' is True, of type bool; it takes a number"),
        ("depth_m:=2.5", "'depth_m' is 2.5; it takes a number of at most 2.0 m"),
        ("count:=11", "'count' is 11; it takes a whole number from 1 to 10"),
        ("count:=2.0", "'count' is 2.0, of type float; it takes a whole number from 1 to 10"),
        ("count:=true", "'count' is True, of type bool; it takes a whole number"),
        ("flag:=1", "'flag' is 1, of type int; it takes true or false"),
        ("mode:=warp", "'mode' is 'warp'; it takes one of slow, fast"),
        ("mode:=3", "'mode' is 3, of type int; it takes one of slow, fast"),
        ("names:=a", "'names' is 'a', of type str; it takes a list"),
        ("names:=[1, 2]", "'names' is [1, 2], of type list; it takes a list"),
    ],
)
def test_wrong_value_is_refused_with_what_is_allowed(
    start_ros: Callable[..., None], word: str, message: str
) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        read(start_ros, word)
    assert message in str(refusal.value)


@pytest.mark.parametrize("name", ["rate_hz", "depth_m", "gain"])
def test_nan_is_refused(start_ros: Callable[..., None], name: str) -> None:
    with pytest.raises(InvalidParameter, match=f"'{name}' is nan; it takes a number"):
        read(start_ros, f"{name}:=.nan")


@pytest.mark.parametrize("word", [".inf", "-.inf"])
def test_infinity_is_refused_where_there_are_no_bounds(
    start_ros: Callable[..., None], word: str
) -> None:
    with pytest.raises(InvalidParameter, match=r"'gain' is -?inf"):
        read(start_ros, f"gain:={word}")


def test_ros_own_parameters_are_no_mistake(start_ros: Callable[..., None]) -> None:
    assert not math.isnan(read(start_ros, "use_sim_time:=true").gain)


def test_description_names_the_unit_and_the_range(start_ros: Callable[..., None]) -> None:
    start_ros()
    node = Node("test")
    declare_parameters(node, Schema)
    descriptor = node.describe_parameter("rate_hz")
    node.destroy_node()
    assert descriptor.description == "How often. [Hz]"
    assert descriptor.additional_constraints == "a number of at least 1.0 Hz"
