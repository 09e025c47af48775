"""Stored payloads of every codec and variant: what was once sent must decode for ever.

tests/golden/features.npy is what was encoded; <codec>/<variant>.wbp and .npy are the payload and what it
decodes to; tables/ holds the calibrated tables that some payloads name. `pytest --write-golden` writes those
that are missing and never changes one that exists: to change bytes on purpose, delete the payload first, and
say why in the commit.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from workbench.codecs import decode, describe
from workbench.codecs.base import CODECS
from workbench.codecs.battery import variants

GOLDEN = Path(__file__).parent.parent / "golden"
CALIBRATION = np.load(GOLDEN / "features.npy")[::-1] * np.float32(1.25)


def _cases():
    """Codec, variant, the codec itself, and whether it is calibrated before it encodes."""
    for name in CODECS.names():
        for label, codec in variants(CODECS.get(name)):
            yield name, label, codec, False
            if any(known.calibrated for known in codec.settings_schema()):
                yield name, f"{label},calibrated", codec, True


CASES = [pytest.param(*case, id=f"{case[0]}-{case[1]}") for case in _cases()]


@pytest.fixture
def features():
    return np.load(GOLDEN / "features.npy")


def _paths(name, label):
    stem = GOLDEN / name / label.replace("/", "_")
    return stem.with_name(stem.name + ".wbp"), stem.with_name(stem.name + ".npy")


def _encoder(codec, calibrate):
    return codec.calibrate([CALIBRATION]) if calibrate else codec


@pytest.fixture
def golden(request, features, monkeypatch):
    """Stored payload and array of a case; written first if they are missing and that was asked for."""
    monkeypatch.setenv("WORKBENCH_TABLES", str(GOLDEN / "tables"))  # calibrated tables that payloads name

    def load(name, label, codec, calibrate):
        payload_path, array_path = _paths(name, label)
        if request.config.getoption("--write-golden") and not payload_path.exists():
            payload_path.parent.mkdir(exist_ok=True)
            payload_path.write_bytes(_encoder(codec, calibrate).encode(features))
            np.save(array_path, decode(payload_path.read_bytes()))
        for path in (payload_path, array_path):
            if not path.exists():
                pytest.fail(f"{path.relative_to(GOLDEN)} is missing; write it with: pytest --write-golden")
        return payload_path.read_bytes(), np.load(array_path)

    return load


def _same(codec, decoded, array):
    """To the bit; where a codec sums floats, within what another processor's order of summing may change."""
    assert decoded.dtype == array.dtype and decoded.shape == array.shape
    if codec.exact:
        return decoded.tobytes() == array.tobytes()
    return np.sqrt(np.square(decoded - array).mean()) <= 1e-3 * np.sqrt(np.square(array).mean())


@pytest.mark.parametrize(("name", "label", "codec", "calibrate"), CASES)
def test_old_bytes_decode_to_the_stored_array(name, label, codec, calibrate, golden):
    payload, array = golden(name, label, codec, calibrate)
    assert _same(codec, decode(payload), array)
    assert describe(payload).codec == name


@pytest.mark.parametrize(("name", "label", "codec", "calibrate"), CASES)
def test_encoding_gives_the_stored_bytes(name, label, codec, calibrate, golden, features):
    payload, array = golden(name, label, codec, calibrate)
    encoded = _encoder(codec, calibrate).encode(features)
    assert encoded == payload if codec.exact else _same(codec, decode(encoded), array)


@pytest.mark.slow
def test_another_processor_gives_the_same_bytes():
    """These tests again, in machine code for a processor without the instructions of this one."""
    features = " ".join(np._core._multiarray_umath.__cpu_dispatch__)
    poor = {"NUMBA_CPU_NAME": "generic", "NPY_DISABLE_CPU_FEATURES": features, "OPENBLAS_CORETYPE": "Nehalem"}
    with tempfile.TemporaryDirectory() as cache:
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-W", "ignore", __file__],
            env={**os.environ, **poor, "NUMBA_CACHE_DIR": cache},
            capture_output=True,
            text=True,
        )
    assert run.returncode == 0, run.stdout[-3000:]
    assert f"{2 * len(CASES) + 1} passed" in run.stdout


def test_no_golden_payload_is_left_over():
    expected = {path for case in _cases() for path in _paths(*case[:2])}
    stored = {path for path in GOLDEN.glob("*/*") if path.suffix in (".wbp", ".npy")}
    assert stored - expected == set()
