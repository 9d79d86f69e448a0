"""Preprocessing scripts: what they may return, and what becomes of a record that they fail on."""

from __future__ import annotations

import textwrap

import pytest

from spark_model_monitor.data.reading.formats import CsvFormat, ParquetFormat, ReadOptions
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.reading.readers import read_dataset
from spark_model_monitor.data.reading.scripts import read_script
from spark_model_monitor.errors import BadConfiguration, NoData, ScriptFailed
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.spark.engine.spark import SparkEngine


@pytest.fixture
def baseline(spark, tmp_path):
    """Runs a script over the lines of a CSV file."""

    def running(script, lines, dataset_format=CsvFormat(header=True), max_quarantined_share=0.01, **options):  # noqa: B008
        (tmp_path / "script.py").write_text(textwrap.dedent(script))
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / "data.csv").write_text("\n".join(lines) + "\n")
        listing = list_dataset(SparkEngine(spark), str(tmp_path / "data"))
        loaded = read_script(str(tmp_path / "script.py"), SparkEngine(spark))
        with read_dataset(
            SparkEngine(spark), listing, dataset_format, ReadOptions(script=loaded, **options)
        ) as dataset:
            return run_baseline(dataset, DataQualityMonitor(), max_quarantined_share=max_quarantined_share)

    return running


def test_a_handler_gets_every_raw_line_and_its_keys_become_features_in_lexicographic_order(baseline):
    findings = baseline(
        """
        def preprocess_handler(line):
            if line.startswith("age"):
                return []
            age, plan = line.split(",")
            return {"plan": plan, "age_in_months": int(age) * 12}
        """,
        ["age,plan", "1,basic", "2,gold"],
    )

    assert [feature.name for feature in findings.statistics.features] == ["age_in_months", "plan"]
    assert findings.profile.feature("age_in_months").moments.sum == 36
    assert (findings.ledger.read, findings.ledger.kept, findings.ledger.dropped_by_script) == (3, 2, 1)


def test_a_handler_may_take_a_logger_return_several_rows_and_drop_records(baseline):
    findings = baseline(
        """
        def preprocess_handler(line, logger):
            logger.info("a line")
            number = int(line)
            if number == 3:
                return None
            return [{0: number, 1: None}, {0: number + 0.5, 1: float("nan")}]
        """,
        ["1", "2", "3"],
    )

    assert [feature.name for feature in findings.statistics.features] == ["0", "1"]
    assert findings.profile.feature("0").moments.sum == 1 + 1.5 + 2 + 2.5
    assert findings.profile.feature("1").num_missing == 4
    assert findings.ledger.dropped_by_script == 1


def test_a_second_parameter_with_a_default_is_left_alone(baseline):
    findings = baseline(
        """
        def preprocess_handler(line, logger=None):
            return {"has_logger": str(logger is not None)}
        """,
        ["1"],
    )

    assert findings.profile.feature("has_logger").exact_domain == {"False": 1}


FAILS_ON_3 = """
    def preprocess_handler(line):
        if line == "3":
            raise KeyError("secret value of " + line)
        return {"number": line}
    """


def test_a_failing_record_is_refused_and_its_values_are_not_reported(baseline, caplog):
    findings = baseline(FAILS_ON_3, [str(number) for number in range(200)])

    assert findings.ledger.refused == {"script error": 1}
    assert (findings.ledger.read, findings.ledger.kept) == (200, 199)
    assert "KeyError (line 4 of script.py)" in caplog.text
    assert "secret" not in caplog.text


def test_too_many_failing_records_are_a_failed_script(baseline):
    with pytest.raises(ScriptFailed, match="1 of 4 records were refused .script error: 1.") as raised:
        baseline(FAILS_ON_3, ["1", "2", "3", "4"])
    assert raised.value.exit_status == 1


def test_the_first_failing_record_fails_the_run_as_the_service_did(baseline):
    sentence = "Exception while invoking preprocessor script. 1 of 200 records failed: .*KeyError .line 4 of script.py."
    with pytest.raises(ScriptFailed, match=sentence):
        baseline(FAILS_ON_3, [str(number) for number in range(200)], as_service=True)


@pytest.mark.parametrize(
    ("returned", "problem"),
    [
        ("{'a': [1, 2]}", "returned a dict that holds a list"),
        ("{'a': {'b': 1}}", "returned a dict that holds a dict"),
        ("'text'", "returned a str where a flat dict is wanted"),
        ("[1]", "returned a int where a flat dict is wanted"),
    ],
)
def test_what_is_no_flat_dict_is_refused(baseline, returned, problem):
    with pytest.raises(ScriptFailed, match=problem):
        baseline(f"def preprocess_handler(line): return {returned}", ["1"])


def test_lines_that_are_not_utf_8_do_not_reach_the_script(spark, tmp_path, baseline):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "other.csv").write_bytes("Zürich\n".encode("latin-1"))
    findings = baseline("def preprocess_handler(line): return {'city': line}", ["Bern"], max_quarantined_share=0.5)

    assert findings.ledger.refused == {"not UTF-8": 1}
    assert findings.ledger.kept == 1


def test_a_script_that_drops_everything_leaves_no_data(baseline):
    with pytest.raises(NoData, match=r"no row is left of 2 records \(dropped by the preprocessor script: 2\)"):
        baseline("def preprocess_handler(line): return []", ["1", "2"])


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("import nowhere_to_be_found", r"script\.py can't be loaded: ModuleNotFoundError \(line 1 of script\.py\)"),
        ("import sys\nsys.exit(0)", r"script\.py can't be loaded: SystemExit \(line 2 of script\.py\)"),
        ("def preprocess_handler(line) return", r"script\.py can't be loaded: SyntaxError"),
        ("def handler(line): return {}", r"there is no function preprocess_handler\(inference_record\) in it"),
    ],
)
def test_a_script_that_can_not_be_loaded_stops_before_reading(baseline, script, sentence):
    with pytest.raises(ScriptFailed, match=sentence):
        baseline(script, ["1"])


def test_a_script_that_is_absent_is_a_fault_of_the_configuration(spark, tmp_path):
    with pytest.raises(BadConfiguration, match="record_preprocessor_script: .*nowhere.py: can't be read"):
        read_script(str(tmp_path / "nowhere.py"), SparkEngine(spark))


def test_scripts_get_lines_of_text_only(baseline):
    with pytest.raises(BadConfiguration, match="scripts get the lines of CSV and JSON Lines files"):
        baseline("def preprocess_handler(line): return {}", ["1"], ParquetFormat())
