# SPDX-License-Identifier: Apache-2.0
"""Parameters of the diffusion node."""

from dataclasses import dataclass

from genima_ros.parameters import parameter


@dataclass(frozen=True)
class DiffusionParameters:
    """What `config/diffusion.yaml` sets."""

    autostart: bool = parameter(True, "Configure and activate without being told.")
    agent: str = parameter(
        "oracle", "What draws the targets.", choices=("oracle", "blank", "policy")
    )
    cameras_file: str = parameter("", "File that says where the cameras are.")
    policy_file: str = parameter(
        "",
        "policy.yaml of the policy; agent policy loads diffusion/ beside it. Empty for the "
        "paper's values.",
    )
    pacing: str = parameter(
        "realtime",
        "Draw at a fixed rate, or only when the controller of a waiting world asks.",
        choices=("realtime", "lockstep"),
    )
    rate_hz: float = parameter(
        5.0, "How often a tile is drawn.", unit="Hz", minimum=0.1, maximum=50.0
    )
    sync_slop_s: float = parameter(
        0.03,
        "Largest difference of stamps in a set.",
        unit="s",
        minimum=0.0,
        maximum=1.0,
    )
    max_image_age_s: float = parameter(
        0.5,
        "Images older than this are not drawn on.",
        unit="s",
        minimum=0.05,
        maximum=10.0,
    )
    seed: int = parameter(2, "Seed of the drawing.", minimum=0)
    steps: int = parameter(
        0, "Denoising steps; 0 for as many as the model asks for.", minimum=0, maximum=1000
    )
    device: str = parameter("cpu", "Where a model computes.", choices=("cpu", "cuda"))
    precision: str = parameter(
        "bfloat16", "In which numbers it computes.", choices=("bfloat16", "float32")
    )
    threads: int = parameter(
        0, "Threads of a model on the CPU; 0 for torch's own choice.", minimum=0, maximum=256
    )
    compile: bool = parameter(False, "Compile the networks, which takes minutes at the start.")
    cuda_graph: bool = parameter(False, "Capture the drawing as one CUDA graph.")
    decoder: str = parameter("", "Folder of a small decoder such as TAESD; empty for the model's.")
    robot: str = parameter("panda", "Whose limits targets must keep.", choices=("panda", "fr3"))
    max_residual_px: float = parameter(
        4.0,
        "How far drawn outlines may lie from those of the arm that explains them best.",
        unit="px",
        minimum=0.1,
        maximum=100.0,
    )
    jump_margin_rad: float = parameter(
        0.35,
        "How much further than the arm can move a target may lie.",
        unit="rad",
        minimum=0.0,
        maximum=6.3,
    )
