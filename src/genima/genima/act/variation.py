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
from genima.control.minimum_jerk import ARRIVAL_TOLERANCE_RAD
from genima.data.targets import Window
from genima.limits import RobotModel, limits_of

#: How far a motion between random configurations leads at each joint, at most [rad]. The last
#: joint turns the hand, which only the stripes show.
_SYNTHETIC_WAY_RAD = np.array([0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 1.6])
#: How far beside the demonstrated path such a motion begins, at most [rad].
_SYNTHETIC_START_RAD = np.array([0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 1.0])
#: The speed of such motions [rad/s]; that of the demonstrations.
_SYNTHETIC_SPEED_RAD_S = 1.0
#: Share of them that are demonstrated ones but for the last joint.
_TURNED_SHARE = 0.5
#: How far from the demonstrated one the last joint begins, and turns, at most [rad].
_TURNED_START_RAD, _TURN_RAD = 1.0, 1.6
#: The camera that sees most; of windows with view dropout, half lose its spheres.
_MAIN_CAMERA = "front"
#: Share of the windows in which single spheres are missing, as a diffusion model forgets them.
_MISSING_SHARE, _MISSING_EACH = 0.15, 0.1
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
            window = labelled(window, config.hold_steps)
            if draws[1] < config.jitter_share:
                window = self._jittered(window, rng)
        if config.target_noise_rad:
            noise = config.target_noise_rad * rng.standard_normal(7)
            window = replace(window, q_target=window.q_target + noise)
        if config.sphere_noise_m:
            offsets_m = config.sphere_noise_m * rng.standard_normal((len(config.cameras), 4, 3))
            window = replace(window, offsets_m=offsets_m)
        if draws[2] < config.view_dropout:
            window = replace(window, drawn=self._drawn(rng))
        return window

    def _jittered(self, window: Window, rng: np.random.Generator) -> Window:
        """The window from a start beside the path; its actions lead to the same end."""
        reach = self.config.start_jitter_rad * rng.random()
        return shifted(window, rng.uniform(-reach, reach, 7), self.config.jitter_fade_steps)

    def _synthetic(self, window: Window, rng: np.random.Generator) -> Window:
        """A motion between random configurations, or with the hand turned at random."""
        if rng.random() < _TURNED_SHARE:
            return turned(labelled(window, self.config.hold_steps), rng)
        return straight(window, rng, self.step_s)

    def _drawn(self, rng: np.random.Generator) -> Bool[Array, "4 4"]:
        """Which spheres stay in which view; in one view at least all of them do."""
        cameras = self.config.cameras
        drawn: Bool[Array, "4 4"] = np.ones((len(cameras), 4), bool)
        if rng.random() < _MISSING_SHARE / max(self.config.view_dropout, _MISSING_SHARE):
            drawn[rng.random(drawn.shape) < _MISSING_EACH] = False
            drawn[rng.integers(len(cameras))] = True
        elif rng.random() < 0.5 and _MAIN_CAMERA in cameras:
            drawn[cameras.index(_MAIN_CAMERA)] = False
        else:
            drawn[rng.permutation(len(cameras))[: rng.integers(1, len(cameras))]] = False
        return drawn


def straight(window: Window, rng: np.random.Generator, step_s: float) -> Window:
    """A window with a straight motion instead, at an even speed, and a stand at its end.

    Start and end are random configurations near the demonstrated one; the gripper acts on arrival.
    """
    low, high = _bounds()
    start = window.q + rng.uniform(-_SYNTHETIC_START_RAD, _SYNTHETIC_START_RAD)
    start = np.clip(start, low, high)
    way = rng.uniform(-_SYNTHETIC_WAY_RAD, _SYNTHETIC_WAY_RAD)
    way[:6] *= rng.random()  # apart from the last joint, which often turns alone
    way[6] *= rng.random()
    end = np.clip(start + way, low, high)
    steps = len(window.q_chunk)
    longest = np.abs(end - start).max() / (_SYNTHETIC_SPEED_RAD_S * step_s)
    moving = float(np.clip(longest, 1.0, steps))
    share = np.minimum(np.arange(1, steps + 1) / moving, 1.0)[:, None]
    gripper_open, gripper_target = (bool(draw < 0.5) for draw in rng.random(2))
    arrived = share[:, 0] >= 1.0
    arrived[-1] = True
    return replace(
        window,
        q=start,
        gripper_open=gripper_open,
        q_target=end,
        gripper_target=gripper_target,
        q_chunk=start + share * (end - start),
        gripper_chunk=np.where(arrived, gripper_target, gripper_open),
        padded=np.zeros(steps, bool),
    )


def turned(window: Window, rng: np.random.Generator) -> Window:
    """The window with a last joint that begins anywhere and turns to anywhere at an even speed.

    Nothing but the stripes of the spheres says how far. The gripper acts on arrival.
    """
    low, high = (bound[6] for bound in _bounds())
    begin = window.q[6] + rng.uniform(-_TURNED_START_RAD, _TURNED_START_RAD)
    begin = float(np.clip(begin, low, high))
    end = float(np.clip(begin + rng.uniform(-_TURN_RAD, _TURN_RAD), low, high))
    q, q_target, q_chunk = window.q.copy(), window.q_target.copy(), window.q_chunk.copy()
    q[6], q_target[6] = begin, end
    q_chunk[:, 6] = np.linspace(begin, end, len(q_chunk) + 1)[1:]
    gripper_chunk = np.full(len(q_chunk), window.gripper_open)
    gripper_chunk[-1] = window.gripper_target
    return replace(window, q=q, q_target=q_target, q_chunk=q_chunk, gripper_chunk=gripper_chunk)


def labelled(window: Window, hold_steps: int) -> Window:
    """The window as it is learned: it stands behind its end, and the gripper acts on arrival.

    When exactly a demonstrator closes the gripper while the arm stands cannot be seen in the
    target; a network would learn to wait for half of the time, and an arm that executes a few
    steps of each chunk would wait for ever.

    Args:
        window: As it was demonstrated.
        hold_steps: For how many steps behind the end of the demonstration to stand.
    """
    padded = np.cumsum(window.padded) > hold_steps
    gripper = np.full(len(padded), window.gripper_target)
    if window.gripper_target != window.gripper_open:
        acts = int(np.argmax(window.gripper_chunk == window.gripper_target))
        far = np.abs(window.q_chunk[:acts] - window.q_chunk[acts]).max(axis=1)
        away = np.flatnonzero(far > ARRIVAL_TOLERANCE_RAD)
        gripper[: away[-1] + 1 if len(away) else 0] = window.gripper_open
    return replace(window, padded=padded, gripper_chunk=gripper)


def shifted(window: Window, offset: Float[Array, "7"], fade_steps: int) -> Window:
    """The window from a start that is off by so much [rad]; the offset fades within some steps."""
    s = np.minimum(np.arange(1, len(window.q_chunk) + 1) / fade_steps, 1.0)
    left = 1.0 - s**3 * (10.0 - 15.0 * s + 6.0 * s**2)
    return replace(window, q=window.q + offset, q_chunk=window.q_chunk + left[:, None] * offset)


def _bounds() -> tuple[Float[Array, "7"], Float[Array, "7"]]:
    """Where synthetic motions lie [rad]."""
    limits = limits_of(RobotModel.PANDA)
    return limits.q_min + _LIMIT_MARGIN_RAD, limits.q_max - _LIMIT_MARGIN_RAD
