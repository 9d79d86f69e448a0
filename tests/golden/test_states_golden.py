"""States of the golden inputs are what the real service wrote about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from spark_model_monitor.statistics.states import (
    DataTypeCounts,
    DistinctBuilder,
    FrequenciesBuilder,
    HistogramBin,
    KllBuilder,
    KllSketch,
    Moments,
    MomentsBuilder,
)
from spark_model_monitor.statistics.states.data_types import parse_numbers
from spark_model_monitor.statistics.states.hashing import hash_texts

BLOCK = 8192
NUMERIC_COLUMNS_OF_HOUSING = 8
FEATURES_IN_THE_LOG_OF_CHURN = 33


def read_columns(path: Path) -> dict[str, pa.Array]:
    """The cells of a CSV file as texts, by column, in file order."""
    names = pa.csv.open_csv(path).schema.names
    table = pa.csv.read_csv(path, convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())))
    return {name: table.column(name).combine_chunks() for name in names}


def read_features(path: Path) -> dict[str, dict[str, Any]]:
    return {feature["name"]: feature for feature in json.loads(path.read_text())["features"]}


def built(builder: KllBuilder | MomentsBuilder, values: np.ndarray) -> Any:
    for start in range(0, len(values), BLOCK):
        builder.update(values[start : start + BLOCK])
    return builder.state()


def build_sketch(cells: pa.Array) -> KllSketch:
    return built(KllBuilder(), parse_numbers(cells))


def build_moments(cells: pa.Array) -> Moments:
    return built(MomentsBuilder(), parse_numbers(cells))


def build_buckets(cells: pa.Array) -> list[HistogramBin]:
    moments = build_moments(cells)
    return build_sketch(cells).buckets(moments.minimum, moments.maximum)


def numerical(features: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        name: feature["numerical_statistics"] for name, feature in features.items() if "numerical_statistics" in feature
    }


@pytest.fixture(scope="module")
def housing(golden):
    """Cells by column, and the service's features by name, of 23,432 rows (dq-housing-full, G5 and G7)."""
    folder = golden / "dq-housing-full"
    return read_columns(folder / "input.csv"), read_features(folder / "statistics.json")


@pytest.fixture(scope="module")
def churn(golden):
    """Cells by column, and the service's features by name, of 2,333 rows (dq-churn, G3 and G5)."""
    folder = golden / "dq-churn"
    return read_columns(folder / "input.csv"), read_features(folder / "statistics.from-log.json")


def test_sketches_of_housing_have_the_services_items_in_their_order(housing):
    cells, features = housing
    published = numerical(features)

    assert len(published) == NUMERIC_COLUMNS_OF_HOUSING
    for name, statistics in published.items():
        sketch = build_sketch(cells[name])
        assert [level.tolist() for level in sketch.levels] == statistics["distribution"]["kll"]["sketch"]["data"], name
        assert {"k": sketch.k, "c": sketch.c} == statistics["distribution"]["kll"]["sketch"]["parameters"], name


@pytest.mark.parametrize(
    ("data_set", "columns"), [("housing", NUMERIC_COLUMNS_OF_HOUSING), ("churn", FEATURES_IN_THE_LOG_OF_CHURN)]
)
def test_buckets_are_the_services_to_the_last_bit(request, data_set, columns):
    cells, features = request.getfixturevalue(data_set)
    published = numerical(features)

    assert len(published) == columns
    for name, statistics in published.items():
        expected = [HistogramBin(**bucket) for bucket in statistics["distribution"]["kll"]["buckets"]]
        assert build_buckets(cells[name]) == expected, name


@pytest.mark.parametrize("data_set", ["housing", "churn"])
def test_moments_are_the_services(request, data_set):
    cells, features = request.getfixturevalue(data_set)

    for name, statistics in numerical(features).items():
        moments = build_moments(cells[name])
        assert moments.count == statistics["common"]["num_present"], name
        assert moments.sum == statistics["sum"], name
        assert moments.average == statistics["mean"], name
        assert moments.minimum == statistics["min"], name
        assert moments.maximum == statistics["max"], name
        assert moments.standard_deviation == pytest.approx(statistics["std_dev"], rel=1e-12, abs=0.0), name


@pytest.mark.parametrize("data_set", ["housing", "churn"])
def test_inferred_types_are_the_services(request, data_set):
    cells, features = request.getfixturevalue(data_set)

    for name, feature in features.items():
        counts = DataTypeCounts.of(cells[name], accept_exponents=False)
        assert counts.inferred_type() == feature["inferred_type"], name


def test_frequencies_of_housing_are_the_services_categories(housing):
    cells, features = housing
    published = {
        name: feature["string_statistics"]["distribution"]["categorical"]["buckets"]
        for name, feature in features.items()
        if "distribution" in feature.get("string_statistics", {})
    }

    assert set(published) == {"event_time", "state", "county"}
    for name, buckets in published.items():
        builder = FrequenciesBuilder()
        counted = cells[name].value_counts()
        builder.update(counted.field("values"), counted.field("counts").to_numpy())
        frequencies = builder.state()
        assert frequencies.exact
        assert frequencies.counts == {bucket["value"]: bucket["count"] for bucket in buckets}, name


def test_distinct_counts_of_housing_are_the_services(housing):
    """All 14, of the text of the cell: 24,000 for the 23,432 unique ids, 5,097 for the prices (G7)."""
    cells, features = housing

    estimates = {}
    for name in cells:
        builder = DistinctBuilder()
        builder.update(hash_texts(cells[name]))
        estimates[name] = builder.state().estimate()

    assert estimates == {name: int(distinct_count(feature)) for name, feature in features.items()}


def distinct_count(feature: dict[str, Any]) -> float:
    if "string_statistics" in feature:
        return feature["string_statistics"]["distinct_count"]
    return feature["numerical_statistics"]["approximate_num_distinct_values"]
