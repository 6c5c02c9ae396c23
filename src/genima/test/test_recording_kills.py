# SPDX-License-Identifier: Apache-2.0
"""A recorder is killed at random; `benchmarks/recorder_kills.py` does it more often."""

import os
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "recorder_kills.py"
KILLS = 3


def test_kills_at_random_moments_cost_less_than_a_second(tmp_path: Path) -> None:
    words = ["--kills", str(KILLS), "--width", "64", "--up-to", "1.5", "--out", tmp_path / "set"]
    done = subprocess.run(
        [sys.executable, BENCHMARK, *map(str, words)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{KILLS} of {KILLS} as they must be; {KILLS} takes were open" in done.stdout
