# SPDX-License-Identifier: Apache-2.0
"""Other windows than those that were demonstrated, so that the network learns to come back.

A network that has seen nothing but demonstrations copies where the arm is going instead of reading
the spheres, and never learns to correct an error of its own. So windows begin beside the path and
lead back to it, some are motions that nobody demonstrated, and some lack spheres in some views.
"""

from dataclasses import dataclass, replace

import numpy as np

from genima.act.config import ActConfig
from genima.arrays import Array, Bool, Float
from genima.control.minimum_jerk import minimum_jerk_chunk
from genima.data.targets import Window
from genima.limits import RobotModel, limits_of

#: How far a motion between random configurations leads at each joint, at most [rad]. The last
#: joint turns the hand, which only the stripes show.
_SYNTHETIC_WAY_RAD = np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1.5])
#: How far beside the demonstrated path such a motion begins, at most [rad].
_SYNTHETIC_START_RAD = np.array([0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 1.0])
#: The camera that sees most; of windows with view dropout, half lose its spheres.
_MAIN_CAMERA = "front"
_LIMIT_MARGIN_RAD = 0.02


@dataclass(frozen=True)
class Variation:
    """Changes windows at random.

    Attributes:
        config: How often and how far.
        step_s: Time between two steps [s].
    """

    config: ActConfig
    step_s: float = 0.05

    def __call__(self, window: Window, rng: np.random.Generator) -> Window:
        """Another window; what it is depends on the generator alone."""
        config = self.config
        draws = rng.random(3)
        if draws[0] < config.synthetic_share:
            window = self._synthetic(window, rng)
        else:
            window = held(window, config.hold_steps)
            if draws[1] < config.jitter_share:
                window = self._jittered(window, rng)
        if config.target_noise_rad:
            noise = config.target_noise_rad * rng.standard_normal(7)
            window = replace(window, q_target=window.q_target + noise)
        if draws[2] < config.view_dropout:
            window = replace(window, drawn=self._views(rng))
        return window

    def _jittered(self, window: Window, rng: np.random.Generator) -> Window:
        """The window from a start beside the path; its actions lead to the same end."""
        reach = self.config.start_jitter_rad * rng.random()
        return shifted(window, rng.uniform(-reach, reach, 7))

    def _synthetic(self, window: Window, rng: np.random.Generator) -> Window:
        limits = limits_of(RobotModel.PANDA)
        low, high = limits.q_min + _LIMIT_MARGIN_RAD, limits.q_max - _LIMIT_MARGIN_RAD
        start = window.q + rng.uniform(-_SYNTHETIC_START_RAD, _SYNTHETIC_START_RAD)
        start = np.clip(start, low, high)
        end = np.clip(start + rng.uniform(-_SYNTHETIC_WAY_RAD, _SYNTHETIC_WAY_RAD), low, high)
        steps = self.config.horizon_steps
        gripper_open = bool(rng.random() < 0.5)
        chunk = minimum_jerk_chunk(start, end, gripper_open, gripper_open, 0.0, steps, self.step_s)
        return replace(
            window,
            q=start,
            gripper_open=gripper_open,
            q_target=end,
            gripper_target=gripper_open,
            q_chunk=chunk.q,
            gripper_chunk=chunk.gripper_open,
            padded=np.zeros(steps, bool),
        )

    def _views(self, rng: np.random.Generator) -> Bool[Array, "4"]:
        """In which views spheres stay; in one of them at least."""
        cameras = self.config.cameras
        drawn = np.ones(len(cameras), bool)
        if rng.random() < 0.5 and _MAIN_CAMERA in cameras:
            drawn[cameras.index(_MAIN_CAMERA)] = False
        else:
            drawn[rng.permutation(len(cameras))[: rng.integers(1, len(cameras))]] = False
        return drawn


def held(window: Window, steps: int) -> Window:
    """The window of a demonstration that stands still for some steps behind its end."""
    behind = np.cumsum(window.padded)
    return replace(window, padded=behind > steps)


def shifted(window: Window, offset: Float[Array, "7"]) -> Window:
    """The window from a start that is off by so much [rad]; the offset fades along the chunk."""
    steps = len(window.q_chunk)
    s = np.arange(1, steps + 1) / steps
    left = 1.0 - s**3 * (10.0 - 15.0 * s + 6.0 * s**2)
    return replace(window, q=window.q + offset, q_chunk=window.q_chunk + left[:, None] * offset)
