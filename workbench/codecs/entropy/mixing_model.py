"""The adaptive model behind `mixing`: what it knows before each symbol, and how it learns from it.

neighbours in its channel  ─┐
                            ├─▶ p, a prediction ─┬─▶ contexts ─▶ a counter each ─┐
errors of earlier channels ─┘                    └─▶ how far the question's m is ─┴─▶ mixer ─▶ P(at least m)

    p         sum of weights times L, U, UL, UR, LL, UU and times the errors of up to `MOST_REFERENCES`
              channels before this one at this position; a channel's weights learn by normalised least mean
              squares (B. Widrow and M. Hoff, 1960)
    counters  how often the answer was yes, by node and context: p finely; p and channel; (L, U, UL);
              (UU, U, UR); channel, unevenness and the largest neighbour; none
    mixer     logistic mixing: weighted sum of the counters' stretched probabilities, with weights that follow
              the coding cost's gradient (M. Mahoney, "Adaptive weighing of context models", 2005), twice: by
              node, and by channel and node; the mean of both

Everything is whole numbers: levels in sixteenths, weights in 2**-16, so both sides know the same to the bit.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.binary_coder import PLACE, code_decision
from workbench.codecs.entropy.compiled import compiled, inlined
from workbench.codecs.entropy.decisions import KINDS, STARTS, Decisions
from workbench.codecs.entropy.logistic import BOUND, PROBABILITY_BITS, SQUASH, STRETCH, STRETCH_BITS, UNIT

MOST_REFERENCES: Final = 128
CONTEXTS: Final = 6
INPUTS: Final = CONTEXTS + 2
LARGEST_SYMBOL_BYTES: Final = 128  # more than any symbol's decisions take

_LEVEL = 16  # p, neighbours and errors are in sixteenths of a level
_NEAR = 6
_UNEVEN, _MOST_UNEVEN = 16, 7  # parts of the largest symbol that differences are counted in
_FIRST_WEIGHTS = (10, 9, -2, 2, -1, -2)  # of L, U, UL, UR, LL, UU, in sixteenths: the plain walk's
_WEIGHT_BITS, _WEIGHT_LIMIT = 16, 1 << 24
_FARTHEST = 1 << 14  # of a prediction
_STEP = 12288  # of least mean squares, in 2**-16
_STEP_BITS, _ENERGY = 12, 4 * _LEVEL**2  # rounding; added to the sum of squares
_DEVIATION_BITS = 6  # of mean absolute errors, beyond sixteenths
_FIRST_DEVIATION, _LEAST_DEVIATION = _LEVEL << _DEVIATION_BITS, 110
_FAR_BITS = 12
_FAR = UNIT << _DEVIATION_BITS + _FAR_BITS  # one deviation is one on the stretched scale

_MOST_COUNTERS = 22  # as a power of two: 16 MB
_COUNT_BITS, _MOST_SEEN = 10, 1000
_CHANCE_BITS = 32 - _COUNT_BITS
_FRESH = np.uint32(1 << 31)  # a counter that has seen nothing: one half
_RATE = np.rint(65536 / (np.arange(1 << _COUNT_BITS) + 2.0)).astype(np.int64)
_EACH, _BY_DISTANCE = (1 << _WEIGHT_BITS) // CONTEXTS, 19660  # mixer's weights before it has learnt: 1, 0.3
_OWN_NODES, _OWN_CHANNELS = 16, 256  # of weights by channel and node
_RATE_BITS, _LAST_RATE, _MORE_RATE, _HALF_TIME = 22, 80, 800, 64  # of learning; more of it at first

_STARTS = np.array(STARTS, np.int64)
_U1, _U29, _U64 = (np.uint64(number) for number in (1, 29, 64))
_COUNT_SHIFT, _COUNT_MASK = np.uint32(_COUNT_BITS), np.uint32((1 << _COUNT_BITS) - 1)
_STRETCH_SHIFT = np.uint32(32 - STRETCH_BITS)
_SPREAD, _SPREAD_AGAIN = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


class Learner(NamedTuple):
    """What the model has learnt (weights, errors, deviations, counters, mixes), and room for one symbol."""

    weights: NDArray[np.int32]  # (channel, neighbours and references)
    errors: NDArray[np.int32]  # (channel,), at this position
    deviations: NDArray[np.int32]  # (channel,), mean absolute errors
    counters: NDArray[np.uint32]  # probability and times seen
    by_node: NDArray[np.int32]
    by_channel: NDArray[np.int32]
    near: NDArray[np.int32]
    hashes: NDArray[np.uint64]
    slots: NDArray[np.uint64]
    inputs: NDArray[np.int32]


def learner(channels: int, positions: int, nodes: int) -> Learner:
    """One that has seen nothing. It takes some 12 bytes a symbol, 25 where channels have but two."""
    references = min(channels - 1, MOST_REFERENCES, positions // 4)
    weights = np.zeros((channels, _NEAR + references), np.int32)
    weights[:, :_NEAR] = np.array(_FIRST_WEIGHTS) << _WEIGHT_BITS - 4
    by_node = np.full((nodes, INPUTS), _EACH, np.int32)
    by_node[:, CONTEXTS:] = _BY_DISTANCE, 0
    by_channel = np.tile(by_node[0], (min(channels, _OWN_CHANNELS) * _OWN_NODES, 1))
    return Learner(
        weights,
        np.zeros(channels, np.int32),
        np.full(channels, _FIRST_DEVIATION, np.int32),
        np.full(1 << min((channels * positions).bit_length(), _MOST_COUNTERS), _FRESH, np.uint32),
        by_node,
        by_channel,
        np.zeros(_NEAR, np.int32),
        np.zeros(CONTEXTS, np.uint64),  # the last stays: of no context
        np.zeros(CONTEXTS, np.uint64),
        np.zeros(INPUTS, np.int32),
    )


@compiled
def code_map(
    cells: NDArray[np.uint8],
    width: int,
    count: int,
    background: int,
    tree: Decisions,
    own: Learner,
    coder: NDArray[np.uint64],
    data: NDArray[np.uint8],
    encoding: bool,
) -> bool:
    """Code the first `count` symbols (by channel) of cells (position, channel), position by position.

    False if `data` ran out, of which `LARGEST_SYMBOL_BYTES` at the end are not used.
    """
    positions, channels = cells.shape
    largest = len(tree.least)
    whole = count - (channels - 1) * positions  # positions that the last channel has, too
    enough = np.uint64(len(data) - LARGEST_SYMBOL_BYTES)
    shift = _U64
    while np.uint64(len(own.counters)) >> (_U64 - shift) > _U1:
        shift -= _U1
    for position in range(positions):
        rate = _LAST_RATE + _MORE_RATE * _HALF_TIME // (_HALF_TIME + position)
        energy = np.int64(0)
        for channel in range(channels if position < whole else channels - 1):
            around = _look_around(cells, position, channel, width, background, tree, own)
            free, squares = _predict(own, channel)
            if position == 0 and channel:  # what the first channels taught
                own.deviations[channel] = own.deviations[channel - 1]
            p = min(max(free, -_LEVEL * background), _LEVEL * (largest - background))
            _find_contexts(own, channel, p, around)
            symbol = int(cells[position, channel])
            symbol = _code_symbol(
                symbol, background, tree, own, channel, p, shift, rate, coder, data, encoding
            )
            cells[position, channel] = symbol
            value = _LEVEL * (symbol - background)
            _learn(own, channel, value - free, squares + energy)
            error = value - p
            own.errors[channel] = error
            energy += error * error
            oldest = channel - (own.weights.shape[1] - _NEAR)
            if oldest >= 0:
                energy -= np.int64(own.errors[oldest]) * own.errors[oldest]
            if coder[PLACE] > enough:
                return False
    return True


@inlined
def _look_around(
    cells: NDArray[np.uint8],
    position: int,
    channel: int,
    width: int,
    background: int,
    tree: Decisions,
    own: Learner,
) -> int:
    """Note the neighbours, and the contexts that they make alone; the unevenness around and the largest
    neighbour's kind, as one number."""
    row, column = position // width, position % width
    here = cells[:, channel]
    left = above = np.int64(background)
    if row:
        above = np.int64(here[position - width])
    if column:
        left = np.int64(here[position - 1])
    elif row:
        left = above
    if not row:
        above = left
    corner = np.int64(here[position - width - 1]) if row and column else above
    ahead = np.int64(here[position - width + 1]) if row and column < width - 1 else above
    further = np.int64(here[position - 2]) if column > 1 else left
    higher = np.int64(here[position - 2 * width]) if row > 1 else above
    near, kinds = own.near, tree.kinds
    near[0], near[1] = _LEVEL * (left - background), _LEVEL * (above - background)
    near[2], near[3] = _LEVEL * (corner - background), _LEVEL * (ahead - background)
    near[4], near[5] = _LEVEL * (further - background), _LEVEL * (higher - background)
    k_left, k_above, k_corner, k_ahead = kinds[left], kinds[above], kinds[corner], kinds[ahead]
    own.hashes[2] = _spread((k_left * KINDS + k_above) * KINDS + k_corner, 2)
    own.hashes[3] = _spread((kinds[higher] * KINDS + k_above) * KINDS + k_ahead, 3)
    uneven: Any = abs(above - corner) + abs(above - ahead) + abs(left - corner)
    uneven = min(uneven * _UNEVEN // max(len(kinds), _UNEVEN), _MOST_UNEVEN)
    return int(uneven * KINDS + max(max(k_left, k_above), max(k_corner, k_ahead)))


@inlined
def _predict(own: Learner, channel: int) -> tuple[Any, Any]:
    """The prediction, in sixteenths of a level from the background, and its neighbours' sum of squares."""
    weights = own.weights[channel]
    references = min(channel, len(weights) - _NEAR)
    first = channel - references
    total: Any = np.int64(0)
    squares: Any = np.int64(0)
    for index in range(_NEAR):
        value = np.int64(own.near[index])
        total += np.int64(weights[index]) * value
        squares += value * value
    for index in range(references):
        total += np.int64(weights[_NEAR + index]) * np.int64(own.errors[first + index])
    return min(max(total >> _WEIGHT_BITS, -_FARTHEST), _FARTHEST), squares


@inlined
def _learn(own: Learner, channel: int, error: Any, squares: Any) -> None:
    """Move the channel's weights and mean deviation by the prediction's error."""
    own.deviations[channel] += ((abs(error) << _DEVIATION_BITS) - own.deviations[channel] + 16) >> 5
    gain = (np.int64(error) * _STEP << _STEP_BITS) // (squares + _ENERGY)
    weights = own.weights[channel]
    references = min(channel, len(weights) - _NEAR)
    first = channel - references
    for index in range(_NEAR):
        weights[index] = _moved(weights[index], gain, own.near[index], _STEP_BITS)
    for index in range(references):
        weights[_NEAR + index] = _moved(weights[_NEAR + index], gain, own.errors[first + index], _STEP_BITS)


@inlined
def _moved(weight: Any, step: Any, told: Any, bits: int) -> Any:
    """A weight after a step along what its input told, rounded; steps are in 2**-bits of its units."""
    moved = weight + (step * np.int64(told) + (1 << bits - 1) >> bits)
    return min(max(moved, -_WEIGHT_LIMIT), _WEIGHT_LIMIT)


@inlined
def _find_contexts(own: Learner, channel: int, p: Any, around: int) -> None:
    """The contexts that need the prediction or the channel."""
    level, kind = abs(p) // _LEVEL, 0
    while _STARTS[kind + 1] <= level:
        kind += 1
    start = _LEVEL * _STARTS[kind]
    finely = kind * 16 + (abs(p) - start) // (_STARTS[kind + 1] - _STARTS[kind])
    finely = finely * 2 + (1 if p < 0 else 0)
    own.hashes[0] = _spread(finely, 0)
    own.hashes[1] = _spread(channel * 128 + (finely >> 2), 1)
    own.hashes[4] = _spread(channel * (_MOST_UNEVEN + 1) * KINDS + around, 4)


@inlined
def _spread(context: int, number: int) -> np.uint64:
    return np.uint64(context * 8 + number) * _SPREAD


@inlined
def _code_symbol(
    symbol: int,
    background: int,
    tree: Decisions,
    own: Learner,
    channel: int,
    p: Any,
    shift: np.uint64,
    rate: int,
    coder: NDArray[np.uint64],
    data: NDArray[np.uint8],
    encoding: bool,
) -> Any:
    """Code one symbol, or find the one that was coded."""
    plain: Any = np.int64(0)
    for index in range(_NEAR):
        plain += np.int64(own.near[index]) * _FIRST_WEIGHTS[index]
    reciprocal = _FAR // ((own.deviations[channel] * 5 >> 2) + _LEAST_DEVIATION)
    node: Any = 0
    while node >= 0:
        edge = _LEVEL * (tree.least[node] - background) - _LEVEL // 2
        own.inputs[CONTEXTS] = _stretched((p - edge) * reciprocal >> _FAR_BITS)
        own.inputs[CONTEXTS + 1] = _stretched(((plain >> 4) - edge) * reciprocal >> _FAR_BITS)
        answer = 1 if symbol >= tree.least[node] else 0
        answer = _decide(own, node, channel, shift, rate, coder, data, answer, encoding)
        node = tree.following[node, answer]
    return -1 - node


@inlined
def _stretched(value: Any) -> Any:
    return min(max(value, -BOUND), BOUND)


@inlined
def _decide(
    own: Learner,
    node: int,
    channel: int,
    shift: np.uint64,
    rate: int,
    coder: NDArray[np.uint64],
    data: NDArray[np.uint8],
    answer: int,
    encoding: bool,
) -> int:
    """Code one answer with what the model expects of it, and learn from it."""
    inputs, counters = own.inputs, own.counters
    for index in range(CONTEXTS):
        mixed = (own.hashes[index] ^ np.uint64(node)) * _SPREAD_AGAIN
        slot = (mixed ^ mixed >> _U29) * _SPREAD >> shift
        own.slots[index] = slot
        inputs[index] = STRETCH[counters[slot] >> _STRETCH_SHIFT]
    first = own.by_node[node]
    second = own.by_channel[channel % _OWN_CHANNELS * _OWN_NODES + min(node, _OWN_NODES - 1)]
    sum_1: Any = np.int64(0)
    sum_2: Any = np.int64(0)
    for index in range(INPUTS):
        sum_1 += np.int64(first[index]) * np.int64(inputs[index])
        sum_2 += np.int64(second[index]) * np.int64(inputs[index])
    sum_1, sum_2 = _stretched(sum_1 >> _WEIGHT_BITS), _stretched(sum_2 >> _WEIGHT_BITS)
    answer = code_decision(coder, data, SQUASH[(sum_1 + sum_2 >> 1) + BOUND], answer, encoding)
    target = answer << PROBABILITY_BITS
    step_1 = np.int64(target - SQUASH[sum_1 + BOUND]) * rate
    step_2 = np.int64(target - SQUASH[sum_2 + BOUND]) * rate
    for index in range(INPUTS):
        first[index] = _moved(first[index], step_1, inputs[index], _RATE_BITS)
        second[index] = _moved(second[index], step_2, inputs[index], _RATE_BITS)
    for index in range(CONTEXTS):
        counter = counters[own.slots[index]]
        seen: Any = np.int64(counter & _COUNT_MASK)
        chance: Any = np.int64(counter >> _COUNT_SHIFT)
        chance += ((answer << _CHANCE_BITS) - chance) * _RATE[seen] >> 16
        chance = min(max(chance, 1), (1 << _CHANCE_BITS) - 1)
        counters[own.slots[index]] = np.uint32(chance << _COUNT_BITS | min(seen + 1, _MOST_SEEN))
    return answer
