# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for RLBench's two classes that can hold data and do nothing else."""

import pickle
from typing import Any, NoReturn

#: Module and name of the classes that they stand for.
DEMO_NAME = ("rlbench.demo", "Demo")
OBSERVATION_NAME = ("rlbench.backend.observation", "Observation")


class Sealed(type):
    """A class that a pickle cannot change: BUILD would otherwise set its attributes."""

    def __setattr__(cls, name: str, value: object) -> NoReturn:
        raise pickle.UnpicklingError(f"it tries to set {name!r} of the class {cls.__name__}")


class RlbenchObservation(metaclass=Sealed):
    """Stands for `rlbench.backend.observation.Observation`: whatever attributes it was given.

    The ones that we read are these; a file may lack any of them.

    Attributes:
        joint_positions: Of the arm [rad].
        joint_velocities: Of the arm [rad/s].
        gripper_open: 1 if the gripper is open, else 0.
        gripper_joint_positions: Of the two fingers [m].
        misc: Cameras, commands and poses, by name.
    """

    joint_positions: Any
    joint_velocities: Any
    gripper_open: Any
    gripper_joint_positions: Any
    misc: Any

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(_attributes(state))


class RlbenchDemo(metaclass=Sealed):
    """Stands for `rlbench.demo.Demo`.

    Args:
        observations: One for each step.
        random_seed: What `np.random.get_state` gave before the episode.
        num_reset_attempts: How often the generator tried.

    Raises:
        UnpicklingError: On reading, the observations are no list of observations.
    """

    def __init__(
        self,
        observations: list[RlbenchObservation],
        random_seed: Any = None,
        num_reset_attempts: int | None = None,
    ) -> None:
        self._observations = observations
        self.random_seed = random_seed
        self.num_reset_attempts = num_reset_attempts

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(_attributes(state))
        observations = self.__dict__.get("_observations")
        if not isinstance(observations, list) or not all(
            isinstance(observation, RlbenchObservation) for observation in observations
        ):
            raise pickle.UnpicklingError("its demonstration is no list of observations")

    @property
    def observations(self) -> list[RlbenchObservation]:
        """One for each step."""
        return self._observations


def _attributes(state: Any) -> dict[str, Any]:
    if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
        raise pickle.UnpicklingError("the state of an object is no mapping of names")
    return state
