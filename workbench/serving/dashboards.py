"""Voila on the apps: this machine only, token, home page, a warm kernel for the next visitor."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import signal
import socket
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import StaticFileHandler
from traitlets.config import Config
from voila.app import Voila
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.treehandler import TornadoVoilaTreeHandler
from voila.treehandler import VoilaTreeHandler

from workbench.errors import ServeError
from workbench.paths import AppNotebook, app_notebooks
from workbench.serving.first_scripts import FirstScript, FirstScripts
from workbench.serving.guarding import (
    KERNEL_BYTES,
    AppPage,
    EndKernel,
    HomePage,
    LoopbackHosts,
    TemplateFiles,
)
from workbench.serving.kernels import REFILL_S
from workbench.serving.plotly_js import plotly_folder
from workbench.serving.port import LOOPBACK, listening_socket

PREFERRED_PORT = 8866
_TEMPLATES = Path(__file__).parent / "templates"
_STYLES = Path(__file__).parents[1] / "panels" / "static"


def _is_no_ping_warning(record: logging.LogRecord) -> bool:
    """Whether a line of tornado's log is of use.

    jupyter_server pings a page every 30 s and gives it up after 90 s without an answer. It counts both in
    milliseconds and hands them to tornado, which counts in seconds and warns of a timeout above the interval.
    (A timeout as short as the interval ends every connection at its first ping.)
    """
    return "websocket_ping_timeout" not in record.getMessage()


class Dashboards(Voila):
    """Voila with the doors that it leaves open shut, and our own pages.

    `listener` is the socket it answers on; `announce` is called with the address once it really answers.
    """

    def __init__(
        self,
        apps: tuple[AppNotebook, ...],
        listener: socket.socket,
        announce: Callable[[str], None],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        logging.getLogger("tornado.general").addFilter(_is_no_ping_warning)
        self.apps = apps
        self.listener = listener
        self.announce = announce
        self.port = listener.getsockname()[1]

    def setup_template_dirs(self) -> None:
        """Our templates before Voila's own, and every page told of its first scripts."""
        super().setup_template_dirs()
        self.template_paths: list[str] = [str(_TEMPLATES), str(_STYLES), *self.template_paths]
        self.first = FirstScripts({"static": self.static_paths, "labextensions": self.labextensions_path})
        self.voila_configuration.page_config_hook = self.first.into_page

    def init_settings(self) -> dict:
        """Voila's settings, with headers that keep the page from talking to any other machine."""
        settings = super().init_settings()
        own: BaseLoader = FileSystemLoader([str(_TEMPLATES), str(_STYLES)])
        settings["jinja2_env"].loader = ChoiceLoader([own, settings["jinja2_env"].loader])
        settings["allow_remote_access"] = False
        settings["local_hostnames"] = ["localhost"]
        settings["headers"] = {
            "Content-Security-Policy": _content_policy(self.port),
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        return settings

    def init_handlers(self) -> list:
        """Voila's handlers without its file tree, its contents and its query channel; ours instead."""
        dropped = (TornadoVoilaTreeHandler, VoilaTreeHandler, TornadoVoilaHandler)
        kept = [
            handler
            for handler in super().init_handlers()
            if not issubclass(handler[1], dropped)
            and "/voila/api/contents" not in handler[0]
            and "/voila/query" not in handler[0]
            and "/voila/files" not in handler[0]
        ]
        named: dict[str, Any] = {"voila_configuration": self.voila_configuration}
        common: dict[str, Any] = {**named, "apps": self.apps}
        rendering = {**common, "template_paths": self.template_paths, "config": self.config}
        own: list[Any] = [
            (r"/", HomePage, {**common, "scripts": self.first}),
            (r"/voila/render/(.*)", AppPage, rendering),
            (r"/voila/templates/(.*)", TemplateFiles),
            (r"/voila/first\.js", FirstScript, {**named, "scripts": self.first}),
            (r"/voila/(plotly\.min\.js)", StaticFileHandler, {"path": str(plotly_folder())}),
            (r"/voila/api/shutdown/(.*)", EndKernel),
        ]
        return [*own, *kept]

    def listen(self) -> None:
        """Answer on our socket until Ctrl-C or SIGTERM, then end every kernel."""
        HTTPServer(LoopbackHosts(self.app)).add_socket(self.listener)
        self.ioloop = IOLoop.current()
        for number in {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}:
            signal.signal(number, self._handle_signal_stop)
        self.ioloop.spawn_callback(self._announce)
        try:
            self.ioloop.start()
        except KeyboardInterrupt:
            pass
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would leave kernels behind
            self.stop()

    async def _announce(self) -> None:
        address = f"http://{LOOPBACK}:{self.port}/"
        ask = HTTPRequest(address, headers={"Authorization": f"token {self.token}"}, request_timeout=30)
        while (await AsyncHTTPClient().fetch(ask, raise_error=False)).code != 200:
            await asyncio.sleep(0.1)
        self.announce(f"{address}?token={self.token}")


def _content_policy(port: int) -> str:
    here = " ".join(f"ws://{host}:{port}" for host in (LOOPBACK, "localhost"))
    return (
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
        f"connect-src 'self' data: blob: {here}; "
        "frame-ancestors 'self'; form-action 'self'; object-src 'none'"
    )


def warm_kernels(apps: tuple[AppNotebook, ...], warm: int, free_bytes: float) -> dict[str, int]:
    """How many kernels of each app wait for a visitor: `warm`, but never more than half of the free memory.

    The first apps of the header come first.
    """
    fit = int(free_bytes / 2 / KERNEL_BYTES)
    counts = {}
    for app in apps:
        counts[app.path.name] = min(warm, fit)
        fit -= counts[app.path.name]
    return counts


def dashboard_config(folder: Path, warm: dict[str, int]) -> Config:
    """How Voila is set up; `warm` says how many kernels of which app wait for a visitor."""
    config = Config()
    config.Voila.root_dir = str(folder)
    config.Voila.ip = LOOPBACK
    config.Voila.open_browser = False
    config.Voila.config_file_paths = []
    config.Voila.log_level = "ERROR"
    config.VoilaConfiguration.update(
        allow_template_override="NO",
        allow_theme_override="NO",
        file_allowlist=[],
        preheat_kernel=any(warm.values()),
        show_tracebacks=False,
        multi_kernel_manager_class="workbench.serving.kernels.Kernels",
        extension_allowlist=[
            "@jupyter-widgets/jupyterlab-manager",
            "@voila-dashboards/widgets-manager8",
            "anywidget",
        ],
    )
    config.VoilaExecutor.cell_error_instruction = (
        "The app could not start. The terminal in which `workbench serve` runs says why; "
        "reload when it is mended."
    )
    if os.name == "posix":
        config.KernelManager.transport = (
            "ipc"  # kernels are reached through files of this user, not TCP ports
        )
    config.Kernels.update(
        cull_interval=30, cull_idle_timeout=300, cull_connected=True, left_open_timeout=7200
    )
    config.Kernels.kernel_pools_config = {
        "default": {"pool_size": 0},
        **{name: {"pool_size": count} for name, count in warm.items()},
    }
    config.Kernels.fill_delay = REFILL_S
    config.IdentityProvider.cookie_options = {"SameSite": "Strict"}
    return config


def serve(
    port: int | None = None,
    *,
    folder: Path | None = None,
    warm: int = 1,
    as_json: bool = False,
    open_browser: bool = False,
) -> None:
    """Serve the dashboards until Ctrl-C; prints the address when it answers.

    Raises
    ------
    ServeError : the port is in use, or there is no app to serve.
    """
    apps = app_notebooks(folder)
    if not apps:
        raise ServeError(
            f"there is no app (*.ipynb) in {folder or 'apps/'}; give --apps a folder that has one"
        )
    listener = listening_socket(port, PREFERRED_PORT)
    home = apps[0].path.parent.resolve()
    os.environ["WORKBENCH_APPS"] = str(home)  # for the kernels: their headers link the same apps

    def announce(address: str) -> None:
        if as_json:
            where = {"address": address, "port": listener.getsockname()[1], "pid": os.getpid()}
            print(json.dumps(where), flush=True)
        else:
            print(f"workbench is ready: {address}\nStop it with Ctrl-C.", flush=True)
        if open_browser:
            webbrowser.open(address)

    kept_warm = warm_kernels(apps, warm, psutil.virtual_memory().available)
    server = Dashboards.instance(  # Voila's parts log through the instance; else why a cell failed is lost
        apps, listener, announce, config=dashboard_config(home, kept_warm), token=secrets.token_urlsafe(24)
    )
    server.initialize([])
    server.start()
    print("workbench has stopped.", file=sys.stderr)
