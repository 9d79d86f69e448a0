"""Baseline rows in each of the forms that a configuration may give them in."""

import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.explainability.baseline_rows import (
    convert_to_columns,
    format_as_csv,
    parse_baseline_rows,
    read_baseline_rows,
)

NAMES = ("age", "town")


@pytest.mark.parametrize(
    ("shap_baseline", "features"),
    [
        ([[39, "Bonn"]], None),
        ([39, "Bonn"], None),
        ([{"features": [39, "Bonn"]}], "features"),
        ({"instances": [{"features": [39, "Bonn"]}]}, "instances[*].features"),
        ([{"features": [39, "Bonn"]}], "instances[*].features"),
        ({"town": "Bonn", "age": 39, "more": 1}, None),
        (pd.DataFrame({"town": ["Bonn"], "age": [39]}), None),
    ],
)
def test_rows_in_every_form_of_the_configuration(shap_baseline, features):
    assert parse_baseline_rows(shap_baseline, NAMES, features) == [[39, "Bonn"]]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("rows.csv", b"39,Bonn\n"),
        ("rows.csv", b"town,age\nBonn,39\n"),
        ("rows", '\ufeffage,town\r\n39,"Bonn"\r\n'.encode()),
        ("rows.json", json.dumps([["39", "Bonn"]]).encode()),
        ("rows.jsonl", b'{"age": "39", "town": "Bonn"}\n'),
    ],
)
def test_rows_of_files(path, content):
    assert read_baseline_rows(content, path, NAMES, None) == [["39", "Bonn"]]


def test_rows_of_parquet():
    file = io.BytesIO()
    pq.write_table(pa.table({"town": ["Bonn"], "age": [39]}), file)

    assert read_baseline_rows(file.getvalue(), "rows.parquet", NAMES, None) == [[39, "Bonn"]]


@pytest.mark.parametrize(
    ("shap_baseline", "sentence"),
    [
        ([], "holds no rows"),
        ([[1, 2, 3]], "row 1 has 3 values, and there are 2 features: age, town"),
        ([{"age": 1}], "row 1 lacks the features town; it has age"),
        ([[1, [2]]], "neither a number nor a text"),
        ([[1, "x"]] * 1001, "has 1,001 rows, and the model is called"),
    ],
)
def test_rows_that_are_none_are_refused_with_both_sides(shap_baseline, sentence):
    with pytest.raises(BadConfiguration, match=f"methods.shap.baseline .*{sentence}"):
        parse_baseline_rows(shap_baseline, NAMES, None)


@pytest.mark.parametrize(
    ("path", "content"), [("a.parquet", b"PAR"), ("a.json", b"{"), ("a.csv", b""), ("a.csv", b"\xff")]
)
def test_files_that_are_none_are_refused(path, content):
    with pytest.raises(BadConfiguration, match=r"methods.shap.baseline names a\."):
        read_baseline_rows(content, path, NAMES, None)


def test_a_header_of_other_columns_is_no_row():
    with pytest.raises(BadConfiguration, match="whose first line has years, city; the features are age, town"):
        read_baseline_rows(b"years,city\n3,Ulm\n", "a.csv", NAMES, None)
    with pytest.raises(BadConfiguration, match="whose first line has , years, city; the features are age, town"):
        read_baseline_rows(b",years,city\n0,3,Ulm\n", "a.csv", NAMES, None)  # with an index, as pandas writes it
    assert read_baseline_rows(b"3,Ulm\n4,Bonn\n", "a.csv", NAMES, None) == [["3", "Ulm"], ["4", "Bonn"]]
    assert read_baseline_rows(b",Ulm\n4,Bonn\n", "a.csv", NAMES, None) == [[None, "Ulm"], ["4", "Bonn"]]


def test_columns_are_numbers_where_all_their_cells_are():
    types = [column.type for column in convert_to_columns([[1, "x", None, 1], [2.5, "y", None, "2"]])]

    assert types == [pa.float64(), pa.string(), pa.string(), pa.string()]


def test_the_file_of_rows_is_read_back_as_it_was():
    cells = np.array([[39.0, 'B, "B"'], [0.1, None]], dtype=object)

    text = format_as_csv(NAMES, cells)

    assert text == 'age,town\r\n39,"B, ""B"""\r\n0.1,\r\n'
    assert read_baseline_rows(text.encode(), "baseline.csv", NAMES, None) == [["39", 'B, "B"'], ["0.1", None]]
