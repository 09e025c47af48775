"""Kernels of the dashboards: ended when nobody uses them, and nothing of one visitor reaches the next."""

from __future__ import annotations

import os
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
PERSONAL = ("VOILA_REQUEST_URL", "QUERY_STRING", "HTTP_COOKIE")


class Kernels(AsyncMappingKernelManager):
    """Ends kernels that are idle: soon where the page is gone, later where it is merely left open.

    Voila keeps the warm kernels that wait for a visitor out of this.
    """

    left_open_timeout = Integer(
        2 * 3600, config=True, help="seconds after which a kernel is ended whose page is open but unused"
    )

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
