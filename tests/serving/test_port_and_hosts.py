"""Ports that are taken, host names that are not ours, and what a kernel is not told; without a browser."""

import asyncio
import json
import socket
from pathlib import Path

import pytest
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

from workbench.errors import ServeError
from workbench.paths import AppNotebook
from workbench.serving.dashboards import dashboard_config, serve, warm_kernels
from workbench.serving.guarding import is_loopback
from workbench.serving.kernels import Kernels
from workbench.serving.lab import lab, lab_arguments
from workbench.serving.port import listening_socket


@pytest.fixture
def taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_in_use_says_the_next_step(taken):
    with pytest.raises(ServeError, match=rf"port {taken} is in use .* leave --port out"):
        listening_socket(taken, 1)


def test_without_a_wish_any_free_port_does(taken):
    with listening_socket(None, taken) as listener:
        address, port = listener.getsockname()
    assert address == "127.0.0.1"
    assert port != taken


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_no_port_number(port):
    with pytest.raises(ServeError, match="ports go from 1 to 65535"):
        listening_socket(port, 1)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:80", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:8866"]
)
def test_loopback_names(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "0.0.0.0",
        "192.168.0.1",
        "[::]",
        "[::2]:1",
    ],
)
def test_other_names(host):
    assert not is_loopback(host)


def test_an_empty_folder_has_nothing_to_serve(tmp_path):
    with pytest.raises(ServeError, match="there is no app"):
        serve(folder=tmp_path)


def test_a_missing_notebook_folder(tmp_path):
    with pytest.raises(ServeError, match="no folder"):
        lab(folder=tmp_path / "none")


def test_a_kernel_is_told_nothing_of_the_visitor_before(monkeypatch):
    started = {}

    async def start_kernel(self, **kwargs):
        started.update(kwargs)
        return "id"

    monkeypatch.setattr(AsyncMappingKernelManager, "start_kernel", start_kernel)
    kernels = Kernels.__new__(Kernels)
    told = {"VOILA_REQUEST_URL": "http://127.0.0.1/?token=secret", "QUERY_STRING": "a=b", "PATH": "/bin"}
    assert asyncio.run(Kernels.start_kernel(kernels, env=told)) == "id"
    assert "secret" not in json.dumps(started)
    assert "QUERY_STRING" not in started["env"]
    assert started["env"]["PATH"] == "/bin"
    assert told["QUERY_STRING"] == "a=b"


@pytest.mark.parametrize(("connections", "timeout"), [(0, 300), (1, 7200)])
def test_a_page_left_open_keeps_its_kernel_longer_than_one_that_is_gone(monkeypatch, connections, timeout):
    seen = []

    async def cull(self, kernel_id):
        seen.append(self.cull_idle_timeout)

    monkeypatch.setattr(AsyncMappingKernelManager, "cull_kernel_if_idle", cull)
    kernels = Kernels(cull_idle_timeout=300, left_open_timeout=7200)
    kernels._kernel_connections = {"id": connections}
    asyncio.run(kernels.cull_kernel_if_idle("id"))
    assert seen == [timeout]
    assert kernels.cull_idle_timeout == 300


def test_the_dashboards_allow_no_template_no_theme_and_no_file(tmp_path):
    voila = dashboard_config(tmp_path, {"explorer.ipynb": 2}).VoilaConfiguration
    assert (voila.allow_template_override, voila.allow_theme_override, voila.file_allowlist) == (
        "NO",
        "NO",
        [],
    )
    assert voila.preheat_kernel
    assert not dashboard_config(tmp_path, {"explorer.ipynb": 0}).VoilaConfiguration.preheat_kernel


@pytest.mark.parametrize(
    ("warm", "free", "counts"),
    [
        (1, 100e9, [1, 1, 1]),
        (2, 4.3e9, [2, 1, 0]),
        (1, 1.5e9, [1, 0, 0]),
        (1, 0.5e9, [0, 0, 0]),
        (0, 100e9, [0, 0, 0]),
    ],
)
def test_warm_kernels_leave_half_of_the_free_memory(warm, free, counts):
    apps = tuple(AppNotebook(name, "", Path(f"{name}.ipynb")) for name in "abc")
    assert list(warm_kernels(apps, warm, free).values()) == counts


def test_lab_is_for_this_machine_and_its_token_only(tmp_path):
    arguments = lab_arguments(tmp_path, 8888, "secret")
    assert "--ServerApp.ip=127.0.0.1" in arguments
    assert "--IdentityProvider.token=secret" in arguments
    assert "--ServerApp.allow_remote_access=False" in arguments
