# SPDX-License-Identifier: Apache-2.0
"""RLBench's pickles, written and read without RLBench.

What is written names RLBench's own classes, so that RLBench unpickles it into them. What is read
goes through `restricted_unpickler`.
"""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from genima.data.restricted_unpickler import RestrictedUnpickler
from genima.data.rlbench_classes import (
    DEMO_NAME,
    OBSERVATION_NAME,
    RlbenchDemo,
    RlbenchObservation,
)
from genima.errors import InvalidDataset

__all__ = [
    "RlbenchDemo",
    "RlbenchObservation",
    "demo_bytes",
    "description_bytes",
    "read_demo",
    "read_descriptions",
    "read_pickle",
]

#: Protocol of Python 3.4 and of RLBench's own files.
_PROTOCOL = 4


def read_pickle(path: Path) -> Any:
    """Read a file that holds demonstrations, arrays, numbers and text, and nothing else.

    Raises:
        InvalidDataset: The file cannot be read, is no pickle, or names a class or a function that
            no data set needs. Nothing of what it names has been run.
    """
    try:
        return RestrictedUnpickler(io.BytesIO(path.read_bytes())).load()
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
    if isinstance(demo, list) and all(isinstance(o, RlbenchObservation) for o in demo):
        demo = RlbenchDemo(demo)  # of RLBench before it had the class
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
        RlbenchDemo: DEMO_NAME,
        RlbenchObservation: OBSERVATION_NAME,
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
