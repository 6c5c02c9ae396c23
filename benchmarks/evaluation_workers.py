# SPDX-License-Identifier: Apache-2.0
"""How much faster an evaluation is with two workers than with one, and whether it comes out alike.

The same plan is run with one worker and with two, one after the other, `--repeats` times. Times
are those of the whole command, starting the nodes and writing the report included. Reports,
records but for wall times, and joint positions must be the same to the last bit. The computer must
have nothing else to do.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from evaluation_kills import command, differences, outcome

WANTED = 1.7


def timed(out: Path, words: Sequence[str]) -> float:
    """Run an evaluation; how long it took [s]."""
    began_s = time.monotonic()
    subprocess.run(command(out, words), check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began_s


def main() -> None:
    from genima.sim.task import registered_tasks

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agent", default="oracle")
    parser.add_argument("--tasks", default=",".join(registered_tasks()))
    parser.add_argument("--episodes", type=int, default=2, help="of each task")
    parser.add_argument("--seed", type=int, default=100_000, help="of the first episode")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1)
    given = parser.parse_args()
    plan = ["--tasks", given.tasks, "--agent", given.agent, "--episodes", str(given.episodes)]
    plan += ["--seed", str(given.seed), "--no-video", "--workers"]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f} before it began", flush=True)
    worst, different = float("inf"), set[str]()
    with tempfile.TemporaryDirectory(prefix="genima_workers_") as scratch:
        for repeat in range(given.repeats):
            runs = [Path(scratch) / f"{repeat}_{workers}" for workers in (1, given.workers)]
            took_s = []
            for out, workers in zip(runs, (1, given.workers), strict=True):
                took_s.append(timed(out, [*plan, str(workers)]))
                print(f"{workers} workers: {took_s[-1]:.1f} s", flush=True)
            worst = min(worst, took_s[0] / took_s[1])
            print(f"{took_s[0] / took_s[1]:.2f} times as fast, {WANTED} wanted", flush=True)
            different |= set(differences(runs[1], outcome(runs[0])))
    print("\n".join(f"{name} differs" for name in sorted(different)) or "all results are the same")
    sys.exit(1 if different or worst < WANTED else 0)


if __name__ == "__main__":
    main()
