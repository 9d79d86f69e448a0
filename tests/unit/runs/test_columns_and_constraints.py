"""A window beside its baseline: what a data set passes, and columns that only one side has."""

import csv
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.unit.reading.read_data_sets import ENGINE

from spark_model_monitor.data.reading.format_readers import read_dataset
from spark_model_monitor.data.reading.formats import CsvFormat, ParquetFormat
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.documents.check_results import Violations
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings, Verdicts
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring

MONITOR = DataQualityMonitor()

NUMBERS = st.integers(-3, 10**17) | st.floats(allow_nan=False, allow_infinity=False, width=32)
WORDS = st.sampled_from(["", " a", "é", "NaN", "1e-5", "true", 'say "no", then']) | st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), max_size=3
)


def as_csv(columns, path):
    with (path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([columns, *zip(*columns.values(), strict=True)])


def as_parquet(columns, path):
    pyarrow.parquet.write_table(pyarrow.table(columns), path / "t.parquet")


@pytest.mark.parametrize(
    ("dataset_format", "save", "kinds"),
    [
        pytest.param(CsvFormat(header=True), as_csv, [NUMBERS, WORDS, NUMBERS | WORDS], id="csv"),
        pytest.param(ParquetFormat(), as_parquet, [st.floats(), st.integers(-(2**63), 2**63 - 1), WORDS], id="parquet"),
    ],
)
@settings(  # without shrinking, which takes minutes
    max_examples=5,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_files_pass_the_constraints_suggested_from_them(tmp_path, dataset_format, save, kinds, data):
    rows = data.draw(st.integers(1, 12))
    columns = {"id": list(range(rows))} | {
        f"f{number}": data.draw(st.lists(st.none() | kind, min_size=rows, max_size=rows))
        for number, kind in enumerate(kinds)
    }
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    save(columns, folder)
    dataset = read_dataset(ENGINE, list_dataset(ENGINE, str(folder)), dataset_format)

    baseline = run_baseline(dataset, MONITOR)

    assert baseline.statistics.dataset.item_count == rows
    assert run_monitoring(dataset, MONITOR, baseline).violations == Violations(violations=())


def monitor_columns(window, *, exact=False, as_service=False):
    """Where a window beside a baseline of `age` and `plan` is violated, and the statuses of their checks."""
    # Limits without room for chance, so that one row can be beyond them
    bare = DataQualityMonitor(settings=MonitoringSettings(verdicts=Verdicts.NONE))
    baseline = run_baseline(pd.DataFrame({"age": [1, 1], "plan": ["a", "b"]}), bare, engine="local")
    monitor = DataQualityMonitor(columns="exact" if exact else "name", as_service=as_service)
    findings = run_monitoring(pd.DataFrame(window), monitor, baseline, engine="local")
    violations = {
        f"{violation.feature_name}: {violation.constraint_check_type}" for violation in findings.violations.violations
    }
    statuses = {outcome.status.value for outcome in findings.results if outcome.feature in ("age", "plan")}
    return violations, statuses


@pytest.mark.parametrize(
    ("window", "violated"),
    [
        ({"plan": ["a"] * 20, "age": [1] * 20}, set()),
        ({"age": [1] * 20}, {"plan: missing_column_check"}),
        ({"plan": ["c"] * 20}, {"age: missing_column_check", "plan: categorical_values_check"}),
        ({"id": [7] * 20, "age": [1] * 20, "plan": ["a"] * 20}, {"id: extra_column_check"}),
        ({"Age": [1] * 20, "plan": ["a"] * 20}, set()),
    ],
)
def test_a_column_that_only_one_side_has_is_a_violation_and_the_others_are_judged(window, violated):
    assert monitor_columns(window)[0] == violated


def test_columns_of_other_names_go_by_position_where_nobody_named_them_and_are_named_in_the_log(caplog):
    assert monitor_columns({"_c0": [1] * 20, "_c1": ["c"] * 20})[0] == {"plan: categorical_values_check"}
    assert monitor_columns({"years": [1], "tariff": ["c"]}, exact=True)[0] == {"plan: categorical_values_check"}
    assert caplog.text.count("2 of 2 columns are not called as in the baseline") == 2
    window = {"id": [7], "age": [1], "city": ["x"]}
    monitor_columns(window)
    assert "not in the baseline: id, city; not in the data: plan; leave" in caplog.text
    monitor_columns(window, exact=True)
    assert "3 columns, and 2 in the baseline, so no other check is made; not in the baseline: id, city" in caplog.text
