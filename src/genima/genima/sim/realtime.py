# SPDX-License-Identifier: Apache-2.0
"""A world that follows the wall clock, as a robot does."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from genima.sim.runner import WorldRunner
from genima.timing import DeadlineLoop

#: Time between two joint states [s].
_STATE_PERIOD_S = 0.01
#: Most physics time made up for at once after a delay [s]; what is beyond is lost, not rushed.
_LONGEST_CATCH_UP_S = 0.1


class RealtimeRunner(WorldRunner):
    """Steps with the clock; cameras render beside it, at their own rate and with their own delay.

    Args:
        now_s: The clock of stamps and trajectories [s].
        camera_period_s: Time between two sets of images [s].
        camera_latency_s: Least time between a picture's stamp and its publication [s].
    """

    def __init__(
        self,
        *args: Any,
        now_s: Callable[[], float],
        camera_period_s: float,
        camera_latency_s: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._clock_s = now_s
        self._camera_period_s = camera_period_s
        self._camera_latency_s = camera_latency_s
        self._stepped_s = now_s()
        self._cameras = threading.Thread(target=self._run_cameras, name="cameras", daemon=True)

    def _next_stamp_s(self) -> float:
        return self._clock_s()

    def _run(self) -> None:
        self._cameras.start()
        self._stepped_s = self._clock_s()
        DeadlineLoop(_STATE_PERIOD_S).run(self._tick, lambda: self._stopping)
        while self._cameras.is_alive():
            self._do_jobs()  # a camera may be waiting for a snapshot
            self._cameras.join(timeout=_STATE_PERIOD_S)

    def _tick(self) -> None:
        self._do_jobs()
        if not self.episode.task:
            return
        now_s = self._clock_s()
        dt_s = self._world.physics_dt_s
        elapsed_s = float(np.clip(now_s - self._stepped_s, 0.0, _LONGEST_CATCH_UP_S))
        rows = int(elapsed_s / dt_s)
        if rows:
            left_over_s = elapsed_s - rows * dt_s
            self._stepped_s = now_s - left_over_s
            self._advance(self._stepped_s - dt_s * np.arange(rows)[::-1])
        self._sink.on_state(self._world.state(), now_s)

    def _run_cameras(self) -> None:
        renderer = self._make_renderer()
        try:
            DeadlineLoop(self._camera_period_s).run(
                lambda: self._shoot(renderer), lambda: self._stopping or self._ended
            )
        except Exception as error:
            if not self._ended:  # else the world's own defect has been told
                self._sink.on_defect(error)
        finally:
            renderer.close()

    def _shoot(self, renderer: Any) -> None:
        if self._stopping or not self.episode.task:
            return
        snapshot, stamp_s = self.call(lambda: (self._world.snapshot(), self._clock_s()))
        images = renderer.render(snapshot)
        if (left_s := stamp_s + self._camera_latency_s - self._clock_s()) > 0:
            time.sleep(left_s)
        self._sink.on_images(images, stamp_s)
