"""Columns of numbers in which a few cells are no numbers: the others are compared, and the few are counted."""

import json
from functools import lru_cache
from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.rotation import every_combination
from tests.unit.records.captured_lines import format_capture

from spark_model_monitor import (
    DataQualityMonitor,
    MonitoringSettings,
    merge_runs,
    read_state,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.reports.derivation import explain
from spark_model_monitor.statistics.states import Profile

ROWS = 400
MONITOR = DataQualityMonitor()
SERVICE = DataQualityMonitor(as_service=True)


@lru_cache(None)
def amounts(seed, factor=1.0):
    """Numbers as a CSV has them."""
    numbers = np.random.default_rng(seed).lognormal(3, 1, ROWS) * factor
    return tuple(f"{number:.6g}" for number in numbers)


def replace_cells(cells, odd_cell, count=1):
    """The cells, some of which are another one."""
    mixed = list(cells)
    for number in range(count):
        mixed[number * len(cells) // count] = odd_cell
    return mixed


def frame(cells):
    """A table of these cells and of small whole numbers."""
    return pd.DataFrame({"amount": cells, "day": np.arange(len(cells)) % 7})


def check_amounts(window, baseline, monitor=MONITOR):
    findings = run_monitoring(window, monitor, baseline, engine="local")
    return {
        check_result.check: check_result for check_result in findings.results if check_result.feature == "amount"
    }, findings


def violated(check_results):
    return {check for check, check_result in check_results.items() if check_result.status is CheckStatus.VIOLATED}


# One cell among many, in every form that may have one


def json_value(cell):
    if cell in ("true", "n/a", "NaN"):
        return True if cell == "true" else cell
    return float(cell)


def write_csv(path, cells):
    frame(cells).to_csv(path, index=False)


def write_parquet(path, cells):
    pq.write_table(pa.table({"amount": pa.array(cells, pa.string()), "day": np.arange(len(cells)) % 7}), path)


def write_json_lines(path, cells):
    lines = (json.dumps({"amount": json_value(cell), "day": index % 7}) for index, cell in enumerate(cells))
    path.write_text("\n".join(lines) + "\n")


def write_captures(path, cells):
    with path.open("w") as file:
        for index, cell in enumerate(cells):
            request = json.dumps({"amount": json_value(cell)})
            answer = json.dumps({"score": index % 7})
            file.write(format_capture(request, answer, f"event-{index}", "2026-03-04T20:00:00Z", encoding="JSON"))


FORMS = {
    "csv": (write_csv, None),
    "parquet": (write_parquet, None),
    "jsonl": (write_json_lines, None),
    "captures": (write_captures, "capture"),
}


@every_combination(form=FORMS, cell=[*product(["n/a", "NaN", "true"], ["window", "baseline", "both"])])
def test_one_cell_that_is_no_number_is_counted_and_the_others_are_compared(tmp_path, form, cell):
    odd_cell, changed_side = cell
    write, dataset_format = FORMS[form]
    suffix = "jsonl" if form == "captures" else form
    options = {"engine": "local", "dataset_format": dataset_format}

    def write_amounts(name, cells, has_odd_cell):
        path = tmp_path / f"{name}.{suffix}"
        if has_odd_cell:
            cells = replace_cells(cells, odd_cell)
        write(path, cells)
        return str(path)

    # A tenfold change, of which one cell is no number
    path = write_amounts("baseline", amounts(1), changed_side != "window")
    baseline = run_baseline(path, MONITOR, **options)
    path = write_amounts("window", amounts(2, 10.0), changed_side != "baseline")
    findings = run_monitoring(path, MONITOR, baseline, **options)

    # What is found, and what is said of the cell
    assert {
        (check_result.feature, check_result.check) for check_result in findings.results if check_result.is_violation
    } == {("amount", "baseline_drift_check")}
    for hints, has_other in ((baseline.hints, changed_side != "window"), (findings.hints, changed_side != "baseline")):
        counted = [hint.description for hint in hints if hint.hint == "not_numbers"]
        assert [f"'amount' (1 of {ROWS})" in text for text in counted] == [True] * has_other
    [type_result] = [r for r in findings.results if (r.feature, r.check) == ("amount", "data_type_check")]
    assert type_result.status is CheckStatus.PASSED
    assert type_result.reason == (
        f"1 of {ROWS} values are no numbers; the others are compared" if changed_side != "baseline" else None
    )


@pytest.mark.parametrize("odd_cell", [".5", "inf", " 7", "5."])
def test_what_pandas_reads_as_a_number_is_one_whatever_the_service_takes_it_for(odd_cell):
    baseline = run_baseline(frame(amounts(1)), MONITOR, engine="local")
    check_results, findings = check_amounts(frame(replace_cells(amounts(2, 10.0), odd_cell, ROWS // 4)), baseline)

    assert check_results["data_type_check"].observed == 1.0
    assert "baseline_drift_check" in violated(check_results)
    assert [hint.hint for hint in findings.hints if "amount" in hint.features] == ["other_numbers"] * (odd_cell != " 7")


def test_a_column_written_with_bare_points_is_one_of_numbers():
    cells = [f".{index % 90 + 10}" for index in range(ROWS)]
    baseline = run_baseline(frame(cells), MONITOR, engine="local")
    feature = baseline.statistics.feature("amount")

    assert feature.inferred_type.value == "Fractional"
    assert feature.numerical_statistics.mean == pytest.approx(np.mean([float(cell) for cell in cells]))
    assert [hint.hint for hint in baseline.hints] == ["other_numbers"]
    check_results, findings = check_amounts(frame(cells[::-1]), baseline)
    assert violated(check_results) == set()
    assert not findings.hints


# How many


def test_healthy_windows_with_a_few_are_silent():
    baseline = run_baseline(frame(replace_cells(amounts(1), "n/a", 6)), MONITOR, engine="local")

    for seed in range(2, 12):
        check_results, findings = check_amounts(frame(replace_cells(amounts(seed), "n/a", seed % 8 + 1)), baseline)
        assert violated(check_results) == set()
        assert [hint.hint for hint in findings.hints] == ["not_numbers"]
        assert check_results["baseline_drift_check"].m == ROWS - (seed % 8 + 1)


@pytest.mark.parametrize("count", [40, 150])
def test_more_than_the_type_check_allows_violate_the_type_and_leave_nothing_to_compare(count):
    baseline = run_baseline(frame(amounts(1)), MONITOR, engine="local")
    check_results, _ = check_amounts(frame(replace_cells(amounts(2, 10.0), "n/a", count)), baseline)

    assert "data_type_check" in violated(check_results)
    drift = check_results["baseline_drift_check"]
    assert drift.status is CheckStatus.NOT_JUDGED
    assert drift.reason == f"{count} of {ROWS} values are no numbers, more than data_type_check allows"


def test_a_window_of_other_cells_alone_has_changed_its_type():
    baseline = run_baseline(frame(amounts(1)), MONITOR, engine="local")
    check_results, _ = check_amounts(frame(["n/a"] * ROWS), baseline)

    assert "data_type_check" in violated(check_results)
    assert (
        check_results["baseline_drift_check"].reason
        == "the feature is Fractional in the baseline and String in the current data"
    )


def test_the_limit_that_somebody_wrote_is_the_tolerance():
    monitor = DataQualityMonitor(MonitoringSettings(datatype_check_threshold=0.8))
    baseline = run_baseline(frame(replace_cells(amounts(1), "n/a", 40)), monitor, engine="local")

    assert baseline.constraints.feature("amount").inferred_type.value == "Fractional"
    check_results, _ = check_amounts(frame(replace_cells(amounts(2, 10.0), "n/a", 75)), baseline, monitor)
    assert violated(check_results) >= {"baseline_drift_check"}
    assert "data_type_check" not in violated(check_results)
    check_results, _ = check_amounts(frame(replace_cells(amounts(2, 10.0), "n/a", 85)), baseline, monitor)
    assert "data_type_check" in violated(check_results)
    assert check_results["baseline_drift_check"].status is CheckStatus.NOT_JUDGED


def test_a_baseline_with_more_than_two_in_a_hundred_is_one_of_texts():
    few_texts, many_texts = (
        run_baseline(frame(replace_cells(amounts(1), "x", count)), MONITOR, engine="local").constraints
        for count in (ROWS // 50, ROWS // 50 + 1)
    )

    assert few_texts.feature("amount").inferred_type.value == "Fractional"
    assert many_texts.feature("amount").inferred_type.value == "String"


def test_texts_that_are_rarely_numbers_stay_texts():
    words = ["red", "green", "7"] * (ROWS // 3)
    baseline = run_baseline(frame(words), MONITOR, engine="local")

    assert baseline.constraints.feature("amount").domains == ("7", "green", "red")
    check_results, findings = check_amounts(frame(words), baseline)
    assert check_results["baseline_drift_check"].status is CheckStatus.PASSED
    assert not findings.hints


def test_a_baseline_of_texts_keeps_its_window_one_of_texts():
    """A window of nearly only numbers is no column of numbers if its baseline is none."""
    digits = [str(index % 5) for index in range(ROWS)]
    baseline = run_baseline(frame(replace_cells(digits, "x", ROWS // 4)), MONITOR, engine="local")
    check_results, findings = check_amounts(frame(replace_cells(digits, "x")), baseline)

    assert check_results["baseline_drift_check"].status is CheckStatus.VIOLATED  # x went from a quarter to nearly none
    assert not findings.hints


# What is written


def test_documents_count_them_and_pass_by_themselves():
    baseline = run_baseline(frame(replace_cells(amounts(1), "n/a", 4)), MONITOR, engine="local")
    numbers = baseline.statistics.feature("amount").numerical_statistics
    cells = replace_cells(amounts(1), "n/a", 4)
    mean = np.mean([float(cell) for cell in cells if cell != "n/a"])

    assert (numbers.common.num_present, numbers.num_not_numeric) == (ROWS, 4)
    assert numbers.completeness == 1.0
    assert numbers.mean == pytest.approx(mean)
    statistics = Statistics.from_json(baseline.statistics.to_json())
    of_documents = QualityBaseline.from_documents(baseline.constraints, statistics)
    assert of_documents.distributions["amount"].present == ROWS - 4
    check_results, _ = check_amounts(frame(replace_cells(amounts(1), "n/a", 4)), of_documents)
    assert violated(check_results) == set()
    check_results, _ = check_amounts(frame(replace_cells(amounts(2, 10.0), "n/a", 4)), of_documents)
    assert "baseline_drift_check" in violated(check_results)


def test_limits_as_written_hold_for_the_data_they_come_from():
    monitor = DataQualityMonitor(MonitoringSettings(verdicts="none"))
    table = frame(replace_cells(amounts(1), "n/a", 4))
    baseline = run_baseline(table, monitor, engine="local")

    overrides = baseline.constraints.feature("amount").monitoring_config_overrides
    assert overrides.datatype_check_threshold == (ROWS - 4) / ROWS
    assert violated(check_amounts(table, baseline, monitor)[0]) == set()
    assert violated(check_amounts(frame(replace_cells(amounts(2), "n/a", 5)), baseline, monitor)[0]) == {
        "data_type_check"
    }


@pytest.mark.parametrize("odd_cell", ["n/a", ".5"])
def test_the_service_takes_such_a_column_for_text(odd_cell):
    """G8: one cell that is no number makes a column a String."""
    cells = replace_cells(amounts(1), odd_cell)
    baseline = run_baseline(frame(cells), SERVICE, engine="local")
    texts = run_baseline(frame([f"x{cell}" for cell in cells]), SERVICE, engine="local")

    feature = baseline.statistics.feature("amount")
    assert feature.inferred_type.value == "String"
    assert feature.numerical_statistics is None
    assert baseline.constraints.feature("amount") == texts.constraints.feature("amount")
    assert baseline.hints == ()
    numbers = run_baseline(frame(amounts(1)), SERVICE, engine="local")
    check_results, _ = check_amounts(frame(cells), numbers, SERVICE)
    assert violated(check_results) == {"data_type_check"}
    assert check_results["data_type_check"].observed == 1 - 1 / ROWS


def test_the_page_and_the_log_of_a_baseline_say_so(caplog):
    baseline = run_baseline(frame(replace_cells(amounts(1), "n/a")), MONITOR, engine="local")

    message = f"some cells are no numbers, and left out: 'amount' (1 of {ROWS})"
    assert message in caplog.text
    page = baseline.report().html
    assert message.replace("'", "&#39;") in page
    assert f"1 of {ROWS} values are no numbers" in page


# What else takes the numbers


def test_states_of_days_add_up_to_a_column_of_numbers(tmp_path):
    for day, cells in {"monday": amounts(1), "tuesday": replace_cells(amounts(2), "n/a", 3)}.items():
        run_baseline(frame(cells), MONITOR, engine="local").write(str(tmp_path / day))
    merged_folder = str(tmp_path / "both")
    merge_runs([str(tmp_path / "monday"), str(tmp_path / "tuesday")], merged_folder)

    numbers = json.loads((tmp_path / "both" / "statistics.json").read_text())["features"][0]["numerical_statistics"]
    assert (numbers["common"]["num_present"], numbers["num_not_numeric"]) == (2 * ROWS, 3)
    assert read_state(merged_folder).feature("amount").num_numbers == 2 * ROWS - 3


def test_segments_compare_the_numbers(tmp_path):
    monitor = DataQualityMonitor(MonitoringSettings(segments=("plan",)))

    def table(seed, factor):
        cells = np.array(replace_cells(amounts(seed), "n/a", 4), dtype=object)
        plan = np.where(np.arange(ROWS) % 2, "a", "b")
        moved = [
            f"{float(cell) * factor:.6g}" if cell != "n/a" and segment == "a" else cell
            for cell, segment in zip(cells, plan, strict=True)
        ]
        return frame(moved).assign(plan=plan)

    baseline = run_baseline(table(1, 1.0), monitor, engine="local")
    check_results, _ = check_amounts(table(2, 10.0), baseline, monitor)
    drift = check_results["baseline_drift_check"]

    assert drift.status is CheckStatus.VIOLATED
    assert drift.segment == "plan=a"


def test_relations_with_a_mixed_column_are_recognised():
    numbers = np.random.default_rng(3).normal(50, 9, ROWS).round(2)
    doubled = [f"{2 * number:.2f}" for number in numbers]
    table = frame(replace_cells([f"{number:.2f}" for number in numbers], "n/a", 4)).assign(doubled=doubled)
    monitor = DataQualityMonitor(pairs=True)
    baseline = run_baseline(table, monitor, engine="local")
    shuffled = table.assign(doubled=doubled[::-1])

    relations = {
        check_result.check
        for check_result in run_monitoring(shuffled, monitor, baseline, engine="local").results
        if check_result.is_violation
    }
    assert relations & {"association_check", "relation_check"}
    assert not run_monitoring(table, monitor, baseline, engine="local").violations.violations


def test_how_the_distance_was_computed_can_be_explained(tmp_path):
    baseline = run_baseline(frame(replace_cells(amounts(1), "n/a", 3)), MONITOR, engine="local")
    run = baseline.write(str(tmp_path / "baseline"))
    _, findings = check_amounts(frame(replace_cells(amounts(2, 10.0), "n/a", 2)), baseline)
    findings.write(str(tmp_path / "window"), baseline=None)

    explanation = explain("amount", str(tmp_path / "window"), str(tmp_path / "baseline"))
    assert run is not None
    assert explanation.is_reproduced
    assert (explanation.derivation.table.n, explanation.derivation.table.m) == (ROWS - 3, ROWS - 2)


def test_a_stored_window_is_read_like_its_baseline():
    """The states of a window are stored as they are; how a column is read follows from the constraints."""
    monitor = DataQualityMonitor(MonitoringSettings(datatype_check_threshold=0.8))
    baseline = run_baseline(frame(amounts(1)), monitor, engine="local")
    window = run_baseline(frame(replace_cells(amounts(2), "n/a", 60)), MONITOR, engine="local").state
    stored = Profile.from_bytes(window.to_bytes())
    quality_baseline = monitor.stored_baseline(baseline.constraints, None, baseline.state, baseline.constraints)

    assert not stored.feature("amount").is_numeric
    raw_statistics = quality_baseline.raw_statistics(stored)
    left = {name: raw for reference, name, raw in raw_statistics if reference == "baseline"}
    assert left["amount"]["rows"] == ROWS - 60
    checks_of_amount = [
        check for check in monitor.judge(Sample(stored, {}), quality_baseline).results if check.feature == "amount"
    ]
    [drift] = [check for check in checks_of_amount if check.check == "baseline_drift_check"]
    assert drift.status is not CheckStatus.NOT_JUDGED
    assert drift.m == ROWS - 60
    with_history = quality_baseline.with_history({"previous:8": stored}, {})
    assert with_history.references["previous:8"]["amount"].present == ROWS - 60
