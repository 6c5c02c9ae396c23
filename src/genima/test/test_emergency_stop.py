# SPDX-License-Identifier: Apache-2.0
"""Behaviour of the emergency stop's memory."""

import pytest

from genima.safety import EmergencyStop

TIMEOUT_S = 1.0


@pytest.fixture
def stop() -> EmergencyStop:
    return EmergencyStop()


def test_where_no_button_was_ever_heard_the_arm_may_move(stop: EmergencyStop) -> None:
    assert stop.reason(now_s=1e9) is None


def test_pressed_button_stops_until_it_is_released(stop: EmergencyStop) -> None:
    stop.hear(True, "pendant", now_s=10.0)
    assert "'pendant' is pressed" in str(stop.reason(10.0))
    assert "'pendant' is pressed" in str(stop.reason(99.0))
    stop.hear(False, "pendant", now_s=99.0)
    assert stop.reason(99.0) is None


def test_released_button_does_not_hide_a_pressed_one_of_the_same_name(
    stop: EmergencyStop,
) -> None:
    for beat in range(20):
        now_s = 10.0 + 0.2 * beat
        stop.hear(True, "button", now_s)
        stop.hear(False, "button", now_s + 0.1)
        assert "give each stop a name of its own" in str(stop.reason(now_s + 0.15))
    for late_s in (0.5, 1.0):
        stop.hear(False, "button", now_s + late_s)
    assert stop.reason(now_s + 0.98) is not None
    assert stop.reason(now_s + 1.02) is None


def test_button_that_falls_silent_counts_as_pressed(stop: EmergencyStop) -> None:
    stop.hear(False, "pendant", now_s=10.0)
    assert stop.reason(10.0 + TIMEOUT_S) is None
    assert "'pendant' has been silent" in str(stop.reason(10.01 + TIMEOUT_S))


def test_one_button_of_several_is_enough(stop: EmergencyStop) -> None:
    stop.hear(True, "door", now_s=10.0)
    stop.hear(False, "pendant", now_s=10.1)
    assert "'door' is pressed" in str(stop.reason(10.1))
    stop.hear(False, "door", now_s=11.0)
    assert "'pendant' has been silent" in str(stop.reason(10.2 + TIMEOUT_S))


def test_time_that_is_no_number_is_silence(stop: EmergencyStop) -> None:
    stop.hear(False, "pendant", now_s=10.0)
    assert stop.reason(float("nan")) is not None


def test_flood_of_names_stops_the_arm_and_fills_no_memory(stop: EmergencyStop) -> None:
    for number in range(1000):
        stop.hear(False, f"{number} " + "x" * 1000, now_s=10.0)
    assert "more than 16 emergency stops" in str(stop.reason(10.0))
    assert len(stop._heard) == 16
    assert all(len(name) <= 40 for name in stop._heard)


def test_nameless_button_works_too(stop: EmergencyStop) -> None:
    stop.hear(True, " ", now_s=10.0)
    assert "'unnamed' is pressed" in str(stop.reason(10.0))
