# SPDX-License-Identifier: Apache-2.0
"""A controller that is small enough for tests, and demonstrations for it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from genima.act.checkpoint import ActCheckpoint
from genima.act.config import PRESETS, ActConfig
from genima.act.language import SIZES
from genima.act.model import Act
from genima.act.normalisation import Statistics
from genima.cameras import load_rig
from genima.control.minimum_jerk import minimum_jerk_chunk
from genima.data.demonstration import Demonstration
from genima.policy import Policy

RIG = load_rig(Path(__file__).parents[3] / "config" / "cameras.yaml")
#: Where all spheres can be seen by the cameras [rad].
Q_SEEN = np.deg2rad([0.0, -20.0, 0.0, -125.0, 0.0, 105.0, 45.0])
GOAL = "push the maroon button"

SMALL = replace(
    PRESETS["tiny"],
    image_size_px=64,
    widths=(8, 8),
    blocks=(1, 1),
    film_stages=(1,),
    hidden=16,
    heads=2,
    encoder_layers=1,
    decoder_layers=1,
    feedforward=32,
    told=16,
    batch_size=4,
    steps=6,
    bf16=False,
)


def demonstration(seed: int = 0, steps: int = 30) -> Demonstration:
    """A straight motion whose images nobody looks at; the gripper closes in the middle."""
    rng = np.random.default_rng(seed)
    end = Q_SEEN + rng.uniform(-0.4, 0.4, 7)
    path = minimum_jerk_chunk(Q_SEEN, end, True, True, 0.0, steps - 1, 0.05).q
    q = np.vstack([Q_SEEN, path])
    is_open = np.arange(steps) < steps // 2
    return Demonstration(
        task="push_button",
        variation=0,
        descriptions=(GOAL,),
        seed=seed,
        success=True,
        source="test",
        step_s=0.05,
        stamps_s=0.05 * np.arange(steps),
        q=q,
        dq=np.gradient(q, 0.05, axis=0),
        gripper_open=is_open,
        q_command=np.vstack([np.full(7, np.nan), path]),
        gripper_command=is_open,
        rig=RIG,
    )


def untrained(config: ActConfig = SMALL) -> ActCheckpoint:
    """A controller with random weights that knows one instruction."""
    torch.manual_seed(0)
    size = SIZES[config.language]
    network = Act(config, size)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    ones = (1.0,) * 7
    statistics = Statistics(tuple(Q_SEEN.tolist()), ones, (0.0,) * 7, ones)
    embedding = torch.nn.functional.normalize(torch.randn(size), dim=0)
    return ActCheckpoint(config, statistics, Policy(), weights, {GOAL: embedding}, {"steps": 0})
