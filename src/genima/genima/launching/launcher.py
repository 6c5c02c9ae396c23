# SPDX-License-Identifier: Apache-2.0
"""Starts nodes such that none of them outlives the launcher, however that ends.

Two processes watch each other. The launcher (the process the user sees) forks the supervisor,
which is the parent of all nodes. If the launcher dies, the supervisor's lifeline breaks and it
kills everything below itself. If the supervisor dies, the kernel kills the nodes that are tied to
it, and what those had started falls to the launcher, which kills it.
"""

import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from genima.launching.console import Console
from genima.launching.node_spec import NodeSpec
from genima.launching.processes import adopt_orphans, kill_descendants
from genima.launching.supervisor import Supervisor

_FORWARDED = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


def launch(nodes: Sequence[NodeSpec]) -> int:
    """Run nodes until all have ended; SIGINT and SIGTERM end them in order.

    Returns:
        An exit code: 0 if no node failed by itself and none had to be killed.
    """
    adopt_orphans()
    scratch = Path(tempfile.mkdtemp(prefix="genima_launch_"))
    held, lifeline = os.pipe()[::-1]
    # No signal may come between the fork and the handlers on either side.
    signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)
    supervisor = os.fork()
    if supervisor == 0:
        os.close(held)
        _supervise(nodes, lifeline, scratch)
    os.close(lifeline)
    for number in _FORWARDED:
        signal.signal(number, lambda received, _frame: os.kill(supervisor, received))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
    code = _wait_for(supervisor)
    kill_descendants()
    shutil.rmtree(scratch, ignore_errors=True)
    return code


def _supervise(nodes: Sequence[NodeSpec], lifeline: int, scratch: Path) -> None:
    """Be the supervisor; never returns."""
    code = 1
    try:
        os.setsid()  # Ctrl-C of the terminal goes to the launcher alone, which forwards it
        adopt_orphans()
        console = Console(sys.stdout.buffer, [node.label for node in nodes])
        supervisor = Supervisor(nodes, lifeline, scratch, console)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
        code = supervisor.run()
    except BaseException:
        traceback.print_exc()
        kill_descendants()
    finally:
        os._exit(code)


def _wait_for(child: int) -> int:
    while True:
        pid, status = os.waitpid(-1, 0)  # also orphans that fell to us
        if pid == child:
            break
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        name = signal.Signals(-code).name
        print(f"the launch supervisor was ended by {name}; its nodes were killed", file=sys.stderr)
        return 1
    return code
