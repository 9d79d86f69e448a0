"""The sentence that sums up a window names what moved furthest, and claims nothing that the checks don't say."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from model_monitor.documents.check_results import CheckResult, CheckStatus
from model_monitor.documents.clarify import AttributionReport
from model_monitor.documents.statistics import Statistics
from model_monitor.integrations.demo.run import conclusion, moved

START = datetime(2026, 1, 31, 9, tzinfo=timezone.utc)
END = datetime(2026, 1, 31, 10, tzinfo=timezone.utc)
WINDOW = "The window 2026-01-31T09:00Z to 10:00Z"


def statistics(mean: float) -> Statistics:
    """Of a feature `amount` with this mean, and of a text `plan`."""
    numbers = f'"mean" : {mean}, "sum" : 1.0, "std_dev" : 1.0, "min" : 0.0, "max" : 1.0, "completeness" : 1.0'
    common = '"common" : { "num_present" : 1, "num_missing" : 0 }'
    return Statistics.from_json(
        f"""{{ "dataset" : {{ "item_count" : 1 }}, "features" : [
          {{ "name" : "amount", "inferred_type" : "Fractional", "numerical_statistics" : {{ {common}, {numbers} }} }},
          {{ "name" : "plan", "inferred_type" : "String",
             "string_statistics" : {{ {common}, "distinct_count" : 1.0, "completeness" : 1.0 }} }} ] }}""",
        "statistics.json",
    )


def outcome(feature: str, observed: float | None, *, check: str = "baseline_drift_check", **others) -> CheckResult:
    return CheckResult(
        **{"feature": feature, "check": check, "status": CheckStatus.VIOLATED, "observed": observed, "threshold": 0.1}
        | others
    )


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        pytest.param(
            [outcome("plan", 0.2), outcome("amount", 0.876543)],
            " has 2 violations; the largest: amount drifted, distance 0.8765 (threshold 0.1): "
            "its mean went from 48.25 to 4,793.",
            id="the larger of two distances",
        ),
        pytest.param(
            [outcome("plan", 0.2), outcome("amount", 0.01, check="completeness_check")],
            " has 2 violations; the largest: plan drifted, distance 0.2 (threshold 0.1).",
            id="a text has no mean, a share is no distance",
        ),
        pytest.param(
            [outcome("amount", 0.9, status=CheckStatus.PASSED), outcome("plan", 0.95, status=CheckStatus.NOT_JUDGED)],
            " has no violations.",
            id="what is not violated does not count",
        ),
        pytest.param(
            [outcome("plan", 0.5, check="categorical_values_check")],
            " has 1 violation; no distance is among them, the first is categorical_values_check of plan.",
            id="no drift",
        ),
        pytest.param(
            [outcome("plan", 0.001, statistic=812.5), outcome("amount", 0.3)],
            " has 2 violations; the largest: amount drifted, distance 0.3 (threshold 0.1): "
            "its mean went from 48.25 to 4,793.",
            id="a p-value is no distance",
        ),
        pytest.param([], " has no violations.", id="nothing was checked"),
    ],
)
def test_the_sentence_names_the_largest_distance(outcomes, said):
    assert conclusion(START, END, outcomes, statistics(48.25), statistics(4793.2)) == WINDOW + said


def attributions(**values: float) -> AttributionReport:
    found = {"score": {"global_shap_values": values, "expected_value": 0.2}}
    return AttributionReport.model_validate({"version": "1.0", "explanations": {"kernel_shap": found}})


def test_three_features_are_named_those_that_move_the_model_most_in_the_window_first():
    said = moved(attributions(a=0.5, b=0.1, c=0.25), attributions(a=0.125, b=0.25, c=0.0625, new=0.5))

    assert said == (
        "What moved the predictions there, on average: new by 0.500 (in the baseline by 0.000), b by 0.250 (in the baseline by "
        "0.100), a by 0.125 (in the baseline by 0.500)."
    )
