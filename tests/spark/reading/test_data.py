"""Data that somebody has at hand in Python: frames of pandas and of Spark, tables of Arrow, paths."""

from __future__ import annotations

import datetime
import gzip
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.spark_lines import IS_REMOTE, on_a_jvm

from spark_model_monitor.data.reading.data import convert_pandas, read_arrow, read_data
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.formats import CsvFormat
from spark_model_monitor.data.reading.outcome_tables import outcomes
from spark_model_monitor.errors import BadConfiguration, BadInput, NoData, OutputFailed
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.spark.engine.spark import SparkEngine
from spark_model_monitor.spark.spark_session import new_job_session
from spark_model_monitor.statistics.states.outcomes import OutcomePlan, ProblemType

MONITOR = DataQualityMonitor()
# of Kaggle's Titanic, by its own description
PASSENGERS = 891
WITHOUT_CABIN = 687
WITHOUT_AGE = 177


@pytest.fixture(scope="module")
def passengers():
    """A frame as `pd.read_csv` makes it of the Titanic: missing texts and missing numbers are NaN."""
    rng = np.random.default_rng(1912)
    cabin = np.array([f"C{number}" for number in range(PASSENGERS)], dtype=object)
    cabin[rng.choice(PASSENGERS, WITHOUT_CABIN, replace=False)] = np.nan
    age = rng.integers(1, 80, PASSENGERS).astype(float)
    age[rng.choice(PASSENGERS, WITHOUT_AGE, replace=False)] = np.nan
    return pd.DataFrame({"Cabin": cabin, "Age": age, "Survived": rng.integers(0, 2, PASSENGERS)})


def documents(baseline):
    return [document.to_json() for document in baseline.documents]


def missing(baseline):
    return baseline.to_pandas()["num_missing"].to_dict()


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A folder of the test's own in which temporary ones are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def count_files(folder):
    return len(list(folder.iterdir()))


def test_what_pandas_misses_is_missing(spark, passengers):
    baseline = run_baseline(passengers, MONITOR)

    assert missing(baseline) == {"Cabin": WITHOUT_CABIN, "Age": WITHOUT_AGE, "Survived": 0}
    assert baseline.to_pandas().loc["Age", "mean"] == pytest.approx(passengers["Age"].mean(), rel=1e-12)
    assert baseline.statistics.dataset.item_count == PASSENGERS


def test_a_frame_a_table_and_a_file_of_the_same_rows_give_the_same_documents(spark, passengers, tmp_path):
    passengers.to_parquet(tmp_path / "passengers.parquet")
    of_pandas = run_baseline(passengers, MONITOR)
    of_arrow = run_baseline(pa.Table.from_pandas(passengers), MONITOR)
    of_file = run_baseline(tmp_path / "passengers.parquet", MONITOR)

    assert documents(of_pandas) == documents(of_arrow) == documents(of_file)
    assert of_pandas.ledger.files == of_arrow.ledger.files == ()
    assert [Path(file.path).name for file in of_file.ledger.files] == ["passengers.parquet"]


def test_executors_that_open_no_file_of_the_driver_make_the_same_documents(spark, passengers):
    """What a cluster is handed, here in a local session."""
    table = pa.Table.from_pandas(passengers)
    data = read_arrow(SparkEngine(new_job_session(spark)), table, by_tasks=True)

    assert data.folder is None
    assert documents(run_baseline(data, MONITOR)) == documents(run_baseline(table, MONITOR))


def test_a_frame_of_spark_without_pandas_texts_has_the_same_counts(spark, passengers):
    rows = passengers.astype(object).where(passengers.notna(), None).values.tolist()
    frame = spark.createDataFrame(rows, "Cabin string, Age double, Survived long")

    assert missing(run_baseline(frame, MONITOR)) == missing(run_baseline(passengers, MONITOR))


