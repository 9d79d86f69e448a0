"""A column metric is one file: put into a copy of the package, it is gathered, added, archived, merged and shown."""

import json
import shutil
from pathlib import Path

import pytest
from tests.programs import LIB, printed_by

ZEROS = '''
"""How many of a column's values are 0."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import ClassVar

from spark_model_monitor.statistics.states.columns import ColumnMetric, column_metric


@column_metric
@dataclass(frozen=True, slots=True)
class Zeros(ColumnMetric):
    """How many of a column's values are 0, and their share."""

    KIND: ClassVar[str] = "zeros"
    VERSION: ClassVar[int] = 1
    NUMBERS: ClassVar[struct.Struct] = struct.Struct("<2q")

    zeros: int = 0
    values: int = 0

    @classmethod
    def of(cls, values):
        return cls(int((values == 0).sum()), len(values))

    def __add__(self, other):
        return Zeros(self.zeros + other.zeros, self.values + other.values)

    def numbers(self):
        return {"zeros": self.zeros, "share_of_zeros": self.zeros / self.values if self.values else math.nan}
'''

PROGRAM = """
    import sys

    package, folder = sys.argv[1:]
    sys.path.insert(0, package)

    import json
    import pyarrow as pa
    from spark_model_monitor.documents.statistics import Statistics
    from spark_model_monitor.reports.history.archive import name_state_file, to_parquet
    from spark_model_monitor.running.runs.merging import merge_runs
    from spark_model_monitor.reports.outputs.run_files import publish
    from spark_model_monitor.data.profiling.partition import compute_partition_states
    from spark_model_monitor.data.engine.engine_protocol import PARTITION
    from spark_model_monitor.data.profiling.scan_plan import ColumnPlan, ScanPlan
    from spark_model_monitor.running.configuration.reading import build_config, read_sources
    from spark_model_monitor.running.kinds import monitor_for
    from spark_model_monitor.statistics.states import ColumnType, FeatureProfile, Profile, decode

    flags = ["--column-metrics", "zeros", "--dataset-source", "d", "--dataset-format", "csv", "--output-path", "o"]
    monitor = monitor_for(build_config("baseline", read_sources(flags, {}), in_container=False))

    TYPES = {"amount": ColumnType.FRACTIONAL, "code": ColumnType.TEXT, "plan": ColumnType.TEXT}
    columns = tuple(ColumnPlan(place, type_, hashed_by_spark=False) for place, type_ in enumerate(TYPES.values()))
    plan = ScanPlan(columns, frequency_limit=10, column_metrics=monitor.measures().column_metrics)

    def scanned(values):
        rows = pa.table({
            PARTITION: pa.array([0] * len(values), pa.int32()),
            "v0": pa.array(values, pa.float64()),
            "v1": pa.array([None if value is None else str(value) for value in values], pa.string()),
            "v2": ["gold"] * len(values),
        })
        states = {}
        for row in compute_partition_states(plan, None, rows.to_batches(max_chunksize=2)):
            states.setdefault(row.feature, []).append(decode(row.blob))
        features = [FeatureProfile.of(name, TYPES[name], states[place]) for place, name in enumerate(TYPES)]
        return Profile(len(values), tuple(features))

    for hour, profile in enumerate([scanned([0.0, 1.0, None]) + scanned([0.0, 2.0]), scanned([3.0])]):
        documents = monitor.documents(profile, monitor.metrics(profile))
        files = {document.FILE_NAME: document.to_json().encode() for document in documents}
        publish({**files, name_state_file(Profile): to_parquet(profile)}, f"{folder}/{hour}")
    merge_runs([f"{folder}/0", f"{folder}/1"], f"{folder}/day")

    hour, day = (open(f"{folder}/{run}/statistics.json").read() for run in ("0", "day"))
    table = monitor.table((Statistics.from_json(day), None)).rows
    print(json.dumps({"hour": json.loads(hour), "day": json.loads(day), "table": table}))
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    copy = tmp_path_factory.mktemp("package")
    shutil.copytree(
        Path(LIB) / "spark_model_monitor", copy / "spark_model_monitor", ignore=shutil.ignore_patterns("__pycache__")
    )
    (copy / "spark_model_monitor" / "statistics" / "states" / "columns" / "zeros.py").write_text(ZEROS.lstrip())
    return json.loads(printed_by(PROGRAM, str(copy), str(tmp_path_factory.mktemp("runs"))))


def metrics(statistics):
    return {feature["name"]: feature.get("column_metrics") for feature in statistics["features"]}


def test_its_numbers_stand_in_the_statistics_of_numeric_features(shown):
    two_of_four = {"zeros": 2.0, "share_of_zeros": 0.5}

    assert metrics(shown["hour"]) == {"amount": two_of_four, "code": two_of_four, "plan": None}


def test_its_state_adds_from_the_files_of_runs(shown):
    two_of_five = {"zeros": 2.0, "share_of_zeros": 0.4}

    assert metrics(shown["day"]) == {"amount": two_of_five, "code": two_of_five, "plan": None}


def test_its_numbers_stand_in_the_table_for_notebooks(shown):
    numbers, texts, words = shown["table"]

    assert (numbers["zeros"], texts["share_of_zeros"]) == (2.0, 0.4)
    assert (words["zeros"], words["share_of_zeros"]) == (None, None)
