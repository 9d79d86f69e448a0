"""Impact: what moves the model's answers stands before what does not, however far that drifted."""

import json

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor.documents.alarms import collect_alarms
from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.documents.clarify_files import AttributionReport
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import create_distributions
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.explainability.attribution_measures import AttributionMeasures
from spark_model_monitor.monitors.explainability.monitor import ExplainabilityMonitor
from spark_model_monitor.reports.history_page.compare import RunComparison
from spark_model_monitor.reports.history_page.compared_side import ComparedSide
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring

DRAWS = 100


def drawn(random, rows=1000):
    return pd.DataFrame(random.normal(size=(rows, 3)), columns=["idle", "used", "other"])


def model(frame):
    return 3 * frame["used"] + 0.5 * frame["other"]


def make_baseline(baseline, monitor, report):
    stored_baseline = monitor.stored_baseline(
        baseline.constraints, baseline.statistics, baseline.state, baseline.constraints
    )
    return stored_baseline.with_block_variation(baseline.variation).with_attributions(report.shares)


def test_shares_are_those_of_all_values_over_all_outputs():
    values = {"a": {"x": 1.0, "y": -1.0}, "b": {"x": 2.0, "y": 0.0}}
    shap = {name: {"global_shap_values": shap_value, "expected_value": 0.5} for name, shap_value in values.items()}

    report = AttributionReport.from_json(json.dumps({"explanations": {"kernel_shap": shap}}))

    assert report.shares == {"x": 0.75, "y": 0.25}


@pytest.mark.nightly
def test_a_large_drift_of_what_moves_nothing_ranks_below_a_smaller_one_that_moves_predictions():
    """In at least 95 of 100 draws: on the page, in the mail and in compare. Without attributions it is the other way round."""
    random = np.random.default_rng(7)
    rows = drawn(random)
    config = AnalysisConfig.from_json('{"methods": {"shap": {"baseline": [[0, 0, 0]]}}}')
    attributions = run_baseline(rows, ExplainabilityMonitor(AttributionMeasures.of(config, model)), engine="local")
    monitor = DataQualityMonitor()
    baseline = run_baseline(rows, monitor, engine="local")
    stored_baseline = make_baseline(baseline, monitor, attributions.constraints)
    first = {"page": 0, "mail": 0, "compare": 0, "page without": 0}
    for _ in range(DRAWS):
        window = drawn(random).assign(idle=lambda frame: frame["idle"] + 2, used=lambda frame: frame["used"] + 1)
        weighted = run_monitoring(window, monitor, stored_baseline, engine="local")
        plain = run_monitoring(window, monitor, baseline, engine="local")
        first["page"] += _first_of_page(weighted) == "used"
        first["page without"] += _first_of_page(plain) == "idle"
        first["mail"] += collect_alarms(weighted.results)[0].results[0].feature == "used"
        assert [finding.status for finding in weighted.results] == [finding.status for finding in plain.results]
        runs = [_side(run) for run in (baseline, weighted.current)]
        first["compare"] += RunComparison(*runs, stored_baseline.attributions).changes[0].name == "used"

    assert min(first.values()) >= 95, first


def _first_of_page(findings):
    page = findings.judgement.page(findings.results)
    return page.sections[0].blocks[0].cards[0].name


def _side(run):
    rows = {feature.name: {"mean": feature.moments.average} for feature in run.state.features}
    return ComparedSide("", 1, rows, create_distributions(run.state), run.state)
