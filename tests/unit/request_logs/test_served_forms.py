"""Requests and answers of public model servers are read beside a baseline of training data, and columns have their names.

The forms are in request_logs/served_forms.jsonl: two rows and their scores, as the server's documents or its test suite, which
`source` names, have them. `encodings` are of request and answer, where one is no JSON; `inputs` are beside the rows' columns.
"""

from __future__ import annotations

import base64
import json
import random
import re
import struct
from functools import partial

import pytest
from tests.request_log_samples import FOLDER
from tests.running_jobs import JobsHere
from tests.unit.reading.read_data_sets import ENGINE, read_account, sort_rows
from tests.unit.records.captured_lines import captured, encode_line

from spark_model_monitor.data.reading.captures import list_captures, read_captures
from spark_model_monitor.data.reading.formats import CaptureFormat, ReadOptions
from spark_model_monitor.data.records.refusals import REMEDIES, Refusal

NAMES = ("age", "income", "plan")
ROWS = [("41", "2.5", "3"), ("52", "7.5", "3")]
FORMS = [json.loads(line) for line in (FOLDER / "served_forms.jsonl").read_text().splitlines()]


def read_form(folder, lines, *, are_mixed=False):
    (folder / "a.jsonl").write_bytes(b"\n".join(map(encode_line, lines)))
    options = ReadOptions(NAMES, allow_mixed_encodings=are_mixed)
    return read_captures(ENGINE, list_captures(ENGINE, str(folder)), CaptureFormat(), options)


def write_form(form):
    """A form's request and answer as texts, with their encodings."""
    encodings = form.get("encodings", ["JSON", "JSON"])
    payloads = [form["request"], form["answer"]]
    for index, encoding in enumerate(encodings):
        if encoding == "JSON":
            payloads[index] = json.dumps(payloads[index])
    return payloads, encodings


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form["name"])
def test_a_form_gives_the_columns_of_training_and_names_its_answers(form, tmp_path):
    (request, answer), (encoding, output_encoding) = write_form(form)
    line = captured(request, answer, encoding=encoding, output_encoding=output_encoding)
    dataset = read_form(tmp_path, [line] * 3, are_mixed=encoding != output_encoding)
    _, ledger, _ = read_account(dataset)
    rows = [tuple(cell.removesuffix(".0") for cell in row[: len(NAMES)]) for row in sort_rows(dataset)]

    # Every row is read, and its cells stand where training had them
    assert ledger.refused == {}
    assert dataset.names == (*NAMES, *form["answers"], *form.get("inputs", []))
    assert rows == sorted(ROWS * 3)
    assert form["source"]


# Numbers of the forms in whose place each record has its own
PLACE = re.compile(r"(?<![\d.])(41|52|2\.5|7\.5|0\.25|0\.75)(?![\d.])")


def draw_value(rng, text, factor=1):
    if text in ("41", "52"):
        return rng.randint(20, 70)
    if text in ("2.5", "7.5"):
        return round(factor * rng.lognormvariate(0, 0.5), 4)
    return round(rng.random(), 4)


def replace_value(rng, factor, match):
    return str(draw_value(rng, match[0], factor))


@pytest.fixture(scope="module")
def credit(tmp_path_factory):
    """The folder of a model's baseline, whose label stands last."""
    folder = tmp_path_factory.mktemp("credit")
    rng = random.Random(7)
    lines = ["age,income,plan,defaulted"]
    for _ in range(1500):
        age = draw_value(rng, "41")
        income = draw_value(rng, "2.5")
        label = int(rng.random() < 0.2)
        lines.append(f"{age},{income},3,{label}")
    (folder / "training.csv").write_text("\n".join(lines))
    assert JobsHere(folder, "local")("baseline", "training.csv", "--output-path", "baseline").status == 0
    return folder


@pytest.mark.nightly
@pytest.mark.parametrize("form", [form for form in FORMS if "rawData" not in str(form)], ids=lambda form: form["name"])
def test_a_form_is_quiet_beside_training_data_and_its_broken_column_is_the_one_that_is_named(form, credit, tmp_path):
    texts, (encoding, output_encoding) = write_form(form)
    flags = ["--baseline", credit / "baseline", "--output-path", tmp_path / "out"]
    if encoding != output_encoding:
        flags.append("--allow-mixed-encodings")
    # An hour as training, and one whose income is a hundred times that
    rng = random.Random(7)
    features = []
    for hour, factor in enumerate([1, 100]):
        lines = []
        for _ in range(200):
            halves = [PLACE.sub(partial(replace_value, rng, factor), text) for text in texts]
            lines.append(encode_line(captured(*halves, encoding=encoding, output_encoding=output_encoding)))
        captures = tmp_path / f"{hour}.jsonl"
        captures.write_bytes(b"\n".join(lines))
        run = JobsHere(tmp_path, "local")("monitor", captures, "--dataset-format", "capture", *flags)
        assert run.status == 0, run.said
        document = json.loads((tmp_path / "out" / "constraint_violations.json").read_text())
        features.append({violation["feature_name"] for violation in document["violations"]})

    assert features == [set(), {"income"}]


