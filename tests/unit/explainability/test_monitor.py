"""The monitor on attributions that are built by hand: documents, checks, violations, metrics, page."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import AttributionMeasures, run_baseline
from spark_model_monitor.documents.analysis_config import Aggregation, AnalysisConfig
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.clarify_files import AttributionReport, BiasReport
from spark_model_monitor.errors import BadInput, BadState
from spark_model_monitor.monitors.explainability.attribution_partition import Grid
from spark_model_monitor.monitors.explainability.attribution_results import (
    PartialDependence,
    Tolerances,
    analyse_attributions,
)
from spark_model_monitor.monitors.explainability.monitor import ExplainabilityMonitor
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.reports.page.page_files import render_html
from spark_model_monitor.statistics.states import Profile
from spark_model_monitor.statistics.states.attributions import Attributions, AttributionsBuilder

FEATURES = ("a", "b", "c")
MONITOR = ExplainabilityMonitor()


def make_state(
    scales, *, rows=2000, aggregation="mean_abs", baseline="a,b,c\r\n0,0,0\r\n", seed=0, outputs=("label0",)
):
    """Rows whose attributions are normal, each feature's with its own spread."""
    values = np.random.default_rng(seed).normal(size=(rows, len(outputs), len(scales))) * scales
    builder = AttributionsBuilder(
        Attributions(FEATURES[: len(scales)], outputs, aggregation, baseline, np.full(len(outputs), 0.25))
    )
    builder.update(values, np.arange(rows, dtype=np.uint64), exact=rows)
    return builder.state(), values


def judged(state, baseline, *, monitor=MONITOR, with_state=True):
    stored_baseline = monitor.stored_baseline(
        monitor.documents(baseline, analyse_attributions(baseline))[0], None, baseline if with_state else None
    )
    return monitor.judge(Sample(state, monitor.metrics(state)), stored_baseline).results


@pytest.mark.parametrize(
    ("aggregation", "by_numpy"),
    [
        ("mean_abs", lambda values: np.abs(values).mean(axis=0)),
        ("mean_sq", lambda values: (values**2).mean(axis=0)),
        ("median", lambda values: np.median(values, axis=0)),
    ],
)
def test_global_values_are_numpys(aggregation, by_numpy):
    state, values = make_state([3.0, 1.0, 0.1], aggregation=aggregation)

    analysis = analyse_attributions(state)

    assert analysis.aggregation is Aggregation(aggregation)
    np.testing.assert_allclose(list(analysis.outputs[0].values.values()), by_numpy(values[:, 0]), rtol=1e-12)


def test_the_standard_error_is_that_of_a_mean():
    state, values = make_state([3.0, 1.0, 0.1], rows=6400)
    expected = np.abs(values[:, 0]).std(axis=0) / np.sqrt(6400)

    errors = list(analyse_attributions(state).outputs[0].errors.values())

    np.testing.assert_allclose(errors, expected, rtol=0.3)  # of 64 blocks: within 9 % in two cases of three
    assert set(analyse_attributions(make_state([1.0], aggregation="median")[0]).outputs[0].errors.values()) == {None}


def test_the_document_is_the_services():
    state, _ = make_state([2.0, 1.0])
    text = MONITOR.documents(state, analyse_attributions(state))[0].to_json()

    document = json.loads(text)
    values = document["explanations"]["kernel_shap"]["label0"]
    assert list(document) == ["version", "explanations"]
    assert list(values) == ["global_shap_values", "expected_value"]
    assert values["expected_value"] == 0.25
    assert text.startswith('{\n    "version": "1.0",\n    "explanations": {\n        "kernel_shap": {\n')


def test_a_file_with_bias_and_explanations_keeps_both_whoever_reads_it():
    state, _ = make_state([2.0])
    document = json.loads(MONITOR.documents(state, analyse_attributions(state))[0].to_json())
    document["pre_training_bias_metrics"] = {"label": "hired", "facets": {}, "label_value_or_threshold": "1"}

    for kind in (AttributionReport, BiasReport):
        assert json.loads(kind.from_json(json.dumps(document)).to_json()) == document


def test_the_same_ranking_passes_and_another_one_is_the_services_violation():
    baseline, _ = make_state([3.0, 1.0, 0.1])

    (same, *_) = judged(make_state([3.0, 1.0, 0.1], seed=1)[0], baseline)
    (finding, *_) = judged(make_state([0.1, 1.0, 3.0], seed=1)[0], baseline)

    assert same.status is CheckStatus.PASSED
    assert same.interval[0] <= same.observed <= same.interval[1] <= 1
    assert finding.status is CheckStatus.VIOLATED
    (violation,) = MONITOR.violations((same, finding)).violations
    assert violation.plain() == {
        "label": "label0",
        "metric_name": "shap",
        "constraint_check_type": "feature_attribution_drift_check",
        "description": f"Feature attribution drift {finding.observed} exceeds threshold 0.9",
    }