def test_missing_texts_that_became_the_text_nan_are_warned_of(spark, passengers, caplog):
    frame = spark.createDataFrame(passengers.astype({"Cabin": str}).assign(Name="Nan", Ticket="NaN"))
    baseline = run_baseline(frame, MONITOR)
    [warning] = [record.getMessage() for record in caplog.records if "'NaN'" in record.getMessage()]

    assert missing(baseline)["Cabin"] == 0
    # "nan" is Python's text; 687 of them and a NaN in each of the 891 tickets; `Nan` is somebody's name
    assert warning.startswith(
        "columns 'Cabin', 'Ticket' hold the text 'NaN' (1,578 cells): createDataFrame makes it of missing"
    )
    assert warning.endswith("pass the pandas frame itself")


def test_nobody_is_warned_of_nan_in_files_and_in_numbers(spark, tmp_path, caplog):
    (tmp_path / "t.csv").write_text("word\nNaN\n")
    run_monitoring(tmp_path / "t.csv", MONITOR, run_baseline(tmp_path / "t.csv", MONITOR))
    for engine in ("auto", "local"):
        run_baseline(pd.DataFrame({"word": ["NaN"]}), MONITOR, engine=engine)
    run_baseline(spark.createDataFrame([(float("nan"), "nano")], "number double, word string"), MONITOR)

    assert "'NaN'" not in caplog.text


DAY = datetime.date(2026, 1, 31)
NOON = pd.Timestamp("2026-01-31 12:00")


@pytest.mark.parametrize(
    ("values", "inferred_type", "absent"),
    [
        pytest.param(pd.Series([1, None, 3], dtype="Int64"), "Integral", 1, id="nullable integers"),
        pytest.param(pd.Series([1.5, None, 3], dtype="Float64"), "Fractional", 1, id="nullable numbers"),
        pytest.param(pd.Series([1.0, np.nan, np.inf]), "Fractional", 1, id="NaN"),
        pytest.param(pd.Series(["a", None, pd.NA], dtype="string"), "String", 2, id="nullable texts"),
        pytest.param(pd.Series(["a", np.nan, None]), "String", 2, id="texts"),
        pytest.param(pd.Series(["a", None, "b"], dtype="category"), "String", 1, id="categories"),
        pytest.param(pd.Series([1, 2, 1], dtype="category"), "Integral", 0, id="categories of integers"),
        pytest.param(pd.Series([True, None, np.nan]), "String", 2, id="booleans among objects"),
        pytest.param(pd.Series([NOON, None, pd.NaT]), "String", 2, id="times"),
        pytest.param(pd.Series([NOON, None, NOON]).dt.tz_localize("Europe/Berlin"), "String", 1, id="zoned times"),
        pytest.param(pd.Series([DAY, None, DAY]), "String", 1, id="dates"),
        pytest.param(pd.Series([1, 200, 3], dtype="uint8"), "Integral", 0, id="unsigned"),
        pytest.param(pd.Series([1, 2**63, 3], dtype="uint64"), "Integral", 0, id="unsigned of 64 bits"),
        pytest.param(pd.Series([1, 2, 3], dtype="float16"), "Fractional", 0, id="halves"),
        pytest.param(pd.Series([None, None, None]), "Unknown", 3, id="nothing"),
    ],
)
@pytest.mark.parametrize("by_tasks", [False, True], ids=["by a file", "by the tasks"])
def test_types_of_pandas(spark, values, inferred_type, absent, by_tasks):
    with read_arrow(
        SparkEngine(new_job_session(spark)), convert_pandas(pd.DataFrame({"x": values})), by_tasks=by_tasks
    ) as data:
        [feature] = run_baseline(data, MONITOR).to_pandas().itertuples()

    assert (feature.inferred_type, feature.num_missing, feature.num_present) == (inferred_type, absent, 3 - absent)


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        pytest.param(
            pd.DataFrame({"plan": [17, "gold", None]}),
            "column 'plan' of the frame (object) can't be stored as one type: its values are int and str; "
            "write frame['plan'] = frame['plan'].astype('string')",
            id="values of two types",
        ),
        pytest.param(
            pd.DataFrame({"x": [2**70]}), "can't be stored as one type: its values are int;", id="huge integers"
        ),
        pytest.param(pd.DataFrame([[1]]), "column 1 of the frame is called 0, which is no text; write", id="numbered"),
        pytest.param(
            pd.DataFrame([[1, 2]], columns=["a", "a"]), "columns 1 and 2 of the table are both called 'a'", id="twice"
        ),
        pytest.param(pd.DataFrame({("a", "b"): [1]}), "have names of 2 levels; write frame.columns =", id="levels"),
        pytest.param(
            pd.DataFrame({"t": [pd.Timedelta(1)]}), "'t' holds duration[ns], which Spark has no type", id="durations"
        ),
        pytest.param(
            pd.DataFrame({"t": [datetime.time(12)]}), "'t' holds time64[us], which Spark has no type", id="times"
        ),
        pytest.param(pd.DataFrame({"p": pd.period_range("2026", periods=1)}), "'p' holds extension", id="periods"),
        pytest.param(pd.DataFrame(index=[1]), "the table has no columns", id="no columns"),
        pytest.param(
            ["id", "id AS n", "id"], "columns 1 and 3 of the table are both called 'id'", id="twice, of Spark"
        ),
        pytest.param([], "the table has no columns", id="no columns, of Spark"),
    ],
)
def test_a_frame_that_can_t_be_stored_is_reported_by_its_column(spark, frame, sentence):
    if isinstance(frame, list):
        data = spark.range(3).selectExpr(*frame)
    else:
        data = frame
    with pytest.raises(BadInput) as raised:
        run_baseline(data, MONITOR)

    assert sentence in str(raised.value)
    assert "17" not in str(raised.value)
    assert "gold" not in str(raised.value)
    assert raised.value.__context__ is None, "Arrow's own fault shows a value"


