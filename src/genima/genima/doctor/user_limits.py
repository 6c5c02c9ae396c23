# SPDX-License-Identifier: Apache-2.0
"""What this user may ask of the scheduler and of memory."""

import resource
from collections.abc import Iterator

from genima.doctor.computer import Computer
from genima.doctor.finding import Finding, missing, ok
from genima.doctor.intended import Intended

#: What Franka's documentation asks for.
_PRIORITY = 99
#: The same [bytes].
_MEMORY = 102400 * 1024
_REMEDY = (
    "add the user to a group `realtime`, give it `@realtime - rtprio 99` and `@realtime - memlock "
    "102400` in /etc/security/limits.d/99-realtime.conf, log in anew"
)


def check_limits(_computer: Computer, _intended: Intended) -> Iterator[Finding]:
    """Real-time priority and locked memory."""
    yield judge_priority(resource.getrlimit(resource.RLIMIT_RTPRIO)[0])
    yield judge_memory(resource.getrlimit(resource.RLIMIT_MEMLOCK)[0])


def judge_priority(allowed: int) -> Finding:
    """Whether the highest real-time priority may be taken; a negative number is no limit."""
    if allowed < 0 or allowed >= _PRIORITY:
        return ok("rtprio", "no limit" if allowed < 0 else str(allowed))
    return missing("rtprio", f"this user may ask for a priority up to {allowed}", _REMEDY)


def judge_memory(allowed: int) -> Finding:
    """Whether enough memory may be locked [bytes]; a negative number is no limit."""
    if allowed < 0 or allowed >= _MEMORY:
        return ok("memlock", "no limit" if allowed < 0 else f"{allowed // 1024} KiB")
    return missing("memlock", f"this user may lock {allowed // 1024} KiB of memory", _REMEDY)
