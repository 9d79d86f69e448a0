"""CSV as Spark and Excel write it is read as it is meant; other forms and files are refused with what to write instead."""

from __future__ import annotations

import io
import json
import zipfile

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pytest

from spark_model_monitor import run_baseline
from spark_model_monitor.data.reading.formats import add_quotes, split_names
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor

FRAME = pd.DataFrame({"a": [1.5, 2.5] * 9, "b": [3, 4] * 9})


def read(folder, name, content, dataset_format=None):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return run_baseline(str(path), DataQualityMonitor(), dataset_format=dataset_format, engine="local")


def inferred_types(run):
    return {feature.name: feature.inferred_type.value for feature in run.statistics.features}


@pytest.mark.parametrize(
    ("content", "expected", "rows"),
    [
        pytest.param("sep=;\nid;price\n" + "1;2,5\n" * 9, {"id": "Integral", "price": "Fractional"}, 9, id="Excel"),
        pytest.param(
            "sep=,\r\nid,price\r\n" + "1,2.5\r\n" * 9, {"id": "Integral", "price": "Fractional"}, 9, id="commas"
        ),
        pytest.param('"sep=|"\nid|x\n' + "1|y\n" * 9, {"id": "Integral", "x": "String"}, 9, id="bars, quoted"),
        pytest.param("SEP=\t\nid\tx\n" + "1\ty\n" * 9, {"id": "Integral", "x": "String"}, 9, id="tabs"),
        pytest.param("\n\nid,x\n" + "1,y\n" * 9, {"id": "Integral", "x": "String"}, 9, id="blank lines above"),
        pytest.param("#id,x\n" + "1,y\n" * 9, {"#id": "Integral", "x": "String"}, 9, id="a name with #"),
        pytest.param('id,x\n1,"a \\"b\\", c"\n' + "1,y\n" * 9, {"id": "Integral", "x": "String"}, 10, id="Spark"),
        pytest.param('id,x\n1,"a\\"b"\n' + "1,y\n" * 9, {"id": "Integral", "x": "String"}, 10, id="Spark, no comma"),
    ],
)
def test_dialects_are_read(tmp_path, content, expected, rows):
    run = read(tmp_path, "data.csv", content)

    assert inferred_types(run) == expected
    assert (run.ledger.read, run.ledger.kept, run.ledger.refused) == (rows, rows, {})


def test_a_quote_behind_a_backslash_is_part_of_the_text(tmp_path):
    run = read(tmp_path, "data.csv", 'id,x\n1,"a \\"b\\", c"\n2,plain\n')
    distribution = run.statistics.features[1].string_statistics.distribution.categorical

    assert {bucket.value for bucket in distribution.buckets} == {'a "b", c', "plain"}


def test_a_path_of_windows_is_no_escape(tmp_path):
    run = read(tmp_path, "data.csv", 'id,x\n1,"C:\\"\n2,"a ""b"" c"\n')

    assert run.ledger.kept == 2


def test_named_csv_with_backslashes_is_refused_with_the_format_to_write(tmp_path):
    content = 'id,x\n1,"a \\"b\\", c"\n'
    with pytest.raises(BadInput, match=r'write --dataset-format \'\{"csv": \{"header": true, "escape": "\\\\"\}\}\''):
        read(tmp_path, "data.csv", content, "csv")

    written = '{"csv": {"header": true, "escape": "\\\\"}}'
    assert read(tmp_path, "data.csv", content, written).ledger.kept == 1


@pytest.mark.parametrize(
    "content",
    ["# made on Monday\nid,x\n1,2\n", "# a, b\nid,x\n1,2\n", "#one\n#two\nid\n1\n", "\n# made\nid,x\n1,2\n"],
)
def test_comments_are_refused_with_what_to_write(tmp_path, content):
    with pytest.raises(BadInput, match=r'line 1 is a comment; take off .* or write .*"comment": "#"'):
        read(tmp_path, "data.csv", content, "csv")


@pytest.mark.parametrize(
    "content", ["Report\nid,x\n1,2\n", "Report,,\n,,\nid,x,y\n1,2,3\n", "\nReport\nof May\n\nid;x\n1;2\n"]
)
def test_titles_are_refused_with_what_to_write(tmp_path, content):
    with pytest.raises(BadInput, match="line 1 is no header but a title; take off what is above the names of columns"):
        read(tmp_path, "data.csv", content, '{"csv": {"header": true, "separator": ";"}}' if ";" in content else "csv")


@pytest.mark.parametrize("content", [",a\nk,foo\nl,bar\n", "id,\n1,\n2,\n", "id\nx\ny\n", "day,\nk,\nl,\n"])
def test_headers_with_few_names_are_no_titles(tmp_path, content):
    assert read(tmp_path, "data.csv", content, "csv").ledger.kept == 2


def test_a_name_of_two_lines_is_no_title(tmp_path):
    with pytest.raises(BadInput, match="if cells have line breaks write"):
        read(tmp_path, "data.csv", '"paid\nin euros",x\n1,2\n', "csv")


def write_workbook():
    # The parts by which a workbook is known
    with io.BytesIO() as content:
        with zipfile.ZipFile(content, "w") as file:
            file.writestr("[Content_Types].xml", "<Types/>")
            file.writestr("xl/workbook.xml", "<workbook/>")
        return content.getvalue()


def write_feather():
    with io.BytesIO() as content:
        pyarrow.feather.write_feather(pa.Table.from_pandas(FRAME), content)
        return content.getvalue()


