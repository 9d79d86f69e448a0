"""A facet's configured values that no row has: at the baseline, and in a window of which the group is gone."""

from __future__ import annotations

import logging
from dataclasses import replace

import pandas as pd
import pytest

from spark_model_monitor import AnalysisConfig, BiasMeasures, BiasMonitor, run_baseline, run_monitoring
from spark_model_monitor.monitors.bias.choices import describe_unmatched
from spark_model_monitor.statistics.states.contingency_plan import ValuedColumn
from spark_model_monitor.statistics.user_choices import ValueKind


@pytest.mark.parametrize(
    ("configured", "texts", "unmatched"),
    [
        (("F",), ["F", "M"], []),
        (("F",), ["Female", "M"], [("'F'", None)]),
        (("f",), ["F", "M"], [("'f'", "by case alone")]),
        (("F",), [" F", " M"], [("'F'", "by blanks alone")]),
        (("F",), ["f ", "M"], [("'F'", "by case and blanks alone")]),
        (("F",), ["f", "F ", "M"], [("'F'", "by blanks alone")]),
        (("F", "X"), ["F", "M"], [("'X'", None)]),
        ((1,), ["1.0", "0.0"], []),
        ((1,), ["0", "2"], [("1", None)]),
        ((True,), ["true", "false"], []),
    ],
)
def test_a_value_matches_as_text_number_or_truth_and_its_nearest_is_described(configured, texts, unmatched):
    sentences = list(describe_unmatched(ValuedColumn("sex", configured), texts))

    assert len(sentences) == len(unmatched)
    for sentence, (value, difference) in zip(sentences, unmatched, strict=True):
        assert sentence.startswith(f"no row has the configured value {value}")
        assert f"differs from it {difference}:" in sentence or difference is None


TWO_GROUPS = {"F": 60, "M": 60}


def make_monitor(values: str) -> BiasMonitor:
    """A bias monitor of one facet. values: its configured values as JSON, empty for every value."""
    if values:
        configured = f', "value_or_threshold": {values}'
    else:
        configured = ""
    facet = f'{{"name_or_index": "sex"{configured}}}'
    text = f'{{"label": "hired", "label_values_or_threshold": [1], "facet": [{facet}]}}'
    return BiasMonitor(BiasMeasures.of(AnalysisConfig.from_json(text)))


def people(groups: dict[str | float, int]) -> pd.DataFrame:
    """Half of each group is hired."""
    names = [name for name, rows in groups.items() for _ in range(rows)]
    return pd.DataFrame({"sex": names, "hired": [row % 2 for row in range(len(names))]})


@pytest.mark.parametrize(
    ("values", "groups", "expected"),
    [
        pytest.param(
            '["f"]', TWO_GROUPS, "no row has the configured value 'f'; a value of the data differs", id="case"
        ),
        pytest.param('["F"]', {" F": 60, " M": 60}, "differs from it by blanks alone", id="blanks"),
        pytest.param('["F", "X"]', TWO_GROUPS, "no row has the configured value 'X'", id="one of two"),
        pytest.param(
            "[70.5]",
            {30.5: 60, 60.5: 60},
            "no number is above the configured threshold 70.5: another unit?",
            id="number",
        ),
        pytest.param('["F"]', TWO_GROUPS, None, id="it is there"),
    ],
)
def test_the_baseline_warns_of_values_that_no_row_has(caplog, values, groups, expected):
    with caplog.at_level(logging.WARNING):
        run_baseline(people(groups), make_monitor(values)).files_of_data()

    messages = [record.getMessage() for record in caplog.records]
    warnings = [message for message in messages if "facet" in message]
    assert bool(warnings) == (expected is not None)
    if expected is not None:
        assert expected in warnings[0]
    assert not any("' F'" in warning or "'F'; a value of the data is" in warning for warning in warnings)


AGES = dict.fromkeys(range(18, 80), 60)


@pytest.mark.parametrize(
    ("values", "ages", "types", "is_meant"),
    [
        pytest.param("[40]", AGES, {}, True, id="one of many integers"),
        pytest.param("[40]", AGES, {"sex": ValueKind.CATEGORICAL}, False, id="said to be a category"),
        pytest.param("[40, 50]", AGES, {}, False, id="two values"),
        pytest.param("[40]", {float(age) + 0.5: rows for age, rows in AGES.items()}, {}, False, id="fractions"),
        pytest.param("[1]", {0: 2000, 1: 1000, 2: 1000, 999: 10}, {}, False, id="few codes"),
    ],
)
def test_the_baseline_warns_of_a_category_that_looks_like_a_threshold(caplog, values, ages, types, is_meant):
    monitor = make_monitor(values)
    monitor = replace(monitor, wanted=replace(monitor.measures(), column_types=types))
    baseline = run_baseline(people(ages), monitor)
    baseline.files_of_data()
    assert ("column_types=sex=continuous" in caplog.text) == is_meant

    # Windows treat the column like their baseline, so they repeat nothing
    caplog.clear()
    run_monitoring(people(ages), monitor, baseline).files()
    assert "column_types=sex=continuous" not in caplog.text


