"""No decoder of a merge raises, whatever a line holds, nor does it come to what nobody foresaw."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.merging.lines import list_locations
from tests.unit.records.odd_lines import odd_lines, with_odd_lines

from spark_model_monitor.data.records.refusals import UNFORESEEN, Refusal
from spark_model_monitor.running.merging.captured import RequestDecoder, TransformDecoder
from spark_model_monitor.running.merging.labelling_sample import Score
from spark_model_monitor.running.merging.labels import GroundTruth

pytestmark = pytest.mark.long

FORESEEN = sorted({0, *Refusal} - {Refusal.UNREADABLE, *UNFORESEEN.values()})


def make_array(lines):
    return pa.array(lines, pa.binary()).view(pa.string())


@with_odd_lines
@given(st.sampled_from([RequestDecoder(), RequestDecoder(Score("a[0].b")), RequestDecoder(Score("1"))]), odd_lines())
def test_captures(decoder, lines):
    records = decoder(make_array(lines))

    assert len(records.reasons) == len(lines)
    assert np.isin(records.reasons, FORESEEN).all()
    for column in (records.keys, records.events, records.texts, records.scores):
        column.filter(pa.array(records.reasons == 0)).validate(full=True)


@with_odd_lines
@given(st.sampled_from(["CSV", "JSON"]), odd_lines())
def test_outputs_of_transforms(encoding, lines):
    records = TransformDecoder(encoding, Score("a"))(make_array(lines))

    assert len(records.reasons) == len(lines)
    assert np.isin(records.reasons, FORESEEN).all()
    for column in (records.keys, records.texts, records.scores):
        column.filter(pa.array(records.reasons == 0)).validate(full=True)
    for text, reason in zip(records.texts.to_pylist(), records.reasons.tolist(), strict=True):
        assert reason or json.loads(text + "}")


@pytest.fixture(scope="module")
def locations(tmp_path_factory):
    root = tmp_path_factory.mktemp("labels")
    (root / "a.jsonl").write_bytes(b"{}\n")
    return list_locations(root)


@with_odd_lines
@given(st.booleans(), st.booleans(), odd_lines())
def test_ground_truth(locations, repairing, whole_files, lines):
    if whole_files:
        lines = [b"[" + b",\n".join(lines) + b"]"]
    decoded = GroundTruth(locations, repairing=repairing, whole_files=whole_files)._decode(make_array(lines))

    assert set(decoded.line_indices.tolist()) == set(range(len(lines)))
    assert np.isin(decoded.reasons, FORESEEN).all()
    is_accepted = pa.array(decoded.reasons == 0)
    for column in (decoded.event_ids, decoded.truths):
        column.filter(is_accepted).validate(full=True)
    for truth in decoded.truths.filter(is_accepted).to_pylist():
        assert json.loads(truth)["data"].strip()
