"""A preprocessing script on executors: what becomes of a record that it fails on."""

from __future__ import annotations

import pytest
from tests.unit.reading.test_script_rows import FAILS_ON_3, write_script

from spark_model_monitor.data.reading.format_readers import read_dataset
from spark_model_monitor.data.reading.formats import CsvFormat, ReadOptions
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.errors import ScriptFailed
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.spark.engine.spark import SparkEngine


def test_a_failing_record_is_refused_and_its_values_are_not_reported_or_the_run_fails_as_the_service_did(
    spark, tmp_path, caplog
):
    engine = SparkEngine(spark)
    script = write_script(tmp_path, FAILS_ON_3, [str(number).encode() for number in range(200)])
    listing = list_dataset(engine, str(tmp_path / "data"))
    with read_dataset(engine, listing, CsvFormat(header=True), ReadOptions(script=script)) as dataset:
        ledger = run_baseline(dataset, DataQualityMonitor()).ledger

    assert (ledger.read, ledger.kept, ledger.refused) == (200, 199, {"script error": 1})
    assert "KeyError (line 4 of script.py)" in caplog.text
    assert "secret" not in caplog.text
    sentence = "Exception while invoking preprocessor script. 1 of 200 records failed: .*KeyError .line 4 of script.py."
    with pytest.raises(ScriptFailed, match=sentence):
        read_dataset(engine, listing, CsvFormat(header=True), ReadOptions(script=script, as_service=True))
