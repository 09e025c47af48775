"""A port on this machine that nobody else uses."""

from __future__ import annotations

import errno
import socket

from workbench.errors import ServeError

LOOPBACK = "127.0.0.1"


def listening_socket(port: int | None, preferred: int) -> socket.socket:
    """A socket that listens on 127.0.0.1, so that no other program can take its port meanwhile.

    With `port` None the `preferred` one is tried, and any free one taken where it is in use.

    Raises
    ------
    ServeError : `port` is in use, not allowed, or no port number.
    """
    if port is None:
        try:
            return _listen(preferred)
        except OSError:
            return _listen(0)
    if not 1 <= port <= 65535:
        raise ServeError(
            f"{port} is no port; ports go from 1 to 65535. Leave --port out and a free one is chosen"
        )
    try:
        return _listen(port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            text = f"port {port} is in use by another program. Stop that program, give another --port"
        elif error.errno == errno.EACCES:
            text = f"port {port} needs rights that this user does not have. Give a --port above 1023"
        else:
            text = f"port {port} cannot be used: {error.strerror}. Give another --port"
        raise ServeError(f"{text}, or leave --port out and a free one is chosen") from error


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(128)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
