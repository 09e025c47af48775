"""Every error a user can cause or act on, as one tree.

    WorkbenchError
    ├── UnknownNameError   LookupError    no network, split, codec, link ... of that name; offers the nearest
    ├── SettingError       ValueError     a setting out of range or of the wrong kind
    ├── PayloadError       ValueError     bytes that are no payload, or a damaged one
    ├── InputError         ValueError     a picture, features or labels that cannot be used
    ├── ModelError         RuntimeError   a network that cannot be loaded, traced or cut
    │   ├── WeightsError                  weights that do not fit, or cannot be fetched
    │   └── CutError                      no cut there, or a cut that does not give the same answer
    ├── ServeError         OSError        the dashboard cannot start (port in use, nothing to serve)
    ├── BoardError         RuntimeError   a board that cannot be used, or stopped being usable
    │   ├── UnreachableError   ConnectionError   no such name, no answer, no SSH server
    │   ├── LoginError         PermissionError   the board refused the login
    │   ├── HostKeyError                  a host key that is unknown, or not the one that was stored
    │   ├── NotReadyError                 Python, onnxruntime or a codec's package is missing or too old
    │   ├── BoardBusyError                another measurement is running there
    │   ├── BoardCrashError               the agent died of a signal
    │   ├── BoardMemoryError   MemoryError       its memory ran out
    │   ├── BoardFullError     OSError           its disk is full
    │   ├── LinkCutError       ConnectionError   the connection broke during the work
    │   ├── RebootedError      ConnectionError   the board started anew during the work
    │   ├── BoardHungError     TimeoutError      it is there but answers no more
    │   └── BoardProtocolError            it says what no agent would say
    ├── StorageError     OSError        a file of results that cannot be written (full disk, no permission)
    └── Cancelled                         a person stopped the work

The text of each says what was seen, what is allowed and what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WorkbenchError(Exception):
    """Root of all errors that a user can act on."""


class UnknownNameError(WorkbenchError, LookupError):
    """A name that nothing answers to; `nearest` holds the closest known names.

    Parameters
    ----------
    kind : what was looked for, in the singular ("codec", "link", "split point").
    name : what was asked for.
    known : every name that exists.
    hint : the next step, when it is not simply to use a known name.
    """

    def __init__(self, kind: str, name: object, known: Iterable[str], hint: str = "") -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(known)
        self.nearest = tuple(difflib.get_close_matches(str(name), self.known, n=3, cutoff=0.5))
        text = f"no {kind} {name!r}"
        if self.nearest:
            text += "; did you mean " + " or ".join(repr(near) for near in self.nearest) + "?"
        if len(self.known) <= 24:
            text += f" (known: {', '.join(self.known) or 'none'})"
        if hint:
            text += f"{'' if text.endswith('?') else '.'} {hint}"
        super().__init__(text)


class SettingError(WorkbenchError, ValueError):
    """A setting that is out of range or of the wrong kind."""


class PayloadError(WorkbenchError, ValueError):
    """Bytes that are not a payload, or a payload that was damaged on its way."""


class InputError(WorkbenchError, ValueError):
    """A picture, a feature map or labels that cannot be used."""


class ModelError(WorkbenchError, RuntimeError):
    """A network that cannot be loaded, traced or cut."""


class WeightsError(ModelError):
    """Weights that do not fit the network, or that cannot be fetched."""


class CutError(ModelError):
    """No cut at that place, or one whose two parts do not give the whole network's answer."""


class ServeError(WorkbenchError, OSError):
    """The dashboard cannot start."""


class BoardError(WorkbenchError, RuntimeError):
    """A board that cannot be used; `partial` holds what was measured before it failed, if anything."""

    partial: object = None


class UnreachableError(BoardError, ConnectionError):
    """No board of that network name, no answer, or no SSH server behind the address."""


class LoginError(BoardError, PermissionError):
    """The board refused the login."""


class HostKeyError(BoardError):
    """A host key that nobody has confirmed, or not the confirmed one; `fingerprint` is what was seen."""

    def __init__(self, text: str, fingerprint: str = "") -> None:
        self.fingerprint = fingerprint
        super().__init__(text)


class NotReadyError(BoardError):
    """Something that measuring needs is missing on the board; the text has the command that installs it."""


class BoardBusyError(BoardError):
    """Another measurement is running on the board."""


class BoardCrashError(BoardError):
    """The agent died of a signal."""


class BoardMemoryError(BoardError, MemoryError):
    """The board's memory ran out."""


class BoardFullError(BoardError, OSError):
    """The board's disk is full."""


class LinkCutError(BoardError, ConnectionError):
    """The connection broke during the work."""


class RebootedError(BoardError, ConnectionError):
    """The board started anew during the work."""


class BoardHungError(BoardError, TimeoutError):
    """The board is reachable, but the agent on it answers no more."""


class BoardProtocolError(BoardError):
    """The other side says what no agent would say: damaged on the way, or hostile."""


class StorageError(WorkbenchError, OSError):
    """A file that cannot be written; what was there before still is."""


class Cancelled(WorkbenchError):
    """A person stopped the work; what was finished before is kept."""
