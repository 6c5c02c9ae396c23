# SPDX-License-Identifier: Apache-2.0
"""A world without physics and a sink that remembers: what the runners' tests share."""

import threading
from collections.abc import Callable, Mapping

import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.errors import UnknownTask, WorldDown, WorldError
from genima.kinematics import Q_HOME
from genima.sim.world import ExpertChunk, WorldState

#: Longest wait for another thread [s]; a test that needs it has failed.
PATIENCE_S = 30.0


class FakeWorld:
    """The arm is at once where it is told to be; the task `touch` is done at its tenth step."""

    physics_dt_s = 0.01
    longest_job_s = PATIENCE_S
    scene = 0

    def __init__(self) -> None:
        self.closed = False
        self.broken = False
        self.down = ""
        self.loses_at_row = -1
        self.threads: set[str] = set()
        self._q = np.array(Q_HOME)
        self._rows = 0
        self._gripper_open = True

    def task_names(self) -> tuple[str, ...]:
        return ("touch",)

    def reset(self, task: str, variation: int, seed: int) -> tuple[str, ...]:
        self._note_thread()
        if self.down:
            raise WorldDown(self.down)
        if task != "touch":
            raise UnknownTask(f"no task {task!r}; there is: touch")
        self._q, self._rows, self._gripper_open = Q_HOME + 0.01 * seed, 0, True
        return ("touch it", "reach for it")

    def state(self) -> WorldState:
        self._note_thread()
        time_s = self._rows * self.physics_dt_s
        return WorldState(self._q, np.zeros(7), self._gripper_open, 0.08, time_s)

    def advance(self, q_cmd: Float[Array, "n 7"], gripper_open: bool) -> None:
        self._note_thread()
        if self.broken:
            raise ValueError("the physics broke")
        if self._rows == self.loses_at_row:
            raise WorldError("the simulator crashed")
        self._q, self._gripper_open = q_cmd[-1].copy(), gripper_open
        self._rows += len(q_cmd)

    def lose_now(self) -> None:
        """Fail at the next step."""
        self.loses_at_row = self._rows

    def snapshot(self) -> WorldState:
        return self.state()

    def success(self) -> bool:
        return self._rows >= 10 * 5

    def expert_chunk(self, horizon_steps: int) -> ExpertChunk:
        raise NotImplementedError

    def close(self) -> None:
        self.closed = True

    def _note_thread(self) -> None:
        self.threads.add(threading.current_thread().name)


class FakeRenderer:
    """Every picture shows only the time of its snapshot."""

    def __init__(self) -> None:
        self.closed = False
        self.rendered = 0
        self.thread = threading.current_thread().name

    def render(self, snapshot: WorldState) -> dict[str, UInt8[Array, "1 1 3"]]:
        assert threading.current_thread().name == self.thread
        self.rendered += 1
        return {"front": np.full((1, 1, 3), round(snapshot.time_s * 20) % 256, np.uint8)}

    def close(self) -> None:
        self.closed = True


class FakeSink:
    """Remembers observations; `until` waits for one."""

    def __init__(self) -> None:
        self.states: list[tuple[float, WorldState]] = []
        self.images: list[tuple[float, Mapping[str, UInt8[Array, "h w 3"]]]] = []
        self.defects: list[Exception] = []
        self._news = threading.Condition()

    def on_state(self, state: WorldState, stamp_s: float) -> None:
        with self._news:
            self.states.append((stamp_s, state))
            self._news.notify_all()

    def on_images(self, images: Mapping[str, UInt8[Array, "h w 3"]], stamp_s: float) -> None:
        with self._news:
            self.images.append((stamp_s, images))
            self._news.notify_all()

    def on_defect(self, error: Exception) -> None:
        with self._news:
            self.defects.append(error)
            self._news.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(condition, timeout=PATIENCE_S), "it never came"
