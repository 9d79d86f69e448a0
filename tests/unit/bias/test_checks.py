"""The verdicts of the bias monitor: the service's rule, and what can be asked beyond it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.clarify_files import BiasReport
from spark_model_monitor.monitors.bias.bias_analysis import analyse_contingency
from spark_model_monitor.monitors.bias.metric_comparison import Tolerances
from spark_model_monitor.monitors.bias.monitor import BiasMonitor
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.statistics.states.contingency import CellKind, CellMatch, ColumnMetadata, Contingency
from spark_model_monitor.statistics.states.contingency_plan import ContingencyPlan, ValuedColumn

PLAN = ContingencyPlan(
    (ValuedColumn("sex", ("F",)),), ValuedColumn("y", ("yes",)), ValuedColumn("p", ("yes",)), group="region"
)
IN = int(CellMatch.SAME_TEXT)
OUT = 0


def make_contingency(rest_outcomes, group):
    """rest, group: (TP, FP, FN, TN)."""
    kinds = [(IN, IN), (OUT, IN), (IN, OUT), (OUT, OUT)]
    table = {
        (facet, label, prediction, "north"): rows
        for facet, outcomes in ((OUT, rest_outcomes), (IN, group))
        for (label, prediction), rows in zip(kinds, outcomes, strict=True)
        if rows
    }
    facts = ColumnMetadata({CellKind.TEXT: sum(table.values())}, None, None, 2, 2)
    return Contingency((table,), (facts,) * 3, PLAN.text)


def checked(baseline, current, **tolerances):
    """The outcomes by metric, of the drift check and then of the range check."""
    monitor = BiasMonitor(tolerances=Tolerances(**{"with_intervals": False, "neutral_di": False, **tolerances}))
    report = monitor.documents(baseline, monitor.metrics(baseline))[0]
    outcomes = monitor.judge(
        Sample(current, monitor.metrics(current)), monitor.stored_baseline(report, None, None)
    ).results
    return {outcome.metric: outcome for outcome in outcomes}, monitor.violations(outcomes)


BASELINE = make_contingency((200, 50, 100, 150), (40, 10, 20, 30))
WORSE = make_contingency((200, 50, 100, 150), (10, 5, 50, 35))


def test_a_metric_that_is_farther_from_0_has_drifted():
    outcomes, violations = checked(BASELINE, WORSE)

    assert outcomes["DPPL"].status is CheckStatus.VIOLATED
    violation = next(violation for violation in violations.violations if violation.metric_name == "DPPL")
    assert violation.plain() == {
        "facet": "sex",
        "facet_value": "F",
        "metric_name": "DPPL",
        "constraint_check_type": "bias_drift_check",
        "description": "Metric value 0.35 doesn't meet the baseline constraint requirement 0.0",
    }


def test_a_metric_that_changes_its_sign_without_growing_has_not_drifted():
    favoured = make_contingency((10, 5, 50, 35), (40, 10, 20, 30))
    outcomes, _ = checked(make_contingency((40, 10, 20, 30), (10, 5, 50, 35)), favoured)

    assert (outcomes["DPPL"].threshold, outcomes["DPPL"].observed) == pytest.approx((0.35, -0.35))
    assert outcomes["DPPL"].status is CheckStatus.PASSED


def test_infinity_is_farther_than_any_number_and_as_far_as_itself():
    infinite = make_contingency((20, 5, 10, 15), (4, 0, 2, 4))
    outcomes, violations = checked(BASELINE, infinite)

    assert outcomes["TE"].status is CheckStatus.VIOLATED
    assert (
        "Metric value Infinity doesn't meet"
        in next(v for v in violations.violations if v.metric_name == "TE").description
    )
    assert checked(infinite, infinite)[0]["TE"].status is CheckStatus.PASSED


def test_what_is_undefined_on_either_side_is_not_judged():
    nobody = make_contingency((20, 5, 10, 15), (0, 0, 0, 0))

    assert checked(BASELINE, nobody)[0]["DPL"].reason == "Facet set is empty."
    assert checked(BASELINE, nobody)[0]["DPL"].status is CheckStatus.NOT_JUDGED
    assert checked(BASELINE, nobody, with_intervals=True)[0]["DPL"].status is CheckStatus.CANNOT_TELL
    assert checked(nobody, BASELINE)[0]["DPL"].reason == "the metric is undefined in the baseline"


def test_a_group_that_the_baseline_does_not_have_is_not_judged():
    monitor = BiasMonitor()
    outcomes = monitor.judge(
        Sample(WORSE, monitor.metrics(WORSE)), monitor.stored_baseline(BiasReport(version="1.0"), None, None)
    ).results

    assert {outcome.status for outcome in outcomes} == {CheckStatus.NOT_JUDGED}
    assert outcomes[0].reason == "the baseline does not have this metric of this group"


def test_outcomes_come_in_the_order_of_the_file():
    metrics = list(checked(BASELINE, WORSE)[0])

    assert metrics == [*sorted(metrics[:13]), *sorted(metrics[13:])]
    assert (metrics[0], metrics[13]) == ("AD", "CDDL")


class TestWithIntervals:
    def test_a_whole_interval_beyond_the_baseline_is_a_violation(self):
        assert checked(BASELINE, WORSE, with_intervals=True)[0]["DPPL"].status is CheckStatus.VIOLATED

    def test_a_whole_interval_within_the_baseline_has_passed(self):
        outcomes, _ = checked(WORSE, make_contingency((200, 50, 100, 150), (40, 10, 20, 30)), with_intervals=True)

        assert outcomes["DPPL"].status is CheckStatus.PASSED
        assert outcomes["DPPL"].interval[0] < 0 < outcomes["DPPL"].interval[1]

    def test_an_interval_across_the_end_passes_unless_it_is_too_wide(self):
        slightly = make_contingency((200, 50, 100, 150), (37, 9, 23, 31))
        outcomes, violations = checked(BASELINE, slightly, with_intervals=True)

        assert outcomes["DPPL"].status is CheckStatus.PASSED
        assert outcomes["DPPL"].reason.startswith("it is farther from 0 than in the baseline by no more than chance")
        small_window = make_contingency((20, 5, 10, 15), (4, 1, 2, 3))
        unsure_outcomes, _ = checked(BASELINE, small_window, with_intervals=True)
        unsure = unsure_outcomes["DPPL"]
        low, high = unsure.interval
        assert (high - low) / 2 > 0.2
        assert unsure.status is CheckStatus.CANNOT_TELL
        assert unsure.reason == "its interval reaches farther than 0.2 to either side"
        assert unsure.advice == "take longer windows, with more rows of each group"
        assert checked(BASELINE, slightly)[0]["DPPL"].status is CheckStatus.VIOLATED
        assert "DPPL" not in {violation.metric_name for violation in violations.violations}

    @pytest.mark.long
    def test_healthy_windows_are_hardly_ever_alarms(self):
        """Resampled windows of the baseline: the service's rule takes about half of them for drift."""
        rng = np.random.default_rng(3)
        outcomes = np.array([200, 50, 100, 150, 40, 25, 35, 20])
        alarms = {True: 0, False: 0}
        for _ in range(40):
            drawn = rng.multinomial(620, outcomes / outcomes.sum())
            window = make_contingency(tuple(map(int, drawn[:4])), tuple(map(int, drawn[4:])))
            baseline = make_contingency(tuple(map(int, outcomes[:4])), tuple(map(int, outcomes[4:])))
            for with_intervals in alarms:
                statuses = checked(baseline, window, with_intervals=with_intervals)[0]["AD"]
                alarms[with_intervals] += statuses.status is CheckStatus.VIOLATED

        assert alarms[True] <= 4
        assert alarms[False] >= 10

    @pytest.mark.nightly
    @pytest.mark.parametrize(
        ("outcomes", "rows"),
        [((200, 50, 100, 150, 10, 5, 50, 35), (3_000, 1_500)), ((120, 8, 50, 540, 6, 1, 8, 90), (330, 330))],
        ids=["many rows", "few rows of the group"],
    )
    def test_two_samples_of_one_population_have_no_violation(self, outcomes, rows):
        """At 1/720 two of 100 runs with a violation would be a chance of 1 in 120."""
        rng = np.random.default_rng(4)

        assert sum(bool(violated(*(drawn(rng, outcomes, row) for row in rows))) for _ in range(100)) <= 1

    def test_more_bias_is_found_and_less_bias_is_none(self):
        rng = np.random.default_rng(5)
        baseline = drawn(rng, (200, 50, 100, 150, 10, 5, 50, 35), 3_000)

        assert violated(baseline, drawn(rng, (200, 50, 100, 150, 2, 1, 60, 37), 1_500)) >= {
            "DI"
        }  # it was .3 and is .06
        assert not violated(baseline, drawn(rng, (200, 50, 100, 150, 40, 10, 20, 30), 1_500))

    def test_no_positive_prediction_in_a_large_group_is_found(self):
        rng = np.random.default_rng(6)
        baseline = drawn(rng, (200, 50, 100, 150, 10, 5, 50, 35), 3_000)

        assert violated(baseline, drawn(rng, (200, 50, 100, 150, 0, 0, 60, 40), 3_000)) >= {"DI", "DPPL"}


