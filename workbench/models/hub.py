"""Trained weights from the hub, or within seconds a clear message that there is no way to get them.

The hub's own client retries for about a minute without a network; so its host is tried first, and where
it does not answer only weights that were fetched before are used.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import torch

from workbench.errors import WeightsError

PATIENCE_S = 3.0
_FILES = (
    "model.safetensors",
    "pytorch_model.bin",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
)
Made = TypeVar("Made")


def reachable(url: str, patience_s: float = PATIENCE_S) -> bool:
    """Whether the host of `url`, or the proxy that leads to it, accepts a connection in time."""
    parts = urlsplit(url)
    proxy = os.environ.get(f"{parts.scheme}_proxy") or os.environ.get(f"{parts.scheme.upper()}_PROXY")
    target = urlsplit(proxy) if proxy else parts
    port = target.port or (443 if target.scheme == "https" else 80)
    answered = threading.Event()

    def knock() -> None:  # in a thread: looking up a name cannot be given a time limit
        try:
            socket.create_connection((target.hostname or "", port), timeout=patience_s).close()
            answered.set()
        except OSError:
            return

    knocking = threading.Thread(target=knock, daemon=True)
    knocking.start()
    knocking.join(patience_s)
    return answered.is_set()


def fetch(
    build: Callable[[], Made], name: str, hub_id: str | None, filename: str | None, url: str | None
) -> Made:
    """What `build` gives, which may download weights: from the hub for a `hub_id`, else from `url`.

    Raises
    ------
    WeightsError : the weights are not on this machine and cannot be fetched; offers random weights.
    """
    from huggingface_hub import constants

    host = constants.ENDPOINT if hub_id else url or ""
    there = _fetched_before(hub_id, filename, url)
    online = not there and not constants.is_offline_mode() and reachable(host)
    if not there and not online:
        raise WeightsError(_offer(name, f"{urlsplit(host).netloc} cannot be reached from here"))
    try:
        with _offline(not online):
            return build()
    except Exception as error:  # the hub's client, urllib and safetensors raise dozens of kinds
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(_offer(name, f"{type(error).__name__}: {why}")) from error


def _offer(name: str, why: str) -> str:
    return (
        f"the trained weights of {name} cannot be fetched: {why}. Without them: load_model({name!r}, "
        f"pretrained=False) for random weights, which are then marked as random wherever its numbers appear; "
        f"or weights='file.safetensors'; or a demo network, which is trained and needs no network"
    )


def _fetched_before(hub_id: str | None, filename: str | None, url: str | None) -> bool:
    if hub_id:
        from huggingface_hub import try_to_load_from_cache

        names = (filename,) if filename else _FILES
        return any(isinstance(try_to_load_from_cache(hub_id, known), str) for known in names)
    return bool(url) and (Path(torch.hub.get_dir()) / "checkpoints" / str(url).rpartition("/")[2]).is_file()


@contextmanager
def _offline(wanted: bool) -> Iterator[None]:
    """The hub's client asks nobody while this lasts."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or wanted
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