def test_columns_that_spark_can_t_tell_apart_are_features_of_their_own(spark):
    frame = pd.DataFrame({"age": [1, 2], "Age": [3, None], "a.b": ["x", "y"], "": [0, 0]})

    assert missing(run_baseline(frame, MONITOR)) == {"age": 0, "Age": 1, "a.b": 0, "": 0}


def test_an_index_with_a_name_is_reported_to_be_no_feature(spark, caplog):
    baseline = run_baseline(pd.DataFrame({"x": [1], "id": ["p-1"]}).set_index("id"), MONITOR)

    assert list(baseline.to_pandas().index) == ["x"]
    assert "the index 'id' is no feature; write frame.reset_index()" in caplog.text


def test_a_frame_without_rows_is_no_baseline(spark):
    with pytest.raises(NoData, match="Job inputs had no data: no record is left of 0$"):
        run_baseline(pd.DataFrame({"x": pd.Series([], dtype=float)}), MONITOR)


def test_a_run_leaves_nothing_behind(spark, passengers, temporary):
    settings = {row["key"]: row["value"] for row in spark.sql("SET").collect()}
    run_baseline(passengers, MONITOR)
    with pytest.raises(NoData):
        run_baseline(passengers.head(0), MONITOR)
    with read_data(passengers) as data:
        run_baseline(data, MONITOR)
        assert missing(run_baseline(data, MONITOR))["Age"] == WITHOUT_AGE  # the caller's until it is closed
        assert count_files(temporary) == (0 if IS_REMOTE else 1)  # the rows go with the tasks there

    assert count_files(temporary) == 0
    assert {row["key"]: row["value"] for row in spark.sql("SET").collect()} == settings


@on_a_jvm("no file is written")
def test_a_disk_without_room_for_a_frame_is_reported_with_what_to_do(spark, passengers, file_size_limit, temporary):
    with (
        file_size_limit(1000),
        pytest.raises(OutputFailed, match="can't be kept there .*; set TMPDIR to a folder with room"),
    ):
        read_data(passengers)

    assert count_files(temporary) == 0


