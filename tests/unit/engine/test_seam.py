"""Readers of lines and scans ask for nothing but the seam: they work without Spark."""

from __future__ import annotations

import json

import pytest
from tests.engine_in_process import InProcess
from tests.unit.records.captured_lines import captured, encode_line

from spark_model_monitor.data.reading.captures import list_captures, read_captures
from spark_model_monitor.data.reading.formats import CaptureFormat, CsvFormat, ReadOptions
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.reading.outcome_tables import build_reading, read_line_outcomes
from spark_model_monitor.data.reading.readers import read_dataset
from spark_model_monitor.data.records.decoding import Reading
from spark_model_monitor.data.records.outcome_records import LineDecoder
from spark_model_monitor.monitors.data_quality.feature_scan import scan_data_set as profiled
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.statistics.states.outcomes import OutcomePlan, ProblemType
from spark_model_monitor.statistics.states.profile import Measures


@pytest.mark.parametrize("piece_bytes", [5, 12, 1_000])
def test_csv_is_read_and_profiled(tmp_path, piece_bytes):
    """Each line belongs to one piece: the sum of 1 to 9 is 45, whatever the pieces."""
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(f"{number},b\n" for number in range(1, 10)) + "1,2,3\n")
    engine = InProcess(piece_bytes)
    dataset = read_dataset(engine, list_dataset(engine, str(tmp_path)), CsvFormat(header=True), partition_bytes=1)
    state = profiled(Measures(), dataset, None)
    ledger = dataset.ledger(state.rows)

    assert state.state.feature("x").moments.sum == 45
    assert state.state.feature("y").exact_domain == {"b": 9}
    assert (ledger.read, ledger.kept, ledger.refused) == (10, 9, {"wrong number of cells": 1})


def test_captures_are_read_and_profiled(tmp_path):
    lines = [captured("1,2", "0.5\n"), captured("3,x", "0.25"), captured("1")]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(map(encode_line, lines)) + b"\n")
    engine = InProcess(100)
    source = list_captures(engine, str(tmp_path))
    dataset = read_captures(engine, source, CaptureFormat(), ReadOptions(("p", "a", "b")))
    state = profiled(Measures(), dataset, None)

    assert state.state.feature("p").moments.sum == 0.75
    assert dataset.ledger(state.rows).kept == 2


def test_outcomes_are_read_and_counted(tmp_path):
    def merged(label: str, score: str) -> str:
        output = {"data": score, "encoding": "CSV", "mode": "OUTPUT", "observedContentType": "text/csv"}
        return json.dumps(
            {
                "captureData": {"endpointOutput": output},
                "groundTruthData": {"data": label, "encoding": "CSV"},
                "eventMetadata": {"eventId": score, "inferenceTime": "2022-04-18T00:00:00Z"},
                "eventVersion": "0",
            }
        )

    (tmp_path / "a.jsonl").write_text("\n".join([merged("1", "0.9"), merged("0", "0.2"), merged("", "0.2")]) + "\n")
    plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True, with_predictions=False)
    decoder = LineDecoder(build_reading(plan, None, None, "0", Reading(("endpointOutput",))))
    engine = InProcess(50)
    dataset = read_line_outcomes(engine, list_captures(engine, str(tmp_path)), decoder)
    scanned = ModelQualityMonitor(plan).scan(plan, dataset, None)

    assert scanned.state.item_count == 2
    assert dataset.ledger(scanned.rows).refused == {"no label": 1}
