"""row_count_check and freshness_check: a family of its own, judged where enough earlier windows are known."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.protocol import ColumnLayout, Sample
from spark_model_monitor.reports.history.history_file import WindowEntry, WindowHistory

from .comparisons import make_profile, number_feature

MONITOR = DataQualityMonitor()
NOW = datetime(2026, 3, 20, tzinfo=timezone.utc)
CHECK = "row_count_check"


def table(rows):
    return make_profile(number_feature("x", list(np.random.default_rng(7).standard_normal(rows))))


BASELINE = table(1_000)


def make_baseline(windows):
    baseline = MONITOR.stored_baseline(MONITOR.constraints(BASELINE), None, BASELINE, MONITOR.constraints(BASELINE))
    rows = np.random.default_rng(8).poisson(1_000, windows)
    earlier = tuple((NOW - timedelta(days=day + 1), float(count), 0.0) for day, count in enumerate(rows))
    return baseline.with_volume(NOW, earlier)


def check(rows, windows=16, monitor=MONITOR):
    current = table(rows)
    before = make_baseline(windows)
    judgement = monitor.judge(Sample(current, monitor.metrics(current)), before)
    results = judgement.write_sentences(judgement.results)
    return {result.check: result for result in results}, judgement.budget


def test_half_the_usual_rows_are_one_violation_in_words():
    finding, budget = check(500)
    [violation] = MONITOR.violations(tuple(finding.values())).violations

    assert (violation.feature_name, violation.constraint_check_type) == ("Number of rows", CHECK)
    assert violation.description.startswith("Number of rows is unusual. Observed: 500.0, usual: ")
    assert finding[CHECK].change == f"is 500, about {finding[CHECK].threshold:,.0f} are usual at that time"
    assert finding[CHECK].threshold == pytest.approx(1_000, rel=0.02)
    # Rows vary by about a thirtieth, as the root of a thousand
    assert finding[CHECK].effect == pytest.approx(np.log(2), rel=0.03)
    assert finding[CHECK].statistic == pytest.approx(np.log(2) * 30, rel=0.4)
    assert sum(family.level for family in budget.families) == pytest.approx(1 / 720)
    assert [family.tests for family in budget.families if family.family == "volume"] == [1]


def test_as_many_rows_as_usual_pass_and_too_few_windows_say_nothing():
    assert check(1_000)[0][CHECK].status is CheckStatus.PASSED
    assert CHECK not in check(500, windows=7)[0]
    assert CHECK not in check(500, monitor=DataQualityMonitor(as_service=True))[0]


def test_a_window_of_unusual_rows_is_usual_for_later_ones_once_it_was_accepted():
    history = WindowHistory("somewhere")
    for day, alarmed in ((1, False), (2, True)):
        time = f"2026-03-0{day}T00:00:00Z"
        statistics = make_baseline(0).raw_statistics(table(100 * day), ["Number of rows"] if alarmed else ["x"])
        history = history.with_window(WindowEntry(time, time, f"{day}", "x/_runs/1", "b", True), statistics)

    assert [rows for _, rows, _ in history.rows()] == [100]
    assert [rows for _, rows, _ in history.mark_accepted("2026-03-02T00:00:00Z", ["Number of rows"]).rows()] == [
        100,
        200,
    ]
    assert history.rows()[0][0] == datetime(2026, 3, 1, tzinfo=timezone.utc)


def check_age(age, windows=30):
    """Of a daily window whose newest row is of so many minutes before its end; earlier ones had gaps of about a minute."""
    gaps = np.random.default_rng(9).exponential(1.0, windows)
    earlier = tuple((NOW - timedelta(days=day + 1), 1_000.0, float(gap)) for day, gap in enumerate(gaps))
    before = make_baseline(windows).with_volume(NOW, (), NOW - timedelta(days=1), earlier)
    layout = ColumnLayout(newest=None if age is None else NOW - timedelta(minutes=age))
    judgement = MONITOR.judge(Sample(BASELINE, MONITOR.metrics(BASELINE), layout), before)
    by_check = {result.check: result for result in judgement.write_sentences(judgement.results)}
    return by_check.get("freshness_check"), judgement.budget


def test_a_newest_row_that_is_too_old_is_one_violation_in_words():
    finding, budget = check_age(480)

    assert (finding.feature, finding.status, finding.observed) == ("Newest row", CheckStatus.VIOLATED, 480)
    assert finding.change.startswith("came 8 hours before the window's end, about 0.")
    assert finding.description.startswith(
        "Newest row is too old. Minutes before the end of the window: 480.0, usual: 0."
    )
    assert [family.tests for family in budget.families if family.family == "volume"] == [1]


def test_fresh_rows_pass_and_rows_without_times_are_not_judged():
    assert check_age(3)[0].status is CheckStatus.PASSED
    assert check_age(None)[0].status is CheckStatus.NOT_JUDGED
    assert check_age(480, windows=7)[0] is None


def test_the_history_keeps_how_old_the_newest_row_was():
    time = "2026-03-01T00:00:00Z"
    statistics = make_baseline(0).raw_statistics(table(100), ["x"], timedelta(minutes=3))
    history = WindowHistory("somewhere").with_window(WindowEntry(time, time, "1", "x/_runs/1", "b", True), statistics)

    assert history.rows() == [(datetime(2026, 3, 1, tzinfo=timezone.utc), 100, 0)]
    assert history.rows("Newest row") == [(datetime(2026, 3, 1, tzinfo=timezone.utc), 100, 3)]