def test_few_rows_another_output_other_baseline_rows_and_one_feature_are_not_judged():
    baseline, _ = make_state([3.0, 1.0])

    assert judged(make_state([3.0, 1.0], rows=99)[0], baseline)[0].status is CheckStatus.CANNOT_TELL
    for state, reason, status in (
        (make_state([1.0, 3.0], outputs=("other",))[0], "does not have this output", CheckStatus.NOT_JUDGED),
        (make_state([1.0, 3.0], baseline="a,b\r\n1,1\r\n")[0], "other baseline rows", CheckStatus.CANNOT_TELL),
    ):
        (result, *_) = judged(state, baseline)
        assert result.status is status
        assert reason in result.reason
    alone, _ = make_state([3.0])
    assert judged(alone, alone)[0].reason == "one feature alone has no ranking"


def changes(state, baseline, **options):
    results = judged(state, baseline, **options)
    return {result.feature: result for result in results if result.check == "attribution_change_check"}


@pytest.mark.parametrize("with_state", [True, False])
def test_a_feature_that_lost_its_attribution_is_found_though_the_ranking_is_the_same(with_state):
    baseline, _ = make_state([3.0, 1.0, 0.1])

    findings = changes(make_state([1.2, 1.0, 0.1], seed=1)[0], baseline, with_state=with_state)

    assert [findings[name].status for name in FEATURES] == [
        CheckStatus.VIOLATED,
        CheckStatus.PASSED,
        CheckStatus.PASSED,
    ]
    low, high = findings["a"].interval
    assert low < findings["a"].observed < high < -0.25 * 2.39  # a quarter of 3 * sqrt(2 / pi)
    assert findings["a"].description.startswith("Attribution of a is 0.9")
    assert not MONITOR.violations(tuple(findings.values())).violations  # they stand in checks.json alone


def test_intervals_of_changes_have_the_level_of_the_family_by_students_t():
    baseline, _ = make_state([3.0, 1.0, 0.1], rows=4000)
    window, _ = make_state([3.0, 1.0, 0.1], seed=1)
    errors = [analyse_attributions(state).outputs[0].errors["a"] for state in (baseline, window)]

    low, high = changes(window, baseline)["a"].interval

    assert (high - low) / 2 == pytest.approx(
        3.6945996804 * np.hypot(*errors), rel=1e-9
    )  # scipy.stats.t.isf(1 / 720 / 3 / 2, 63)


def test_the_ledger_says_what_share_of_healthy_runs_may_blame_a_feature():
    state, _ = make_state([3.0, 1.0], outputs=("no", "yes"))
    stored_baseline = MONITOR.stored_baseline(MONITOR.documents(state, analyse_attributions(state))[0], None, state)

    sample = Sample(state, analyse_attributions(state))
    ledger = MONITOR.judge(sample, stored_baseline).budget

    assert [family.plain() for family in ledger.families] == [{"family": "attributions", "level": 1 / 720, "tests": 4}]
    assert (
        ExplainabilityMonitor(tolerances=Tolerances(with_changes=False)).judge(sample, stored_baseline).budget is None
    )


def test_a_change_near_the_limit_passes_with_the_reason():
    baseline, _ = make_state([3.0, 1.0, 0.1])

    findings = changes(make_state([2.3, 1.0, 0.1], rows=120, seed=1)[0], baseline)

    assert findings["a"].status is CheckStatus.PASSED
    assert findings["a"].reason == "the interval reaches across the limit"


def test_an_interval_wider_than_the_limit_can_not_tell_and_says_what_to_do():
    baseline, _ = make_state([3.0, 1.0, 0.1])
    tight = Tolerances(relative=0.01, absolute=0.001)

    monitor = ExplainabilityMonitor(tolerances=tight)
    window, _ = make_state([3.0, 1.0, 0.1], rows=120, seed=1)
    change_of_a = changes(window, baseline, monitor=monitor)["a"]

    assert change_of_a.status is CheckStatus.CANNOT_TELL
    assert change_of_a.advice == "explain more rows, or take longer windows"


@pytest.mark.nightly
def test_healthy_windows_are_hardly_ever_blamed():
    baseline, _ = make_state([3.0, 1.0, 0.1], rows=5000)

    blamed = sum(
        result.status is CheckStatus.VIOLATED
        for seed in range(1, 101)
        for result in changes(make_state([3.0, 1.0, 0.1], rows=200, seed=seed)[0], baseline).values()
    )

    assert blamed == 0


def test_medians_have_no_intervals():
    state, _ = make_state([3.0, 1.0], aggregation="median")

    assert judged(state, state)[0].interval is None
    assert {result.reason for result in changes(state, state).values()} == {"medians have no intervals"}


