# SPDX-License-Identifier: Apache-2.0
"""Parameters of the simulation bridge."""

from dataclasses import dataclass

from genima_ros.parameters import parameter


@dataclass(frozen=True)
class SimParameters:
    """What `config/sim.yaml` sets."""

    autostart: bool = parameter(True, "Configure and activate without being told.")
    backend: str = parameter("mujoco", "Which simulator.", choices=("mujoco", "rlbench"))
    cameras_file: str = parameter("", "File that says where the cameras are.")
    tasks_file: str = parameter("", "File that lists RLBench's tasks; backend rlbench only.")
    rlbench_expert: bool = parameter(
        True, "Have RLBench's planner do each scene first, for an expert; backend rlbench only."
    )
    robot: str = parameter("panda", "Whose limits hold.", choices=("panda", "fr3"))
    pacing: str = parameter(
        "realtime",
        "Follow the clock, or wait for the controller at every step.",
        choices=("realtime", "lockstep"),
    )
    follow_joint_states: bool = parameter(
        False, "Do what the arm does that publishes joint_states, for its pictures; realtime only."
    )
    task: str = parameter("", "Task to begin with; empty to wait for reset_world.")
    seed: int = parameter(0, "Seed of the task to begin with.", minimum=0)
    camera_rate_hz: float = parameter(
        20.0, "Rate of the cameras; realtime only.", unit="Hz", minimum=1.0, maximum=60.0
    )
    camera_latency_s: float = parameter(
        0.0,
        "Least delay between taking and publishing a picture; realtime only.",
        unit="s",
        minimum=0.0,
        maximum=2.0,
    )
    images_on_request: bool = parameter(
        False, "Lockstep: render only where a target was requested, which is much faster."
    )
    settle_steps: int = parameter(
        0, "Lockstep: policy steps that an episode goes on after success.", minimum=0
    )
    image_quality: str = parameter(
        "shadows", "How much work goes into a picture.", choices=("fast", "shadows")
    )
    perturb: str = parameter(
        "", "What is different from training, such as light,distractors; backend mujoco only."
    )
    poses: str = parameter(
        "random", "Where objects are; grid: backend mujoco only.", choices=("random", "grid")
    )
