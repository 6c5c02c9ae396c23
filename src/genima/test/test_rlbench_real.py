# SPDX-License-Identifier: Apache-2.0
"""The server on RLBench's and PyRep's real Python classes; only the simulator is stood in for.

Needs an RLBench, whose licence lets nobody hand it on: set GENIMA_RLBENCH_PYTHON to a Python that
has its dependencies, and GENIMA_RLBENCH_PYTHONPATH to checkouts if it is not installed there.
"""

import ast
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from genima.rlbench.installation import Installation
from genima.rlbench.simulator import RlbenchOptions, read_cameras
from genima.rlbench.tasks import load_tasks
from genima.rlbench.world import RlbenchWorld

HERE = Path(__file__).parent
TASKS = load_tasks(HERE.parents[2] / "config" / "tasks" / "rlbench.yaml")
#: Tasks whose models the stand-in has.
MODELLED = ("push_button", "take_lid_off_saucepan")
SIZE_PX = 32
_FIND = """
import importlib.util, pathlib, sys
for name in ("rlbench", "pyrep"):
    spec = importlib.util.find_spec(name)
    if spec is None:
        sys.exit(f"{name} is not there")
folder = pathlib.Path(importlib.util.find_spec("rlbench").origin).parent
if not (folder / "task_design.ttt").exists():
    sys.exit("rlbench lacks task_design.ttt")
"""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    python = shutil.which(os.environ.get("GENIMA_RLBENCH_PYTHON", ""))
    if python is None:
        pytest.skip("GENIMA_RLBENCH_PYTHON names no Python with RLBench and PyRep in it")
    path = os.environ.get("GENIMA_RLBENCH_PYTHONPATH", "")
    root = tmp_path_factory.mktemp("coppeliasim")
    environment = {**os.environ, "DISPLAY": ":0"}
    made = Installation(
        Path(python), root, environment, os.pathsep.join([str(HERE / "coppelia_double"), path])
    )
    found = subprocess.run(
        [python, "-c", _FIND],
        env=made.server_environment(":0"),
        capture_output=True,
        text=True,
    )
    if found.returncode:
        pytest.skip(f"{python}: {found.stderr.strip().splitlines()[-1]}")
    return made


@pytest.fixture(scope="module")
def world(installation: Installation) -> Iterator[RlbenchWorld]:
    rig = read_cameras(installation, TASKS["push_button"], SIZE_PX, RlbenchOptions())
    made = RlbenchWorld(rig, TASKS, installation, RlbenchOptions(attempts=3))
    yield made
    made.close()


@pytest.mark.parametrize("task", MODELLED)
def test_the_planners_scene_can_be_done_by_its_expert(world: RlbenchWorld, task: str) -> None:
    instruction = world.reset(task, 0, 3)[0]
    assert instruction == TASKS[task].instruction
    for _ in range(200):
        if world.success():
            break
        chunk = world.expert_chunk(1)
        world.advance(chunk.q, bool(chunk.gripper_open[0]))
    assert world.success()
    assert not world.state().gripper_open


def test_a_seed_gives_the_same_scene_after_another_task(world: RlbenchWorld) -> None:
    ends = []
    for task in ("push_button", "take_lid_off_saucepan", "push_button"):
        world.reset(task, 0, 5)
        ends.append(world.expert_chunk(20).q[-1])
    np.testing.assert_allclose(ends[0], ends[2], atol=1e-6)


def test_images_are_of_all_four_cameras_and_of_their_own_step(world: RlbenchWorld) -> None:
    world.reset("push_button", 0, 3)
    before = world.snapshot().images
    world.advance(world.state().q[np.newaxis], gripper_open=True)
    after = world.snapshot().images
    assert {name: image.shape for name, image in after.items()} == dict.fromkeys(
        ("wrist", "front", "left_shoulder", "right_shoulder"), (SIZE_PX, SIZE_PX, 3)
    )
    for name in after:
        assert after[name].dtype == np.uint8
        assert (after[name][..., 0] == before[name][..., 0] + 1).all()


def test_all_25_files_are_in_rlbench_with_the_instructions_that_are_listed(
    installation: Installation,
) -> None:
    """The models of most tasks are the simulator's: only their sentences are read, as text."""
    listed = {task.file: task.instruction for task in TASKS.values()}
    code = (
        "import importlib.util, pathlib, sys\n"
        "spec = importlib.util.find_spec('rlbench')\n"
        "folder = pathlib.Path(spec.origin).parent / 'tasks'\n"
        "for name in sys.argv[1:]:\n"
        "    print(repr((folder / f'{name}.py').read_text()))\n"
    )
    found = subprocess.run(
        [str(installation.python), "-c", code, *listed],
        env=installation.server_environment(":0"),
        capture_output=True,
        text=True,
        check=True,
    )
    sources = map(ast.literal_eval, found.stdout.splitlines())
    for (file, instruction), source in zip(listed.items(), sources, strict=True):
        assert any(re.fullmatch(said, instruction) for said in sentences(source)), file


def sentences(source: str) -> Iterator[str]:
    """Patterns of the sentences in a file: what is put into them later may be anything."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield re.sub(r"%[sd]", ".+", re.escape(node.value))
