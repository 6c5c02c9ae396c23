# SPDX-License-Identifier: Apache-2.0
"""A world that waits for its controller."""

from typing import Any

import numpy as np

from genima.sim.runner import POLICY_STEP_S, Images, WorldRunner
from genima.sim.world import Renderer
from genima.timing import SAME_TIME_S

#: How long the world waits before it repeats its observation [s of wall time].
_REPEAT_S = 0.5
#: Simulated time that a reset skips [s], so that what was meant for the old episode is too old.
_RESET_GAP_S = 1.0
#: Simulated time of the first state [s]; 0 on /clock means that there is no time yet.
_FIRST_STAMP_S = 1.0


class LockstepRunner(WorldRunner):
    """Takes a policy step as soon as a trajectory and a gripper command cover it.

    Time stands still meanwhile; it stops at the end of the episode.

    Args:
        images_on_request: Render only where `request_images` asks, instead of at every step.
        settle_steps: Policy steps that an episode goes on after success.
    """

    def __init__(
        self, *args: Any, images_on_request: bool, settle_steps: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._settle_steps = settle_steps
        self._images_on_request = images_on_request
        self._now_s = _FIRST_STAMP_S
        self._requested_s = -np.inf
        self._rendered_s = self._shown_s = self._published_s = -np.inf
        self._images: Images = {}

    def request_images(self, not_before_s: float) -> None:
        """Ask for images stamped at or after `not_before_s`."""
        with self._wake:
            self._requested_s = not_before_s
            self._wake.notify_all()

    def _next_stamp_s(self) -> float:
        self._now_s = round(self._now_s + _RESET_GAP_S, 9)
        return self._now_s

    def _newest_stamp_s(self) -> float:
        # A latched command of an earlier world may come; that world's time had gone further.
        return self._now_s + SAME_TIME_S

    def _run(self) -> None:
        renderer = self._make_renderer()
        try:
            while not self._stopping:
                self._do_jobs()
                if self.episode.task:
                    self._publish(renderer)
                if not self._wait():
                    self._published_s = self._shown_s = -np.inf  # publish it all once more
                elif self._covered():
                    self._step()
        finally:
            renderer.close()

    def _publish(self, renderer: Renderer) -> None:
        """Publish what has not been published of the present observation."""
        if self._published_s != self._now_s:
            self._published_s = self._now_s
            self._sink.on_state(self._world.state(), self._now_s)
        if self._images_due():
            if self._rendered_s != self._now_s:
                self._images = renderer.render(self._world.snapshot())
                self._rendered_s = self._now_s
            self._shown_s = self._now_s
            self._sink.on_images(self._images, self._now_s)

    def _images_due(self) -> bool:
        wanted = not self._images_on_request or self._requested_s >= self._now_s - SAME_TIME_S
        return wanted and self._shown_s != self._now_s

    def _wait(self) -> bool:
        """Sleep until there is something to do; false if nothing came for a while."""

        def something() -> bool:
            shows = bool(self.episode.task) and self._images_due()
            return self._stopping or bool(self._jobs) or shows or self._covered()

        with self._wake:
            return self._wake.wait_for(something, timeout=_REPEAT_S)

    def _covered(self) -> bool:
        end_s = self._now_s + POLICY_STEP_S
        return (
            not self.episode.finished
            and self._follower.covers(self._episode_s(end_s))
            and self._gripper_stamp_s >= self._now_s - SAME_TIME_S
        )

    def _step(self) -> None:
        rows = round(POLICY_STEP_S / self._world.physics_dt_s)
        self._advance(self._now_s + self._world.physics_dt_s * np.arange(1, rows + 1))
        # Rounded, so that stamps are the same numbers in every run however they are summed.
        self._now_s = round(self._now_s + POLICY_STEP_S, 9)
