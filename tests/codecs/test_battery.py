"""Every registered codec, in every variant, against every check of the battery."""

import pytest

from workbench.codecs.base import CODECS
from workbench.codecs.battery import check_codec, checks, variants
from workbench.codecs.battery.damage import check_hostile

QUICK = checks(mutations=400)
CASES = [
    pytest.param(codec, check, id=f"{name}-{label}-{check.name}")
    for name in CODECS.names()
    for label, codec in variants(CODECS.get(name))
    for check in QUICK
]


@pytest.mark.parametrize(("codec", "check"), CASES)
def test_codec_passes(codec, check):
    check.run(codec)


@pytest.mark.slow
@pytest.mark.parametrize("name", CODECS.names())
def test_a_hundred_thousand_hostile_payloads(name):
    codecs = [codec for _, codec in variants(CODECS.get(name))]
    for seed, codec in enumerate(codecs):
        check_hostile(codec, -(-100_000 // len(codecs)), seed=100 + seed)


def test_whole_battery_reports_each_check_of_each_variant():
    seen = []
    findings = check_codec(
        "workbench.codecs.raw:Raw",
        mutations=40,
        progress=lambda done, total, what: seen.append((done, total)),
    )
    assert [finding.problem for finding in findings] == [""] * 26
    assert {finding.variant for finding in findings} == {"default", "dtype=float16"}
    assert [finding.check for finding in findings[:13]] == [check.name for check in QUICK]
    assert seen == [(done, 26) for done in range(26)]
