"""What a trained method reaches on pictures it was not shown, from payloads that were really coded."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.codecs import decode
from workbench.codecs.base import Codec
from workbench.metrics.distortion import cosine, mse
from workbench.neural.chain import Chain
from workbench.records import Closeness

_BATCH = 128
_TIMED = 24
Progress = Callable[[int, int, str], None]


class Measured(NamedTuple):
    """One chain with its codec over some pictures; see `records.Reached` for the words."""

    accuracy: float | None
    payload_bytes: float
    restored: Closeness
    plain: Closeness
    board_s: float
    server_s: float


def measure(
    chain: Chain,
    codec: Codec,
    pictures: Tensor,
    labels: Tensor | None = None,
    *,
    target: nn.Module | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Each picture alone through edge part, codec, payload, decoder, restorer and server part.

    Parameters
    ----------
    target : gives the features to compare with, from pictures (the untouched edge part); the chain's own edge
        part where None.
    """
    right, sizes, plain, restored = 0, [], [], []
    with torch.no_grad():
        for at, batch in _batches(pictures):
            if progress is not None:
                progress(at, len(pictures), "measuring")
            features = chain.edge(batch)
            payloads = [codec.encode(one) for one in features.numpy()]
            decoded = torch.from_numpy(np.stack([decode(payload) for payload in payloads]))
            back = chain.received(decoded)
            answers = chain.server(back)
            wanted = (target or chain.edge)(batch).numpy()
            sizes += [len(payload) for payload in payloads]
            plain.append((wanted, decoded.numpy()))
            restored.append((wanted, back.numpy()))
            if labels is not None:
                right += int((answers.argmax(1) == labels[at : at + len(batch)]).sum())
        board_s, server_s = _times(chain, codec, pictures[:_TIMED])
    accuracy = None if labels is None else right / len(pictures)
    return Measured(
        accuracy, statistics.fmean(sizes), closeness(restored), closeness(plain), board_s, server_s
    )


def accuracy(network: nn.Module, pictures: Tensor, labels: Tensor) -> float:
    """Share of pictures whose best class is their label; computed wherever the network is."""
    with torch.no_grad():
        where = next(network.parameters(), pictures).device
        right = [
            (network(batch.to(where)).argmax(1).cpu() == labels[at : at + len(batch)]).sum().item()
            for at, batch in _batches(pictures)
        ]
    return sum(right) / len(pictures)


def closeness(pairs: list[tuple[NDArray[Any], NDArray[Any]]]) -> Closeness:
    """Of pairs (wanted, got), each (B, *shape)."""
    wanted = np.concatenate([pair[0] for pair in pairs])
    got = np.concatenate([pair[1] for pair in pairs])
    error = mse(wanted, got)
    variance = float(np.var(wanted, dtype=np.float64))
    cosines = [cosine(one, other) for one, other in zip(wanted, got, strict=True)]
    return Closeness(
        mse=error,
        relative_mse=error / variance if variance else float(error > 0),
        cosine=statistics.fmean(cosines),
        ssim=_ssim(wanted, got),
    )


def _ssim(wanted: NDArray[Any], got: NDArray[Any]) -> float | None:
    """Mean structural similarity of the maps of the first pictures, over the range of the wanted features."""
    if wanted.ndim != 4 or min(wanted.shape[2:]) < 3:
        return None
    from skimage.metrics import structural_similarity

    smallest = min(wanted.shape[2:])
    window = min(7, smallest - (smallest % 2 == 0))
    span = float(wanted.max() - wanted.min()) or 1.0
    values = [
        structural_similarity(one, other, channel_axis=0, win_size=window, data_range=span)
        for one, other in zip(wanted[:32], got[:32], strict=True)
    ]
    return float(np.mean(values))


def _batches(pictures: Tensor) -> Iterator[tuple[int, Tensor]]:
    for at in range(0, len(pictures), _BATCH):
        yield at, pictures[at : at + _BATCH]


def _times(chain: Chain, codec: Codec, pictures: Tensor) -> tuple[float, float]:
    """Median seconds on the board and on the server for one picture, after a warm-up."""
    board, server = [], []
    for at in range(-3, len(pictures)):
        picture = pictures[max(at, 0)][None]
        start = time.perf_counter()
        payload = codec.encode(chain.edge(picture)[0].numpy())
        middle = time.perf_counter()
        chain.server(chain.received(torch.from_numpy(decode(payload))[None]))
        end = time.perf_counter()
        if at >= 0:
            board.append(middle - start)
            server.append(end - middle)
    return statistics.median(board), statistics.median(server)
