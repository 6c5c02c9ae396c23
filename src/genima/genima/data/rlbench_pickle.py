# SPDX-License-Identifier: Apache-2.0
"""RLBench's pickles, written and read without RLBench.

What is written names RLBench's own classes, so that RLBench unpickles it into them. What is read
may come from anywhere: only the names in `_READABLE` are resolved, each to something of ours that
cannot do more than hold data, and every other name is refused.
"""

import io
import math
import pickle
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from genima.arrays import Array
from genima.errors import InvalidDataset

#: Protocol of Python 3.4 and of RLBench's own files.
_PROTOCOL = 4
_ARRAY_KINDS = "biuf"


class _Sealed(type):
    """A class that a pickle cannot change: BUILD would otherwise set its attributes."""

    def __setattr__(cls, name: str, value: object) -> NoReturn:
        raise pickle.UnpicklingError(f"it tries to set {name!r} of the class {cls.__name__}")


class RlbenchObservation(metaclass=_Sealed):
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


class RlbenchDemo(metaclass=_Sealed):
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


class _PickledDtype(metaclass=_Sealed):
    """Stands for `numpy.dtype` while it is being read: plain numbers only."""

    def __init__(self, code: Any, align: Any = False, copy: Any = True) -> None:
        if not isinstance(code, str):
            raise pickle.UnpicklingError("an array has a type that is not given by its name")
        self.dtype = np.dtype(code)
        if self.dtype.kind not in _ARRAY_KINDS:
            raise pickle.UnpicklingError(f"an array has elements of type {code!r}")

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("the type of an array has no byte order")
        if state[1] in "<>":
            self.dtype = self.dtype.newbyteorder(state[1])


class _PickledArray(np.ndarray):
    """An array that checks what it is filled with before NumPy does it."""

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise pickle.UnpicklingError("an array has a state that NumPy does not write")
        version, shape, pickled, fortran, raw = state
        if not isinstance(pickled, _PickledDtype) or not isinstance(raw, bytes):
            raise pickle.UnpicklingError("an array does not consist of plain bytes")
        if not _fits(shape, pickled.dtype, raw):
            raise pickle.UnpicklingError(f"an array of shape {shape} has {len(raw)} bytes")
        checked: Any = (version, shape, pickled.dtype, bool(fortran), raw)
        super().__setstate__(checked)


def _fits(shape: Any, dtype: np.dtype, raw: bytes) -> bool:
    return (
        isinstance(shape, tuple)
        and all(isinstance(side, int) and side >= 0 for side in shape)
        and math.prod(shape) * dtype.itemsize == len(raw)
    )


def _reconstruct(kind: Any, shape: Any, code: Any) -> Array:
    """What NumPy makes an array of, up to protocol 4."""
    return np.ndarray.__new__(_PickledArray, 0, np.int8)


def _frombuffer(raw: Any, pickled: Any, shape: Any, order: Any) -> Array:
    """What NumPy makes an array of in protocol 5."""
    if not isinstance(pickled, _PickledDtype) or not isinstance(raw, bytes | bytearray):
        raise pickle.UnpicklingError("an array does not consist of plain bytes")
    if not _fits(shape, pickled.dtype, bytes(raw)) or order not in ("C", "F"):
        raise pickle.UnpicklingError(f"an array of shape {shape} has {len(raw)} bytes")
    return np.frombuffer(raw, pickled.dtype).reshape(shape, order=order)


def _scalar(pickled: Any, raw: Any) -> Any:
    """What NumPy makes a single number of."""
    if not isinstance(pickled, _PickledDtype) or not isinstance(raw, bytes):
        raise pickle.UnpicklingError("a number does not consist of plain bytes")
    if len(raw) != pickled.dtype.itemsize or not raw:
        raise pickle.UnpicklingError(f"a number of type {pickled.dtype} has {len(raw)} bytes")
    return np.frombuffer(raw, pickled.dtype)[0]


