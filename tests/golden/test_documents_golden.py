"""Files that the real service wrote, read and written back. They are the cases of docs/reference/golden.md."""

import json

import pytest

from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.documents.statistics import InferredType, Statistics, as_rows

AS_PRINTED = {
    "dq-housing-full/statistics.json": Statistics,
    "dq-housing-full/constraints.json": Constraints,
    "dq-cookbook/baseline/statistics.json": Statistics,
    "dq-cookbook/baseline/constraints.json": Constraints,
    "dq-churn/constraints.json": Constraints,
}
RE_SERIALISED = {
    "dq-churn/statistics.from-log.json": Statistics,
    "dq-cookbook/run/statistics.json": Statistics,
    "dq-cookbook/run/baseline-constraints-used.json": Constraints,
}


@pytest.mark.parametrize("name", AS_PRINTED)
def test_a_file_of_the_service_is_written_back_byte_for_byte(golden, name):
    text = (golden / name).read_text(encoding="utf-8")

    written = AS_PRINTED[name].from_json(text, name).to_json()

    assert written == text.removesuffix("\n")  # the copies that were committed somewhere end in a newline


@pytest.mark.parametrize("name", RE_SERIALISED)
def test_a_file_printed_otherwise_keeps_its_content_and_the_order_of_its_members(golden, name):
    text = (golden / name).read_text(encoding="utf-8")

    written = RE_SERIALISED[name].from_json(text, name).to_json()

    assert json.dumps(json.loads(written)) == json.dumps(json.loads(text))


@pytest.mark.parametrize(
    "name", [name for name, kind in {**AS_PRINTED, **RE_SERIALISED}.items() if kind is Constraints]
)
def test_all_that_the_service_writes_into_constraints_is_recognised(golden, name):
    assert not [*Constraints.from_json((golden / name).read_bytes(), name).unknown_members()]


def test_the_housing_statistics_say_what_the_file_says(golden):
    statistics = Statistics.from_json((golden / "dq-housing-full/statistics.json").read_bytes())
    price = statistics.feature("price")

    assert statistics.dataset.item_count == 23432
    assert len(statistics.features) == 14
    assert price.inferred_type is InferredType.FRACTIONAL
    assert price.numerical_statistics.mean == 614658.9799806821
    assert price.num_distinct == 5097
    buckets = price.distribution.kll.buckets
    sketch = price.distribution.kll.sketch
    assert len(buckets) == 10
    assert sum(bucket.count for bucket in buckets) == 23432
    assert (sketch.parameters.c, sketch.parameters.k) == (0.64, 2048.0)
    assert sum(len(level) * 2**height for height, level in enumerate(sketch.data)) == 23432  # G6
    (time,) = statistics.feature("event_time").distribution.categorical.buckets
    assert (time.value, time.count) == ("2024-10-27T17:39:31Z", 23432)


def test_the_housing_statistics_as_rows(golden):
    rows = as_rows(Statistics.from_json((golden / "dq-housing-full/statistics.json").read_text()))

    assert rows[0] | {"completeness": 1.0} == {
        "feature": "id",
        "inferred_type": "String",
        "num_present": 23432,
        "num_missing": 0,
        "completeness": 1.0,
        "distinct": 24000,
        "mean": None,
        "std_dev": None,
        "min": None,
        "max": None,
        "p25": None,
        "median": None,
        "p75": None,
    }
    assert (rows[3]["feature"], rows[3]["std_dev"], rows[3]["max"]) == ("price", 974816.9090171932, 3.8e7)


def test_the_housing_constraints_hold_the_defaults_for_every_feature(golden):  # G12
    constraints = Constraints.from_json((golden / "dq-housing-full/constraints.json").read_text())

    assert {constraints.settings_for(feature.name) for feature in constraints.features} == {
        MonitoringSettings(verdicts="none")
    }
    assert constraints.monitoring_config == MonitoringSettings(verdicts="none").as_config()
    assert len(constraints.feature("state").domains) == 54  # G9
    assert constraints.feature("id").domains is None
    assert constraints.feature("price").num_constraints.is_non_negative


def test_constraints_of_2021_lack_the_categorical_members_and_mean_the_same(golden):
    constraints = Constraints.from_json((golden / "dq-churn/constraints.json").read_text())

    assert constraints.monitoring_config.distribution_constraints.categorical_drift_method is None
    assert constraints.settings_for("Churn") == MonitoringSettings(verdicts="none")
    assert constraints.settings_for("Churn").comparison_method == "Robust"
