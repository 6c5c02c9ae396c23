# SPDX-License-Identifier: Apache-2.0
"""Steps a world on a thread of its own, in real time or in lockstep with its controller.

In lockstep the world waits until a trajectory and a gripper command cover its next policy step, so
that a slow machine gives the same result as a fast one. While it waits it repeats its last
observation, for a node that was not there the first time.
"""

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.control.follower import TrajectoryFollower
from genima.errors import WorldDown, WorldError
from genima.sim.world import Renderer, World, WorldState

Result = TypeVar("Result")
Images = Mapping[str, UInt8[Array, "h w 3"]]

#: Length of a policy step [s]; RLBench's.
POLICY_STEP_S = 0.05
_ENDED = "the world has stopped; the sim bridge's log says why; restart the sim bridge"


class Sink(Protocol):
    """Where observations go. Called from the runner's threads."""

    def on_state(self, state: WorldState, stamp_s: float) -> None:
        """A new state of the joints."""

    def on_images(self, images: Images, stamp_s: float) -> None:
        """A new set of camera images."""

    def on_defect(self, error: Exception) -> None:
        """The world cannot go on."""


@dataclass(frozen=True)
class Episode:
    """How the present episode goes.

    Attributes:
        task: Its task; empty before the first reset.
        seed: Its seed.
        steps: Policy steps since the reset.
        success: Done in the present state.
        succeeded_at: The first policy step at which it was done; -1 if it never was.
        max_steps: Where a lockstep world stops without success; 0 for never.
        settle_steps: How far a lockstep world goes on after success.
        error: Why the world has lost it; empty while it has not. A reset begins another one.
            Without a task: why there can be none before the world is started anew.
        scene: Which scene of its seed.
    """

    task: str = ""
    seed: int = 0
    steps: int = 0
    success: bool = False
    succeeded_at: int = -1
    max_steps: int = 0
    settle_steps: int = 0
    error: str = ""
    scene: int = 0

    @property
    def succeeded(self) -> bool:
        """Whether it was done at some policy step since the reset."""
        return self.succeeded_at >= 0

    @property
    def finished(self) -> bool:
        """Whether a lockstep world goes no further."""
        if self.error:
            return True
        if self.succeeded:
            return self.steps >= self.succeeded_at + self.settle_steps
        return not self.task or 0 < self.max_steps <= self.steps


