# SPDX-License-Identifier: Apache-2.0
"""Episodes of the expert alone: it moves the arm itself, in this process, without nodes."""

import os
import time

import numpy as np

from genima.cameras import load_rig
from genima.errors import GenimaError
from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.plan import EpisodeKey, EvaluationPlan
from genima.evaluation.records import ERROR_MARK, EpisodeRecord, Journal
from genima.evaluation.terminal import ProgressDisplay
from genima.evaluation.trajectory import TrajectoryRecorder, save_trajectory
from genima.launching.ament import share_directory
from genima.policy import Policy
from genima.sim.mujoco_world import MujocoWorld
from genima.sim.world import World


def run_expert(folder: EvaluationFolder, plan: EvaluationPlan, display: ProgressDisplay) -> None:
    """Run all episodes that remain.

    Raises:
        LaunchError: The workspace, whose cameras the world takes, is not built.
    """
    rig = load_rig(share_directory("genima_bringup", os.environ) / "config" / "cameras.yaml")
    world = MujocoWorld(rig)
    journal = Journal(folder.episodes_file, plan)
    step_s = Policy().step_s
    for key in folder.remaining():
        display.begin(key)
        joints = TrajectoryRecorder(0.0, step_s)
        began_s = time.perf_counter()
        outcome = run_episode(world, key, plan.max_steps, step_s, joints)
        wall_s = round(time.perf_counter() - began_s, 3)
        table = joints.table(max(0, joints.last_step))
        save_trajectory(folder.trajectory_file(key), table, step_s)
        record = EpisodeRecord(key.task, key.seed, *outcome, wall_s=wall_s)
        journal.append(record)
        display.finish(record)


def run_episode(
    world: World, key: EpisodeKey, max_steps: int, step_s: float, joints: TrajectoryRecorder
) -> tuple[bool, int, str, str]:
    """Let the expert work until success or `max_steps`.

    Args:
        world: Reset here.
        key: Task and seed.
        max_steps: Policy steps after which the episode has failed.
        step_s: Length of a policy step [s].
        joints: Takes the measured joint positions after each step.

    Returns:
        Success, steps, reason of failure, instruction: as in an `EpisodeRecord`.
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
    except GenimaError as error:
        return False, step, f"{ERROR_MARK}{error}", instruction
    return True, step, "", instruction
