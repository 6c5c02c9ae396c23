# SPDX-License-Identifier: Apache-2.0
"""Kills an evaluation at random moments and goes on with it, which must change nothing.

First the plan is run without a break. Then it is run in another folder, killed (SIGKILL) at a
random moment, begun again with `--resume`, killed again, until it is finished; then in a third
folder, until there were enough kills. Each finished folder must hold the same report, the same
records but for wall times, and the same joint positions to the last bit. No process may be left.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genima.evaluation.folder import EvaluationFolder
from genima.launching.processes import descendants

#: How long processes of a killed evaluation may take to notice it [s].
END_LIMIT_S = 10.0


@dataclass(frozen=True)
class Words:
    """What is typed.

    Attributes:
        plan: What is run.
        means: With what.
    """

    plan: tuple[str, ...]
    means: tuple[str, ...]


def command(out: Path, words: Sequence[str]) -> list[str]:
    """`genima eval` as it is typed."""
    return [sys.executable, "-m", "genima.cli", "eval", "--out", str(out), *words]


def next_command(out: Path, words: Words) -> list[str]:
    """Begin, or go on with what there is."""
    begun = EvaluationFolder(out).plan_file.exists()
    return command(out, [*(["--resume"] if begun else words.plan), *words.means])


def outcome(out: Path) -> dict[str, object]:
    """All that must be the same, by name."""
    folder = EvaluationFolder(out)
    lines = [json.loads(line) for line in folder.episodes_file.read_text().splitlines()]
    records = sorted(json.dumps(line | {"wall_s": 0.0}) for line in lines)
    files = sorted((out / "trajectories").glob("*.npz"))
    return {
        "report.json": folder.report_file.read_bytes(),
        "report.md": folder.table_file.read_bytes(),
        "records": records,
    } | {file.name: file.read_bytes() for file in files}


def differences(out: Path, wanted: dict[str, object]) -> list[str]:
    """What is not as in the unbroken run."""
    found = outcome(out)
    return sorted(name for name in wanted | found if wanted.get(name) != found.get(name))


def kill_after(delay_s: float, words: Sequence[str]) -> tuple[bool, int]:
    """Run a command for a while; whether it was killed, and how many processes it left."""
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        try:
            if process.wait(timeout=delay_s) != 0:
                raise SystemExit(f"{' '.join(words)} failed")
            return False, 0
        except subprocess.TimeoutExpired:
            below = descendants(process.pid)
            process.send_signal(signal.SIGKILL)
    until_s = time.monotonic() + END_LIMIT_S
    while left := [pid for pid in below if Path(f"/proc/{pid}").exists()]:
        if time.monotonic() > until_s:
            break
        time.sleep(0.05)
    return True, len(left)


@dataclass
class Tally:
    """What was counted.

    Attributes:
        kills: Kills so far.
        rounds: Finished folders.
        complaints: What was not as it must be.
    """

    kills: int
    rounds: int
    complaints: list[str]


def run_round(out: Path, words: Words, longest_s: float, kills: int, tally: Tally) -> None:
    """Run one folder to its end with as many kills on the way as are still wanted."""
    while tally.kills < kills:
        delay_s = random.uniform(0.0, longest_s)
        killed, left = kill_after(delay_s, next_command(out, words))
        if not killed:
            return
        tally.kills += 1
        begun = EvaluationFolder(out).plan_file.exists()
        done = len(EvaluationFolder(out).records()) if begun else 0
        if left:
            tally.complaints.append(f"kill {tally.kills} left {left} processes")
        print(f"{tally.kills:4d}  {delay_s:8.1f}  {done:8d}  {left:4d}", flush=True)
    subprocess.run(next_command(out, words), check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--agent", default="oracle")
    parser.add_argument("--tasks", default="push_button,take_lid_off_saucepan")
    parser.add_argument("--episodes", type=int, default=2, help="of each task")
    parser.add_argument("--seed", type=int, default=100_000, help="of the first episode")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--random", type=int, default=0, help="seed of the moments")
    given = parser.parse_args()
    random.seed(given.random)
    plan = ["--tasks", given.tasks, "--agent", given.agent, "--episodes", str(given.episodes)]
    plan += ["--seed", str(given.seed), "--image-quality", "fast"]
    words = Words(tuple(plan), ("--no-video", "--workers", str(given.workers)))
    with tempfile.TemporaryDirectory(prefix="genima_kills_") as scratch:
        whole = Path(scratch) / "unbroken"
        began_s = time.monotonic()
        subprocess.run(next_command(whole, words), check=True, stdout=subprocess.DEVNULL)
        longest_s = time.monotonic() - began_s
        print(f"unbroken: {longest_s:.1f} s\nkill  after [s]  episodes  left over", flush=True)
        wanted, tally = outcome(whole), Tally(0, 0, [])
        while tally.kills < given.kills:
            out = Path(scratch) / f"broken_{tally.rounds}"
            run_round(out, words, longest_s, given.kills, tally)
            tally.rounds += 1
            different = differences(out, wanted)
            tally.complaints += [f"{out.name}: {name} differs" for name in different]
    print(f"{tally.kills} kills, {tally.rounds} evaluations finished in spite of them")
    print("\n".join(tally.complaints) or "all reports, records and motions as without a break")
    sys.exit(1 if tally.complaints else 0)


if __name__ == "__main__":
    main()