@pytest.mark.parametrize("values", ['["F"]', ""], ids=["configured", "every value is a group"])
@pytest.mark.parametrize(
    ("groups", "outcome"),
    [
        pytest.param({"Female": 60, "M": 60}, "cannot tell", id="renamed"),
        pytest.param({"M": 120}, "cannot tell", id="gone"),
        pytest.param(TWO_GROUPS, "unchanged", id="there"),
    ],
)
def test_a_window_without_the_group_is_never_unchanged(values, groups, outcome):
    monitor = make_monitor(values)
    baseline = run_baseline(people({"F": 4000, "M": 4000}), monitor)

    window = {name: 50 * rows for name, rows in groups.items()}
    findings = run_monitoring(people(window), monitor, baseline)

    assert findings.outcome.value == outcome
    if outcome == "cannot tell":
        assert any("no row has the" in feature.reason for feature in findings.unsure)


def test_a_threshold_of_another_unit_gets_the_advice_to_look_at_the_unit():
    monitor = make_monitor("[30000]")
    baseline = run_baseline(people({20000.5: 60, 40000.5: 60}), monitor)

    [advice] = {feature.advice for feature in run_monitoring(people({20.5: 60, 40.5: 60}), monitor, baseline).unsure}
    assert "another unit" in advice


@pytest.mark.parametrize(
    ("groups", "outcome"),
    [
        pytest.param({"F": 2000, "x": 1000, "M": 3000}, "cannot tell", id="renamed"),
        pytest.param({"F": 2000, "M": 3000}, "cannot tell", id="gone"),
        pytest.param({"F": 2000, "X": 1000, "M": 3000}, "unchanged", id="there"),
        pytest.param({"F": 2000, "X": 1000, "x": 20, "M": 3000}, "unchanged", id="spelt otherwise in few rows"),
    ],
)
def test_a_window_without_one_of_several_values_of_the_group_is_never_unchanged(groups, outcome):
    monitor = make_monitor('["F", "X"]')
    baseline = run_baseline(people({"F": 4000, "X": 2000, "M": 6000}), monitor)

    findings = run_monitoring(people(groups), monitor, baseline)

    assert findings.outcome.value == outcome
    if outcome == "cannot tell":
        assert any("no row has the configured value 'X'" in feature.reason for feature in findings.unsure)


def test_a_rare_value_of_the_group_may_be_missing_by_chance():
    monitor = make_monitor('["F", "X"]')
    baseline = run_baseline(people({"F": 4000, "X": 20, "M": 4000}), monitor)

    findings = run_monitoring(people({"F": 200, "M": 200}), monitor, baseline)

    assert not any("configured value" in feature.reason for feature in findings.unsure)


@pytest.mark.parametrize("values", ['["F"]', '["F", "X"]', ""], ids=["one value", "two values", "every value"])
def test_a_window_whose_facet_is_empty_is_never_unchanged(values):
    monitor = make_monitor(values)
    baseline = run_baseline(people({"F": 4000, "M": 4000}), monitor)
    rows = people({"F": 3000, "M": 3000})

    findings = run_monitoring(rows.assign(sex=None), monitor, baseline)

    assert findings.outcome.value == "cannot tell"
    assert any("no row has the" in feature.reason for feature in findings.unsure)


@pytest.mark.parametrize(("age", "outcome"), [(None, "cannot tell"), (50.5, "unchanged")])
def test_a_window_without_numbers_in_a_facet_with_a_threshold_is_never_unchanged(age, outcome):
    monitor = make_monitor("[40.5]")
    baseline = run_baseline(people({30.5: 4000, 50.5: 4000}), monitor)
    rows = people({30.5: 3000, 50.5: 3000})
    if age is None:
        rows["sex"] = float("nan")

    assert run_monitoring(rows, monitor, baseline).outcome.value == outcome


def test_a_rare_group_may_be_missing_by_chance():
    monitor = make_monitor("")
    baseline = run_baseline(people({"F": 4000, "M": 4000, "X": 2}), monitor)

    findings = run_monitoring(people({"F": 3000, "M": 3000}), monitor, baseline)

    assert not any("X" in feature.name for feature in findings.unsure)


def test_a_positive_label_that_differs_in_capitals_is_named(caplog):
    text = '{"label": "hired", "label_values_or_threshold": ["yes"], "facet": [{"name_or_index": "sex"}]}'
    monitor = BiasMonitor(BiasMeasures.of(AnalysisConfig.from_json(text)))
    rows = people(TWO_GROUPS).replace({"hired": {0: "No", 1: "Yes"}})
    run_baseline(rows, monitor, engine="local").documents  # noqa: B018 -- for what it logs

    assert (
        "label 'hired': no row has the configured value 'yes'; a value of the data differs from it by case alone"
        in caplog.text
    )
