"""Monitoring from Python: a window beside its baseline."""

from __future__ import annotations

import csv
import datetime
import json
import math
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from spark_model_monitor.data.reading.formats import CsvFormat, ParquetFormat
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.reading.readers import read_dataset
from spark_model_monitor.documents.check_results import Violations
from spark_model_monitor.documents.constraints import MonitoringSettings, Verdicts
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.reports.history import baselines
from spark_model_monitor.running.configuration.reading import build_config, read_sources
from spark_model_monitor.running.inputs.run_inputs import read_baseline, without_excluded_features
from spark_model_monitor.running.kinds import monitor_for, read_source
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.spark.engine.spark import SparkEngine

MONITOR = DataQualityMonitor()
BARE = DataQualityMonitor(settings=MonitoringSettings(verdicts=Verdicts.NONE))
"""Its limits leave no room for chance, so that one row of a window can be beyond them."""


@pytest.fixture(scope="module")
def table():
    """A table with a column of every kind that files hold."""
    rng = np.random.default_rng(3)
    rows = 600
    return pd.DataFrame(
        {
            "flag": rng.integers(0, 2, rows),
            "count": rng.poisson(3, rows),
            "charge": np.where(rng.random(rows) < 0.1, np.nan, rng.lognormal(size=rows)),
            "whole_as_float": rng.integers(0, 50, rows).astype(float),
            "plan": rng.choice(["basic", "gold", "1"], rows),
            "id": [f"customer-{number}" for number in range(rows)],
            "note": [None] * rows,
            "day": rng.choice([datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)], rows),
            "active": rng.choice([True, False], rows),
        }
    ).astype({"note": "string"})


@pytest.mark.parametrize(
    ("dataset_format", "save"),
    [
        pytest.param(CsvFormat(header=True), lambda table, path: table.to_csv(path / "t.csv", index=False), id="csv"),
        pytest.param(ParquetFormat(), lambda table, path: table.to_parquet(path / "t.parquet"), id="parquet"),
    ],
)
def test_a_data_set_passes_the_constraints_suggested_from_it(spark, table, tmp_path, dataset_format, save):
    save(table, tmp_path)
    dataset = read_dataset(SparkEngine(spark), list_dataset(SparkEngine(spark), str(tmp_path)), dataset_format)
    baseline = run_baseline(dataset, MONITOR)
    findings = run_monitoring(dataset, MONITOR, baseline)

    assert findings.violations == Violations(violations=())
    drift = [
        outcome
        for outcome in findings.results
        if outcome.check == "baseline_drift_check" and outcome.observed is not None
    ]
    assert {outcome.observed for outcome in drift} == {0.0}
    assert {"flag", "count", "charge", "plan"} <= {outcome.feature for outcome in drift}


