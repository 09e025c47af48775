"""Learned codecs: the numpy runner by hand, weights by file and hash, the battery with weights."""

import json

import numpy as np
import pytest
from safetensors.numpy import save

from workbench.codecs import codec, decode, describe
from workbench.codecs.battery import checks, samples
from workbench.codecs.learned import bundle as bundles
from workbench.codecs.learned import prior
from workbench.codecs.learned.layers import run
from workbench.errors import InputError, PayloadError, SettingError

SHAPE = (4, 8, 8)


def _weights(name, **changes):
    """A codec for maps (4, 8, 8): the mean of each 2x2 square, and back by repeating."""
    kernel = np.zeros((4, 4, 2, 2), np.float32)
    kernel[range(4), range(4)] = 0.25
    layers = {
        "encoder": [{"kind": "conv", "weight": "down", "stride": 2, "padding": 0}],
        "decoder": [
            {"kind": "transposed", "weight": "up", "stride": 2, "padding": 0, "output_padding": 0},
        ],
    }
    tensors = {"down": kernel, "up": np.ceil(kernel)}
    if name == "hecs-b":
        tensors["tables"] = np.full((64, 31), 132, np.int32)
        tensors["tables"][:, 15] += 65536 - 31 * 132
    facts = {
        "codec": name, "shape": SHAPE, "code_shape": (4, 4, 4), "code": {"quality": 95},
        "trained": {"model": "squares", "split": "first"}, **layers, **changes,
    }  # fmt: skip
    return save(tensors, {"workbench": json.dumps(facts)})


@pytest.fixture(params=["refae", "bottlenet", "hecs-b"])
def trained(request, tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(_weights(request.param))
    return codec(request.param, weights=path)


def test_what_comes_back_is_the_mean_of_each_square(trained):
    features = np.random.default_rng(7).uniform(0, 1, (4, 4, 4)).repeat(2, 1).repeat(2, 2).astype(np.float32)
    if trained.name == "hecs-b":
        features = np.rint(12 * features - 6)
    error = np.abs(decode(trained.encode(features)) - features).max()
    assert error <= {"refae": 1e-6, "bottlenet": 0.2, "hecs-b": 0.0}[trained.name]


def test_refae_body_is_the_zipped_code_and_nothing_else(tmp_path):
    import zlib

    path = tmp_path / "w.safetensors"
    path.write_bytes(_weights("refae"))
    features = np.arange(256, dtype=np.float32).reshape(SHAPE)
    payload = codec("refae", weights=path).encode(features)
    squares = features.reshape(4, 4, 2, 4, 2).mean((2, 4))
    assert zlib.decompress(payload[-4 - describe(payload).body_bytes : -4]) == squares.astype("<f4").tobytes()


@pytest.mark.parametrize("check", checks(mutations=300), ids=lambda check: check.name)
def test_battery_with_weights(trained, check, monkeypatch):
    ordinary = samples.ordinary()
    ordinary["as trained"] = samples.smooth_map(SHAPE)
    ordinary["as trained, float64"] = samples.smooth_map(SHAPE).astype(np.float64)
    monkeypatch.setattr(samples, "ordinary", lambda: ordinary)
    check.run(trained)


def test_other_shapes_are_refused_by_name(trained):
    with pytest.raises(InputError, match=r"trained for \(4, 8, 8\) of squares at first"):
        trained.encode(np.zeros((4, 8, 9), np.float32))


def test_decoding_needs_the_same_weights(trained, monkeypatch, tmp_path):
    payload = trained.encode(np.zeros(SHAPE, np.float32))
    monkeypatch.setattr(bundles, "_known", {})
    monkeypatch.setattr(bundles, "_files", {})
    with pytest.raises(PayloadError, match=rf"the weights '{trained.id}' are not known here"):
        decode(payload)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "any name.safetensors").write_bytes(_weights(trained.name))
    monkeypatch.setenv("WORKBENCH_CODECS", str(tmp_path / "here"))
    assert decode(payload).shape == SHAPE


def test_id_is_the_hash_of_the_file(trained, tmp_path):
    import hashlib

    content = (tmp_path / "weights.safetensors").read_bytes()
    assert trained.id == hashlib.blake2b(content, digest_size=8).hexdigest()
    with pytest.raises(SettingError, match="not 'feedfeedfeedfeed'"):
        codec(trained.name, weights=trained.weights, id="feedfeedfeedfeed")


