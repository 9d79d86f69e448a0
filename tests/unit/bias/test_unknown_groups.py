"""Rows whose facet is missing: they count in the rest, as Clarify counts them; each metric is also computed without them. Rows
whose label or prediction is missing count as negative, but are no evidence of it.

The figures are by hand, from 400 women of whom 160 are positive and 600 men of whom 360 are.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from spark_model_monitor import AnalysisConfig, BiasMeasures, BiasMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.page import PageTable
from spark_model_monitor.statistics.states.contingency import Contingency
from spark_model_monitor.statistics.user_choices import ValueKind

# The group in each form in which a facet may be configured, and its cells for women and men
FACETS = {
    "a value": ({"value_or_threshold": ["f"]}, "f", ("f", "m")),
    "each value": ({}, "f", ("f", "m")),
    "a threshold": ({"value_or_threshold": [40]}, "40", (50.5, 30.5)),
    "several numbers": ({"value_or_threshold": [1, 2]}, "1,2", (2, 0)),
}
AT_RANDOM = {("woman", 1): 48, ("woman", 0): 72, ("man", 1): 108, ("man", 0): 72}  # 30 % of each kind of rows
OF_WOMEN = {("woman", 1): 120, ("woman", 0): 180}  # three of four women, 30 % of all rows
ROWS = {("woman", 1): 160, ("woman", 0): 240, ("man", 1): 360, ("man", 0): 240}


def make_rows(unknown, cells=("f", "m"), missing=None):
    """The rows; the facet of as many as `unknown` has of a kind is missing."""
    rows = [
        (missing if number < unknown.get(kind, 0) else cells[kind[0] == "man"], kind[1], number % 2)
        for kind, size in ROWS.items()
        for number in range(size)
    ]
    return pd.DataFrame(rows, columns=["sex", "label", "region"]).sample(frac=1, random_state=1, ignore_index=True)


def make_monitor(facet, **members):
    config = {
        "label": "label",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "sex", **facet}],
        "methods": {"pre_training_bias": {"methods": ["CI", "DPL"]}},
        **members,
    }
    measures = BiasMeasures.of(AnalysisConfig.from_json(json.dumps(config)))
    return BiasMonitor(replace(measures, column_types={"label": ValueKind.CATEGORICAL}), find_causes=False)


MONITOR = make_monitor(FACETS["a value"][0])


def monitor_rows(rows, monitor=MONITOR):
    """The findings of a window by a baseline of the same rows."""
    return run_monitoring(rows, monitor, run_baseline(rows, monitor, engine="local"), engine="local")


def read_checks(findings, value="f"):
    checks = json.loads(findings.files()["checks.json"])["checks"]
    return {check["metric"]: check for check in checks if check["facet_value"] == value}


@pytest.mark.parametrize(("facet", "value", "cells"), FACETS.values(), ids=FACETS)
@pytest.mark.parametrize(
    ("unknown", "judged", "without"),
    [
        # 720 others with 408 positives, or 420 with 252; 280 women with 112
        pytest.param(AT_RANDOM, {"CI": 0.44, "DPL": 0.6 - 1 / 30 - 0.4}, {"CI": 0.2, "DPL": 0.2}, id="at random"),
        # 900 others with 480 positives, or 600 with 360; 100 women with 40
        pytest.param(OF_WOMEN, {"CI": 0.8, "DPL": 480 / 900 - 0.4}, {"CI": 5 / 7, "DPL": 0.2}, id="women only"),
    ],
)
def test_each_metric_has_a_value_without_unknown_rows_beside_it(unknown, judged, without, facet, value, cells):
    checks = read_checks(monitor_rows(make_rows(unknown, cells), make_monitor(facet)), value)

    assert {name: check["observed"] for name, check in checks.items()} == pytest.approx(judged)
    assert {name: check["observed_without_unknown"] for name, check in checks.items()} == pytest.approx(without)
    assert {check["unknown_share"] for check in checks.values()} == {0.3}


def test_the_judged_report_is_that_of_another_value():
    missing, third_value = (
        run_baseline(make_rows(OF_WOMEN, missing=cell), MONITOR, engine="local") for cell in (None, "x")
    )
    assert missing.files()["analysis.json"] == third_value.files()["analysis.json"]


def test_known_rows_alone_have_no_second_figure():
    findings = monitor_rows(make_rows({}))

    assert all("unknown_share" not in check for check in read_checks(findings).values())
    assert "without unknown" not in read_page(findings)


def read_page(findings):
    """The sentences and the titles of columns of a page, one a line."""
    lines = []
    for section in findings.judgement.page(findings.results).sections:
        for block in section.blocks:
            if isinstance(block, PageTable):
                lines += [column.title for column in block.columns]
                lines += [" ".join(line.cells) for line in block.lines]
            elif isinstance(block, str):
                lines.append(block)
    return "\n".join(lines)


def test_the_page_has_both_figures_and_the_share():
    page = read_page(monitor_rows(make_rows(OF_WOMEN)))

    assert "sex is missing in 30 % of all rows" in page
    assert "without unknown" in page
    [line] = [line for line in page.splitlines() if line.startswith("CI ")]
    assert " 0.8 " in line
    assert " 0.7143 " in line


def test_each_segment_has_its_own_figures():
    monitor = make_monitor(FACETS["a value"][0], segment_config=[{"name_or_index": "region", "segments": [[0]]}])
    [group] = monitor.metrics(run_baseline(make_rows(OF_WOMEN), monitor, engine="local").state).groups

    # Each region has half of the rows of each kind
    assert [segment.compute_without_unknown("DPL") for segment in group.segments] == pytest.approx([0.2, 0.2])
    assert [segment.unknown_share for segment in group.segments] == [0.3, 0.3]


def test_a_metric_that_is_undefined_without_unknown_rows_is_left_out():
    rows = make_rows({}).replace("m", None)
    checks = read_checks(monitor_rows(rows))

    assert not any("observed_without_unknown" in check for check in checks.values())
    assert {check["unknown_share"] for check in checks.values()} == {0.6}


def test_unknown_rows_of_parts_add_up():
    rows = make_rows(AT_RANDOM)
    parts = [run_baseline(part, MONITOR, engine="local").state for part in (rows[:300], rows[300:])]
    data_set = run_baseline(rows, MONITOR, engine="local").state

    assert Contingency.from_bytes((parts[0] + parts[1]).to_bytes()).tables == data_set.tables


OUTCOMES = make_monitor(
    FACETS["a value"][0],
    predicted_label="approved",
    label_values_or_threshold=["yes"],
    methods={"pre_training_bias": {"methods": ["DPL"]}, "post_training_bias": {"methods": ["AD", "DPPL"]}},
)


def make_outcomes(missing="", share=0.0, sexes=("f", "m"), approved=("yes", "no")):
    """1,600 rows; half of both sexes have the label and half, independently, are approved. A share of `missing` is missing."""
    rows = pd.DataFrame({"number": range(1600)})
    rows["sex"] = rows["number"].mod(2).map(dict(enumerate(("f", "m"))))
    rows["label"] = rows["number"].floordiv(2).mod(2).map(dict(enumerate(("yes", "no"))))
    rows["approved"] = rows["number"].floordiv(4).mod(2).map(dict(enumerate(approved)))
    is_missing = rows["sex"].isin(sexes) & (rows["number"].floordiv(8).mod(100) < 100 * share)
    if missing:
        rows[missing] = rows[missing].mask(is_missing)
    return rows.drop(columns="number").sample(frac=1, random_state=1, ignore_index=True)


def find_unsure(window, baseline=None):
    """The reasons and the advice of metrics that can't be told, by metric; the others are unchanged."""
    before = run_baseline(make_outcomes() if baseline is None else baseline, OUTCOMES, engine="local")
    findings = run_monitoring(window, OUTCOMES, before, engine="local")
    assert {check.status.value for check in findings.results} <= {"cannot tell", "passed"}
    return {check.metric: (check.reason, check.advice) for check in findings.results if check.is_unsure}


