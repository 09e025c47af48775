"""The Codecs app: every training-free codec side by side on one picture.

session/codecs.py ──▶ choose (left column) · tiles · views (tabs) ──▶ Frame
"""

from __future__ import annotations

from typing import Any

from workbench.numbers import readable
from workbench.panels.codec_views import CodecViews
from workbench.panels.explorer_choose import Choose
from workbench.panels.frame import Frame
from workbench.panels.guard import Guard
from workbench.panels.parts import Code, group, hint
from workbench.panels.status import Status
from workbench.panels.tiles import Tiles
from workbench.records import Quantity
from workbench.session.codecs import Codecs

_TILES = (
    "Features, fp32",
    "Packed, Q bits",
    "rANS paper's format",
    "Context codec",
    "Smallest, same answer",
)
_HINT = (
    "Q applies to every codec that takes it; N only to the symbols of D. Codecs that ask for calibration "
    "get it on other pictures."
)


class CodecsPage(Frame):
    """The whole page of a session; it works when nobody looks, too."""

    def __init__(self, session: Codecs) -> None:
        self.session = session
        self.guard = Guard(session.lock)
        self.choose = Choose(session, self.guard, tip="")
        self.views = CodecViews(session, self.guard)
        self.tiles = Tiles(_TILES)
        self.code = Code(text=session.code)
        self.status = Status(session, self.guard)
        network, _codec, picture, _link = self.choose.groups
        super().__init__(
            "Codecs",
            guard=self.guard,
            choose=[
                network,
                group("Quantiser and reshape", self.choose.settings.box, hint(_HINT)),
                picture,
                self.status,
            ],
            tiles=self.tiles,
            views=self.views.boxes,
            code=self.code,
        )
        self.views.follow(self.tabs)
        session.observe(self.guard(lambda _change: self._show_tiles()), ["sides", "stale"])
        session.observe(self.guard(lambda change: setattr(self.code, "text", change["new"])), "code")
        self._show_tiles()

    def _show_tiles(self) -> None:
        with self.tiles.together():
            self.tiles.grey("sides" in self.session.stale)
            self._show_numbers()

    def _show_numbers(self) -> None:
        sides = self.session.sides
        if sides is None:
            self.tiles.clear()
            return
        warning = "random weights" if sides.weights == "random" else ""
        shape = " × ".join(map(str, sides.shape))
        raw = Quantity(sides.raw_bytes, "bytes", "computed", "4 bytes a value")
        self.tiles["Features, fp32"].show(raw, note=shape, warning=warning)
        jpeg = readable(sides.jpeg_bytes, "bytes")
        packed = sides.find("uniform", lossless="none", bits=sides.bits)
        paper = sides.find("rans-csr")
        self._show_side("Packed, Q bits", packed, f"Q = {sides.bits}", warning)
        self._show_side("rANS paper's format", paper, _against(paper, packed, "packed"), warning)
        context = sides.find("context", dead_zone=0.0, mixing=False)
        self._show_side("Context codec", context, _against(context, paper, "the paper's"), warning)
        best = sides.smallest_right()
        note = f"{best.label} (JPEG {jpeg})" if best else ""
        self._show_side("Smallest, same answer", best, note, warning)

    def _show_side(self, name: str, side: Any, note: str, warning: str) -> None:
        if side is None:
            self.tiles[name].clear()
            return
        how = f"A real payload of {side.label}, header included; one picture."
        nbytes = Quantity(side.payload_bytes, "bytes", "measured", how)
        self.tiles[name].show(nbytes, note=note, warning=warning)


def _against(side: Any, other: Any, what: str) -> str:
    if side is None or other is None:
        return ""
    return f"{readable(side.share_of(other), 'fraction')} of {what}"


def codecs(session: Codecs | None = None) -> CodecsPage:
    """The Codecs app, ready to be displayed; without a session, one on the real workbench.

    The page is there at once; networks are loaded behind it in a thread.
    """
    if session is None:
        from workbench.session.codec_desk import CodecDesk
        from workbench.session.runner import BLINK_S, Threads

        session = Codecs(CodecDesk(), Threads(BLINK_S))
        page = CodecsPage(session)
        session.refresh()
        return page
    return CodecsPage(session)
