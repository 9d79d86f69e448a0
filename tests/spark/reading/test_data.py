"""Data that somebody has at hand in Python: frames of pandas and of Spark, tables of Arrow, paths."""

from __future__ import annotations

import json
import tempfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.spark_lines import IS_REMOTE, on_a_jvm
from tests.unit.reading.test_data import TYPES, count_missing, list_documents

from spark_model_monitor.data.reading.data_reader import convert_pandas, read_data
from spark_model_monitor.data.reading.frames import read_arrow
from spark_model_monitor.errors import BadConfiguration, BadInput, NoData, OutputFailed
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.spark.engine.spark import SparkEngine
from spark_model_monitor.spark.spark_session import new_job_session

MONITOR = DataQualityMonitor()
ROWS = 891
WITHOUT_CABIN = 687
WITHOUT_AGE = 177


@pytest.fixture(scope="module")
def passengers():
    """A frame as `pd.read_csv` makes it of Kaggle's Titanic: missing texts and missing numbers are NaN."""
    rng = np.random.default_rng(1912)
    cabin = np.array([f"C{number}" for number in range(ROWS)], dtype=object)
    cabin[rng.choice(ROWS, WITHOUT_CABIN, replace=False)] = np.nan
    age = rng.integers(1, 80, ROWS).astype(float)
    age[rng.choice(ROWS, WITHOUT_AGE, replace=False)] = np.nan
    return pd.DataFrame({"Cabin": cabin, "Age": age, "Survived": rng.integers(0, 2, ROWS)})


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A folder of the test's own in which temporary ones are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def count_files(folder):
    return len(list(folder.iterdir()))


def test_executors_that_open_no_file_of_the_driver_make_the_same_documents(spark, passengers):
    """What a cluster is handed, here in a local session."""
    table = pa.Table.from_pandas(passengers)
    data = read_arrow(SparkEngine(new_job_session(spark)), table, by_tasks=True)
    rows = passengers.astype(object).where(passengers.notna(), None).values.tolist()
    frame = spark.createDataFrame(rows, "Cabin string, Age double, Survived long")
    baseline = run_baseline(table, MONITOR)

    assert data.folder is None
    assert list_documents(run_baseline(data, MONITOR)) == list_documents(baseline)
    assert count_missing(run_baseline(frame, MONITOR)) == count_missing(baseline)
    assert count_missing(baseline) == {"Cabin": WITHOUT_CABIN, "Age": WITHOUT_AGE, "Survived": 0}


def test_missing_texts_that_became_the_text_nan_are_warned_of(spark, passengers, caplog):
    frame = spark.createDataFrame(passengers.astype({"Cabin": str}).assign(Name="Nan", Ticket="NaN"))
    baseline = run_baseline(frame, MONITOR)
    [warning] = [record.getMessage() for record in caplog.records if "'NaN'" in record.getMessage()]

    assert count_missing(baseline)["Cabin"] == 0
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


@pytest.mark.parametrize("by_tasks", [False, True], ids=["by a file", "by the tasks"])
def test_types_of_pandas_are_those_that_they_are_without_spark(spark, by_tasks):
    table = convert_pandas(pd.DataFrame({name: values for name, (values, _, _) in TYPES.items()}))
    with read_arrow(SparkEngine(new_job_session(spark)), table, by_tasks=by_tasks) as data:
        features = run_baseline(data, MONITOR).to_pandas()[["inferred_type", "num_missing", "num_present"]].itertuples()

    assert {name: tuple(numbers) for name, *numbers in features} == {
        name: (inferred_type, absent, 3 - absent) for name, (_, inferred_type, absent) in TYPES.items()
    }


def test_columns_of_one_name_and_none_at_all_are_a_sentence(spark):
    baseline = run_baseline(pd.DataFrame({"id": range(99)}), MONITOR, engine="local")
    twice = spark.range(3).selectExpr("id", "id AS n", "id")
    for run in (run_baseline, lambda data, monitor: run_monitoring(data, monitor, baseline)):
        with pytest.raises(BadInput, match="columns 1 and 3 of the table are both called 'id'"):
            run(twice, MONITOR)
    with pytest.raises(BadInput, match="the table has no columns"):
        run_baseline(spark.range(3).selectExpr(), MONITOR)


def test_columns_that_spark_can_t_tell_apart_are_features_of_their_own(spark):
    frame = pd.DataFrame({"age": [1, 2], "Age": [3, None], "a.b": ["x", "y"], "": [0, 0]})

    assert count_missing(run_baseline(frame, MONITOR)) == {"age": 0, "Age": 1, "a.b": 0, "_c3": 0}


def test_a_run_leaves_nothing_behind(spark, passengers, temporary):
    settings = {row["key"]: row["value"] for row in spark.sql("SET").collect()}
    run_baseline(passengers, MONITOR)
    with pytest.raises(NoData):
        run_baseline(passengers.head(0), MONITOR)
    with read_data(passengers) as data:
        run_baseline(data, MONITOR)
        assert count_missing(run_baseline(data, MONITOR))["Age"] == WITHOUT_AGE  # the caller's until it is closed
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


@pytest.mark.deequ
def test_checks_of_the_users_own_run_on_the_same_scan(spark, tmp_path):
    checks = [{"analyzer": "Completeness", "column": "x", "assertion": ">= 0.5"}]
    (tmp_path / "checks.json").write_text(json.dumps(checks))
    baseline = run_baseline(pd.DataFrame({"x": [1, None]}), MONITOR, checks=str(tmp_path / "checks.json"))

    assert "checks_deequ.json" in baseline.files()
    with pytest.raises(BadConfiguration, match="--checks"):
        run_baseline(pd.DataFrame({"y": [1]}), MONITOR, checks=str(tmp_path / "checks.json"))
