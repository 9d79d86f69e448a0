"""Labels beside what their scores promise: which kind of change it is, in words, within the budget."""

import numpy as np
import pandas as pd
import pytest
from tests.at_hand import defer_to_night

from spark_model_monitor import ModelQualityMonitor, outcomes, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.monitors.model_quality.estimated.concept_drift import judge_concept_drift, measure_drift
from spark_model_monitor.monitors.model_quality.evidence import build_evidence
from spark_model_monitor.reports.history_page.report_command import HistoryRequest, create_report
from spark_model_monitor.statistics.states.scores import ScoreCounts

from .outcomes_made import BINARY, SCORED, make_outcomes

CHECK = "concept_drift_check"


def rows(count, *, moved=0.0, flipped=0.0, sure=5.0, seed=1):
    """The worth of a score is the score; of a sure model it is near 0 or 1."""
    random = np.random.default_rng(seed)
    scores = (1 / (1 + np.exp(-random.normal(moved, sure, count)))).round(4)
    label = (random.random(count) < scores) ^ (random.random(count) < flipped)
    return pd.DataFrame({"label": label * 1, "prediction": (scores > 0.5) * 1, "probability": scores})


def counts(**more):
    frame = rows(**more)
    return ScoreCounts.of(frame["probability"].to_numpy(), frame["label"].to_numpy() == 1)


def find_drift(window, reference=None, plan=SCORED, **more):
    reference = rows(6_000) if reference is None else reference
    monitor = ModelQualityMonitor(plan, **more)
    baseline = run_baseline(outcomes(reference, plan, engine="local"), monitor)
    return run_monitoring(outcomes(window, plan, engine="local"), monitor, baseline)


def drift_in(findings):
    return next((result for result in findings.results if result.check == CHECK), None)


def test_an_answer_that_changed_is_the_world():
    findings = find_drift(rows(2_000, flipped=0.08, seed=2))
    check = drift_in(findings)

    assert check.status is CheckStatus.VIOLATED
    assert check.reason.startswith("Inputs as they were, and the answer changed: the world did. accuracy is 0.8")
    assert CHECK in {violation.constraint_check_type for violation in findings.violations.violations}
    low, high = check.interval
    assert low < check.observed < high < 0
    assert "the world did" in findings.report().html


def test_the_page_of_a_history_says_which_kind_of_change_the_last_labels_show(tmp_path):
    find_drift(rows(2_000, seed=3)).write(str(tmp_path / "1"))
    find_drift(rows(2_000, flipped=0.08, seed=2)).write(str(tmp_path / "2"))

    page = create_report(HistoryRequest([str(tmp_path)])).html

    assert page.count("Inputs as they were, and the answer changed: the world did.") == 1
    assert "the last window with labels" in page


def test_inputs_that_moved_and_cost_are_no_concept_drift():
    # below 0.5 the model is sure, above it is not: later rows are those it is not sure of
    def make_counts(count, share, seed):
        random = np.random.default_rng(seed)
        hard = random.random(count) < share
        scores = np.where(hard, 0.5 + 0.4 * random.random(count), 0.02 * random.random(count)).round(4)
        label = (random.random(count) < scores) * 1
        return pd.DataFrame({"label": label, "prediction": (scores > 0.5) * 1, "probability": scores})

    check = drift_in(find_drift(make_counts(3_000, 0.7, 2), make_counts(8_000, 0.3, 1)))

    assert check.status is CheckStatus.PASSED
    assert check.reason.startswith("Inputs moved and cost ")
    assert "points of accuracy; the model held" in check.reason


def test_inputs_that_moved_and_another_answer_cannot_be_distinguished():
    check = drift_in(find_drift(rows(2_000, moved=3.0, flipped=0.1, seed=2)))

    assert check.status is CheckStatus.VIOLATED
    assert "Scores alone can't tell a changed world from inputs that the model doesn't see" in check.reason


def test_a_window_like_the_baseline_says_so_and_what_it_would_not_see():
    check = drift_in(find_drift(rows(2_000, seed=2)))

    assert check.status is CheckStatus.PASSED
    assert check.reason.startswith(
        "Inputs are as they were, and so is what a score is worth. Flipped labels in less than "
    )
    assert 0.02 < check.smallest_change < 0.06


