"""A record means the same to every monitor: a grid of merged records and generated ones, read by all three readers.

docs/reference/records.md has the differences that are meant (M1 to M6); any other one fails here.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pytest

from spark_model_monitor.data.records.captured_lines import CapturedLines
from spark_model_monitor.data.records.csv_rows import SPARK_ESCAPE
from spark_model_monitor.data.records.decoding import Reading
from spark_model_monitor.data.records.locations import LINE
from spark_model_monitor.data.records.outcome_records import LabelledRecords, decode_merged_lines
from spark_model_monitor.data.records.outcome_values import FeatureReading, OutcomeReading
from spark_model_monitor.data.records.refusals import Refusal

pytestmark = pytest.mark.long

OUTPUTS = ("endpointOutput", "batchTransformOutput")
ABSENT = object()

PAYLOADS = [
    *("1", "0", "", "  ", "1\n", "1\r\n", " 1 ", '"1"', '"a,b"', "NaN", "nan", "null", "yes", "1;0", "süß", "a\u2028b"),
    *("1,0.7", "0,37", "1,-0.1", "1,nan", "1,abc", "1,", ",", "1,1e-3", "1, 0.7 ", "1,0.7,x", "1,0.7\n0,0.2", '"1,2'),
    *("[0,1]", '"[0,1]","[0.2,0.8]"', "[[1,2],[3,4]]", '{"a":1,"b":2}', '{"b":2,"a":1}', '[{"a":1,"b":2}]', '{"a":1}'),
    *('{"a":1,"b":2}\n{"a":3,"b":4}', '{"a":null,"b":[1]}', '{"a":{"c":1},"b":2}', '1,"a""b"', '1,"a\\"b"', "MQ=="),
    *(None, 1, 0.5, True, {"a": 1, "b": 2}, [1], [1, 0], ABSENT),
]
ENCODINGS = ["CSV", "csv", None, "JSON", "BASE64", "XML"]

MISSING = {Refusal.NO_LABEL, Refusal.NO_PREDICTION, Refusal.NO_PROBABILITY}


def half(data, encoding):
    members = {"data": data, "encoding": encoding}
    return {
        name: value for name, value in members.items() if value is not ABSENT and (name, value) != ("encoding", None)
    }


def record(truth=None, output=None, request=None) -> bytes:
    plain = half("1", "CSV")
    halves = {
        "endpointInput": half("1,2", "CSV") if request is None else request,
        "endpointOutput": half("1,0.7", "CSV") if output is None else output,
    }
    metadata = {"eventId": "a", "inferenceTime": "2022-04-18T00:10:00Z"}
    captured = {"captureData": halves, "eventMetadata": metadata, "groundTruthData": plain if truth is None else truth}
    return json.dumps(captured, ensure_ascii=False).encode()


def grid(member: str) -> Iterator[bytes]:
    """Records of which one half is any of these."""
    for data in PAYLOADS:
        for encoding in ENCODINGS:
            yield record(**{member: half(data, encoding)})
    yield from (record(**{member: odd}) for odd in ([], "x", 5, {}))


def generated(count: int) -> Iterator[bytes]:
    rng = random.Random(7)
    for _ in range(count):
        yield record(*(half(rng.choice(PAYLOADS), rng.choice(ENCODINGS[:1] * 6 + ENCODINGS)) for _ in range(3)))


def make_column(lines) -> pa.StringArray:
    return pa.array(lines, pa.binary()).view(pa.string())


def outcomes(lines, reading: OutcomeReading) -> list:
    """Of each line why it is refused, or label and prediction of each row."""
    rows = decode_merged_lines(make_column(lines), pa.repeat("", len(lines)), reading)
    outcomes_by_source: dict[int, list] = {}
    for index, (source, reason) in enumerate(zip(rows.sources.tolist(), rows.reasons.tolist(), strict=True)):
        score = None
        if rows.scores is not None:
            score = float(rows.scores[index])
        if rows.predictions is None:
            text = rows.labels[index].as_py()
        else:
            text = rows.predictions[index].as_py()
        predicted = text if score is None else str(int(score > 0.5))
        outcomes_by_source.setdefault(source, []).append(
            Refusal(reason) if reason else (rows.labels[index].as_py(), predicted)
        )
    return list(outcomes_by_source.values())


def group_rows(decoder, lines, columns: slice) -> list:
    """The same of a decoder of rows."""
    rows = decoder.rows(pa.RecordBatch.from_pydict({LINE: make_column(lines)}))
    cells = list(zip(*(column.to_pylist() for column in rows.columns[columns]), strict=True))
    rows_by_line: dict[int, list] = {}
    for line, reason, row in zip(rows.lines.tolist(), rows.reasons.tolist(), cells, strict=True):
        rows_by_line.setdefault(line, []).append(Refusal(reason) if reason else row)
    return list(rows_by_line.values())


@pytest.mark.parametrize(("prediction", "probability"), [("0", None), (None, "1")], ids=["prediction", "probability"])
@pytest.mark.parametrize("escape", ['"', SPARK_ESCAPE], ids=["by default", "as the service"])
def test_model_quality_and_bias_see_the_same_labels_and_predictions(prediction, probability, escape):
    lines = [*grid("truth"), *grid("output"), *generated(3000)]
    records = Reading(OUTPUTS, escape=escape)
    quality = OutcomeReading(None, prediction, probability, binary=True, positive_label="1", records=records)
    of_bias = Reading(("endpointInput", *OUTPUTS), escape=escape)
    bias = replace(quality, allows_missing=True, records=of_bias, features=FeatureReading(columns=2))

    # What each of the two makes of a line, and the features that only bias reads
    differing = []
    answers = zip(lines, outcomes(lines, quality), group_rows(LabelledRecords(bias), lines, slice(2, 4)), strict=True)
    features_fit = group_rows(
        LabelledRecords(replace(bias, with_label=False, prediction=None, probability=None)), lines, slice(2)
    )
    for (line, by_quality, by_bias), features in zip(answers, features_fit, strict=True):
        of_other_rows = isinstance(by_quality[0], tuple) and len(by_quality) != len(
            features
        )  # labels and scores, but not requests
        if isinstance(features[0], Refusal) or len(features) != len(by_bias) or of_other_rows:
            continue  # M5: bias has features to look at, too
        is_complete = all(isinstance(row, tuple) and None not in row for row in by_bias)
        if by_quality != by_bias and (is_complete or not MISSING & set(by_quality)):  # M1
            differing.append((line, by_quality, by_bias))

    assert differing == []


def has_objects(rows) -> bool:
    text = str(rows)
    return "'{" in text


@pytest.mark.parametrize("escape", ['"', SPARK_ESCAPE], ids=["by default", "as the service"])
def test_data_quality_and_bias_see_the_same_features(escape):
    lines = [*grid("request"), *generated(3000)]
    quality = Reading(("endpointInput",), ("a", "b"), columns=2, encoding=None, escape=escape)
    bias = OutcomeReading(
        *(None, None, None),
        with_label=False,
        allows_missing=True,
        records=Reading(("endpointInput",), escape=escape),
        features=FeatureReading(columns=2, names=("a", "b")),
    )

    differing = [
        (line, by_quality, by_bias)
        for line, by_quality, by_bias in zip(
            lines,
            group_rows(CapturedLines(quality), lines, slice(2)),
            group_rows(LabelledRecords(bias), lines, slice(2)),
            strict=True,
        )
        if by_quality != by_bias and by_quality != [Refusal.NESTED_JSON] and not has_objects(by_bias)  # M4
    ]

    assert differing == []
