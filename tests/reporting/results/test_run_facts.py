import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewlabel.reporting.results.run_facts import flatten, pack, unpack

names = st.sampled_from(["a", "b", "c.d", "e/f"])
values = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from([0.0, 1.0, 0.1]) | st.text(max_size=3)
facts = st.dictionaries(
    names, st.recursive(values | st.lists(values, max_size=2), lambda inner: st.dictionaries(names, inner, max_size=3))
)


@given(st.lists(facts, min_size=1, max_size=4), facts)
def test_what_is_packed_comes_out_as_it_was(runs, pretraining):
    packed = {f"liver/finetuned/scratch/n1/draw{draw}": run for draw, run in enumerate(runs)}
    packed["liver/pretrained/regression"] = pretraining
    for anonymised in (True, False):
        unpacked, flag = unpack(pack(packed, anonymised))
        assert json.dumps(unpacked, sort_keys=True) == json.dumps(packed, sort_keys=True)
        assert flag is anonymised


def test_what_runs_have_in_common_stands_there_once():
    common = {"settings": {"network": list(range(100))}, "software": {"torch": "2.13.0"}}
    runs = {f"liver/finetuned/scratch/n1/draw{d}": {**common, "time": {"seconds": d}} for d in range(500)}
    text = pack(runs)
    assert text.count("2.13.0") == 1
    assert len(text) < 500 * 60
    assert len(text.splitlines()) == pytest.approx(500, abs=10)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "anonymised": false, "groups": [1]}'])
def test_another_file_is_refused(text):
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        unpack(text)


def test_dotted_keys_go_down_to_values_and_lists():
    assert flatten({"a": {"b": {"c": 1}, "d": [1, 2]}, "e": {}}) == {"a.b.c": 1, "a.d": [1, 2], "e": {}}