@on_a_jvm("no file is written")
def test_a_data_set_that_nobody_closes_goes_with_its_last_user(spark, temporary):
    data = read_data(pd.DataFrame({"x": [1]})).select_features(["x"])
    assert count_files(temporary) == 1
    del data

    assert count_files(temporary) == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b"a,b\n1,x\n2,\n"),
        ("t.CSV.gz", gzip.compress(b"a,b\n1,x\n2,\n", mtime=0)),
        ("t.jsonl", b'{"a": 1, "b": "x"}\n{"a": 2}\n'),
        ("t.json", b'{"a": 1, "b": "x"}\n{"a": 2}\n'),
    ],
)
def test_the_format_of_a_path_is_what_its_files_names_end_in(spark, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    of_file = run_baseline(str(tmp_path / name), MONITOR)
    of_folder = run_baseline(tmp_path, MONITOR)

    assert missing(of_file) == {"a": 0, "b": 1}
    assert documents(of_file) == documents(of_folder)


@pytest.mark.parametrize(
    ("names", "found"), [(["t.csv", "u.jsonl"], ".csv, .jsonl"), (["t.txt"], ".txt"), (["t"], "nothing")]
)
def test_files_whose_names_tell_no_format_need_one(spark, tmp_path, names, found):
    for name in names:
        (tmp_path / name).write_bytes(b"a\n1\n")
    with pytest.raises(
        BadConfiguration, match=f"names of files end in {found}, which doesn't show their format; write"
    ):
        run_baseline(tmp_path, MONITOR)
    headless = run_baseline(tmp_path, MONITOR, dataset_format="csv-without-header", max_quarantined_share=1)

    assert headless.statistics.dataset.item_count == 2 * len(names)


@pytest.mark.parametrize("spelling", ["csv", '{"csv": {"header": ["true"]}}', CsvFormat(header=True)])
def test_a_format_is_spelled_as_the_jobs_take_it(spark, tmp_path, spelling):
    (tmp_path / "t.txt").write_text("a\n1\n")

    assert read_data(tmp_path, spelling).names == ("a",)


@pytest.mark.parametrize(
    ("data", "options", "error", "sentence"),
    [
        ("t", {"dataset_format": "cvs"}, BadConfiguration, "dataset_format is 'cvs', which is neither a known word"),
        ("t", {"dataset_format": "table:x"}, BadConfiguration, "t is a path; pass spark.table('x')"),
        (pd.DataFrame({"x": [1]}), {"dataset_format": "csv"}, BadConfiguration, "the data is of type pandas.DataFrame"),
        ([1], {}, TypeError, "the data is of type list; pass a DataFrame of pandas, polars or Spark"),
    ],
)
def test_what_contradicts_itself_is_refused(spark, data, options, error, sentence):
    with pytest.raises(error, match=sentence.replace("(", r"\(").replace(")", r"\)")):
        run_baseline(data, MONITOR, **options)


def test_labels_and_predictions_may_be_a_frame_of_pandas(spark):
    plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)
    answers = pd.DataFrame({"churned": [1, 1, 0, np.nan], "called": [1, 0, 0, 1]})
    data = outcomes(answers, plan, label="churned", prediction="called")
    baseline = run_baseline(data, ModelQualityMonitor(plan), max_quarantined_share=1)

    assert isinstance(data, Dataset)
    assert baseline.to_pandas().loc["recall", "value"] == 0.5  # one of two positives; the last has no label
    assert run_monitoring(data, ModelQualityMonitor(plan), baseline, max_quarantined_share=1).count == 0


@pytest.mark.deequ
def test_checks_of_the_users_own_run_on_the_same_scan(spark, tmp_path):
    checks = [{"analyzer": "Completeness", "column": "x", "assertion": ">= 0.5"}]
    (tmp_path / "checks.json").write_text(json.dumps(checks))
    baseline = run_baseline(pd.DataFrame({"x": [1, None]}), MONITOR, checks=str(tmp_path / "checks.json"))

    assert "checks_deequ.json" in baseline.files()
    with pytest.raises(BadConfiguration, match="--checks"):
        run_baseline(pd.DataFrame({"y": [1]}), MONITOR, checks=str(tmp_path / "checks.json"))
