"""`workbench check-codec`: a good codec, a broken one from the current folder, and what is no codec."""

import json
import sys

import pytest
from typer.testing import CliRunner

from workbench.cli.app import app
from workbench.codecs.base import CODECS

GOOD = """
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from workbench.codecs.base import Anatomy, Codec
from workbench.errors import PayloadError
from workbench.records import Part

@dataclass(frozen=True)
class Mine(Codec):
    name: ClassVar[str] = "mine"
    summary: ClassVar[str] = "floats"

    def pack(self, features):
        return features.tobytes()

    def unpack(self, body, shape):
        if len(body) != 4 * int(np.prod(shape)):
            raise PayloadError("wrong length")
        return np.frombuffer(body, np.float32).reshape(shape).copy()

    def anatomy(self, body, shape):
        self.unpack(body, shape)
        return Anatomy((Part("values", len(body), "floats"),))
"""


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The command in a folder that holds one module, whose name is new each time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("WORKBENCH_TABLES", str(tmp_path / "tables"))
    monkeypatch.setattr(CODECS, "_added", dict(CODECS._added))

    def command(*arguments, source=GOOD, module="own_codec"):
        (tmp_path / f"{module}.py").write_text(source)
        monkeypatch.delitem(sys.modules, module, raising=False)
        return CliRunner().invoke(app, ["check-codec", *arguments])

    return command


def test_a_codec_in_the_current_folder_passes(run):
    result = run("own_codec:Mine", "--mutations", "200")
    assert result.exit_code == 0
    assert "all 13 checks passed, on 1 variants" in result.output


def test_a_broken_one_fails_with_the_check_and_the_reason(run):
    broken = GOOD.replace("return features.tobytes()", "return (features * 2).tobytes()").replace(
        "    def anatomy", "    def error_bound(self, features):\n        return 0.0\n\n    def anatomy"
    )
    result = run("broken_codec:Mine", "--mutations", "200", source=broken, module="broken_codec")
    assert result.exit_code == 1
    assert "round trip, default:" in result.output and "above the promised 0" in result.output


@pytest.mark.slow  # the whole battery on every variant of `context`
def test_tables_that_a_check_calibrates_are_not_kept(run, tmp_path):
    result = run("workbench.codecs.context:Context", "--mutations", "60")
    assert result.exit_code == 0 and not (tmp_path / "tables").exists()


def test_json_holds_every_finding(run):
    result = run("own_codec:Mine", "--mutations", "50", "--json")
    report = json.loads(result.stdout)
    assert report["passed"] is True and report["variants"] == 1 and len(report["findings"]) == 13
    assert set(report["findings"][0]) == {"check", "variant", "problem", "seconds"}


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nonsense", "package.module:Class"),
        ("no_such_module:Mine", "Importing it failed"),
        ("own_codec:Mina", "did you mean 'Mine'"),
        ("own_codec:PayloadError", "must be a frozen dataclass that inherits from Codec"),
    ],
)
def test_what_cannot_be_checked_says_why_with_code_2(run, target, message):
    result = run(target)
    assert result.exit_code == 2
    assert message in result.stderr