def test_methods_asked_for_by_flags_judge_the_next_window(spark, tmp_path):
    def config(job, *flags):
        data = ("--dataset-source", str(tmp_path / f"{job}.csv"), "--dataset-format", "csv")
        return build_config(
            job, read_sources([*data, "--output-path", str(tmp_path / job), *flags], {}), in_container=False
        )

    (tmp_path / "baseline.csv").write_text("flag,plan\n" + "0,a\n" * 50 + "0,b\n" * 40 + "1,b\n" * 10)
    (tmp_path / "monitor.csv").write_text("flag,plan\n" + "0,a\n" * 10 + "1,a\n" * 80 + "1,b\n" * 10)

    job_config = config("baseline", "--comparison-method", "psi", "--categorical-drift-method", "hellinger")
    with read_source(SparkEngine(spark), job_config) as data:
        run_baseline(data, monitor_for(job_config)).write(job_config.output_path)
    compared = config("monitor", "--baseline", job_config.output_path)
    baseline = read_baseline(compared, monitor_for(compared))
    with read_source(SparkEngine(spark), compared, baseline) as data:
        findings = run_monitoring(data, monitor_for(compared), without_excluded_features(baseline, compared))

    drift = {o.feature: o for o in findings.results if o.check == "baseline_drift_check"}
    # by hand: shares after smoothing 91/102 and 11/102, swapped; shares .5 and .5 against .9 and .1
    assert drift["flag"].observed == pytest.approx(2 * 80 / 102 * math.log(91 / 11))
    assert drift["plan"].observed == pytest.approx(math.sqrt(1 - math.sqrt(0.45) - math.sqrt(0.05)))
    assert (drift["flag"].threshold, drift["plan"].threshold) == (0.2, 0.1)
    assert [violation.feature_name for violation in findings.violations.violations] == ["flag", "plan"]


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
@settings(  # without shrinking, which takes minutes at a second an example
    max_examples=5,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_files_pass_the_constraints_suggested_from_them(spark, tmp_path, dataset_format, save, kinds, data):
    rows = data.draw(st.integers(1, 12))
    columns = {"id": list(range(rows))} | {
        f"f{number}": data.draw(st.lists(st.none() | kind, min_size=rows, max_size=rows))
        for number, kind in enumerate(kinds)
    }
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    save(columns, folder)
    dataset = read_dataset(SparkEngine(spark), list_dataset(SparkEngine(spark), str(folder)), dataset_format)

    baseline = run_baseline(dataset, MONITOR)

    assert baseline.statistics.dataset.item_count == rows
    assert run_monitoring(dataset, MONITOR, baseline).violations == Violations(violations=())


def test_a_planted_fault_is_the_one_violation(spark, table):
    frame = spark.createDataFrame(table[["flag", "count", "charge"]])
    baseline = run_baseline(frame, MONITOR)
    later = spark.createDataFrame(table[["flag", "count", "charge"]].assign(charge=table["charge"] * 100))
    findings = run_monitoring(later, MONITOR, baseline)

    assert [
        (violation.feature_name, violation.constraint_check_type) for violation in findings.violations.violations
    ] == [("charge", "baseline_drift_check")]
    assert findings.count == 1
    assert findings.to_pandas().query("status == 'violated'")["feature"].tolist() == ["charge"]
    assert "1 violation</p>" in findings._repr_html_()
    assert repr(findings) == f"<Findings: {len(table):,} records, 1 violation>"
    assert repr(findings.current) == f"<Baseline of {len(table):,} rows>"


def test_a_flag_that_goes_from_ten_to_ninety_percent_has_drifted(spark):
    """awslabs/deequ#392: equal items overwrite each other there, and nothing is seen."""
    before = spark.createDataFrame(pd.DataFrame({"flag": [1] * 100 + [0] * 900}))
    after = spark.createDataFrame(pd.DataFrame({"flag": [1] * 900 + [0] * 100}))
    findings = run_monitoring(after, MONITOR, run_baseline(before, MONITOR))
    as_service = run_monitoring(after, DataQualityMonitor(as_service=True), run_baseline(before, MONITOR))

    [outcome] = [outcome for outcome in findings.results if outcome.check == "baseline_drift_check"]
    assert outcome.observed == pytest.approx(0.8 - 1.8 * math.sqrt(2_000 / 1_000_000))  # D3.1
    assert findings.count == 1
    assert as_service.count == 0


def test_columns_of_other_names_are_matched_by_position(spark, caplog):
    baseline = run_baseline(spark.createDataFrame([(1, "a"), (2, "b")] * 20, "age int, plan string"), MONITOR)
    findings = run_monitoring(spark.createDataFrame([(1, "c")] * 20, "_c0 int, _c1 string"), MONITOR, baseline)

    assert {outcome.feature for outcome in findings.results if outcome.status.value == "violated"} == {"plan"}
    assert "2 of 2 columns are not called as in the baseline" in caplog.text


@pytest.mark.parametrize(
    ("schema", "feature", "description"),
    [
        (
            "age int",
            "Missing columns",
            "There are missing columns in current dataset. "
            "Number of columns in current dataset: 1, Number of columns in baseline constraints: 2",
        ),
        (
            "age int, plan string, more int",
            "Extra columns",
            "There are extra columns in current dataset. "
            "Number of columns in current dataset: 3, Number of columns in baseline constraints: 2",
        ),
    ],
)
@pytest.mark.parametrize("options", [{"columns": "exact"}, {"as_service": True}], ids=str)
def test_another_number_of_columns_is_one_violation_and_nothing_else_is_judged(
    spark, schema, feature, description, options
):
    baseline = run_baseline(spark.createDataFrame([(1, "a"), (2, "b")], "age int, plan string"), MONITOR)
    row = (-5, "zzz", 1)[: schema.count(",") + 1]
    findings = run_monitoring(spark.createDataFrame([row], schema), DataQualityMonitor(**options), baseline)

    [violation] = findings.violations.violations
    assert (violation.feature_name, violation.description) == (feature, description)  # G15
    assert {outcome.status.value for outcome in findings.results if outcome.feature in ("age", "plan")} == {
        "not judged"
    }


@pytest.mark.parametrize(
    ("schema", "row", "violated"),
    [
        pytest.param("plan string, age int", ("a", 1), set(), id="another order"),
        pytest.param("age int", (1,), {"plan: missing_column_check"}, id="one fewer"),
        pytest.param(
            "plan string", ("c",), {"age: missing_column_check", "plan: categorical_values_check"}, id="judged"
        ),
        pytest.param("id int, age int, plan string", (7, 1, "a"), {"id: extra_column_check"}, id="one more"),
        pytest.param(
            "age int, tariff string",
            (1, "a"),
            {"tariff: extra_column_check", "plan: missing_column_check"},
            id="renamed",
        ),
        pytest.param(
            "Age int, plan string", (1, "a"), {"Age: extra_column_check", "age: missing_column_check"}, id="case"
        ),
        pytest.param(
            "age int, age int, plan string", (1, 1, "a"), {"age: extra_column_check"}, id="one is there twice"
        ),
    ],
)
def test_a_column_that_only_one_side_has_is_a_violation_and_the_others_are_judged(spark, schema, row, violated):
    baseline = run_baseline(spark.createDataFrame([(1, "a"), (1, "b")], "age int, plan string"), BARE)
    findings = run_monitoring(spark.createDataFrame([row] * 20, schema), MONITOR, baseline)
    violation_names = [
        f"{violation.feature_name}: {violation.constraint_check_type}" for violation in findings.violations.violations
    ]

    assert (set(violation_names), len(violation_names)) == (violated, len(violated))
    assert findings.current.ledger.to_json_dict()["columns_matched_by"] == "name"


def test_where_nobody_knows_the_names_another_number_of_columns_leaves_nothing_judged(spark):
    baseline = run_baseline(spark.createDataFrame([(1, "a")], "age int, plan string"), MONITOR)
    findings = run_monitoring(spark.createDataFrame([(1, "a", 2)], "_c0 int, _c1 string, _c2 int"), MONITOR, baseline)

    assert [violation.feature_name for violation in findings.violations.violations] == ["Extra columns"]
    assert {outcome.status.value for outcome in findings.results if outcome.feature == "age"} == {"not judged"}


def test_exact_columns_of_other_names_go_by_position(spark, caplog):
    baseline = run_baseline(spark.createDataFrame([(1, "a"), (2, "b")], "age int, plan string"), BARE)
    later = spark.createDataFrame([(1, "c")], "years int, tariff string")
    findings = run_monitoring(later, DataQualityMonitor(columns="exact"), baseline)

    assert {violation.feature_name for violation in findings.violations.violations} == {"plan"}
    assert "2 of 2 columns are not called as in the baseline" in caplog.text


def test_columns_that_only_one_side_has_are_named_in_the_log(spark, caplog):
    baseline = run_baseline(spark.createDataFrame([(1, "a")], "age int, plan string"), MONITOR)
    later = spark.createDataFrame([(7, 1, "x")], "id int, age int, city string")
    run_monitoring(later, MONITOR, baseline)

    assert (
        "3 columns, and 2 in the baseline; not in the baseline: id, city; not in the data: plan; leave" in caplog.text
    )

    run_monitoring(later, DataQualityMonitor(columns="exact"), baseline)

    assert "3 columns, and 2 in the baseline, so no other check is made; not in the baseline: id, city" in caplog.text


def test_findings_are_written_and_any_run_can_be_a_baseline(spark, table, tmp_path):
    frame = spark.createDataFrame(table[["flag", "charge"]])
    run_baseline(frame, MONITOR).write(str(tmp_path / "baseline"))
    baseline = baselines.read_run_baseline(str(tmp_path / "baseline"))
    first = run_monitoring(frame, MONITOR, baseline)
    first.write(str(tmp_path / "report" / "2026" / "01" / "31" / "23"))
    previous = baselines.read_previous_baseline(str(tmp_path / "report" / "2026" / "02" / "01" / "00"))
    second = run_monitoring(frame, MONITOR, previous)

    names = {path.name for path in (tmp_path / "report" / "2026" / "01" / "31" / "23").iterdir()}
    assert {"constraint_violations.json", "checks.json", "statistics.json", "constraints.json", "ledger.json"} <= names
    assert json.loads((tmp_path / "report/2026/01/31/23/constraint_violations.json").read_text()) == {"violations": []}
    assert second.count == 0
    assert "constraint_violations.json" not in second.files(omit_empty=True)


def test_the_first_run_of_all_has_nothing_to_be_held_against(spark, table):
    findings = run_monitoring(spark.createDataFrame(table[["flag"]]), MONITOR, None)

    assert (findings.count, findings.results) == (0, ())
    assert findings.current.statistics.dataset.item_count == 600
