"""Does a second start of Python compile anything? Asked of numba itself, in a new process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

_PROGRAM = """
import json, time
started = time.perf_counter()
import numpy as np
import workbench as wb
features = np.maximum(np.sin(np.arange(32 * 56 * 56, dtype=np.float32).reshape(32, 56, 56) / 7), 0)
payload = wb.codec("context", bits=4).encode(features)
seconds = time.perf_counter() - started
wb.decode(payload)
wb.decode(wb.codec("context", bits=4, mixing=True).encode(features))
import gc
from numba.core.dispatcher import Dispatcher
known = [one for one in gc.get_objects() if isinstance(one, Dispatcher)]
ours = [one for one in known if one.py_func.__module__.startswith("workbench")]
again = sum(sum(one.stats.cache_misses.values()) for one in ours)
loaded = sum(sum(one.stats.cache_hits.values()) for one in ours)
print(json.dumps({"seconds": seconds, "compiled_again": again, "loaded": loaded}))
"""


def second_start() -> dict[str, Any]:
    """Seconds from import to the first payload, and how many functions were compiled and loaded for it."""
    for _ in range(2):  # the first may compile what nothing here has called yet
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=600
        )
    return json.loads(done.stdout)
