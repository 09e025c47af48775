"""JupyterLab on the notebooks: this machine only, with a token, without news or update checks."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path

from workbench.errors import ServeError
from workbench.paths import shipped
from workbench.serving.port import LOOPBACK, listening_socket

PREFERRED_PORT = 8888
_LONGEST_SOCKET_FOLDER = 50  # the name of a socket file may have about 100 characters in all


def lab_arguments(folder: Path, port: int, token: str) -> list[str]:
    """JupyterLab's own options. They stay inside this process, so `ps` does not show the token, and they
    go before whatever a configuration file says.
    """
    server: dict[str, object] = {
        "ServerApp.ip": LOOPBACK,
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.open_browser": False,
        "ServerApp.root_dir": folder,
        "ServerApp.log_level": "ERROR",
        "ServerApp.allow_remote_access": False,
        "ServerApp.allow_root": True,  # a container's only user is often root; loopback and token guard it
        "IdentityProvider.token": token,
        "LabApp.log_level": "ERROR",
        "LabApp.extension_manager": "readonly",
        "LabApp.news_url": None,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "MappingKernelManager.cull_interval": 60,
        "MappingKernelManager.cull_idle_timeout": 4 * 3600,
    }
    from jupyter_core.paths import jupyter_runtime_dir

    if os.name == "posix" and len(jupyter_runtime_dir()) < _LONGEST_SOCKET_FOLDER:
        server["KernelManager.transport"] = "ipc"  # kernels are reached through files of this user, not TCP
    return [f"--{name}={value}" for name, value in server.items()]


def lab(
    port: int | None = None,
    *,
    folder: Path | None = None,
    as_json: bool = False,
    open_browser: bool = False,
) -> None:
    """Run JupyterLab until Ctrl-C; prints the address when it answers.

    Raises
    ------
    ServeError : the port is in use, or `folder` is none.
    """
    home = folder or shipped("notebooks")
    if not home.is_dir():
        raise ServeError(f"there is no folder {home}; give --folder one that holds notebooks")
    listener = listening_socket(port, PREFERRED_PORT)
    chosen = listener.getsockname()[1]
    listener.close()  # JupyterLab wants a number; it fails at once if another program is faster
    token = secrets.token_urlsafe(24)

    def announce() -> None:
        address = f"http://{LOOPBACK}:{chosen}/"
        _wait_until_it_answers(f"{address}api")
        if as_json:
            where = {"address": f"{address}lab?token={token}", "port": chosen, "pid": os.getpid()}
            print(json.dumps(where), flush=True)
        else:
            print(f"workbench lab is ready: {address}lab?token={token}\nStop it with Ctrl-C.", flush=True)
        if open_browser:
            webbrowser.open(f"{address}lab?token={token}")

    threading.Thread(target=announce, daemon=True).start()
    settings = str(Path(__file__).parent / "lab_config")  # switches the question about news off
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(
        [settings, *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    )
    from jupyterlab.labapp import LabApp

    LabApp.launch_instance(argv=lab_arguments(home.resolve(), chosen, token))


def _wait_until_it_answers(address: str) -> None:
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
