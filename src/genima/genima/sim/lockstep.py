# SPDX-License-Identifier: Apache-2.0
"""A world that waits for its controller."""

from typing import Any

import numpy as np

from genima.sim.runner import POLICY_STEP_S, WorldRunner

#: How long the world waits before it repeats its observation [s of wall time].
_REPEAT_S = 0.5
#: Simulated time that a reset skips [s], so that whatever was meant for the old episode is too old.
_RESET_GAP_S = 1.0
#: Simulated time of the first state [s]; 0 on /clock means that there is no time yet.
_FIRST_STAMP_S = 1.0


class LockstepRunner(WorldRunner):
    """Takes a policy step as soon as a trajectory and a gripper command cover it.

    Time stands still meanwhile; it stops at the end of the episode.

    Args:
        images_on_request: Render only where `request_images` asks, instead of at every step.
    """

    def __init__(self, *args: Any, images_on_request: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._images_on_request = images_on_request
        self._now_s = _FIRST_STAMP_S
        self._requested_s = -np.inf
        self._rendered_s = -np.inf
        self._images: dict[str, Any] = {}

    def request_images(self, not_before_s: float) -> None:
        """Ask for images stamped at or after `not_before_s`."""
        with self._wake:
            self._requested_s = not_before_s
            self._wake.notify_all()

    def _next_stamp_s(self) -> float:
        self._now_s = round(self._now_s + _RESET_GAP_S, 9)
        return self._now_s

    def _run(self) -> None:
        renderer = self._make_renderer()
        try:
            while not self._stopping:
                self._do_jobs()
                if not self.episode.task:
                    self._wait(lambda: bool(self._jobs))
                    continue
                self._observe(renderer)
                if not self._wait(self._has_work):
                    continue
                if self._covered():
                    self._step()
        finally:
            renderer.close()

    def _observe(self, renderer: Any) -> None:
        """Publish the present observation; a second time means that somebody may have missed it."""
        self._sink.on_state(self._world.state(), self._now_s)
        if self._images_on_request and self._requested_s < self._now_s - 1e-6:
            return
        if self._rendered_s != self._now_s:
            self._images = renderer.render(self._world.snapshot())
            self._rendered_s = self._now_s
        self._sink.on_images(self._images, self._now_s)

    def _has_work(self) -> bool:
        return bool(self._jobs) or self._covered() or self._images_due()

    def _images_due(self) -> bool:
        return self._requested_s >= self._now_s - 1e-6 and self._rendered_s != self._now_s

    def _covered(self) -> bool:
        end_s = self._now_s + POLICY_STEP_S
        return (
            not self.episode.finished
            and self._follower.covers(end_s)
            and self._gripper_stamp_s >= self._now_s - 1e-6
        )

    def _wait(self, ready: Any) -> bool:
        with self._wake:
            return self._wake.wait_for(lambda: self._stopping or ready(), timeout=_REPEAT_S)

    def _step(self) -> None:
        rows = round(POLICY_STEP_S / self._world.physics_dt_s)
        self._advance(self._now_s + self._world.physics_dt_s * np.arange(1, rows + 1))
        # Rounded, so that stamps are the same numbers in every run however they are summed.
        self._now_s = round(self._now_s + POLICY_STEP_S, 9)