def test_weights_of_another_codec(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(_weights("refae"))
    with pytest.raises(SettingError, match=r"hecs-b: the weights '\w+' are of the codec 'refae'"):
        codec("hecs-b", weights=path)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x80\x04K\x01.", _weights("refae")[:200], _weights("refae", encoder=[{"kind": "exec"}]),
        _weights("refae", shape=[4, 8, 9]), _weights("refae", decoder=[]), _weights("refae", encoder=3),
        _weights("refae", decoder=[{"kind": "linear", "weight": "nowhere"}]),
    ],
    ids=["empty", "pickle", "cut short", "unknown layer", "shape", "no decoder", "no layers", "no tensor"],
)  # fmt: skip
def test_what_is_no_bundle_is_refused(content, tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(SettingError, match=r"weights: .*w\.safetensors is (no bundle|damaged)"):
        codec("refae", weights=path)


def test_missing_file():
    with pytest.raises(SettingError, match=r"nowhere\.safetensors cannot be read: No such file"):
        codec("refae", weights="nowhere.safetensors")


def test_tables_that_do_not_add_up_are_refused(tmp_path):
    content = _weights("hecs-b").replace(np.int32(132).tobytes(), np.int32(133).tobytes())
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(SettingError, match="no valid table for each measurement"):
        codec("hecs-b", weights=tmp_path / "w.safetensors")


def test_stand_in_keeps_what_its_cosines_can_say():
    places = np.arange(64)
    slow = np.cos(np.pi * 3 * (places + 0.5) / 64).astype(np.float32)
    fast = np.cos(np.pi * 40 * (places + 0.5) / 64).astype(np.float32)
    through = codec("hecs-b")
    assert np.abs(decode(through.encode(slow)) - slow).max() < 0.01
    assert np.abs(decode(through.encode(fast))).max() < 0.01  # above the 16 that are kept


@pytest.mark.parametrize("places", [1, 7, 400])
def test_prior_coder_gives_symbols_back_near_their_entropy(places):
    draw = np.random.default_rng(places)
    tables = draw.multinomial(65536 - 9, draw.dirichlet(np.ones(9)), places) + 1
    assert prior.valid(tables)
    symbols = np.array([draw.choice(9, p=row / 65536) for row in tables])
    data = prior.encode(symbols, tables)
    assert np.array_equal(prior.decode(data, tables), symbols)
    bits = -np.log2(tables[np.arange(places), symbols] / 65536).sum()
    assert len(data) <= 4 + bits / 8 * 1.005 + 1


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data + b"\0", lambda data: data[:3]])
def test_prior_coder_notices_bytes_too_few_and_too_many(damage):
    tables = np.full((50, 16), 4096)
    with pytest.raises(PayloadError, match="damaged"):
        prior.decode(damage(prior.encode(np.arange(50) % 16, tables)), tables)


def test_layers_by_hand():
    tensors = {
        "w": np.array([[[1.0, 2.0, 3.0]]], np.float32), "b": np.array([10.0], np.float32),
        "m": np.array([[1.0, 1.0], [0.0, 2.0]], np.float32),
    }  # fmt: skip
    values = np.array([[[1.0, 2.0, 4.0]]], np.float32)
    conv = {"kind": "conv", "weight": "w", "bias": "b", "stride": 1, "padding": 1}
    assert run([conv], tensors, values).tolist() == [[[18.0, 27.0, 20.0]]]
    assert run([{**conv, "stride": 2}], tensors, values).tolist() == [[[18.0, 20.0]]]
    up = {"kind": "transposed", "weight": "w", "stride": 2, "padding": 1, "output_padding": 1}
    assert run([up], tensors, values).tolist() == [[[2.0, 5.0, 4.0, 10.0, 8.0, 12.0]]]
    pairs = np.array([[3.0, -4.0]], np.float32)
    linear = {"kind": "linear", "weight": "m"}
    assert run([linear, {"kind": "relu"}], tensors, pairs).tolist() == [[0.0, 0.0]]
    assert run([{"kind": "residual", "inner": [linear]}], tensors, pairs).tolist() == [[2.0, -12.0]]
    assert run([{"kind": "swap"}, {"kind": "crop", "sides": [1]}], tensors, values).shape == (1, 3, 1)
