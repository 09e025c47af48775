"""`workbench saliency` says what `wb.saliency` says, writes a page, and refuses what cannot be."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import workbench as wb
from workbench.cli.app import app
from workbench.pictures import load


def call(*words):
    """Exit code, stdout and stderr of `workbench saliency words...`."""
    result = CliRunner().invoke(app, ["saliency", *map(str, words)], prog_name="workbench")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


WORDS = ("digits-resnet", "--split", "layer2", "--codec", "uniform", "--set", "bits=2", "--number", 3)


def test_json_is_the_report(resnet):
    code, out, err = call(*WORDS, "--class", "8", "--method", "hires-cam", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    report = wb.saliency(
        resnet, "layer2", wb.codec("uniform", bits=2), load("digits")[3:4], "hires-cam", target="8"
    )
    assert found["call"] == report.call and found["layer"] == "layer3"
    assert found["maps"]["decoded"]["class_name"] == "8"
    assert np.allclose(found["maps"]["decoded"]["values"], report.maps["decoded"].values, atol=1e-6)
    assert found["agreement"]["decoded"]["pearson"] == pytest.approx(report.agreement["decoded"].pearson)


def test_the_table_and_the_page(tmp_path):
    page = tmp_path / "maps.html"
    code, out, err = call(*WORDS, "--html", page)
    assert (code, err) == (0, f"wrote {page}\n")
    first, *_ = out.splitlines()
    assert first.startswith("digits-resnet cut at layer2, uniform: ") and first.endswith(" B")
    assert "grad-cam of '2' at layer3 (channel-first, 4 × 4 places)" in out
    rows = {
        line.split()[0]: line.split() for line in out.splitlines() if line.startswith(("unsplit", "decoded"))
    }
    assert rows["unsplit"][1] == rows["decoded"][1] == "2"
    assert "correlation with unsplit" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--method", "gradcam"), "no saliency method 'gradcam'"),
        (("--class", "cat"), "no class of digits-resnet 'cat'"),
        (("--class", "10"), "10 classes: a number from 0 to 9"),
        (("--layer", "layer1"), "cannot be looked at behind the cut"),
        (("--number", "-1"), "--number is -1; digits has"),
        (("--html", "/nowhere/maps.html"), "/nowhere/maps.html cannot be written"),
    ],
)
def test_what_cannot_be_ends_with_code_2(words, complaint):
    code, out, err = call("digits-resnet", "--split", "layer2", *words)
    assert (code, out) == (2, "")
    assert complaint in err


def test_a_setting_needs_its_codec():
    code, _, err = call("digits-resnet", "--split", "layer2", "--set", "bits=2")
    assert code == 2 and "name it with --codec" in err
