"""Who may ask for what.

request ─▶ LoopbackHosts: is it addressed to this machine by a loopback name? (DNS rebinding)
        ─▶ jupyter's token or cookie (every page and every kernel channel)
        ─▶ HomePage │ AppPage: only the notebooks that are apps, whatever the path says
"""

from __future__ import annotations

import ipaddress
from typing import Any

import psutil
from tornado import web
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest, split_host_and_port
from tornado.routing import Router
from voila.handler import BaseVoilaHandler
from voila.request_info_handler import RequestInfoSocketHandler
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.static_file_handler import TemplateStaticFileHandler
from voila.tornado.handler import TornadoVoilaHandler

from workbench.paths import AppNotebook
from workbench.serving.first_scripts import FirstScripts

KERNEL_BYTES = 700e6


class LoopbackHosts(Router):
    """Passes on what is addressed to ``127.0.0.1``, ``localhost`` or ``[::1]``; answers 403 to all else.

    A page on the internet can make its own name point to 127.0.0.1 and then read what it gets; its requests
    carry that name in the Host header.
    """

    def __init__(self, application: web.Application) -> None:
        self.application = application

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
        """The application's own handler, or the refusal."""
        if is_loopback(request.host):
            return self.application.find_handler(request, **kwargs)
        return self.application.get_handler_delegate(request, _Refused)


def is_loopback(host: str) -> bool:
    """Whether the Host header `host` (with or without a port) names this machine by a loopback name."""
    name = split_host_and_port(host.lower())[0].strip("[]").rstrip(".")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class _Refused(web.RequestHandler):
    def prepare(self) -> None:
        self.set_status(403)
        self.finish("workbench answers only to 127.0.0.1 and localhost; open the address it printed.\n")


class TemplateFiles(TemplateStaticFileHandler):
    """Voila's scripts and styles; a path that is none of them does not exist (Voila's own fails on it)."""

    def parse_url_path(self, url_path: str) -> str:
        """Tornado's hook between the address and the file."""
        parts = url_path.split("/")
        if len(parts) < 3 or parts[1] != "static" or ".." in parts:
            raise web.HTTPError(404)
        return super().parse_url_path(url_path)


class EndKernel(VoilaShutdownKernelHandler):
    """What a page asks for when it closes. Voila's own refuses it to all who come with a token's cookie.

    It has no XSRF cookie by then; that it comes from our own page is seen from its Origin (and the
    cookie, which is SameSite=Strict).
    """

    def check_xsrf_cookie(self) -> None:
        """Jupyter's hook."""
        if not self.check_origin():
            raise web.HTTPError(403)


class HomePage(BaseVoilaHandler):
    """One card for each app."""

    def initialize(self, apps: tuple[AppNotebook, ...], scripts: FirstScripts, **kwargs: Any) -> None:
        """Tornado's constructor."""
        super().initialize(**kwargs)
        self.apps = apps
        self.scripts = scripts

    @web.authenticated
    def get(self) -> None:
        """The page; a token in the address has become a cookie by now and leaves the address."""
        if self.get_argument("token", ""):
            self.redirect(self.base_url)
            return
        scripts = (self.scripts.address(self.base_url), f"{self.base_url}voila/plotly.min.js")
        page = self.render_template("home.html", apps=self.apps, base_url=self.base_url, scripts=scripts)
        self.write(page)


class AppPage(TornadoVoilaHandler):
    """One app; any other path, notebook or not, does not exist."""

    def initialize(self, apps: tuple[AppNotebook, ...], **kwargs: Any) -> None:
        """Tornado's constructor."""
        super().initialize(**kwargs)
        self.names = {app.path.name for app in apps}

    @web.authenticated
    async def get(self, path: str = "") -> None:
        """The app's page, with a kernel of its own."""
        if path not in self.names:
            raise web.HTTPError(404)
        if self.get_argument("token", ""):
            self.redirect(self.request.path)
            return
        self.warm = self.kernel_manager.has_warm(path)
        if not self.warm and psutil.virtual_memory().available < KERNEL_BYTES:
            raise web.HTTPError(
                503, "Not enough free memory for one more page. Close a tab of the workbench, then reload."
            )
        await super().get(path=path)
        RequestInfoSocketHandler._cache.clear()  # Voila would keep each visitor's address for ever

    def should_use_rendered_notebook(self, *known: Any) -> bool:
        """Voila's question whether this page takes a warm kernel."""
        return self.warm and super().should_use_rendered_notebook(*known)
