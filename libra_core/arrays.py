"""The three array types of the library. Shapes are in the docstrings: R replicates, K arms, d features, n patients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
