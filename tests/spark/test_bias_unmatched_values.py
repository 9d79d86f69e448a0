"""A facet's configured values that no row has, on Spark: the same words as without it."""

from __future__ import annotations

import logging

import pandas as pd
import pytest

from spark_model_monitor import AnalysisConfig, BiasMeasures, BiasMonitor, run_baseline, run_monitoring


@pytest.fixture
def monitor():
    facet = '{"name_or_index": "sex", "value_or_threshold": ["F"]}'
    text = f'{{"label": "hired", "label_values_or_threshold": [1], "facet": [{facet}]}}'
    return BiasMonitor(BiasMeasures.of(AnalysisConfig.from_json(text)))


def people(spark, first, second):
    """Half of each of two groups is hired."""
    rows = [(name, hired) for name in (first, second) for hired in (0, 1)] * 75
    return spark.createDataFrame(pd.DataFrame(rows, columns=["sex", "hired"]))


def test_a_value_that_differs_by_blanks_alone_is_a_warning_at_the_baseline(spark, monitor, caplog):
    with caplog.at_level(logging.WARNING):
        run_baseline(people(spark, " F", " M"), monitor).files_of_data()

    assert "no row has the configured value 'F'; a value of the data differs from it by blanks alone" in caplog.text


def test_a_window_without_the_group_is_never_unchanged(spark, monitor):
    baseline = run_baseline(people(spark, "F", "M"), monitor)

    findings = run_monitoring(people(spark, "Female", "M"), monitor, baseline)

    assert findings.outcome.value == "cannot tell"
    assert {feature.reason for feature in findings.unsure} == {"no row has the configured value 'F'"}


CODES: list[list[int] | list[float] | list[str] | list[bool]] = [[1, 0], [1.0, 0.0], ["1.0", "0.0"], [True, False]]


@pytest.mark.parametrize("codes", CODES, ids=repr)
def test_a_code_in_another_type_is_the_same_group(spark, codes):
    """A window's integers that became doubles, texts or booleans, where its baseline has integers."""
    facet = '{"name_or_index": "sex", "value_or_threshold": [1]}'
    text = f'{{"label": "hired", "label_values_or_threshold": [1], "facet": [{facet}]}}'
    monitor = BiasMonitor(BiasMeasures.of(AnalysisConfig.from_json(text)))
    baseline = run_baseline(people(spark, 1, 0), monitor)

    findings = run_monitoring(people(spark, *codes), monitor, baseline)

    assert findings.outcome.value == "unchanged"


def test_a_code_that_became_a_double_is_the_same_group_by_value(spark):
    text = '{"label": "hired", "label_values_or_threshold": [1], "facet": [{"name_or_index": "sex"}]}'
    monitor = BiasMonitor(BiasMeasures.of(AnalysisConfig.from_json(text)))
    baseline = run_baseline(people(spark, 1, 0), monitor)

    findings = run_monitoring(people(spark, 1.0, 0.0), monitor, baseline)

    assert findings.outcome.value == "unchanged"
