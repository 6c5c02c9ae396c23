# SPDX-License-Identifier: Apache-2.0
"""Demonstrations of RLBench's own planner, live from its simulator."""

from collections.abc import Mapping
from dataclasses import replace

from genima.cameras import CameraRig
from genima.collect.episode import Attempt
from genima.collect.plan import DemonstrationSeed
from genima.data.demonstration import Demonstration
from genima.data.demonstration_writer import DemonstrationWriter
from genima.data.rlbench_classes import RlbenchDemo
from genima.data.rlbench_demonstration import Origin, demonstration_of
from genima.errors import WorldDown, WorldError
from genima.rlbench.cameras import require_same_cameras
from genima.rlbench.installation import Installation, installed
from genima.rlbench.observation import CAMERAS
from genima.rlbench.simulator import (
    Patience,
    RenderMode,
    RlbenchOptions,
    Simulator,
    image_size_of,
)
from genima.rlbench.simulator_process import SimulatorFault, SimulatorRefusal
from genima.rlbench.tasks import RlbenchTask, installed_tasks

#: Times that the simulator may crash or hang with a seed: some of that is nobody's fault.
_MOST_FAULTS = 3
#: How long a demonstration may take, with all of them [s]; what takes longer hangs.
LONGEST_JOB_S = _MOST_FAULTS * Patience().longest_job_s


class RlbenchDemonstrator:
    """RLBench's planner. A seed is one scene: where the planner fails, the next seed is taken.

    Args:
        rig: The cameras; they must be RLBench's.
        image_quality: Name of a `RenderMode`.
        max_steps: A longer demonstration counts as failed.
        tasks: Those that there are, by name; the installed file's if none are given.
        installation: Where RLBench is; what the environment names if none is given.
    """

    def __init__(
        self,
        rig: CameraRig,
        image_quality: str,
        max_steps: int,
        tasks: Mapping[str, RlbenchTask] | None = None,
        installation: Installation | None = None,
    ) -> None:
        self._rig = rig
        self._tasks = tasks or installed_tasks()
        self._size_px = image_size_of(rig)
        options = RlbenchOptions(RenderMode[image_quality], attempts=1)
        self._simulator = Simulator(installation or installed(), self._size_px, options)
        self._max_steps = max_steps
        self._newest: Demonstration | None = None

    def attempt(self, key: DemonstrationSeed) -> Attempt:
        """Have the planner do a task.

        Raises:
            WorldDown: The simulator does not start; the seed is not to blame.
        """
        try:
            self._newest = self._demonstrate(key)
        except (SimulatorRefusal, SimulatorFault) as error:
            return Attempt(key.task, key.seed, 0, str(error))
        steps = len(self._newest)
        if steps > self._max_steps:
            failure = f"the demonstration has {steps} steps, more than {self._max_steps}"
            return Attempt(key.task, key.seed, 0, failure)
        return Attempt(key.task, key.seed, steps, "")

    def record(self, key: DemonstrationSeed, writer: DemonstrationWriter) -> None:
        """Write what was done."""
        made = self._newest
        if made is None or (made.task, made.seed) != (key.task, key.seed):
            made = self._demonstrate(key)
        for step in range(len(made)):
            writer.add_images({camera: frames[step] for camera, frames in made.images.items()})
        writer.finish(made)

    def close(self) -> None:
        """End the simulator."""
        self._simulator.close()

    def _demonstrate(self, key: DemonstrationSeed) -> Demonstration:
        for _ in range(_MOST_FAULTS - 1):
            try:
                return self._demonstrate_once(key)
            except (SimulatorFault, WorldDown):
                continue
        return self._demonstrate_once(key)

    def _demonstrate_once(self, key: DemonstrationSeed) -> Demonstration:
        descriptions, seen = self._simulator.demonstrate(self._tasks[key.task], 0, key.seed)
        if not seen:
            raise WorldError(f"RLBench's demonstration of {key} has no steps")
        demo = RlbenchDemo([observation.fields for observation in seen])
        images = {name: [observation.images[name] for observation in seen] for name in CAMERAS}
        shapes = dict.fromkeys(CAMERAS, (self._size_px, self._size_px))
        origin = Origin(
            task=key.task,
            variation=0,
            descriptions=descriptions,
            seed=key.seed,
            source="genima collect, RLBench's planner",
            where=str(key),
        )
        made = demonstration_of(demo, images, shapes, origin)
        require_same_cameras(self._rig, made.rig)
        return replace(made, rig=self._rig)  # one rig for the set, to the last digit
