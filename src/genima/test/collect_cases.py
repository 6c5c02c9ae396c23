# SPDX-License-Identifier: Apache-2.0
"""A collection that is as cheap as it can be: one small camera, no shadows, the shortest task."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from genima.cameras import CameraRig, load_rig
from genima.collect.plan import CollectionPlan
from genima.evaluation.plan import ImageQuality

ROOT = Path(__file__).parents[3]
LIMIT_S = 180.0
#: With so many steps the expert is done with seeds 0, 2, 3 and 4, and not with 1.
MAX_STEPS = 66
PLAN = CollectionPlan(
    tasks=("push_button",),
    episodes=2,
    image_quality=ImageQuality.FAST,
    max_steps=MAX_STEPS,
)
SEEDS = [0, 2]

_CAMERAS = """
cameras:
  front:
    frame_id: front_color_optical_frame
    parent_frame: panda_link0
    intrinsics: {width: 64, height: 64, fx: 88.0, fy: 88.0, cx: 32.0, cy: 32.0}
    pose:
      xyz: [1.6575, 0.0, 0.8280]
      quat_xyzw: [-0.596367811, -0.596367811, 0.379928197, 0.379928197]
"""


def small_rig(folder: Path) -> tuple[Path, CameraRig]:
    """A file of cameras, and what it says."""
    file = folder / "cameras.yaml"
    file.write_text(_CAMERAS)
    return file, load_rig(file)


def command(cameras: Path, out: Path, **options: object) -> list[str]:
    """The command line that collects `PLAN`."""
    given = {
        "tasks": "push_button",
        "episodes": PLAN.episodes,
        "max_steps": MAX_STEPS,
        "image_quality": "fast",
        "cameras": cameras,
        "out": out,
    } | options
    words = [sys.executable, "-m", "genima.cli", "collect"]
    for name, value in given.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return words


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def content(out: Path) -> dict[str, str]:
    """A digest of each file of a set; lines of attempts are written in any order."""
    return {
        str(file.relative_to(out)): hashlib.sha256(
            b"".join(sorted(file.read_bytes().splitlines(keepends=True)))
            if file.name == "attempts.jsonl"
            else file.read_bytes()
        ).hexdigest()
        for file in sorted(out.rglob("*"))
        if file.is_file() and file.name != ".collection.lock"
    }


def more(plan: CollectionPlan, episodes: int) -> CollectionPlan:
    """The same plan with another number of episodes."""
    return replace(plan, episodes=episodes)
