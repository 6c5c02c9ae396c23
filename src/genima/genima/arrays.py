# SPDX-License-Identifier: Apache-2.0
"""The one place where array annotations come from.

Write `Float[Array, "*b 7"]` for a NumPy array of floats of shape (..., 7). The shapes are
documentation for the reader; nothing checks them at run time.
"""

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

Array = np.ndarray

__all__ = ["Array", "Bool", "Float", "Int", "UInt8"]