def _encode(text: Any, encoding: Any) -> bytes:
    """What bytes are made of up to protocol 2."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("it encodes something else than bytes")
    return text.encode("latin1")


class _NdarrayMark(metaclass=_Sealed):
    """Stands for `numpy.ndarray`, which is only ever an argument."""

    def __init__(self) -> None:
        raise pickle.UnpicklingError("it makes an array in a way that NumPy does not")


_DEMO = ("rlbench.demo", "Demo")
_OBSERVATION = ("rlbench.backend.observation", "Observation")

_READABLE: dict[tuple[str, str], Any] = {
    _DEMO: RlbenchDemo,
    _OBSERVATION: RlbenchObservation,
    ("numpy", "ndarray"): _NdarrayMark,
    ("numpy", "dtype"): _PickledDtype,
    ("_codecs", "encode"): _encode,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _frombuffer for core in ("core", "_core")},
    **{("builtins", kind.__name__): kind for kind in (list, dict, tuple, set, frozenset)},
    ("collections", "OrderedDict"): dict,
}


class _RestrictedUnpickler(pickle.Unpickler):
    """Resolves the names in `_READABLE` and no others."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _READABLE[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}") from None


def read_pickle(path: Path) -> Any:
    """Read a file that holds demonstrations, arrays, numbers and text, and nothing else.

    Raises:
        InvalidDataset: The file cannot be read, is no pickle, or names a class or a function that
            no data set needs. Nothing of what it names has been run.
    """
    try:
        return _RestrictedUnpickler(io.BytesIO(path.read_bytes())).load()
    except OSError as error:
        raise InvalidDataset(f"{path}: cannot be read ({error.strerror})") from error
    except pickle.UnpicklingError as error:
        raise InvalidDataset(
            f"{path}: refused to unpickle this file, since {error}; a file of RLBench holds its "
            "Demo and Observation, arrays, numbers and text only, so do not trust it"
        ) from error
    # A damaged pickle may fail in any operation that it asks for.
    except Exception as error:
        raise InvalidDataset(
            f"{path}: is damaged or no pickle ({type(error).__name__}: {error}); restore it"
        ) from error


def read_demo(path: Path) -> RlbenchDemo:
    """Read a `low_dim_obs.pkl`.

    Raises:
        InvalidDataset: As for `read_pickle`, or the file holds something else.
    """
    demo = read_pickle(path)
    if isinstance(demo, list):  # of RLBench before it had the class
        demo = RlbenchDemo(demo)
    if not isinstance(demo, RlbenchDemo) or not hasattr(demo, "_observations"):
        raise InvalidDataset(
            f"{path}: holds {_kind(demo)} where a demonstration belongs; "
            "give a low_dim_obs.pkl of RLBench"
        )
    return demo


def read_descriptions(path: Path) -> tuple[str, ...]:
    """Read a `variation_descriptions.pkl`.

    Raises:
        InvalidDataset: As for `read_pickle`, or the file holds something else.
    """
    texts = read_pickle(path)
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        raise InvalidDataset(
            f"{path}: holds {_kind(texts)} where a list of instructions belongs; "
            "give a variation_descriptions.pkl of RLBench"
        )
    return tuple(texts)


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"


class _RlbenchPickler(pickle._Pickler):
    """Writes our stand-ins under RLBench's names.

    The C pickler would import the modules that it names. NumPy 2 finds its functions at the
    places of NumPy 1, too, but not the other way round.
    """

    _NAMES: dict[Any, tuple[str, str]] = {  # noqa: RUF012
        RlbenchDemo: _DEMO,
        RlbenchObservation: _OBSERVATION,
        np.empty(0).__reduce__()[0]: ("numpy.core.multiarray", "_reconstruct"),
        np.float64(0).__reduce__()[0]: ("numpy.core.multiarray", "scalar"),
        np.ndarray: ("numpy", "ndarray"),
        np.dtype: ("numpy", "dtype"),
    }

    def save_global(self, obj: Any, name: str | None = None) -> None:
        if obj not in self._NAMES:
            raise pickle.PicklingError(f"{obj!r} does not belong into a file of RLBench")
        pickler: Any = self  # the stubs know no more than the C pickler has
        for text in self._NAMES[obj]:
            pickler.save(text)
        pickler.write(pickle.STACK_GLOBAL)
        pickler.memoize(obj)


def demo_bytes(demo: RlbenchDemo) -> bytes:
    """The contents of a `low_dim_obs.pkl`."""
    return _pickled(demo)


def description_bytes(descriptions: tuple[str, ...]) -> bytes:
    """The contents of a `variation_descriptions.pkl`."""
    return _pickled(list(descriptions))


def _pickled(value: Any) -> bytes:
    file = io.BytesIO()
    _RlbenchPickler(file, _PROTOCOL).dump(value)
    return file.getvalue()