# One row, in an object that a client, a function's argument or a model names
OUTER_MEMBERS = ["applicant", "body", "features", "arguments", "input", "inputs"]


@pytest.mark.parametrize("outer", OUTER_MEMBERS)
def test_members_of_one_object_are_the_columns_of_training(outer, tmp_path):
    row = dict(zip(NAMES, ROWS[0], strict=True))
    request = {"request_id": "a1", outer: row}
    line = captured(json.dumps(request), '{"score": 0.5}', encoding="JSON")
    dataset = read_form(tmp_path, [line])

    assert dataset.names == (*NAMES, "score", "request_id")
    assert sort_rows(dataset) == [(*ROWS[0], "0.5", "a1")]


def test_columns_in_several_objects_are_found_by_their_names(tmp_path):
    request = {"id": "a1", "person": {"age": 41, "money": {"income": 2.5}}, "plan": 3}
    line = captured(json.dumps(request), '{"person": {"score": 0.5}}', encoding="JSON")
    dataset = read_form(tmp_path, [line])

    assert dataset.names == (*NAMES, "person.score", "id")
    assert sort_rows(dataset) == [(*ROWS[0], "0.5", "a1")]


def test_a_path_to_one_of_several_of_its_name_is_no_column(tmp_path):
    request = {"age": 41, "income": 2.5, "old": {"plan": 3}, "new": {"plan": 4}}
    line = captured(json.dumps(request), '{"score": 0.5}', encoding="JSON")
    dataset = read_form(tmp_path, [line])

    assert dataset.names == (*NAMES, "score", "old.plan", "new.plan")
    assert sort_rows(dataset) == [("41", "2.5", None, "0.5", "3", "4")]


def test_an_object_whose_members_stand_beside_columns_of_their_names_is_no_row(tmp_path):
    row = dict(zip(NAMES, ROWS[0], strict=True))
    request = {**row, "previous": row}
    line = captured(json.dumps(request), '{"score": 0.5}', encoding="JSON")
    names = read_form(tmp_path, [line]).names

    assert names[:4] == (*NAMES, "score")
    assert names[4:] == tuple(f"previous.{name}" for name in NAMES)


def test_a_tensor_of_one_dimension_with_one_answer_is_a_row(tmp_path):
    """Triton's models without batches have no dimension for rows (its guide, "Model Configuration")."""
    tensor = {"name": "x", "shape": [3], "datatype": "FP32"}
    tensor["data"] = [41, 2.5, 3]
    answer = {"name": "y", "shape": [1], "datatype": "FP32"}
    answer["data"] = [0.5]
    request = json.dumps({"inputs": [tensor]})
    line = captured(request, json.dumps({"outputs": [answer]}), encoding="JSON")
    dataset = read_form(tmp_path, [line])

    assert dataset.names == (*NAMES, "y")
    assert sort_rows(dataset) == [(*ROWS[0], "0.5")]


def make_binary_request():
    """Triton's binary extension: the values stand behind the JSON, whose parameters have their sizes."""
    values = struct.pack("<3f", 41.0, 2.5, 3.0)
    tensor = {"name": "input__0", "shape": [1, 3], "datatype": "FP32", "parameters": {"binary_data_size": len(values)}}
    inputs = [tensor]
    text = json.dumps({"inputs": inputs})
    return text.encode(), values


@pytest.mark.parametrize("content_type", ["application/octet-stream", "application/json"])
def test_tensors_behind_their_json_are_read_by_the_sizes_in_it(tmp_path, content_type):
    content = b"".join(make_binary_request())
    data = base64.b64encode(content).decode()
    line = captured(data, None, encoding="BASE64")
    halves = line["captureData"]
    halves["endpointInput"]["observedContentType"] = content_type
    # The answer has its values in JSON
    halves["endpointOutput"] = {"data": '{"y": 0.5}', "encoding": "JSON"}

    assert sort_rows(read_form(tmp_path, [line])) == [("41.0", "2.5", "3.0", "0.5")]


@pytest.mark.parametrize(
    ("payload", "reason", "server"),
    [
        (make_binary_request()[0].decode(), Refusal.TENSORS_WITHOUT_VALUES, "Triton"),
        ('{"binData": "AAAA"}', Refusal.BYTES_OF_SELDON, "Seldon"),
        ('{"binData": "AAAA", "meta": {}}', Refusal.BYTES_OF_SELDON, "Seldon"),
    ],
)
def test_a_payload_without_its_values_is_refused_with_the_servers_name(tmp_path, payload, reason, server):
    line = captured(payload, '{"p": 1}', encoding="JSON")
    _, ledger, _ = read_account(read_form(tmp_path, [line]))

    assert ledger.refused == {reason.text: 1}
    assert server in reason.text
    assert reason in REMEDIES
