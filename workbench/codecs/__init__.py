"""Feature map → bytes → feature map. numpy and numba only, so the same code runs on a board.

features ─▶ pack ─▶ body ─▶ payload.write ─▶ PAYLOAD ─▶ payload.read ─▶ unpack ─▶ features
"""

from workbench.codecs.base import Anatomy, Codec, Setting, decode, describe, setting
from workbench.codecs.base import make_codec as codec
from workbench.codecs.catalog import CodecEntry, codecs
from workbench.codecs.reshape import reshape_curve
from workbench.listing import listing
from workbench.records import Part

__all__ = [
    "Anatomy",
    "Codec",
    "CodecEntry",
    "Part",
    "Setting",
    "codec",
    "codecs",
    "decode",
    "describe",
    "reshape_curve",
    "setting",
]

listing(__name__)