@pytest.mark.parametrize("dataset_format", [None, "csv", "jsonl"])
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param("data.xlsx", write_workbook(), "is an Excel workbook, .* save its sheet as CSV", id="xlsx"),
        pytest.param("data.feather", write_feather(), "Feather file, .* write Parquet", id="feather"),
        pytest.param("data.arrow", write_feather(), "Feather file, .* write Parquet", id="arrow"),
        pytest.param("data.xls", b"\xd0\xcf\x11\xe0\xa1\xb1" * 99, "old Excel workbook, .* as CSV", id="xls"),
    ],
)
def test_other_files_are_refused_by_what_they_are(tmp_path, name, content, words, dataset_format):
    with pytest.raises(BadInput, match=words):
        read(tmp_path, name, content, dataset_format)


@pytest.mark.parametrize("dataset_format", [None, "json"])
@pytest.mark.parametrize("options", [{}, {"indent": 2}])
@pytest.mark.parametrize("orient", ["split", "columns", "index", "table", "values"])
def test_tables_of_pandas_are_refused_with_the_orient_to_write(tmp_path, orient, options, dataset_format):
    content = FRAME.to_json(orient=orient, **options)

    with pytest.raises(BadInput, match=rf'pandas writes it with orient="{orient}"; write to_json.*orient="records"'):
        read(tmp_path, "data.json", content, dataset_format)


COLUMNS = FRAME.to_dict("list")
RECORDS = FRAME.to_dict("records")
ARRAYS = FRAME.to_numpy().tolist()
IN_DATA = {"data": RECORDS}
IN_RECORDS = {"records": RECORDS}
IN_INSTANCES = {"instances": RECORDS}
ARRAYS_IN_INSTANCES = {"instances": ARRAYS}
COLUMNS_IN_DATA = {"data": COLUMNS}
BELOW_COUNT = {"count": 18, "results": RECORDS}
ABOVE_NEXT = {"results": RECORDS, "next": None}


@pytest.mark.parametrize("dataset_format", [None, "json"])
@pytest.mark.parametrize("options", [{}, {"indent": 2}])
@pytest.mark.parametrize(
    ("document", "words"),
    [
        pytest.param(COLUMNS, r'list for each column, .* to_dict\("list"\); .*orient="records"', id="lists"),
        pytest.param(COLUMNS_IN_DATA, "list for each column", id="lists in a member"),
        pytest.param(IN_DATA, r"rows in a list, its member 'data'; .*'\.data\[\]'.*jsonl", id="data"),
        pytest.param(IN_RECORDS, "rows in a list, its member 'records'", id="records"),
        pytest.param(IN_INSTANCES, "rows in a list, its member 'instances'", id="instances"),
        pytest.param(ARRAYS_IN_INSTANCES, "its member 'instances'", id="instances of cells"),
        pytest.param(BELOW_COUNT, "its member 'results'", id="beside other members"),
        pytest.param(ABOVE_NEXT, "its member 'results'", id="above other members"),
    ],
)
def test_documents_whose_rows_are_within_are_refused_with_what_to_write(
    tmp_path, document, words, options, dataset_format
):
    with pytest.raises(BadInput, match=words):
        read(tmp_path, "data.json", json.dumps(document, **options), dataset_format)


def test_a_document_longer_than_what_is_looked_at_is_refused_alike(tmp_path):
    # More than the 4 MiB that are looked at
    row_count = 600_000
    columns = {"a": [1.25] * row_count, "b": ["x"] * row_count}
    records = [{"a": 1.25, "b": "x"}] * row_count

    text_of_columns = json.dumps(columns)
    text_of_records = json.dumps({"data": records})

    with pytest.raises(BadInput, match="list for each column"):
        read(tmp_path, "data.json", text_of_columns)
    with pytest.raises(BadInput, match="its member 'data'"):
        read(tmp_path, "data.json", text_of_records)


def test_lines_of_requests_are_refused_with_what_to_write(tmp_path):
    # Requests as clients log them
    request = json.dumps(IN_INSTANCES)
    lines = "\n".join([request] * 3)

    with pytest.raises(BadInput, match="each line has its rows in a list, its member 'instances'"):
        read(tmp_path, "data.jsonl", lines)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({"id": 1, "vector": [0.5, 1.5]}, id="a vector"),
        pytest.param({"u": [0.5, 1.5], "v": [2, 3]}, id="vectors alone"),
        pytest.param({"u": [0.5, 1.5], "v": [2, 3, 4]}, id="vectors of other lengths"),
        pytest.param({"id": 1, "items": [{"price": 2}]}, id="a list of objects"),
    ],
)
def test_lines_with_lists_are_rows(tmp_path, record):
    # Three rows alike
    line = json.dumps(record)
    content = "\n".join([line] * 3)
    run = read(tmp_path, "data.jsonl", content)
    ledger = run.ledger

    assert ledger.kept == 3


def test_records_of_pandas_are_read(tmp_path):
    assert read(tmp_path, "data.json", FRAME.to_json(orient="records")).ledger.kept == len(FRAME)
    lines = FRAME.to_json(orient="records", lines=True)
    assert read(tmp_path, "data.jsonl", lines).ledger.kept == len(FRAME)

    # Nested members like those of a table
    nested = "\n".join(json.dumps({"a": {"0": 1}}) for _ in range(3))
    [feature] = read(tmp_path, "nested.jsonl", nested).statistics.features
    assert feature.name == "a.0"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("age, plan", ("age", "plan")),
        ('"amount, EUR",age', ("amount, EUR", "age")),
        ('"amount, EUR"=0.5,age=0.1', ("amount, EUR=0.5", "age=0.1")),
        ('5" pipe', ('5" pipe',)),
        (",".join(map(add_quotes, ["a, b", "c"])), ("a, b", "c")),
    ],
)
def test_a_name_with_a_comma_is_written_in_quotes(text, words):
    assert split_names(text) == words
