# SPDX-License-Identifier: Apache-2.0
"""How much faster an evaluation is with two workers than with one, and whether it comes out alike.

The same plan is run with one worker and with two, one after the other. Times are those of the
whole command, starting the nodes and writing the report included, and of the episodes alone: a
start costs seconds of both cores for each worker, which only a longer plan makes up for. Reports,
records but for wall times, and joint positions must be the same to the last bit. The computer must
have nothing else to do.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation_kills import command, differences, outcome

from genima.evaluation.folder import EvaluationFolder
from genima.sim.task import registered_tasks

WANTED = 1.7


@dataclass(frozen=True)
class Times:
    """What a run took.

    Attributes:
        wall_s: From its beginning to its end [s].
        cpu_s: How long all its processes computed [s].
        episodes_s: Its episodes alone, by as many workers as it had [s].
    """

    wall_s: float
    cpu_s: float
    episodes_s: float


def timed(out: Path, words: Sequence[str], workers: int) -> Times:
    """Run an evaluation."""
    began_s, computed_s = time.monotonic(), computing_s()
    arguments = [*words, "--workers", str(workers)]
    subprocess.run(command(out, arguments), check=True, stdout=subprocess.DEVNULL)
    wall_s, cpu_s = time.monotonic() - began_s, computing_s() - computed_s
    episodes_s = sum(record.wall_s for record in EvaluationFolder(out).records()) / workers
    print(
        f"{workers} workers: {wall_s:.1f} s, {cpu_s:.1f} s of CPU; {episodes_s:.1f} s of episodes",
        flush=True,
    )
    return Times(wall_s, cpu_s, episodes_s)


def computing_s() -> float:
    """CPU time of all processes that have ended below this one [s]."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agent", default="oracle")
    parser.add_argument("--tasks", default=",".join(registered_tasks()))
    parser.add_argument("--episodes", type=int, default=2, help="of each task")
    parser.add_argument("--seed", type=int, default=100_000, help="of the first episode")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    plan = ["--tasks", given.tasks, "--agent", given.agent, "--episodes", str(given.episodes)]
    plan += ["--seed", str(given.seed), "--no-video"]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f} before it began", flush=True)
    with tempfile.TemporaryDirectory(prefix="genima_workers_") as scratch:
        outs = [Path(scratch) / name for name in ("one", "several")]
        one, several = (
            timed(out, plan, workers)
            for out, workers in zip(outs, (1, given.workers), strict=True)
        )
        different = differences(outs[1], outcome(outs[0]))
    faster = one.wall_s / several.wall_s
    print(f"{faster:.2f} times as fast, {WANTED} wanted", end="; ")
    print(f"episodes alone {one.episodes_s / several.episodes_s:.2f} times")
    print("\n".join(f"{name} differs" for name in different) or "all results are the same")
    sys.exit(1 if different or faster < WANTED else 0)


if __name__ == "__main__":
    main()
