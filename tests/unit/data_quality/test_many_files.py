"""Rows in many files of unequal sizes are judged as the same rows in one file."""

import pytest
from tests.many_files import DAYS, FILE_KINDS, break_rows, draw_days, write_files
from tests.rotation import every_combination

from spark_model_monitor import DataQualityMonitor, read_data, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus

FAULTS = {("campaign", "frequent_value_check"), ("amount", "baseline_drift_check")}
GROWING = {"campaign", "product"}


def judge_rows(data, windows, dataset_format=None):
    """For each window, the status of each check."""
    baseline = run_baseline(data, DataQualityMonitor(), engine="local", dataset_format=dataset_format)
    statuses = []
    for window in windows:
        findings = run_monitoring(window, DataQualityMonitor(), baseline, engine="local")
        statuses.append({(check.feature, check.check, check.against): check.status for check in findings.results})
    return statuses


def violated(statuses):
    return {(feature, check) for (feature, check, _), status in statuses.items() if status is CheckStatus.VIOLATED}


def require_judged_as_in_one_file(frames, numbers_of_files, kind, folder):
    *baseline_days, last_day = frames
    windows = [last_day, break_rows(last_day)]
    dataset_format = "json" if kind == "json" else None
    of_one_file = judge_rows(write_files(baseline_days, 1, kind, folder / "one"), windows, dataset_format)
    require_found(of_one_file)
    # The same rows in more files
    for files in numbers_of_files:
        data = write_files(baseline_days, files, kind, folder / f"{files}")
        assert judge_rows(data, windows, dataset_format) == of_one_file, files


def require_found(statuses):
    healthy, broken = statuses
    assert not {feature for feature, _ in violated(healthy)} & GROWING
    assert violated(broken) >= FAULTS


@every_combination(kind=["csv", "parquet"], seed=range(2))
def test_many_files_are_judged_as_one(tmp_path, kind, seed):
    require_judged_as_in_one_file(draw_days(seed), [8, 28, 60], kind, tmp_path)


@pytest.mark.parametrize("kind", [kind for kind in FILE_KINDS if kind not in ("csv", "parquet")])
def test_files_of_every_kind_are_in_order(tmp_path, kind):
    require_judged_as_in_one_file(draw_days(4), [DAYS], kind, tmp_path)


@pytest.mark.parametrize("files", [3, 28])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_in_several_partitions_and_cut_files_are_in_order(tmp_path, kind, files, monkeypatch):
    """Each file of three is cut into pieces; of 28, a partition has some in no order. A partition keeps fewer runs than all
    rows in one, so less is known of how campaigns change, and the fault is larger.
    """
    monkeypatch.setattr("spark_model_monitor.data.engine.partitions.MIN_PARTITION_BYTES", 2**17)
    monkeypatch.setattr("spark_model_monitor.data.engine.partitions.OPEN_COST_BYTES", 2**10)
    *baseline_days, last_day = draw_days(5)
    data = write_files(baseline_days, files, kind, tmp_path)

    require_found(judge_rows(data, [last_day, break_rows(last_day, of_ten=5)]))


def test_columns_that_are_left_out_change_no_order(tmp_path):
    *baseline_days, last_day = draw_days(6)
    data = read_data(write_files(baseline_days, DAYS, "parquet", tmp_path), engine="local")
    some_columns = data.select_features(["product", "campaign", "amount"])

    require_found(judge_rows(some_columns, [last_day, break_rows(last_day)]))
