"""Probabilities on the scale where evidence adds up: stretch(p) = ln(p / (1 - p)), and back.

Both are tables of whole numbers, in units of 1/256, from -8 to 8. No entry lies so near to a half before it
is rounded that another machine's exp or log could round it the other way (a test looks at that).
"""

from __future__ import annotations

from typing import Final

import numpy as np

UNIT: Final = 256  # of the stretched scale
BOUND: Final = 2047  # of it: +- 8
PROBABILITY_BITS: Final = 16  # of what is squashed
STRETCH_BITS: Final = 12  # of what is stretched

_chances = (np.arange(1 << STRETCH_BITS) + 0.5) / (1 << STRETCH_BITS)
_evidence = np.arange(-BOUND, BOUND + 1) / UNIT
EXACT_STRETCH: Final = np.clip(UNIT * np.log(_chances / (1 - _chances)), -BOUND, BOUND)
EXACT_SQUASH: Final = (1 << PROBABILITY_BITS) / (1 + np.exp(-_evidence))

STRETCH: Final = np.rint(EXACT_STRETCH).astype(np.int32)
"""Of a probability in 2**-12."""
SQUASH: Final = np.rint(EXACT_SQUASH).astype(np.int32)
"""In 2**-16, at BOUND + a stretched number; never 0 nor 1."""
