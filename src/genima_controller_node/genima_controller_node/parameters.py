# SPDX-License-Identifier: Apache-2.0
"""Parameters of the controller node."""

from dataclasses import dataclass

from genima_ros.parameters import parameter


@dataclass(frozen=True)
class ControllerParameters:
    """What `config/controller.yaml` sets."""

    autostart: bool = parameter(True, "Configure and activate without being told.")
    controller: str = parameter(
        "geometric", "What turns drawn tiles into motion.", choices=("geometric", "act")
    )
    text_model: str = parameter(
        "", "Folder of the text model for instructions that `act` was not trained on."
    )
    device: str = parameter("cpu", "Where `act` computes: cpu, cuda, cuda:1 ...")
    check_drawing: bool = parameter(
        True, "Let `act` follow only drawings that can be decoded; off for experiments only."
    )
    follow_tolerance_rad: float = parameter(
        0.2,
        "How far from the drawn target a planned motion may end before it is warned of.",
        unit="rad",
        minimum=0.01,
        maximum=3.0,
    )
    halt_on_disagreement: bool = parameter(
        False, "Halt where a planned motion does not end at the drawn target."
    )
    robot: str = parameter("panda", "Whose limits hold.", choices=("panda", "fr3"))
    cameras_file: str = parameter("", "File that says where the cameras are.")
    policy_file: str = parameter("", "policy.yaml of the policy; empty for the paper's values.")
    pacing: str = parameter(
        "realtime",
        "Follow the clock, or advance with a simulated world that waits.",
        choices=("realtime", "lockstep"),
    )
    dry_run: bool = parameter(
        False, "Compute and show everything, but send nothing to the arm and the gripper."
    )
    approve: bool = parameter(False, "Follow no drawn target that nobody has approved.")
    approval_timeout_s: float = parameter(
        60.0,
        "How long a target waits for approval before another one is drawn.",
        unit="s",
        minimum=1.0,
        maximum=3600.0,
    )
    execution_horizon: int = parameter(
        20, "Steps of each chunk that are executed before the next.", minimum=1, maximum=100
    )
    first_horizon: int = parameter(
        0, "The same for the first chunk; 0: as the others.", minimum=0, maximum=100
    )
    rate_hz: float = parameter(50.0, "Rate of setpoints.", unit="Hz", minimum=20.0, maximum=500.0)
    lookahead_s: float = parameter(
        0.05, "How far ahead of now setpoints are sent.", unit="s", minimum=0.02, maximum=0.2
    )
    target_timeout_s: float = parameter(
        1.0, "Longest silence of the diffusion node.", unit="s", minimum=0.1, maximum=10.0
    )
    max_target_age_s: float = parameter(
        1.0, "Oldest drawing that is followed.", unit="s", minimum=0.05, maximum=2.5
    )
    first_target_timeout_s: float = parameter(
        10.0, "How long a goal waits for its first target.", unit="s", minimum=0.5, maximum=600.0
    )
    joint_state_timeout_s: float = parameter(
        0.1, "Oldest joint state that is acted on.", unit="s", minimum=0.01, maximum=1.0
    )
    start_tolerance_rad: float = parameter(
        0.1, "Largest first step from where the arm is.", unit="rad", minimum=0.01, maximum=0.5
    )
    tracking_tolerance_rad: float = parameter(
        0.5,
        "Largest distance between the arm and its command.",
        unit="rad",
        minimum=0.02,
        maximum=1.0,
    )
    velocity_fraction: float = parameter(
        1.0, "Share of the robot's velocity limits that is used.", minimum=0.05, maximum=1.0
    )
    acceleration_fraction: float = parameter(
        1.0, "Share of the robot's acceleration limits that is used.", minimum=0.05, maximum=1.0
    )
    position_margin_rad: float = parameter(
        0.03, "Distance kept to the position limits.", unit="rad", minimum=0.0, maximum=0.2
    )
    self_collision_margin_m: float = parameter(
        0.012, "Distance kept between parts of the arm.", unit="m", minimum=0.0, maximum=0.1
    )
    workspace_min_m: list[float] = parameter(  # noqa: RUF009
        [-0.99, -0.99, 0.005],
        "Lowest x, y and z of elbow, wrist, flange and tool centre in panda_link0.",
        unit="m",
    )
    workspace_max_m: list[float] = parameter(  # noqa: RUF009
        [0.99, 0.99, 1.29], "Their highest x, y and z.", unit="m"
    )
