"""The epsilon-outage model: a fading radio link on which a payload is repeated until it surely arrived.

With bandwidth W, mean signal-to-noise ratio gamma (as a factor) and Rayleigh fading, one sending at R bit/s
fails with P_o(R) = 1 - exp(-(2^(R/W) - 1) / gamma). n sendings all fail with P_o^n, so the number that
brings failure down to epsilon, and the latency of B bits, are

    n(R) = ceil(ln epsilon / ln P_o(R))          L(R) = B / R * n(R) + encoding time

Source: Sung et al., arXiv 2511.11664, 2025, whose communication times are L at the best R, in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from workbench.errors import SettingError
from workbench.links.base import Link, bits, parameter


@dataclass(frozen=True)
class OutageLink(Link):
    """A fading link with retransmission, at a given rate R or at the one of least latency.

    Examples
    --------
    >>> round(OutageLink("epsilon-outage").latency(3_240_000), 2)
    6.61
    """

    formula: ClassVar[str] = "B/R * ceil(ln epsilon / ln P_o(R)), P_o = 1 - exp(-(2^(R/W) - 1)/gamma)"

    epsilon: float = parameter(
        1e-3,
        "probability that the payload does not arrive at all",
        minimum=0,
        maximum=1,
        open_minimum=True,
        open_maximum=True,
    )
    bandwidth_hz: float = parameter(10e6, "bandwidth W", unit="Hz", minimum=0, open_minimum=True)
    snr_db: float = parameter(10.0, "mean signal-to-noise ratio gamma", unit="dB", minimum=-100, maximum=100)
    rate_bps: float | None = parameter(
        None, "rate R; None: the best", unit="bit/s", minimum=0, open_minimum=True, optional=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rate_bps is not None and not math.isfinite(self.sendings(self.rate_bps)):
            raise SettingError(
                f"link {self.name}: rate_bps is {self.rate_bps:g} bit/s, at which every "
                f"sending fails on {self.bandwidth_hz:g} Hz at {self.snr_db:g} dB; "
                f"the best rate is {self.best_rate_bps:.4g} bit/s"
            )

    def latency(self, nbytes: float, encoding_s: float = 0.0) -> float:
        """Seconds until `nbytes` bytes arrived with probability 1 - epsilon, after `encoding_s` of coding."""
        amount = bits(nbytes, self.name)
        if not (math.isfinite(encoding_s) and encoding_s >= 0):
            raise SettingError(f"link {self.name}: encoding_s is {encoding_s!r}; it must be at least 0 s")
        rate = self.best_rate_bps if self.rate_bps is None else self.rate_bps
        return amount / rate * self.sendings(rate) + encoding_s

    def outage(self, rate_bps: float) -> float:
        """Probability that one sending at that rate fails."""
        return -math.expm1(-self._fade(rate_bps))

    def sendings(self, rate_bps: float) -> float:
        """How often a payload is sent at that rate; infinite where every sending fails."""
        fade = self._fade(rate_bps)
        success = math.exp(-fade)
        if success == 0.0:
            return math.inf
        # ln P_o without loss of digits at either end; at the edge of a step rounding must not cost a sending
        log_outage = math.log1p(-success) if success < 0.5 else math.log(-math.expm1(-fade))
        needed = math.log(self.epsilon) / log_outage * (1 - 1e-12) if log_outage else math.inf
        return max(1, math.ceil(needed)) if math.isfinite(needed) else math.inf

    @cached_property
    def best_rate_bps(self) -> float:
        """The rate of least latency, which does not depend on the size of the payload.

        n(R) is a staircase, and on each step the largest R is best,
        R_n = W log2(1 - gamma ln(1 - epsilon^(1/n))). So n / R_n is minimised over whole n. A bound ends it:
        with a = -ln epsilon, R_n <= W log2(1 + gamma ln(1 + n/a)), and n over that only grows.
        """
        scale, best, best_cost, n = -math.log(self.epsilon), 0.0, math.inf, 0
        while True:
            n += 1
            bound = self._rate(math.log1p(n / scale))
            if n / bound > best_cost:
                return best
            # -ln(1 - epsilon^(1/n)), with epsilon^(1/n) = exp(-scale/n)
            rate = self._rate(-math.log(-math.expm1(-scale / n)))
            if rate > 0 and n / rate < best_cost:
                best, best_cost = rate, n / rate

    def _fade(self, rate_bps: float) -> float:
        """(2^(R/W) - 1) / gamma."""
        exponent = rate_bps / self.bandwidth_hz * math.log(2)
        return math.inf if exponent > 700 else math.expm1(exponent) / self._gamma

    def _rate(self, fade: float) -> float:
        """The rate at which (2^(R/W) - 1) / gamma is `fade`."""
        return self.bandwidth_hz * math.log1p(self._gamma * fade) / math.log(2)

    @property
    def _gamma(self) -> float:
        return 10 ** (self.snr_db / 10)


OUTAGE = OutageLink(
    "epsilon-outage",
    source="Sung et al., arXiv 2511.11664, 2025: epsilon-outage latency under Rayleigh fading",
)