def drawn(rng, outcomes, rows):
    """So many rows of a population of these shares."""
    cells = tuple(map(int, rng.multinomial(rows, np.array(outcomes) / sum(outcomes))))
    return make_contingency(cells[:4], cells[4:])


def violated(baseline, window):
    monitor = BiasMonitor()
    report = monitor.documents(baseline, monitor.metrics(baseline))[0]
    findings = monitor.judge(
        Sample(window, monitor.metrics(window)), monitor.stored_baseline(report, None, baseline)
    ).results
    return {finding.metric for finding in findings if finding.status is CheckStatus.VIOLATED}


def test_few_rows_can_not_be_distinguished():
    outcomes, violations = checked(BASELINE, WORSE, min_rows=101)

    assert outcomes["DPPL"].status is CheckStatus.CANNOT_TELL
    assert outcomes["DPPL"].reason == "100 rows of the group and 500 of the rest; at least 101 of each are asked for"
    assert violations.violations == ()
    assert checked(BASELINE, WORSE, min_rows=100)[0]["DPPL"].status is CheckStatus.VIOLATED


def test_disparate_impact_can_be_measured_from_1():
    """0.9 to 0.3: nearer to 0, farther from 1."""
    baseline = make_contingency((50, 0, 0, 50), (45, 0, 5, 50))
    current = make_contingency((50, 0, 0, 50), (15, 0, 35, 50))

    assert checked(baseline, current)[0]["DI"].status is CheckStatus.PASSED
    outcomes, violations = checked(baseline, current, neutral_di=True)
    assert outcomes["DI"].status is CheckStatus.VIOLATED
    assert {v.description for v in violations.violations if v.metric_name == "DI"} == {
        "Metric value 0.3 doesn't meet the baseline constraint requirement 0.9"
    }