@pytest.mark.parametrize("sexes", [("f", "m"), ("f",), ("m",)], ids="".join)
@pytest.mark.parametrize(
    ("missing", "unsure"), [("label", {"AD", "DPL"}), ("approved", {"AD", "DPPL"})], ids=["label", "prediction"]
)
def test_missing_outcomes_are_no_negative_ones(missing, unsure, sexes):
    reasons = find_unsure(make_outcomes(missing, 0.6, sexes))

    assert reasons.keys() == unsure
    assert all("is missing in 60 %" in reason and "longer" not in advice for reason, advice in reasons.values())
    # As few as a run may refuse, and as many as in the baseline, are judged
    assert find_unsure(make_outcomes(missing, 0.01, sexes)) == {}
    assert find_unsure(make_outcomes(missing, 0.6, sexes), make_outcomes(missing, 0.6, sexes)) == {}


def test_what_is_known_is_judged_without_labels():
    baseline = run_baseline(make_outcomes(), OUTCOMES, engine="local")
    window = make_outcomes("label", 0.6)
    window.loc[window["sex"] == "f", "approved"] = "no"

    violations = run_monitoring(window, OUTCOMES, baseline, engine="local").violations.violations
    assert [violation.metric_name for violation in violations] == ["DPPL"]


@pytest.mark.parametrize("approved", [("1", "0"), ("no", "no"), ("yes", "yes")], ids=["renamed", "none", "all"])
def test_predictions_that_are_all_alike_get_no_advice_to_wait(approved):
    reasons = find_unsure(make_outcomes(approved=approved))

    assert reasons.keys() == {"AD", "DPPL"}
    assert all("and 50 % were" in reason and "another form" in advice for reason, advice in reasons.values())
