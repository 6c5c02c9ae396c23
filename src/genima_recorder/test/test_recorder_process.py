# SPDX-License-Identifier: Apache-2.0
"""What is passed on of the log of a recorder that ended badly."""

from genima_recorder.recorder_process import complaints

LOG = """[INFO] [1763740000.123456789] [recorder]: active: records into /data
[WARN] [1763740001.123456789] [lab.recorder]: best_effort, and recorded so
[INFO] [1763740002.123456789] [recorder]: the take has ended
and a second line of that
[ERROR] [1763740003.123456789] [recorder]: cannot clean up: the take cannot be kept yet
[FATAL] [1763740004.123456789] [recorder]: defect:
Traceback (most recent call last):
OSError: [Errno 5] Input/output error
"""


def test_warnings_and_errors_are_passed_on_with_what_follows_them() -> None:
    assert complaints(LOG).splitlines() == [
        "best_effort, and recorded so",
        "cannot clean up: the take cannot be kept yet",
        "defect:",
        "Traceback (most recent call last):",
        "OSError: [Errno 5] Input/output error",
    ]


def test_death_of_the_interpreter_is_passed_on_and_long_logs_are_cut() -> None:
    assert complaints("Segmentation fault\n") == "Segmentation fault"
    assert complaints("") == ""
    assert len(complaints("line\n" * 100).splitlines()) == 12
