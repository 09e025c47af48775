"""Sixteen symbols onto eight states, by plain Python: what the vector instructions give."""

GROUP, GROUP_BYTES, WORD_BYTES = 16, 24, 3
_WORD = 0xFFFFFF


def push_groups(symbols, first, count, rows, states, words, free):
    """x // f is what the reciprocal gives, exactly, so plain integers may divide."""
    total = 4096
    data = symbols[first : first + count * GROUP].tolist()
    occurring = set(data)
    frequency = {symbol: total - int(rows[4 * symbol + 1]) for symbol in occurring}
    start = {symbol: int(rows[4 * symbol + 2]) for symbol in occurring}
    lanes = [int(state) for state in states]
    sent = bytearray()
    for place in range(len(data) - GROUP, -1, -GROUP):
        for lane in range(7, -1, -1):
            one, other = data[place + lane], data[place + lane + 8]
            x, f, g = lanes[lane], frequency[one], frequency[other]
            if x >= f * g << 24:
                sent += (x & _WORD).to_bytes(3, "big")
                x >>= 24
            quotient, left = divmod(x, g)
            quotient, left = divmod(quotient * total + left + start[other], f)
            lanes[lane] = quotient * total + left + start[one]
    states[...] = lanes
    begin = free - len(sent)
    words[begin:free] = memoryview(sent[::-1])
    return begin


def int_at(data, place):
    return data[int(place) : int(place) + 4].view("<u4")[0]
