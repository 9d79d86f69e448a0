"""Request logs of model servers are read as captures: every record is a row, or is accounted for with its reason."""

import json

import pytest
from tests.request_log_samples import LOGS

from spark_model_monitor import DataQualityMonitor, read_data, run_baseline
from spark_model_monitor.data.records.refusals import REASON


@pytest.fixture(autouse=True)
def change_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read_rows(dataset):
    """The kept rows, in any order."""
    rows = []
    # Refused rows are left out
    for batch in dataset.table.batches():
        accepted = batch.filter([reason == 0 for reason in batch.column(REASON).to_pylist()])
        columns = [accepted.column(f"c{index}").to_pylist() for index in range(len(dataset.names))]
        rows += map(list, zip(*columns, strict=True))
    return sorted(rows, key=repr)


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_a_log_has_these_rows(log, tmp_path):
    with read_data(str(log.write(tmp_path)), log.request_log, engine="local") as dataset:
        assert read_rows(dataset) == sorted(log.rows, key=repr)


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_every_record_of_a_log_is_accounted_for(log, tmp_path):
    folder = log.write(tmp_path)
    options = {"dataset_format": log.request_log, "engine": "local", "max_quarantined_share": 1.0}
    run_baseline(str(folder), DataQualityMonitor(), **options).write(str(tmp_path / "out"))
    ledger = json.loads((tmp_path / "out" / "ledger.json").read_text())
    records = ledger["records"]
    paths = [file["path"].removeprefix(f"file:{folder}/") for file in ledger["files"]]

    # By reason, then all
    assert records.get("not_in_log", {}) == log.not_in_log
    assert records["quarantined"] == log.quarantined
    assert records["without_data"] == log.failed
    assert ledger["rows"] == len(log.rows)
    assert sorted(paths) == sorted(str(file.relative_to(folder)) for file in folder.rglob("*.*"))
