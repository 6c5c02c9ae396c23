# SPDX-License-Identifier: Apache-2.0
"""Workers that are the expert alone: it moves the arm itself, in one process, without nodes.

`python -m genima.evaluation.expert_alone FOLDER WORKER` is such a worker.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path

import numpy as np

from genima.cameras import load_rig
from genima.errors import GenimaError, WorldDown
from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.plan import EpisodeKey
from genima.evaluation.records import ERROR_MARK, EpisodeRecord, Journal
from genima.evaluation.running import Running, touch
from genima.evaluation.trajectory import TrajectoryRecorder, save_trajectory
from genima.evaluation.worlds import cameras_file, make_world
from genima.launching.graph import started
from genima.launching.one_core import ONE_CORE
from genima.policy import Policy
from genima.sim.world import World

#: How long the program may take to end [s].
_STOP_LIMIT_S = 10.0


def start_expert(folder: EvaluationFolder) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    """Start a worker.

    Raises:
        LaunchError: The workspace, whose cameras the world takes, is not built.
    """
    cameras_file(folder.read_plan().world)
    words = [
        sys.executable,
        "-m",
        "genima.evaluation.expert_alone",
        str(folder.path),
        str(folder.worker),
    ]
    return started(words, folder.log_file, _STOP_LIMIT_S, ONE_CORE)


def run_expert(folder: EvaluationFolder, world: World) -> None:
    """Be a worker until no episode is left.

    Raises:
        WorldDown: The next one cannot begin, nor can any other.
    """
    plan = folder.read_plan()
    journal = Journal(folder.episodes_file, plan)
    step_s = Policy().step_s
    while (key := folder.take_next()) is not None:
        Running(key, world.longest_job_s).write(folder.running_file)
        sign_of_life = partial(touch, folder.running_file)
        joints = TrajectoryRecorder(0.0, step_s)
        began_s = time.perf_counter()
        try:
            outcome = run_episode(world, key, plan.max_steps, step_s, joints, sign_of_life)
        except WorldDown:
            folder.running_file.unlink()  # this episode is not to blame
            raise
        wall_s = round(time.perf_counter() - began_s, 3)
        table = joints.table(max(0, joints.last_step))
        save_trajectory(folder.trajectory_file(key), table, step_s)
        record = EpisodeRecord(key.task, key.seed, *outcome, wall_s=wall_s, scene=world.scene)
        journal.append(record)
        folder.running_file.unlink()


def run_episode(
    world: World,
    key: EpisodeKey,
    max_steps: int,
    step_s: float,
    joints: TrajectoryRecorder,
    sign_of_life: Callable[[], None],
) -> tuple[bool, int, str, str]:
    """Let the expert work until success or `max_steps`.

    Args:
        world: Reset here.
        key: Task and seed.
        max_steps: Policy steps after which the episode has failed.
        step_s: Length of a policy step [s].
        joints: Takes the measured joint positions after each step.
        sign_of_life: Called after each step.

    Returns:
        Success, steps, reason of failure, instruction: as in an `EpisodeRecord`.

    Raises:
        WorldDown: It could not begin, and no other episode could.
    """
    step, instruction = 0, ""
    try:
        instruction = world.reset(key.task, 0, key.seed)[0]
        joints.add(world.state().q, 0.0)
        rows = round(step_s / world.physics_dt_s)
        ramp = (np.arange(1, rows + 1) / rows)[:, np.newaxis]
        q_last = world.state().q
        while not world.success():
            if step == max_steps:
                return False, step, "max_steps", instruction
            chunk = world.expert_chunk(1)
            world.advance(q_last + ramp * (chunk.q[0] - q_last), bool(chunk.gripper_open[0]))
            q_last = chunk.q[0]
            step += 1
            joints.add(world.state().q, step * step_s)
            sign_of_life()
    except WorldDown:
        raise
    except GenimaError as error:
        return False, step, f"{ERROR_MARK}{error}", instruction
    return True, step, "", instruction


def main() -> None:
    """Run the program."""
    folder = EvaluationFolder(Path(sys.argv[1]), int(sys.argv[2]))
    try:
        plan = folder.read_plan()
        rig = load_rig(cameras_file(plan.world))
        with closing(make_world(plan.world, rig, plan.scenery)) as world:
            run_expert(folder, world)
    except GenimaError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
