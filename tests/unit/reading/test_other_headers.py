"""Files with other column names than the first one, and captured CSV that begins with its names: each is named."""

from __future__ import annotations

import gzip

import pyarrow as pa
import pytest
from tests.unit.records.captured_lines import captured, encode_line

from spark_model_monitor import CsvFormat, run_baseline, run_monitoring
from spark_model_monitor.data.records.captured_lines import CapturedLines
from spark_model_monitor.data.records.csv_rows import is_header
from spark_model_monitor.data.records.decoding import Reading, decode
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor

ROWS = [f"{number},{number * 7}" for number in range(40)]


def read(folder, first, second, separator=","):
    (folder / "one.csv").write_text("\n".join(first).replace(",", separator))
    text = "\n".join(second).replace(",", separator)
    (folder / "two.csv.gz").write_bytes(gzip.compress(text.encode()))
    csv_format = CsvFormat(header=True, separator=separator)
    return run_baseline(str(folder), DataQualityMonitor(), dataset_format=csv_format, engine="local")


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize(
    ("header", "words"),
    [
        pytest.param(
            "age,salary", "lacks 'income', which .*one.csv has, and has names .* in position 2;", id="another name"
        ),
        pytest.param("AGE,INCOME", "writes 'age', 'income' with other capitals", id="in capitals"),
        pytest.param("age, income", "writes 'income' with other capitals, blanks, _,", id="a blank"),
        pytest.param("\n\nalter,einkommen", "lacks 'age', 'income', .* in position 1, 2;", id="no name in common"),
        pytest.param("age,income,plan", "has names that .*one.csv lacks, in position 3;", id="one more"),
        pytest.param("age", "lacks 'income', which .*one.csv has;", id="one less"),
        pytest.param("income,age", "has the columns in another order", id="another order"),
    ],
)
def test_a_file_with_another_header_is_refused_by_its_names(tmp_path, separator, header, words):
    cells = header.count(",") + 1
    rows = [",".join(f"{row},1".split(",")[:cells]) for row in ROWS]

    with pytest.raises(BadInput, match=rf"two\.csv\.gz: its header line {words}"):
        read(tmp_path, ["age,income", *ROWS], [header, *rows], separator)


@pytest.mark.parametrize("first", ["1,2", "NA,5", ",5", "n/a,?", "7,Total"])
def test_a_file_without_a_header_is_data(tmp_path, first):
    assert read(tmp_path, ["age,income", *ROWS], [first, *ROWS]).ledger.kept == 2 * len(ROWS) + 1


TEXT_ROWS = ["loan,yes,Rome"] * 20
TEXT_HEADER = "kind,open,city"


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param("loan,open,S3CRET", id="a cell is called as a column"),
        pytest.param("Kind,S3CRET,yes", id="in capitals"),
        pytest.param("S3CRET, city ,yes", id="with blanks"),
        pytest.param("S3CRET,yes,Oslo", id="no name"),
    ],
)
@pytest.mark.parametrize("job", ["baseline", "monitor"])
def test_a_row_of_texts_with_a_name_among_them_is_data_and_is_not_stated(tmp_path, caplog, cells, job):
    (tmp_path / "one.csv").write_text("\n".join([TEXT_HEADER, *TEXT_ROWS]))
    monitor = DataQualityMonitor()
    read_as = {"dataset_format": "csv", "engine": "local"}
    folder = str(tmp_path)
    before = run_baseline(folder, monitor, **read_as)
    (tmp_path / "two.csv").write_text("\n".join([cells, *TEXT_ROWS]))
    if job == "baseline":
        data = run_baseline(folder, monitor, **read_as)
    else:
        data = run_monitoring(folder, monitor, before, **read_as).current

    assert data.ledger.kept == 2 * len(TEXT_ROWS) + 1
    assert "S3CRET" not in caplog.text


@pytest.mark.parametrize(
    ("first", "rows"),
    [
        pytest.param("kind,open,S3CRET", TEXT_ROWS, id="texts, most cells are names"),
        pytest.param("S3CRET,open,city", ["loan,1,7"] * 20, id="above numbers"),
        pytest.param("S3CRET,S3CRET2,S3CRET3", ["loan,1,7"] * 20, id="above numbers, no name"),
    ],
)
def test_a_refusal_says_the_known_names_and_no_other_cell(tmp_path, first, rows):
    with pytest.raises(BadInput, match="its header line lacks ") as refusal:
        read(tmp_path, [TEXT_HEADER, *rows], [first, *rows])

    assert "S3CRET" not in str(refusal.value)


def test_a_word_above_a_code_that_is_rarely_a_number_is_data(tmp_path):
    codes = ["Rome,K1A", "Oslo,B2C", "Bonn,0213"] * 7
    first = ["city,code", *codes]
    second = ["Graz,X9Z", *codes]
    ledger = read(tmp_path, first, second).ledger

    assert ledger.kept == 2 * len(codes) + 1


def test_words_alone_are_a_header_if_half_of_them_and_two_are_recognised():
    rows = [("north", "gold", "new"), ("south", "basic", "old")]

    assert not is_header(rows)
    assert not is_header(rows, ("region", "plan", "state"))
    assert not is_header(rows, ("NORTH", "plan", "state"))
    assert is_header(rows, ("NORTH", "Gold", "state"))
    assert is_header([("north",), ("south",)], ("North",))


@pytest.mark.parametrize(
    ("request_rows", "answer", "is_refused"),
    [
        pytest.param("age,income\n1,2\n3,4", "0.5\n0.7", True, id="one row more than answers"),
        pytest.param("age,income\n1,2\n3,4", "score\n0.5\n0.7", True, id="in both halves"),
        pytest.param("1,2\n3,4", "score\n0.5", True, id="in the answer"),
        pytest.param("age,income\r\n1,2\r\n3,4", "0.5\n0.7\n0.8", True, id="line ends of Windows"),
        pytest.param('"age","income"\n1,2', "0.1\n0.2", True, id="quoted"),
        pytest.param("1st,2nd\n1,2", "0.1\n0.2", True, id="names with digits"),
        pytest.param("plan,income\ngold,2", "0.1\n0.2", True, id="text columns"),
        pytest.param("NA,?\n1,2", "0.1\n0.2", False, id="missing values"),
        pytest.param("north,gold\nsouth,basic", "0.1\n0.2", False, id="texts alone"),
        pytest.param("north,1\nsouth,2", "0.1\n0.2", False, id="texts beside numbers"),
    ],
)
def test_a_captured_header_is_named_one_by_one_and_at_once(request_rows, answer, is_refused):
    line = encode_line(captured(request_rows, answer))
    reading = Reading(("endpointInput", "endpointOutput"), columns=3)
    reason = decode(line, reading).reason
    batch = pa.RecordBatch.from_arrays([pa.array([line.decode()] * 2), pa.nulls(2, pa.string())], ["__line", "__file"])
    at_once = CapturedLines(reading).rows(batch).reasons.tolist()

    assert (reason is Refusal.CAPTURED_HEADER) == is_refused
    assert set(at_once) == {int(Refusal.CAPTURED_HEADER) * is_refused}
