"""All checks on all variants of a codec class, with what was found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from workbench.codecs.base import Codec
from workbench.codecs.battery import behaviour, damage
from workbench.codecs.battery.classes import find_class, known_as, variants
from workbench.codecs.battery.expect import CheckFailed


class Check(NamedTuple):
    """One thing every codec must do; `run` takes a codec and raises where it does not."""

    name: str
    meaning: str
    run: Callable[[Codec], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """How one check of one variant went; `problem` is empty where it passed."""

    check: str
    variant: str
    problem: str
    seconds: float


def check_codec(
    target: str | type[Codec],
    *,
    mutations: int = damage.QUICK_MUTATIONS,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[Finding, ...]:
    """Every check on every variant of a codec class, or of the class called ``package.module:Class``.

    Raises
    ------
    UnknownNameError : no such module or class.
    SettingError : a class that is no codec, or whose name another codec already has.
    """
    cls = find_class(target) if isinstance(target, str) else target
    known = known_as(cls)
    codecs = variants(known)
    work = [(label, codec, check) for label, codec in codecs for check in checks(mutations // len(codecs))]
    findings = []
    for done, (label, codec, check) in enumerate(work):
        if progress is not None:
            progress(done, len(work), f"{check.name} ({label})")
        start = time.perf_counter()
        problem = _problem(check, codec)
        findings.append(Finding(check.name, label, problem, time.perf_counter() - start))
    return tuple(findings)


def checks(mutations: int = damage.QUICK_MUTATIONS) -> tuple[Check, ...]:
    """Every check, the cheap ones first."""
    return (
        Check("declaration", "name, summary and settings say what they are", behaviour.check_declaration),
        Check("settings", "through JSON and back; wrong ones are a SettingError", behaviour.check_settings),
        Check(
            "round trip", "shape, type and promised error of ordinary features", behaviour.check_round_trip
        ),
        Check("extremes", "right or an InputError for the ends of float32", behaviour.check_extremes),
        Check("refusals", "what is no feature map is an InputError", behaviour.check_refusals),
        Check(
            "repeatable", "equal codecs give equal bytes, the input is left alone", behaviour.check_repeatable
        ),
        Check("threads", "several threads at once change nothing", behaviour.check_threads),
        Check(
            "calibration",
            "gives a codec of the same kind and changes nothing else",
            behaviour.check_calibration,
        ),
        Check("description", "parts add up to the payload", behaviour.check_description),
        Check("header", f"at most {behaviour.HEADER_LIMIT} bytes besides the body", behaviour.check_header),
        Check(
            "accidents", "every flipped bit and every truncation is a PayloadError", damage.check_accidents
        ),
        Check(
            "hostile payloads",
            f"{mutations} damaged payloads with a fitting checksum: PayloadError or the right shape",
            lambda codec: damage.check_hostile(codec, mutations),
        ),
        Check("memory", "decoding takes at most 4 times what the shape needs", damage.check_memory),
    )


def _problem(check: Check, codec: Codec) -> str:
    try:
        check.run(codec)
    except CheckFailed as failure:
        return str(failure)
    except Exception as error:  # whatever a third party's codec does is a finding, not the end of the check
        return f"{type(error).__name__}: {error}"
    return ""
