"""Any finite features at all, thought up by hypothesis: shape, type, promised error, equal bytes."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workbench.codecs import decode, describe
from workbench.codecs.base import CODECS
from workbench.codecs.battery import variants
from workbench.codecs.battery.expect import adds_up, compare
from workbench.errors import InputError

FEATURES = st.sampled_from([np.float16, np.float32, np.float64]).flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9),
        elements=st.one_of(
            st.just(0.0),
            st.floats(-8, 8, width=16),
            st.floats(-3e4, 3e4, width=16),
            *([] if dtype is np.float16 else [st.floats(-(2.0**126), 2.0**126, width=32)]),
        ),
    )
)


@pytest.mark.parametrize("name", CODECS.names())
@settings(max_examples=25, derandomize=True)
@given(features=FEATURES, pick=st.integers(0, 10**6))
def test_any_finite_features_come_back_within_the_promise(name, features, pick):
    codecs = variants(CODECS.get(name))
    codec = codecs[pick % len(codecs)][1]
    before = features.copy()
    try:
        payload = codec.encode(features)
    except InputError:
        assert np.abs(features.astype(np.float64)).max(initial=0) > 65504 or codec != type(codec)()
        return
    assert features.tobytes() == before.tobytes()
    compare(codec, "hypothesis", features, payload)
    adds_up(payload, "hypothesis")
    assert codec.encode(decode(payload)) == type(codec)(**codec.settings()).encode(decode(payload))
    assert dataclasses.asdict(describe(payload))["shape"] == features.shape
