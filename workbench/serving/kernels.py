"""Kernels of the dashboards: ended when nobody uses them, and nothing of one visitor reaches the next."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from traitlets import Integer

# What a kernel does before the notebook: hand the interpreter over ten times more often, so that a page
# answers while its work runs in a thread; and, where there is no GPU, do without what torch imports wherever
# it is installed: triton, for 75 MB, and CUDA's own bindings, for 10.
_PROMPT = "import sys; sys.setswitchinterval(0.0005)"
_LEAN = (
    "; import logging; sys.modules.setdefault('triton', None); sys.modules.setdefault('cuda', None); "
    "logging.getLogger('torch.utils.flop_counter').setLevel(logging.ERROR)"
)
_THRIFTY = {
    "MALLOC_ARENA_MAX": "2",  # glibc gives freed memory back
    "MALLOC_TRIM_THRESHOLD_": "131072",
    # One core stays free for the browser and the server: threads that wait for each other at a barrier while
    # one of them has no core make a 2 ms network take half a second.
    "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 2) - 1)),
}
# A warm kernel takes both cores for seconds when it starts. The page that has just got the last one has the
# machine to itself until it is drawn.
REFILL_S = 10.0
PERSONAL = ("VOILA_REQUEST_URL", "QUERY_STRING", "HTTP_COOKIE")


class Kernels(AsyncMappingKernelManager):
    """Ends kernels that are idle: soon where the page is gone, later where it is merely left open.

    Voila keeps the warm kernels that wait for a visitor out of this.
    """

    left_open_timeout = Integer(
        2 * 3600, config=True, help="seconds after which a kernel is ended whose page is open but unused"
    )

    def has_warm(self, name: str) -> bool:
        """Whether a warm kernel of the app `name` is there or starts; not while its start is put off.

        To be asked once for each visitor: he gets the kernel if there is one.
        """
        pool = getattr(self, "_pools", {}).get(name, ())
        taken = self._taken.get(name, -REFILL_S)
        if not pool or (not pool[0].done() and time.monotonic() - taken < REFILL_S):
            return False
        self._taken[name] = time.monotonic()
        return True

    def __init__(self, **kwargs: Any) -> None:
        self._taken: dict[str, float] = {}
        super().__init__(**kwargs)

    async def start_kernel(self, **kwargs: Any) -> str:  # type: ignore[override]
        """Start a kernel; what Voila passes on of the last visitor (his address, with token) stays out."""
        environment = kwargs.get("env")
        if environment is not None:
            kept = {name: value for name, value in environment.items() if name not in PERSONAL}
            kwargs["env"] = {**_THRIFTY, **kept}
        first = _PROMPT if Path("/dev/nvidiactl").exists() else _PROMPT + _LEAN
        kwargs.setdefault("extra_arguments", []).append(f"--IPKernelApp.exec_lines={first}")
        return await super().start_kernel(**kwargs)

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """End `kernel_id` if it was idle for longer than its page deserves."""
        soon = self.cull_idle_timeout
        if self._kernel_connections.get(kernel_id, 0):
            self.cull_idle_timeout = max(soon, self.left_open_timeout)
        try:
            await super().cull_kernel_if_idle(kernel_id)
        finally:
            self.cull_idle_timeout = soon
