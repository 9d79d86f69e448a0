"""Bias on the open golden set: 24 applicants of two groups, with all 21 metrics worked out by hand from the formulas of B2.2.

Group a has 16 rows (TP 6, FN 2, FP 2, TN 6) and d has 8 (TP 1, FN 1, FP 0, TN 6). In the north there are 8 of a and 4 of d, two
of whom are approved; in the south 8 of a and 4 of d, none of whom is.
"""

import json
import math
import re

import pytest
from tests.golden_open import inputs
from tests.golden_open.runs import run_golden_baseline, run_golden_monitoring

ln = math.log

PRE_TRAINING = {
    "CDDL": (12 * (2 / 6 - 2 / 6) + 12 * (4 / 8 - 0 / 4)) / 24,
    "CI": (16 - 8) / 24,
    "DPL": 8 / 16 - 2 / 8,
    "JS": (ln(4 / 3) / 2 + ln(2 / 3) / 4 + ln(4 / 5) / 2 + ln(6 / 5) * 3 / 4) / 2,  # of 1/2 and 1/4, between them 3/8
    "KL": ln(2) / 2 + ln(2 / 3) / 2,
    "KS": 1 / 4,
    "LP": math.sqrt(2) / 4,
    "TVD": 1 / 4,
}
POST_TRAINING = {
    "AD": 12 / 16 - 7 / 8,
    "CDDPL": (12 * (3 / 7 - 1 / 5) + 12 * (4 / 8 - 0 / 4)) / 24,
    "DAR": 6 / 8 - 1 / 1,
    "DCA": 8 / 8 - 2 / 1,
    "DCR": 6 / 7 - 8 / 8,
    "DI": (1 / 8) / (8 / 16),
    "DPPL": 8 / 16 - 1 / 8,
    "DRR": 6 / 7 - 6 / 8,
    "FT": "FlipTest does not support non-numeric columns",  # the region is a text
    "GE": ((4 * 2 + 7 + 12) / (23 / 24) ** 2 - 24) / 48,
    "RD": 6 / 8 - 1 / 2,
    "SD": 6 / 6 - 6 / 8,
    "TE": "Infinity",  # 1/0 of d
}
"""In the order of the service's files (G21)."""

VIOLATED = {
    # of d now TP 0, FN 2: what it is, and what it was
    "CDDPL": (0.5, 51 / 140),
    "DAR": (0.75, -0.25),
    "DCA": (-math.inf, -1.0),
    "DCR": (-0.25, -1 / 7),
    "DPPL": (0.5, 0.375),
    "GE": (((8 + 6 + 12) / (22 / 24) ** 2 - 24) / 48, POST_TRAINING["GE"]),
    "RD": (0.75, 0.25),
}
"""|current| > |baseline|. DI falls to 0 and TE stays infinite; neither is one."""

EXACT = {
    "DAR": "Metric value 0.75 doesn't meet the baseline constraint requirement -0.25",
    "DCA": "Metric value -Infinity doesn't meet the baseline constraint requirement -1.0",
    "DPPL": "Metric value 0.5 doesn't meet the baseline constraint requirement 0.375",
    "RD": "Metric value 0.75 doesn't meet the baseline constraint requirement 0.25",
}
"""Texts whose numbers are exact in binary."""

TEXT = re.compile(r"Metric value (\S+) doesn't meet the baseline constraint requirement (\S+)")


@pytest.fixture(scope="module")
def flags(folder):
    return ("--analysis-type", "MODEL_BIAS", "--analysis-config", inputs.analysis_config(folder), "--compat", "service")


@pytest.fixture(scope="module")
def report(engine, folder, flags):
    """analysis.json as it was published."""
    run_golden_baseline(engine, folder / "bias", "--dataset-source", inputs.applicants(folder), *flags)
    return json.loads((folder / "bias" / "analysis.json").read_text())


def approximately(value):
    if isinstance(value, str):
        return value
    return pytest.approx(value, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    ("part", "by_hand"),
    [("pre_training_bias_metrics", PRE_TRAINING), ("post_training_bias_metrics", POST_TRAINING)],
)
def test_every_metric_is_the_one_worked_out_by_hand_in_the_services_order(report, part, by_hand):
    metrics = report[part]
    [group] = metrics["facets"]["group"]

    assert (metrics["label"], metrics["label_value_or_threshold"], group["value_or_threshold"]) == (
        "approved",
        "yes",
        "d",
    )
    metric_values = [(metric["name"], metric.get("error") or metric["value"]) for metric in group["metrics"]]
    assert metric_values == [(name, approximately(value)) for name, value in by_hand.items()]


def test_the_file_has_the_services_members_in_their_order(report):
    assert list(report) == ["version", "post_training_bias_metrics", "pre_training_bias_metrics"]
    assert report["version"] == "1.0"


def test_a_window_violates_where_a_metric_is_farther_from_0_than_it_was(engine, folder, flags, report):
    source = inputs.later_applicants(folder)
    findings = run_golden_monitoring(
        engine, folder / "later", "--dataset-source", source, "--baseline", folder / "bias", *flags
    )
    violations = {violation["metric_name"]: violation for violation in findings.body_dict["violations"]}

    assert findings.body_dict["version"] == "1.0"
    assert list(violations) == list(VIOLATED)
    for metric, (current, baseline) in VIOLATED.items():
        description = violations[metric].pop("description")
        numbers = [float(number) for number in TEXT.fullmatch(description).groups()]
        assert numbers == [approximately(current), approximately(baseline)], metric
        assert violations[metric] == {
            "facet": "group",
            "facet_value": "d",
            "metric_name": metric,
            "constraint_check_type": "bias_drift_check",
        }
        assert EXACT.get(metric, description) == description