@pytest.mark.parametrize(
    ("allowed", "status"),
    [((-0.1, 0.1), CheckStatus.VIOLATED), ((0.0, 0.35), CheckStatus.PASSED), ((-math.inf, 0.5), CheckStatus.PASSED)],
)
def test_a_metric_has_to_lie_in_its_range(allowed, status):
    outcomes, violations = checked(WORSE, WORSE, ranges={"DPPL": allowed})

    assert outcomes["DPPL"].check == "bias_range_check"
    assert outcomes["DPPL"].status is status
    assert [violation.description for violation in violations.violations] == (
        ["Metric value 0.35 is not within the allowed range -0.1 to 0.1"] if status is CheckStatus.VIOLATED else []
    )


rows = st.tuples(*[st.integers(0, 30)] * 4)


@pytest.mark.long
@given(rest_outcomes=rows, group=rows)
def test_a_data_set_passes_the_constraints_suggested_from_it(rest_outcomes, group):
    if not sum(rest_outcomes) + sum(group):
        return
    counts = make_contingency(rest_outcomes, group)

    _, violations = checked(counts, counts)

    assert violations.violations == ()


def test_a_report_says_of_every_metric_why_it_is_undefined():
    analysis = analyse_contingency(make_contingency((0, 0, 0, 0), (1, 1, 1, 1)), PLAN)
    [group] = analysis.groups

    assert {metric.name for metric in group.metrics if metric.value is None and not metric.error} == set()


def test_a_flip_test_that_was_not_made_says_why():
    analysis = analyse_contingency(BASELINE, PLAN, flips={(0, 0): "no neighbours here"})

    [flip_test] = [metric for metric in analysis.groups[0].metrics if metric.name == "FT"]
    assert (flip_test.value, flip_test.error) == (None, "no neighbours here")
