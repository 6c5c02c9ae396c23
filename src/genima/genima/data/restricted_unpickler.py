# SPDX-License-Identifier: Apache-2.0
"""An unpickler for files that may come from anywhere.

Only the names in `_READABLE` are resolved, each to something of ours that cannot do more than hold
data; every other name is refused.
"""

import math
import pickle
from typing import Any

import numpy as np

from genima.arrays import Array
from genima.data.rlbench_classes import (
    DEMO_NAME,
    OBSERVATION_NAME,
    RlbenchDemo,
    RlbenchObservation,
    Sealed,
)

_ARRAY_KINDS = "biuf"


class _PickledDtype(metaclass=Sealed):
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
    """Whether that many bytes fill an array; runs thousands of times for an episode."""
    return (
        isinstance(shape, tuple)
        and math.prod(shape) * dtype.itemsize == len(raw)
        and min(shape, default=0) >= 0
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


class _NdarrayMark(metaclass=Sealed):
    """Stands for `numpy.ndarray`, which is only ever an argument."""

    def __init__(self) -> None:
        raise pickle.UnpicklingError("it makes an array in a way that NumPy does not")


_READABLE: dict[tuple[str, str], Any] = {
    DEMO_NAME: RlbenchDemo,
    OBSERVATION_NAME: RlbenchObservation,
    ("numpy", "ndarray"): _NdarrayMark,
    ("numpy", "dtype"): _PickledDtype,
    ("_codecs", "encode"): _encode,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _frombuffer for core in ("core", "_core")},
    **{("builtins", kind.__name__): kind for kind in (list, dict, tuple, set, frozenset)},
    ("collections", "OrderedDict"): dict,
}


class RestrictedUnpickler(pickle.Unpickler):
    """Resolves the names in `_READABLE` and no others."""

    def find_class(self, module: str, name: str) -> Any:
        """What a name in the file stands for."""
        try:
            return _READABLE[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}") from None
