"""Links that carry so many bits per second, and the ones that are known by name."""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass
from typing import ClassVar

from workbench.links.base import Link, bits, parameter


@dataclass(frozen=True)
class LinkProfile(Link):
    """A link of a given bandwidth.

        latency = rtt + blocks * block_s / (1 - loss_rate),   blocks = ceil(bits / (bandwidth * block_s))

    or rtt + bits / bandwidth / (1 - loss_rate) where the link has no blocks. Radio links hand bits over in
    blocks of fixed time (an LTE transmission interval, a Bluetooth packet with its answer): a block that
    is only begun costs a whole one. Lost blocks are sent again, so the expected time grows by
    1 / (1 - loss_rate). Half of the round trip is the way of the last bit to the server, half the way of
    the answer, a few bytes, back.

    Examples
    --------
    >>> LinkProfile("mine", bandwidth_bps=1e6, rtt_s=0.020).latency(125_000)
    1.02
    """

    formula: ClassVar[str] = "rtt_s + bits / bandwidth_bps / (1 - loss_rate), in whole blocks of block_s"

    bandwidth_bps: float = parameter(
        MISSING, "payload bits per second", unit="bit/s", minimum=0, open_minimum=True
    )
    rtt_s: float = parameter(0.0, "round-trip time without payload", unit="s", minimum=0)
    loss_rate: float = parameter(0.0, "share of blocks sent again", minimum=0, maximum=1, open_maximum=True)
    block_s: float = parameter(0.0, "time of one block; 0: bits flow singly", unit="s", minimum=0)

    def latency(self, nbytes: float) -> float:
        """Seconds until `nbytes` bytes have crossed and the answer is back."""
        amount = bits(nbytes, self.name)
        if self.block_s:
            blocks = math.ceil(amount / (self.bandwidth_bps * self.block_s) * (1 - 1e-12))
            sending = blocks * self.block_s
        else:
            sending = amount / self.bandwidth_bps
        return self.rtt_s + sending / (1 - self.loss_rate)


LTE_BLOCK_BITS = 51_024  # largest uplink transport block of a category 4 terminal, 3GPP TS 36.306 table 4.1-2
LTE_BLOCK_S = 1e-3  # transmission time interval
# One Bluetooth packet on the 2 Mbit/s layer: 251 + 11 bytes at 4 us, a pause of 150 us, an empty answer
# of 11 bytes, a pause.
BLE_BLOCK_S = (262 + 11) * 4e-6 + 2 * 150e-6
BLE_BLOCK_BYTES = 224  # of the 251; what 27 bytes of the layers above leave, see the source

QCNET = "Sánchez Leal et al., Quantization Compensator Network, IEEE Access 13, 2025, p. 186488"

PROFILES = (
    LinkProfile(
        "lte-cat4",
        bandwidth_bps=LTE_BLOCK_BITS / LTE_BLOCK_S,
        block_s=LTE_BLOCK_S,
        source="uplink transport block of 51,024 bits each ms (3GPP TS 36.306, category 4); gives the about "
        f"3 and 1 ms for 14,903 and 4,388 bytes of {QCNET}",
    ),
    LinkProfile(
        "ble5",
        bandwidth_bps=8 * BLE_BLOCK_BYTES / BLE_BLOCK_S,
        block_s=BLE_BLOCK_S,
        source="LE 2M packets of 251 bytes each 1.392 ms (Bluetooth Core 5.0, vol. 6 B), 224 of them "
        f"payload: fitted, as 223 to 225 give the about 93 and 28 ms for 14,903 and 4,388 bytes of {QCNET}",
    ),
    LinkProfile(
        "4g", bandwidth_bps=12e6, source="nominal 4G uplink of split-computing studies; no round trip"
    ),
    LinkProfile("wifi-54", bandwidth_bps=54e6, source="highest rate of IEEE 802.11g; no round trip"),
    LinkProfile(
        "5g", bandwidth_bps=66.9e6, source="nominal 5G uplink of split-computing studies; no round trip"
    ),
)
