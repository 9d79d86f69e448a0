"""How a job reads its features: wide tables of columns in groups; no script where there are no lines."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.at_hand import defer_to_night

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.inputs.features import read_features
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.spark.engine.spark import SparkEngine

COLUMNS = 300
ROWS = 8_000
"""Of doubles: 19 MB, which is enough for two groups and one partition."""

FOLDERS_OF = {"parquet": pd.DataFrame.to_parquet, "orc": pd.DataFrame.to_orc}


@pytest.fixture(scope="module")
def write_wide_table(tmp_path_factory):
    """The folder with a wide table in a format."""
    table = pd.DataFrame(
        np.random.default_rng(4).lognormal(size=(ROWS, COLUMNS)), columns=[f"x{number}" for number in range(COLUMNS)]
    )

    def written(data_format):
        folder = tmp_path_factory.mktemp(data_format)
        FOLDERS_OF[data_format](table, folder / "wide")
        return folder

    return written


@pytest.fixture
def read(spark):
    def reading(folder, data_format, *flags):
        arguments = ["--dataset-source", str(folder), "--dataset-format", data_format, "--output-path", "out", *flags]
        return read_features(
            SparkEngine(spark), build_config("baseline", read_sources(arguments, {}), in_container=False)
        )

    return reading


@pytest.mark.parametrize(
    ("data_format", "dataset_format"),
    [
        ("parquet", "parquet"),
        defer_to_night("parquet", '{"spark": {"format": "Parquet"}}'),
        defer_to_night("orc", '{"spark": {"format": "orc"}}'),
    ],
)
def test_a_wide_table_of_columns_is_read_in_groups_with_the_same_result(
    read, write_wide_table, data_format, dataset_format
):
    wide = read(write_wide_table(data_format), dataset_format)
    assert (wide.column_groups, wide.max_partition_count) == (2, 1)

    together_run = run_baseline(replace(wide, column_groups=1), DataQualityMonitor())

    in_groups = run_baseline(wide, DataQualityMonitor())
    assert in_groups.profile.item_count == ROWS
    assert in_groups.profile.to_bytes() == together_run.profile.to_bytes()
    assert in_groups.statistics.to_json() == together_run.statistics.to_json()


def test_columns_left_out_count_for_no_group(read, write_wide_table):
    excluded = ",".join(f"x{number}" for number in range(60))

    dataset = read(write_wide_table("parquet"), "parquet", "--exclude-features-attribute", excluded)

    assert (len(dataset.names), dataset.column_groups) == (240, 1)


def test_as_the_service_reads_there_are_no_groups(read, write_wide_table):
    dataset = read(write_wide_table("parquet"), "parquet", "--compat", "service")

    assert (dataset.column_groups, dataset.max_partition_count) == (1, 1)


def test_lines_have_no_columns_that_could_be_read_alone(read, tmp_path):
    (tmp_path / "wide.csv").write_text("x0,x1\n" + "1,2\n" * 10)

    assert not read(tmp_path, "csv").by_columns
    assert not read(tmp_path, '{"spark": {"format": "csv"}}').by_columns


@pytest.mark.parametrize(
    ("data_format", "sentence"),
    [
        ("table:people", "a table has no lines that a script could get"),
        (
            '{"spark": {"format": "jdbc"}}',
            "what a reader of Spark finds by itself has no lines that a script could get",
        ),
    ],
)
def test_a_script_wants_lines(spark, tmp_path, data_format, sentence):
    script = tmp_path / "double.py"
    script.write_text("def preprocess_handler(line):\n    return {'a': 1}\n")
    arguments = ["--dataset-format", data_format, "--output-path", "out", "--record-preprocessor-script", str(script)]

    with pytest.raises(BadConfiguration, match=f"^record_preprocessor_script: {sentence}; drop one of the two"):
        read_features(SparkEngine(spark), build_config("baseline", read_sources(arguments, {}), in_container=False))
