# SPDX-License-Identifier: Apache-2.0
"""The whole graph with the driver in it, for long: memory, halts and error counters.

Started by `benchmarks/driver.py soak`. Each episode goes home, begins a task, and is cut short
while the arm moves, by turns: `hold`, an emergency stop, a controller that is suspended, a goal
that is taken back. Whether the arm then stands within the promised time is what counts as a halt.
"""

import argparse
import os
import signal
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
from genima_msgs.msg import DriverStatus, EmergencyStop
from tests.driven_graph import BRIDGE, BUTTON, CONTROLLER, DIFFUSION, DrivenGraph

from genima.evaluation.domain import claim_domain
from genima.franka.simulated import SimulatedArm

#: After this the arm must stand [s]: half a second for the driver to notice, the same to brake at
#: half the limits, and what a simulated arm swings after that.
STANDS_WITHIN_S = 2.0
#: An arm that is slower stands [rad/s].
STANDS_RAD_S = 0.05
#: How often memory is read [s].
MEMORY_EVERY_S = 10.0
NODES = ("panda_driver", "sim_bridge", "diffusion", "controller")
_STANDING = (DriverStatus.HOLDING, DriverStatus.HALTED)
CUTS = ("hold", "estop", "suspend", "cancel")


class Soak:
    """Episode after episode.

    Args:
        graph: The nodes.
        image_quality: Of the simulated cameras.
    """

    def __init__(self, graph: DrivenGraph, image_quality: str) -> None:
        self._graph = graph
        self.memory_kb: dict[str, list[tuple[float, int]]] = {name: [] for name in NODES}
        self.halts, self.missed, self.causes = 0, [], Counter()
        self.unmoved: list[int] = []
        self._ended = threading.Event()
        self._began_s = time.monotonic()
        self._read_s = -np.inf
        graph.start_driver(stiffness=[400.0] * 4 + [200.0] * 3, damping=[40.0] * 4 + [28.0] * 3)
        graph.start("sim_bridge", **(BRIDGE | {"image_quality": image_quality}))
        graph.start("diffusion", **DIFFUSION)
        graph.start("controller", **CONTROLLER)
        graph.node.create_timer(1.0, self._look)
        threading.Thread(target=self._beat, daemon=True).start()

    def episode(self, number: int) -> None:
        """Home, a task, and a cut in the middle of a motion, if the goal comes to one."""
        graph, cut = self._graph, CUTS[number % len(CUTS)]
        self._go_home()
        graph.until(lambda: graph.reset("push_button", seed=number).success, "a new episode")
        graph.speeds.clear()
        handle = graph.give_goal_until_accepted(BUTTON)
        result = handle.get_result_async()
        graph.until(lambda: graph.moving or result.done(), "motion, or the end of the goal")
        if result.done():
            self.unmoved.append(number)
            return
        if cut == "hold":
            graph.order("hold")
        elif cut == "estop":
            self._press(True)
        elif cut == "suspend":
            graph.send_signal("controller", signal.SIGSTOP)
        else:
            handle.cancel_goal_async()
        self._require_rest(number, cut)
        self.causes[graph.driver.cause] += 1
        if cut == "suspend":
            graph.send_signal("controller", signal.SIGCONT)
        else:
            graph.until(lambda: graph.order("recover").success, "a recovery")
        graph.cancel(handle)

    def _go_home(self) -> None:
        """Go home, again where something halted the arm meanwhile."""
        graph, state = self._graph, DriverStatus.HALTED
        while state == DriverStatus.HALTED:
            graph.until(
                lambda: graph.order("recover").success and graph.order("home").success, "home"
            )
            graph.until(lambda: graph.driver.state in _STANDING, "the end of the way home")
            state = graph.driver.state
        graph.until_at_rest()

    def close(self) -> None:
        """Press no more."""
        self._ended.set()

    def _require_rest(self, number: int, cut: str) -> None:
        """Count whether the arm comes to rest in time."""
        graph, cut_s = self._graph, time.monotonic()
        graph.speeds.clear()
        self.halts += 1
        graph.until(
            lambda: len(graph.speeds) == graph.speeds.maxlen and max(graph.speeds) < STANDS_RAD_S,
            "rest",
        )
        took_s = time.monotonic() - cut_s
        if took_s > STANDS_WITHIN_S:
            self.missed.append(f"episode {number}, {cut}: {took_s:.2f} s")
            print(f"missed: {self.missed[-1]}", flush=True)

    def _beat(self) -> None:
        """In a thread of its own: a busy one would fall silent, which halts."""
        while not self._ended.wait(0.2):
            self._press(False)

    def _press(self, pressed: bool) -> None:
        self._graph.button.publish(EmergencyStop(pressed=pressed, source="soak"))

    def _look(self) -> None:
        now_s = time.monotonic()
        if now_s - self._read_s < MEMORY_EVERY_S:
            return
        self._read_s = now_s
        for name in NODES:
            pid = self._graph.pid(name)
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            size_kb = pages * os.sysconf("SC_PAGE_SIZE") // 1024
            self.memory_kb[name].append((now_s - self._began_s, size_kb))


def growth(samples: list[tuple[float, int]], settle_s: float) -> tuple[float, float]:
    """Memory after settling [MB], and how much it grew from then to the end [%].

    Means of a tenth of the time each, so that neither end is a moment.
    """
    settled = np.array([sample for sample in samples if sample[0] >= settle_s])
    if len(settled) < 4:
        return np.nan, np.nan
    tenth = max(len(settled) // 10, 1)
    first, last = settled[:tenth, 1].mean(), settled[-tenth:, 1].mean()
    return first / 1024, 100.0 * (last / first - 1.0)


def soak(arguments: argparse.Namespace) -> int:
    """Run for some minutes; print what came of it; returns the exit code."""
    end_s = time.monotonic() + 60.0 * arguments.minutes
    number = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        claim_domain() as domain,
        SimulatedArm() as arm,
    ):
        graph = DrivenGraph(Path(folder), domain, arm)
        try:
            test = Soak(graph, arguments.image_quality)
            try:
                while time.monotonic() < end_s:
                    test.episode(number)
                    number += 1
            finally:
                report(test, graph, number, arguments)
                test.close()
        finally:
            graph.close()
    return 1 if test.missed else 0


def report(test: Soak, graph: DrivenGraph, episodes: int, arguments: argparse.Namespace) -> None:
    """Print memory, halts and counters as tables."""
    print(f"| {arguments.minutes:g} min, {episodes} episodes | memory [MB] | growth [%] |")
    print("|---|---|---|")
    for name, samples in test.memory_kb.items():
        size_mb, grown = growth(samples, 60.0 * arguments.settle_minutes)
        print(f"| {name} | {size_mb:.1f} | {grown:+.2f} |")
    names = {
        value: key
        for key, value in vars(DriverStatus).items()
        if isinstance(value, int) and value >= 10
    }
    causes = {names.get(cause, "NONE"): count for cause, count in test.causes.items()}
    print(f"\nepisodes without a motion: {test.unmoved}")
    print(f"halts {test.halts}, missed {len(test.missed)} {test.missed}; causes {causes}")
    for name in NODES:
        status = graph.health.get(f"/{name}")
        if status is not None:
            print(f"{name}: " + ", ".join(f"{v.key} {v.value}" for v in status.values))