def test_an_accuracy_that_is_what_was_expected_says_where_the_labels_are_apart():
    """Of sure rows either way none is flipped; of scores between .4 and .6 all labels are positive, so that half are right."""
    scores = np.tile([0.1, 0.45, 0.55, 0.9], 1_000)
    likely = np.tile([0.1, 0.5, 0.5, 0.9], 1_000)
    score_level = np.arange(4_000) // 4 % 10 / 10
    reference = pd.DataFrame(
        {"label": (score_level < likely) * 1, "prediction": (scores > 0.5) * 1, "probability": scores}
    )
    later = reference.assign(label=reference["label"].where(~reference["probability"].isin([0.45, 0.55]), 1))

    check = drift_in(find_drift(later, reference))

    # by hand: a quarter of the rows is surely at .1 and .9 each; of the half between, half were positive and all are now
    sentence = (
        "accuracy is 0.7 as was to be expected, but more rows are positive than the scores promise, by 25 % of all."
    )
    assert check.reason == f"Inputs as they were, and the answer changed: the world did. {sentence}"


def test_small_windows_cannot_tell():
    small = drift_in(find_drift(rows(180, sure=2.0, seed=2), rows(6_000, sure=2.0)))

    assert small.status is CheckStatus.CANNOT_TELL
    assert small.smallest_change > 0.2  # flipped labels, as a share of the rows
    assert drift_in(find_drift(rows(300, sure=2.0, seed=2), rows(6_000, sure=2.0))).status is CheckStatus.PASSED


def test_a_model_that_is_nearly_always_sure_is_not_judged():
    check = drift_in(find_drift(rows(200, sure=40.0, seed=2), rows(6_000, sure=40.0)))

    assert check.status is CheckStatus.NOT_JUDGED
    assert "rows could have either label; to distinguish a changed answer from chance takes 25" in check.reason


def test_rows_of_users_are_reported_by_how_many_count_where_they_are_too_few():
    drawn = (rows(500, sure=2.0, seed=seed) for seed in (1, 2))
    reference, now = (
        build_evidence(
            make_outcomes(SCORED, *(drawn_rows[name].tolist() for name in ("label", "prediction", "probability")))
        )
        for drawn_rows in drawn
    )
    check = judge_concept_drift(reference, now, 0.001, groups=10.0)
    share = float(check.reason.removeprefix("by their scores ").split()[0])

    assert check.status is CheckStatus.NOT_JUDGED
    assert 0 < share < 25  # of a variance of .25 at most and 50 rows that count


@pytest.mark.nightly
def test_p_values_of_healthy_windows_are_even_where_scores_move_as_well():
    drifts = [
        measure_drift(counts(count=4_000, seed=seed), counts(count=800, moved=seed % 2 * 1.0, seed=500 + seed), 0.001)
        for seed in range(80)
    ]

    assert sum(drift.p < 0.05 for drift in drifts) <= 11  # a 99.9 % bound of 80 at 0.05
    assert sum(drift.p < 0.5 for drift in drifts) >= 24  # and they are no larger than chance has them, at 0.5


@pytest.mark.parametrize(("windows", "min_detections"), [(10, 7), defer_to_night(30, 23)])
def test_a_change_of_the_printed_size_is_found(windows, min_detections):
    level = 1 / 720 / 9
    reference = counts(count=20_000)
    smallest = measure_drift(reference, counts(count=2_000, seed=99), level).smallest
    drifts = [
        measure_drift(reference, counts(count=2_000, flipped=smallest, seed=seed), level) for seed in range(windows)
    ]

    # Nine in ten, less what these windows leave to chance
    assert sum(drift.p <= level for drift in drifts) >= min_detections


def test_the_flipped_share_is_that_of_the_labels():
    reference = counts(count=20_000)
    drifts = [measure_drift(reference, counts(count=3_000, flipped=0.08, seed=seed), 0.001).flips for seed in range(20)]

    assert np.mean(drifts) == pytest.approx(0.08, abs=0.006)


@pytest.mark.parametrize(
    ("plan", "more"),
    [(BINARY, {}), (SCORED, {"as_service": True})],
    ids=["without scores", "as the service"],
)
def test_without_scores_or_as_the_service_there_is_no_such_check(plan, more):
    assert drift_in(find_drift(rows(500, seed=2), plan=plan, **more)) is None


def test_a_baseline_whose_scores_are_no_probabilities_promises_nothing():
    reference = rows(2_000)

    assert drift_in(find_drift(rows(500, seed=2), reference.assign(label=1 - reference["label"]))) is None


def test_the_check_is_one_more_test_of_the_budget():
    budget = find_drift(rows(500, seed=2)).budget

    assert budget.families[0].tests == 1 + len({"recall", "precision", "accuracy", "tnr", "auc", "f0_5", "f1", "f2"})