class WorldRunner(ABC):
    """The one thread that touches a world. It takes jobs between steps.

    Args:
        world: The world.
        make_renderer: Makes the world's renderer, in the thread that will use it.
        follower: What the arm follows.
        sink: Where observations go.
    """

    def __init__(
        self,
        world: World,
        make_renderer: Callable[[], Renderer],
        follower: TrajectoryFollower,
        sink: Sink,
    ) -> None:
        self.episode = Episode()
        self._settle_steps = 0
        self._world = world
        self._make_renderer = make_renderer
        self._follower = follower
        self._sink = sink
        self._gripper_open = True
        self._gripper_stamp_s = -np.inf
        self._reset_stamp_s = 0.0
        self._jobs: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._ended = False
        self._thread = threading.Thread(target=self._guarded, name="world", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Stop and wait for the threads.

        Raises:
            WorldDown: They hang, and may still touch the world.
        """
        with self._wake:
            limit_s = 0.0 if self._stopping else self._world.longest_job_s  # waits only once
            self._stopping = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=limit_s)
        if self._thread.is_alive():
            raise WorldDown("the world hangs and does not stop; end its process")

    def call(self, job: Callable[[], Result]) -> Result:
        """Run `job` on the world's thread, between two steps, and return its result.

        Raises:
            WorldDown: The world does not answer.
        """
        future: Future[Result] = Future()
        with self._wake:
            if self._ended:
                raise WorldDown(_ENDED)
            self._jobs.append((job, future))
            self._wake.notify_all()
        limit_s = self._world.longest_job_s
        try:
            return future.result(timeout=limit_s)
        except TimeoutError as error:
            future.cancel()  # so that it is not done behind the caller's back
            raise WorldDown(
                f"the world did not answer within {limit_s:.0f} s; is the machine overloaded?"
            ) from error
        finally:
            del future  # its error knows this frame: each would keep the other, and the scene

    def reset(self, task: str, variation: int, seed: int, max_steps: int) -> tuple[str, ...]:
        """Begin an episode; returns the wordings of its instruction.

        Raises:
            GenimaError: The world refuses the task, variation or seed; the old episode goes on.
            WorldDown: There is no episode any more.
        """
        try:
            return self.call(lambda: self._reset(task, variation, seed, max_steps))
        except WorldDown as error:
            self.episode = Episode(error=str(error))
            raise

    def follow(
        self,
        stamp_s: float,
        names: list[str],
        times_s: Float[Array, "k"],
        q: Float[Array, "k 7"],
        dq: Float[Array, "k 7"],
    ) -> None:
        """Take a trajectory; a world without an episode, or that has lost it, takes none.

        Raises:
            InvalidCommand: It cannot be followed.
        """
        with self._wake:
            if not self.episode.task or self.episode.error:
                return  # nobody will follow it, and the follower would keep it
            self._follower.accept(self._episode_s(stamp_s), names, times_s, q, dq)
            self._wake.notify_all()

    def command_gripper(self, is_open: bool, stamp_s: float) -> None:
        """Set what the gripper should do; a command that is not of this episode is ignored."""
        with self._wake:
            if self._reset_stamp_s <= stamp_s <= self._newest_stamp_s():
                self._gripper_open = is_open
                self._gripper_stamp_s = stamp_s
                self._wake.notify_all()

    @property
    def reset_stamp_s(self) -> float:
        """Stamp of the first state of the present episode [s]."""
        return self._reset_stamp_s

    @abstractmethod
    def _run(self) -> None:
        """Step the world until told to stop."""

    @abstractmethod
    def _next_stamp_s(self) -> float:
        """Stamp of the first state after a reset that happens now [s]."""

    def _newest_stamp_s(self) -> float:
        """Latest stamp [s] of a command that can be meant for this world."""
        return np.inf

    def _reset(self, task: str, variation: int, seed: int, max_steps: int) -> tuple[str, ...]:
        instructions = self._world.reset(task, variation, seed)
        with self._wake:
            self._reset_stamp_s = self._next_stamp_s()
            self._follower.reset(self._world.state().q, 0.0)
            self._gripper_open = True
            self._gripper_stamp_s = -np.inf
        self.episode = Episode(
            task=task,
            seed=seed,
            max_steps=max_steps,
            settle_steps=self._settle_steps,
            scene=self._world.scene,
        )
        return instructions

    def _episode_s(self, stamp_s: float) -> float:
        """Time since the episode began [s], to the nanosecond that stamps are given in.

        The follower counts from there: with other numbers for the time the same motion would come
        out differently in its last digits. Contact makes much of them, and an episode would depend
        on those before it.
        """
        return round(stamp_s - self._reset_stamp_s, 9)

    def _advance(self, stamps_s: Float[Array, "n"]) -> None:
        if self.episode.error:
            return
        with self._wake:
            q_cmd = np.array([self._follower.sample(self._episode_s(t)).q for t in stamps_s])
            gripper_open = self._gripper_open
        try:
            self._world.advance(q_cmd, gripper_open)
        except WorldError as error:
            self.episode = replace(self.episode, error=str(error))
            return
        steps = int(round(self._world.state().time_s / POLICY_STEP_S, 6))
        if steps > self.episode.steps:
            success, at = self._world.success(), self.episode.succeeded_at
            at = steps if success and at < 0 else at
            self.episode = replace(self.episode, steps=steps, success=success, succeeded_at=at)

    def _do_jobs(self) -> None:
        while self._jobs:
            job, future = self._jobs.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(job())
            except Exception as error:  # handed to the caller, who knows what it means
                future.set_exception(error)
            finally:
                del future  # as in `call`

    def _guarded(self) -> None:
        try:
            self._run()
        except Exception as error:
            self.episode = Episode(error=f"the world has stopped: {error}")
            self._sink.on_defect(error)
        finally:
            self._world.close()
            with self._wake:
                self._ended = True
                while self._jobs:  # nobody will do them; who waits is to know it
                    future = self._jobs.popleft()[1]
                    if future.set_running_or_notify_cancel():
                        future.set_exception(WorldDown(_ENDED))
