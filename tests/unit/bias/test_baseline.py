"""How a window's group finds its like in a baseline."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import AnalysisConfig, BiasMeasures, BiasMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.clarify_files import BiasMetric, BiasPart, BiasReport, GroupMetrics
from spark_model_monitor.monitors.bias.bias_baseline import BiasBaseline
from spark_model_monitor.monitors.bias.choices import Choice
from spark_model_monitor.statistics.user_choices import ValueKind


def baseline(*shown):
    groups = tuple(
        GroupMetrics(value_or_threshold=text, metrics=(BiasMetric(name="CI", value=float(index)),))
        for index, text in enumerate(shown)
    )
    part = BiasPart(label="y", facets={"age": groups}, label_value_or_threshold="1")
    return BiasBaseline(BiasReport(version="1.0", pre_training_bias_metrics=part))


def choice(shown, configured):
    return Choice(shown, configured, frozenset(), ValueKind.CONTINUOUS)


@pytest.mark.parametrize(
    ("baseline_values", "mine", "index"),
    [
        pytest.param(["F", "M"], choice("M", "M"), 1, id="the same value"),
        pytest.param(["(40, 75]"], choice("(40, 68]", "40"), 0, id="the same threshold"),
        pytest.param(["(40, 75]", "(50, 75]"], choice("(50.0, 68.0]", "50.0"), 1, id="one of several thresholds"),
        pytest.param(["40"], choice("(40, 68]", "40"), 0, id="a baseline that has the threshold itself"),
        pytest.param(["(40, 75]"], choice("", "40"), 0, id="a window whose maximum is the threshold"),
        pytest.param([""], choice("(40, 68]", "40"), 0, id="a baseline whose maximum was the threshold"),
        pytest.param(["(30, 40]"], choice("(40, 68]", "40"), 0, id="a baseline whose maximum was below it"),
        pytest.param(["(41, 75]"], choice("(40, 68]", "40"), None, id="another threshold"),
        pytest.param(["F"], choice("M", "M"), None, id="another value"),
        pytest.param(
            ["(40, 75]"], Choice("40", "40", frozenset(), ValueKind.CATEGORICAL), None, id="a value, no threshold"
        ),
    ],
)
def test_a_group_is_matched_by_what_is_configured(baseline_values, mine, index):
    bias = baseline(*baseline_values)

    values = bias.values(bias.constraints, "pre_training", "age", mine)
    assert values == ({} if index is None else {"CI": float(index)})


@pytest.mark.parametrize(("before", "after"), [(300, 10_000), (10_000, 300)])
def test_a_number_that_is_a_threshold_of_few_rows_and_a_value_of_many_is_what_it_is_in_the_baseline(before, after):
    """Whole numbers are values where there are many rows of each: 60 ages in 300 rows are a scale, in 10,000 they are not."""
    random = np.random.default_rng(1)
    facet = [{"name_or_index": "age", "value_or_threshold": [40]}]
    label = {"label": "y", "label_values_or_threshold": [1], "headers": ["y", "age"], "dataset_type": "text/csv"}
    methods = {"pre_training_bias": {"methods": ["CI"]}}
    config = AnalysisConfig.from_json(json.dumps({**label, "facet": facet, "methods": methods}))
    monitor = BiasMonitor(BiasMeasures.of(config))

    def people(rows):
        return pd.DataFrame({"y": random.integers(0, 2, rows), "age": random.integers(18, 80, rows)})

    baseline = run_baseline(people(before), monitor, engine="local")
    [finding] = run_monitoring(people(after), monitor, baseline, engine="local").results
    assert finding.status is CheckStatus.PASSED


def test_a_facet_or_part_that_the_baseline_lacks_has_no_values():
    bias = baseline("F")

    assert bias.values(bias.constraints, "pre_training", "sex", choice("F", "F")) == {}
    assert bias.values(bias.constraints, "post_training", "age", choice("F", "F")) == {}
    assert bias.values(None, "pre_training", "age", choice("F", "F")) == {}


def test_facets_can_be_left_out():
    bias = baseline("F")

    assert bias.drop_features({"age"}).constraints.pre_training_bias_metrics.facets == {}


def test_where_no_label_or_prediction_is_positive_the_log_says_what_to_write(caplog):
    """0.0 and 1.0 are a number, of which none is above 1: every difference was 0, as of a fair model, and nobody heard why."""
    facet = [{"name_or_index": "sex", "value_or_threshold": ["f"]}]
    label = {"label": "y", "label_values_or_threshold": [1], "predicted_label": "p", "facet": facet}
    frame = pd.DataFrame({"sex": [*"fm"] * 50, "y": [0.0, 1.0] * 50, "p": [0, 1] * 50})

    in_words = {"y": ValueKind.CATEGORICAL}
    as_it_is = {}
    for types, warnings in ((as_it_is, ["no label is positive", "no metric of predictions"]), (in_words, [])):
        caplog.clear()
        measures = BiasMeasures.of(AnalysisConfig.from_json(json.dumps(label)))
        run_baseline(frame, BiasMonitor(replace(measures, column_types=types)), engine="local")
        logged = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert [text.startswith(start) for text, start in zip(logged, warnings, strict=True)] == [True] * len(warnings)
        assert all("--set column_types=COLUMN=categorical" in text for text in logged)
