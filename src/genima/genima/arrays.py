# SPDX-License-Identifier: Apache-2.0
"""The one place where array annotations come from.

Write `Float[Array, "*b 7"]` for a NumPy array of shape (..., 7) of floats. Shapes are documentation
for the reader; nothing checks them at run time.
"""

from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray as Array

__all__ = ["Array", "Bool", "Float", "Int", "UInt8"]
