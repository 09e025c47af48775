"""One call from pictures to a `Trial`.

images ─▶ edge part ─▶ features ─▶ codec.encode ─▶ PAYLOAD ─▶ link ─▶ decode ─▶ server part ─▶ answer
          measured                 measured        bytes     computed measured  measured      compared
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.codecs import Codec
from workbench.codecs import codec as codec_of
from workbench.errors import SettingError
from workbench.experiments.choices import network_of
from workbench.experiments.timing import Progress, quiet
from workbench.experiments.workspace import REPEATS, Workspace
from workbench.links import Link
from workbench.links import link as link_of
from workbench.models import Model, Split
from workbench.pictures import load
from workbench.records import SplitPoint, Trial


def run(
    model: Model | str,
    split: str | SplitPoint | Split,
    codec: Codec | str = "raw",
    images: Any = None,
    labels: Sequence[Any] | None = None,
    link: Link | str = "lte-cat4",
    *,
    samples: int | None = None,
    repeats: int = REPEATS,
    progress: Progress | None = None,
) -> Trial:
    """What this split of a network sends, what that does to its answer, and how long it takes.

    Each picture is coded alone, as it would be sent; where several tensors cross, each is coded and the
    sizes are added. Times are measured here, on this machine, for one picture; the link's is computed.

    Parameters
    ----------
    model : from `load_model`, or a name that it knows.
    split : a split point's name or record, or a `Split`.
    codec : from `codec`, or a name; calibrated here if it asks for it, on pictures that are not measured.
    images : a source that `workbench.pictures.load` knows ("digits", "photographs", a folder, files), or a
        list of PIL pictures or uint8 arrays (H, W, 3). None takes the test pictures of the network.
    labels : one a picture, names or numbers of classes. None takes the pictures' own where they are classes
        of the network, else there is no accuracy.
    link : from `link`, or a name.
    samples : so many pictures, spread evenly over all. None takes as many as a few seconds allow, at most 64.
    repeats : how often each stage is timed, after one warm-up.
    progress : called as progress(done, total, what); may raise `Cancelled`.

    Raises
    ------
    UnknownNameError, SettingError, InputError, ModelError : what was wrong, and what is allowed.
    """
    network = network_of(model)
    coder = codec_of(codec) if isinstance(codec, str) else codec
    if not isinstance(coder, Codec):
        raise SettingError(f"codec is a {type(codec).__name__}; it must be from wb.codec, or a name")
    return Workspace().trial(
        network,
        split,
        coder,
        link_of(link),
        None if images is None else load(images),
        labels,
        samples=samples,
        repeats=repeats,
        progress=progress or quiet,
    )
