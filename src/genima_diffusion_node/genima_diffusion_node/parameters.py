# SPDX-License-Identifier: Apache-2.0
"""Parameters of the diffusion node."""

from dataclasses import dataclass

from genima_ros.parameters import parameter


@dataclass(frozen=True)
class DiffusionParameters:
    """What `config/diffusion.yaml` sets."""

    autostart: bool = parameter(True, "Configure and activate without being told.")
    agent: str = parameter("oracle", "What draws the targets.", choices=("oracle", "blank"))
    cameras_file: str = parameter("", "File that says where the cameras are.")
    policy_file: str = parameter("", "policy.yaml of the policy; empty for the paper's values.")
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
