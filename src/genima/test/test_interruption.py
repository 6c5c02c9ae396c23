# SPDX-License-Identifier: Apache-2.0
"""Signals that are only noted."""

import os
import signal

import pytest

from genima.interruption import interruptible


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_work_under_way_is_told_of_a_signal_and_goes_on(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with interruptible() as interrupted:
        assert not interrupted.is_set()
        os.kill(os.getpid(), number)
        assert interrupted.wait(5.0)
    assert signal.getsignal(number) is before
