"""Data that somebody has at hand in Python: frames of pandas, tables of Arrow, paths."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline


def make_baseline(data, **options):
    return run_baseline(data, DataQualityMonitor(), engine="local", **options)


def list_documents(baseline):
    return [document.to_json() for document in baseline.documents]


def count_missing(baseline):
    return baseline.to_pandas()["num_missing"].to_dict()


def test_a_frame_a_table_and_a_file_of_the_same_rows_give_the_same_documents(tmp_path):
    """Missing texts and missing numbers are NaN in a frame of pandas, as `pd.read_csv` makes it."""
    random = np.random.default_rng(1912)
    frame = pd.DataFrame({"cabin": [f"C{number}" for number in range(300)], "age": random.random(300)})
    frame.loc[:99, "cabin"] = np.nan
    frame.loc[50:59, "age"] = np.nan
    frame.to_parquet(tmp_path / "rows.parquet")
    of_pandas, of_arrow, of_file = map(make_baseline, (frame, pa.Table.from_pandas(frame), tmp_path / "rows.parquet"))

    assert count_missing(of_pandas) == {"cabin": 100, "age": 10}
    assert of_pandas.to_pandas().loc["age", "mean"] == pytest.approx(frame["age"].mean(), rel=1e-12)
    assert list_documents(of_pandas) == list_documents(of_arrow) == list_documents(of_file)
    assert of_pandas.ledger.files == of_arrow.ledger.files == ()
    assert [Path(file.path).name for file in of_file.ledger.files] == ["rows.parquet"]


DAY = datetime.date(2026, 1, 31)
NOON = pd.Timestamp("2026-01-31 12:00")

TYPES = {
    "nullable integers": (pd.Series([1, None, 3], dtype="Int64"), "Integral", 1),
    "nullable numbers": (pd.Series([1.5, None, 3], dtype="Float64"), "Fractional", 1),
    "NaN": (pd.Series([1.0, np.nan, np.inf]), "Fractional", 1),
    "nullable texts": (pd.Series(["a", None, pd.NA], dtype="string"), "String", 2),
    "texts": (pd.Series(["a", np.nan, None]), "String", 2),
    "categories": (pd.Series(["a", None, "b"], dtype="category"), "String", 1),
    "categories of integers": (pd.Series([1, 2, 1], dtype="category"), "Integral", 0),
    "booleans among objects": (pd.Series([True, None, np.nan]), "String", 2),
    "times": (pd.Series([NOON, None, pd.NaT]), "String", 2),
    "zoned times": (pd.Series([NOON, None, NOON]).dt.tz_localize("Europe/Berlin"), "String", 1),
    "dates": (pd.Series([DAY, None, DAY]), "String", 1),
    "unsigned": (pd.Series([1, 200, 3], dtype="uint8"), "Integral", 0),
    "unsigned of 64 bits": (pd.Series([1, 2**63, 3], dtype="uint64"), "Integral", 0),
    "halves": (pd.Series([1, 2, 3], dtype="float16"), "Fractional", 0),
    "nothing": (pd.Series([None, None, None]), "Unknown", 3),
}
"""Columns of three values, by what they are: the inferred type, and how many are missing."""


def test_types_of_pandas():
    frame = pd.DataFrame({name: values for name, (values, _, _) in TYPES.items()})

    features = make_baseline(frame).to_pandas()[["inferred_type", "num_missing", "num_present"]].itertuples()

    assert {name: tuple(numbers) for name, *numbers in features} == {
        name: (inferred_type, absent, 3 - absent) for name, (_, inferred_type, absent) in TYPES.items()
    }


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (
            pd.DataFrame({"plan": [17, "gold", None]}),
            "column 'plan' of the frame (object) can't be stored as one type: its values are int and str; "
            "write frame['plan'] = frame['plan'].astype('string')",
        ),
        (pd.DataFrame({"x": [2**70]}), "can't be stored as one type: its values are int;"),
        (pd.DataFrame([[1]]), "column 1 of the frame is called 0, which is no text; write"),
        (pd.DataFrame({"\ud800": [1]}), "column 1 of the frame is called '\\ud800', which is no text; write"),
        (
            pd.DataFrame({"a": ["x", "y\ud800"]}),
            "has half a surrogate pair in a text, which no file can hold; write frame['a'] = frame['a'].str.encode(",
        ),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "columns 1 and 2 of the table are both called 'a'"),
        (pd.DataFrame({("a", "b"): [1]}), "have names of 2 levels; write frame.columns ="),
        (pd.DataFrame({"t": [pd.Timedelta(1)]}), "'t' holds duration[ns], which Spark has no type"),
        (pd.DataFrame({"t": [datetime.time(12)]}), "'t' holds time64[us], which Spark has no type"),
        (pd.DataFrame({"p": pd.period_range("2026", periods=1)}), "'p' holds extension"),
        (pd.DataFrame(index=[1]), "the table has no columns"),
    ],
)
def test_a_frame_that_can_t_be_stored_is_reported_by_its_column(frame, sentence):
    with pytest.raises(BadInput) as raised:
        make_baseline(frame)

    assert sentence in str(raised.value)
    assert "17" not in str(raised.value)
    assert "gold" not in str(raised.value)
    assert raised.value.__context__ is None, "Arrow's own fault shows a value"


def test_names_are_as_they_are_if_there_is_one_and_an_index_with_a_name_is_reported_to_be_no_feature(caplog):
    frame = pd.DataFrame({"age": [1, 2], "Age": [3, None], "a.b": ["x", "y"], "": [0, 0], "id": ["p-1", "p-2"]})

    assert count_missing(make_baseline(frame.set_index("id"))) == {"age": 0, "Age": 1, "a.b": 0, "_c3": 0}
    assert "the index 'id' is no feature; write frame.reset_index()" in caplog.text


@pytest.mark.parametrize(
    ("names", "endings"), [(["t.csv", "u.jsonl"], ".csv, .jsonl"), (["t.txt"], ".txt"), (["t"], "nothing")]
)
def test_files_whose_names_tell_no_format_need_one(tmp_path, names, endings):
    for name in names:
        (tmp_path / name).write_bytes(b"a\n1\n")
    sentence = f"names of files end in {endings}, which doesn't show their format; write"
    with pytest.raises(BadConfiguration, match=sentence):
        make_baseline(tmp_path)
    headless = make_baseline(tmp_path, dataset_format="csv-without-header", max_quarantined_share=1)

    assert headless.statistics.dataset.item_count == 2 * len(names)


@pytest.mark.parametrize(
    ("data", "options", "error", "sentence"),
    [
        ("t", {"dataset_format": "cvs"}, BadConfiguration, "dataset_format is 'cvs', which is neither a known word"),
        ("t", {"dataset_format": "table:x"}, BadConfiguration, "t is a path; pass spark.table\\('x'\\)"),
        (pd.DataFrame({"x": [1]}), {"dataset_format": "csv"}, BadConfiguration, "the data is of type pandas.DataFrame"),
        ([1], {}, TypeError, "the data is of type list; pass a DataFrame of pandas, polars or Spark"),
    ],
)
def test_what_contradicts_itself_is_refused(data, options, error, sentence):
    with pytest.raises(error, match=sentence):
        make_baseline(data, **options)