def test_metrics_are_those_of_the_service_and_the_gain():
    state, _ = make_state([2.0, 1.0])
    results = judged(state, state)

    published = MONITOR.judge(Sample(state, analyse_attributions(state)), None).published_metrics(results, None)

    by_name = {metric.name: metric for metric in published}
    assert list(by_name) == ["feature_a", "feature_b", "ExpectedValue", "ndcg", "total_number_of_violations"]
    assert by_name["feature_a"].dimensions == {
        "ExplainabilityMethod": "KernelShap",
        "Label": "label0",
        "ValueType": "GlobalShapValues",
    }
    assert (by_name["ndcg"].value, by_name["total_number_of_violations"].value) == (1.0, 0)


def test_the_page_names_the_largest_feature_first_and_how_large_a_change_may_be():
    state, _ = make_state([1.0, 3.0, 0.1])
    stored_baseline = MONITOR.stored_baseline(MONITOR.documents(state, analyse_attributions(state))[0], None, state)

    page = MONITOR.judge(Sample(state, analyse_attributions(state)), stored_baseline).page(judged(state, state))

    table = page.sections[0].blocks[1]
    assert [line.cells[0] for line in table.lines] == ["b", "a", "c"]
    assert "no change larger than" in render_html(page)


def test_partial_dependence_on_a_number_is_a_curve_from_the_least_to_the_largest():
    state, _ = make_state([1.0, 3.0])
    grid = Grid(True, (10.0, 20.0, 40.0), (0.2, 0.5, 0.3))
    words = Grid(False, ("no", "yes"), (0.5, 0.5))
    dependence = (
        PartialDependence("a", grid, np.array([[0.5, 0.75, 0.25]]), ("label0",)),
        PartialDependence("b", words, np.array([[0.1, 0.2]]), ("label0",)),
    )

    page = MONITOR.judge(Sample(state, replace(analyse_attributions(state), dependence=dependence)), None).page(())

    of_number, of_words = (section.blocks for section in page.sections if "dependence" in section.heading)
    assert of_number[0].points == ((0.0, 0.5), (pytest.approx(1 / 3), 1.0), (1.0, 0.0))
    assert of_number[0].axes == ("a, 10 to 40", "label0, 0.25 to 0.75")
    assert len(of_words) == 1
    assert "label0 over a" in render_html(page)


def test_a_baseline_of_another_monitor_is_refused():
    with pytest.raises(BadState, match="kind 'profile'; name a baseline of explainability"):
        MONITOR.stored_baseline(AttributionReport.from_json('{"explanations": {}}'), None, Profile())


def test_features_can_be_left_out_of_a_baseline():
    state, _ = make_state([3.0, 1.0])
    stored_baseline = MONITOR.stored_baseline(MONITOR.documents(state, analyse_attributions(state))[0], None, state)

    assert list(stored_baseline.drop_features({"a"}).constraints.values["label0"]) == ["b"]
    assert stored_baseline.names == ()


def test_the_report_is_called_as_the_configuration_says():
    from spark_model_monitor.monitors.explainability.attribution_measures import AttributionMeasures

    config = AnalysisConfig.from_json('{"methods": {"shap": {}, "report": {"name": "churn", "title": "Churn"}}}')
    state, _ = make_state([1.0])
    monitor = ExplainabilityMonitor(AttributionMeasures.of(config, len))

    page = monitor.judge(Sample(state, analyse_attributions(state)), None).page(())

    assert (page.name, page.title) == ("churn", "Churn")


def failing(frame):
    raise ValueError(f"no such town: {frame['town'].iloc[0]}")


@pytest.mark.parametrize(
    ("shap", "message"),
    [
        pytest.param({"num_clusters": 1}, "raised ValueError, called", id="of the data"),
        pytest.param({"baseline": [[0, "Rome"]]}, "raised ValueError: no such town: Rome", id="of the configuration"),
    ],
)
def test_what_a_model_says_of_baseline_rows_is_repeated_where_the_configuration_has_them(shap, message):
    config = AnalysisConfig.from_json(json.dumps({"methods": {"shap": shap}}))
    frame = pd.DataFrame({"age": range(40), "town": ["a secret"] * 40})

    with pytest.raises(BadInput) as raised:
        run_baseline(frame, ExplainabilityMonitor(AttributionMeasures.of(config, failing)), engine="local")

    assert message in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(("label", "is_told"), [("y", False), ("Y", True)])
def test_a_label_that_is_no_column_is_reported(caplog, label, is_told):
    config = AnalysisConfig.from_json(
        json.dumps({"label": label, "methods": {"shap": {"baseline": [[0] * (1 + is_told)]}}})
    )
    frame = pd.DataFrame({"a": np.arange(20.0), "y": 0.0})

    run_baseline(frame, ExplainabilityMonitor(AttributionMeasures.of(config, lambda rows: rows["a"].to_numpy())))

    assert ("Y is no column of the data, so that no other one is left out for it: a, y" in caplog.text) is is_told
