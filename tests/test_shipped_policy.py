# SPDX-License-Identifier: Apache-2.0
"""The weights that come with the suite work as they are."""

import subprocess
import sys
from pathlib import Path

import pytest

from genima.evaluation.folder import EvaluationFolder

REPOSITORY = Path(__file__).parents[1]
SHIPPED = REPOSITORY / "models" / "genima-tiny"
LARGEST_BYTES = 16_000_000
LIMIT_S = 240.0


def test_files_are_small_enough_for_the_repository_and_described() -> None:
    files = [path for path in SHIPPED.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"MODEL_CARD.md", "policy.yaml", "model.safetensors"}
    assert not [path for path in files if path.stat().st_size >= LARGEST_BYTES]


@pytest.mark.graph
@pytest.mark.parametrize("agent", ["oracle", "policy"])
def test_arm_follows_drawn_targets_by_the_shipped_controller(tmp_path: Path, agent: str) -> None:
    words = [sys.executable, "-m", "genima.cli", "eval", "--tasks", "push_button", "--episodes"]
    words += ["1", "--seed", "100000", "--controller", "act", "--policy", str(SHIPPED)]
    words += ["--agent", agent]
    done = subprocess.run(
        [*words, "--no-video", "--out", str(tmp_path / "eval")],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (record,) = EvaluationFolder(tmp_path / "eval").records()
    assert record.success
