"""What nobody has to say of data on this machine: its format and a place for the results, below everything that is said."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline
from spark_model_monitor.data.reading.formats import CsvFormat, ParquetFormat
from spark_model_monitor.documents.run_description import RunContext
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.configuration.inferred_options import (
    adopt_baseline_options,
    choose_default_output,
    choose_detected_format,
)
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.inputs.run_inputs import adopt_time_column, describe_unused_window


@pytest.fixture
def orders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orders.csv").write_text("country,items\nDE,3\n")
    return "orders.csv"


def found_out(job, words, variables=None):
    return choose_detected_format(job, choose_default_output(job, read_sources(words, variables or {})))


@pytest.mark.parametrize(
    ("job", "output"), [("baseline", "orders-baseline"), ("monitor", "orders-report"), ("merge", "orders-merged")]
)
def test_a_path_alone_is_the_data_and_the_rest_is_found_out(orders, job, output):
    sources = found_out(job, [orders, "--ground-truth-source", "labels"])
    config = build_config(job, sources, in_container=False)

    assert (config.dataset_source, config.output_path) == (orders, output)
    assert job == "merge" or config.dataset_format == CsvFormat(header=True)
    assert any(output in sentence for sentence in sources.chosen)


def test_what_is_said_anywhere_counts(orders, tmp_path):
    (tmp_path / "a.env").write_text("output_path=results\ndataset_format=parquet\n")
    config = build_config("baseline", found_out("baseline", [orders, "--env-file", "a.env"]), in_container=False)

    assert (config.output_path, config.dataset_format) == ("results", ParquetFormat())


def test_a_printed_flag_can_be_copied_to_a_shell(orders, tmp_path):
    shutil.copy(orders, tmp_path / "my $x orders.csv")
    folder = tmp_path / "my $x orders-baseline"
    folder.mkdir()
    (folder / "constraints.json").write_text("{}")

    with pytest.raises(
        BadConfiguration, match=r"write --output-path 'my \$x orders-baseline' to replace that baseline"
    ):
        build_config("baseline", found_out("baseline", ["my $x orders.csv"]), in_container=False)


def test_a_baseline_in_the_usual_place_is_not_written_over(orders, tmp_path):
    (tmp_path / "orders-baseline").mkdir()
    (tmp_path / "orders-baseline" / "constraints.json").write_text("{}")

    with pytest.raises(BadConfiguration) as caught:
        build_config("baseline", found_out("baseline", [orders]), in_container=False)
    assert str(caught.value) == (
        "orders-baseline is there already; write --output-path orders-baseline to replace that baseline, or another directory"
    )


def test_what_a_failed_baseline_left_is_no_baseline(orders, tmp_path):
    (tmp_path / "orders-baseline").mkdir()
    (tmp_path / "orders-baseline" / "message").write_text("Error: …")

    assert found_out("baseline", [orders]).text("output_path") == "orders-baseline"


def test_a_report_in_the_usual_place_is_the_next_run_of_it(orders, tmp_path):
    (tmp_path / "orders-report").mkdir()

    assert found_out("monitor", [orders]).text("output_path") == "orders-report"


@pytest.mark.parametrize(
    ("path", "text"),
    [("s3://b/a.parquet", "parquet"), ("s3://b/a.csv", None), ("s3://b/a.jsonl", None), ("nowhere.parquet", None)],
)
def test_of_data_elsewhere_only_a_name_that_is_certain_shows_the_format(orders, path, text):
    sources = found_out("baseline", [path])

    assert sources.text("dataset_format") == text
    assert sources.text("output_path") is None


def test_the_folder_where_one_is_has_a_name(orders):
    assert found_out("monitor", ["."]).text("output_path").endswith("-report")


def test_a_second_path_is_a_fault(orders):
    assert any("'more.csv' belongs to no flag" in fault for fault in found_out("baseline", [orders, "more.csv"]).errors)


BIAS = ("--analysis-type", "MODEL_BIAS", "--analysis-config", "analysis.json")


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        pytest.param("orders.csv", "{}", "csv", id="no type"),
        pytest.param("orders.csv", '{"dataset_type": "application/jsonlines"}', None, id="another type"),
        pytest.param("orders.parquet", "{}", "parquet", id="Parquet"),
        pytest.param("orders.jsonl", "{}", "jsonl", id="JSON Lines"),
        pytest.param("records.jsonl", "{}", None, id="merged records"),
    ],
)
@pytest.mark.usefixtures("orders")
def test_data_without_a_type_in_the_configuration_is_recognised_by_a_monitor_of_bias(tmp_path, name, config, expected):
    (tmp_path / "analysis.json").write_text(config)
    pq.write_table(pa.table({"items": [3]}), tmp_path / "orders.parquet")
    (tmp_path / "orders.jsonl").write_text('{"items": 3}\n')
    (tmp_path / "records.jsonl").write_text('{"captureData": {}, "groundTruthData": {}}\n')

    assert found_out("monitor", (name, *BIAS)).text("dataset_format") == expected


def test_records_without_a_type_in_the_configuration_stay_merged_ones(orders, tmp_path):
    (tmp_path / "analysis.json").write_text("{}")
    (tmp_path / "orders.csv").write_text('{"captureData": {}, "groundTruthData": {}}\n')

    assert found_out("monitor", (orders, *BIAS)).text("dataset_format") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("amount, EUR=0.2", {"amount, EUR": 0.2}),
        ("age=0.1,amount, EUR=0.2", {"age": 0.1, "amount, EUR": 0.2}),
        ('"amount, EUR"=0.2, age = 0.1', {"amount, EUR": 0.2, "age": 0.1}),
        ("a=b=0.3", {"a=b": 0.3}),
        ("a,b,c=0.3,", {"a,b,c": 0.3}),
        ("*=0.3,age=0.1", {"*": 0.3, "age": 0.1}),
    ],
)
def test_a_threshold_belongs_to_all_that_stands_before_its_sign(orders, text, expected):
    words = [orders, "--threshold", text]
    sources = found_out("monitor", words)
    config = build_config("monitor", sources, in_container=False)

    assert config.threshold == expected


@pytest.mark.parametrize("text", ["plan", "0.3", "plan=0.1,age", "plan=much", "plan,age"])
def test_a_name_without_a_threshold_is_a_fault(orders, text):
    words = [orders, "--threshold", text]
    sources = found_out("monitor", words)

    with pytest.raises(BadConfiguration, match=r"write FEATURE=NUMBER, such as plan=0.3, or \*=0.3 for all"):
        build_config("monitor", sources, in_container=False)


@pytest.fixture
def monitored(orders):
    """`monitored({"flatten_json": "true"}, "--flag", …)`: sources and configuration of a monitor of such a baseline."""

    def read_monitor(read_by, *words):
        table = pa.table({"country": ["DE", "FR"], "items": [3, 4]})
        run_baseline(table, DataQualityMonitor(), context=RunContext(read_by=read_by)).write("made")
        configuration = read_sources([orders, "--baseline", "made", *words], {})
        sources = choose_default_output("monitor", configuration)
        sources = choose_detected_format("monitor", adopt_baseline_options("monitor", sources))
        config = build_config("monitor", sources, in_container=False)
        return sources, adopt_time_column(config, sources)

    return read_monitor


def test_how_a_baseline_was_read_counts_for_what_is_compared_with_it(monitored):
    read_by = {"exclude_features_attribute": "items", "flatten_json": "true", "dataset_format": "csv-without-header"}
    sources, config = monitored(read_by)

    assert config.exclude_features_attribute == ("items",)
    assert config.flatten_json
    assert config.dataset_format == CsvFormat(header=False)
    assert "exclude_features_attribute: items, as the baseline has it" in sources.chosen


def test_a_format_of_another_kind_than_the_datas_is_no_default(monitored):
    assert monitored({"dataset_format": "capture"})[1].dataset_format == CsvFormat(header=True)


def test_what_is_said_counts_and_a_contradiction_is_reported(monitored):
    sources, config = monitored({"exclude_features_attribute": "items, day"}, "--exclude-features-attribute", "country")

    assert config.exclude_features_attribute == ("country",)
    contradiction = (
        "--exclude-features-attribute is country, but items, day for the baseline; what that changes is no drift"
    )
    assert contradiction in sources.chosen


def test_the_same_in_another_order_is_no_contradiction(monitored):
    sources, _ = monitored({"exclude_features_attribute": "items,day"}, "--exclude-features-attribute", "day, items")

    assert not any("is no drift" in sentence for sentence in sources.chosen)


def test_the_service_remembers_nothing(monitored):
    _, config = monitored({"exclude_features_attribute": "items"}, "--compat", "service")

    assert config.exclude_features_attribute == ()


TABLE = ("--dataset-source", "orders.parquet")
DAY = ("--start-time", "2026-11-10T00:00:00Z", "--end-time", "2026-11-11T00:00:00Z")


@pytest.mark.parametrize(
    ("words", "time_column"),
    [
        ((*TABLE, *DAY), "at"),
        ((*TABLE, "--scheduled-time", "2026-11-10T03:00:00Z"), "at"),
        ((*TABLE, *DAY, "--time-column", "paid"), "paid"),
        (TABLE, None),
        # Captures and transform outputs have times of their own
        (DAY, None),
        (("--dataset-format", "capture", *DAY), None),
    ],
)
def test_a_window_of_a_table_is_cut_by_the_baselines_column_of_times(monitored, tmp_path, words, time_column):
    pq.write_table(pa.table({"items": [3]}), tmp_path / "orders.parquet")

    _, config = monitored({"time_column": "at"}, *words)

    assert config.time_column == time_column
    assert (describe_unused_window(config) is not None) == (words == DAY)


def test_a_baseline_records_its_column_of_times(orders):
    sources = found_out("baseline", (orders, "--time-column", "at"))
    config = build_config("baseline", sources, in_container=False)

    assert config.remembered["time_column"] == "at"


def test_what_is_no_way_of_reading_is_taken_from_no_file(monitored):
    sources, _ = monitored({"post_analytics_processor_script": "evil.py", "output_path": "elsewhere"})

    assert {"post_analytics_processor_script"}.isdisjoint(sources.values)
    assert sources.text("output_path") == "orders-report"
