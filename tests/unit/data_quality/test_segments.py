"""Drift by segment: found where the whole shows none, split into what changed in each segment and what in their shares."""

import numpy as np
import pandas as pd
import pytest
from tests.entries import read_checks

from spark_model_monitor import DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring
from spark_model_monitor.cli import main as cli
from spark_model_monitor.documents.change_description import describe_change
from spark_model_monitor.documents.check_results import SEGMENT_DRIFT, CheckStatus
from spark_model_monitor.documents.page import Cards, format_percent
from spark_model_monitor.monitors.data_quality.checks.drift.segment_shares import compute_contributions
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import create_distribution
from spark_model_monitor.reports.history_page.compare import compare
from spark_model_monitor.reports.history_page.compare import create_comparison_page as compared_page
from spark_model_monitor.statistics.drift.comparison import compare_categorical, compare_numeric
from spark_model_monitor.statistics.states.segments import SegmentProfiles

PLANS = ["basic", "business", "student"]
SHARES = [0.6, 0.06, 0.34]
MONITOR = DataQualityMonitor(settings=MonitoringSettings(segments=("plan", "age:30:50"), rows="independent"))


def users(rows, seed, business=0.0, missing=0.0, shares=SHARES):
    random = np.random.default_rng(seed)
    plan = random.choice(PLANS, rows, p=shares)
    spend = random.normal(20, 5, rows) + np.where(plan == "student", -4, 0)
    spend[plan == "business"] += business
    frame = pd.DataFrame({"plan": plan, "age": random.integers(18, 80, rows), "spend": spend})
    frame.loc[(plan == "business") & (random.random(rows) < missing), "spend"] = np.nan
    frame["city"] = random.choice(["Graz", "Linz"], rows)
    return frame


@pytest.fixture(scope="module")
def baseline():
    return run_baseline(users(20_000, seed=1), MONITOR, engine="local")


def monitored(baseline, data, **monitor):
    return run_monitoring(data, DataQualityMonitor(**monitor), baseline, engine="local")


def list_findings(findings, check, feature="spend"):
    return [finding for finding in findings.results if finding.check == check and finding.feature == feature]


def test_a_change_of_one_small_segment_is_found_where_the_whole_shows_none(baseline):
    findings = monitored(baseline, users(1_000, seed=2, business=5.0))
    [total_drift] = list_findings(findings, "baseline_drift_check")
    violated = [finding for finding in findings.results if finding.is_violation]

    assert total_drift.status is not CheckStatus.VIOLATED
    assert [(finding.feature, finding.segment) for finding in violated] == [("spend", "plan=business")]
    assert "only in plan=business" in findings.summary()
    assert "business" not in str(findings.without_values.headline())
    assert "one segment of plan" in str(findings.without_values.headline())


def visits(days, seed, form):
    """Visits from 8 to 18 o'clock, and the temperature outside, which has nothing to do with the hour."""
    random = np.random.default_rng(seed)
    seconds = np.concatenate([day * 86_400 + np.sort(random.uniform(8, 18, 1_000)) * 3_600 for day in days]).round()
    times = pd.Timestamp("2026-03-02") + pd.to_timedelta(seconds, unit="s")
    forms = {
        "typed": times,
        "zone": times.strftime("%Y-%m-%dT%H:%M:%S+00:00"),
        "milliseconds": times.astype("int64") // 10**6,
    }
    frame = pd.DataFrame({"came": forms[form], "plan": random.choice(PLANS, len(times), p=SHARES)})
    frame["outside"] = random.normal(20, 3, len(times)).round(1)
    return frame, times.hour


@pytest.mark.parametrize("form", ["typed", "zone", "milliseconds"])
def test_changes_of_single_hours_are_found_in_the_hours_of_a_time_column(form):
    monitor = DataQualityMonitor(settings=MonitoringSettings(segments=("plan",)), time_column="came")
    rows, _ = visits(range(10), 1, form)
    baseline = run_baseline(rows, monitor, engine="local")
    healthy, hours = visits([12], 2, form)
    ramp = healthy.assign(outside=np.sort(healthy["outside"]))
    # The rows of one plan are all at noon, and as many as before
    plans = healthy["plan"].to_numpy().copy()
    noon = np.flatnonzero(hours == 12)
    others_at_noon = noon[plans[noon] != "basic"]
    elsewhere = np.flatnonzero((plans == "basic") & (hours != 12))[: len(others_at_noon)]
    plans[elsewhere], plans[others_at_noon] = plans[others_at_noon], plans[elsewhere]

    def list_segments(window):
        findings = run_monitoring(window, monitor, baseline, engine="local")
        return {violated.feature: violated.segment for violated in findings.results if violated.is_violation}

    assert baseline.constraints.monitoring.segments == ("plan", "came:hour")
    assert list_segments(healthy.assign(plan=plans)) == {"plan": "came at 12 o'clock"}
    assert list_segments(ramp)["outside"] in ("came at 08 o'clock", "came at 17 o'clock")
    assert list_segments(healthy) == {}


@pytest.mark.parametrize(
    ("cuts", "not_compared"),
    [((), "relations, segments"), (("plan",), "relations, segments by hour"), (("plan", "came:hour"), "relations")],
)
def test_the_headline_says_whether_segments_and_hours_are_compared(cuts, not_compared):
    monitor = DataQualityMonitor(settings=MonitoringSettings(segments=cuts))
    rows, _ = visits(range(10), 1, "typed")
    baseline = run_baseline(rows, monitor, engine="local")
    window, _ = visits([12], 2, "typed")
    findings = run_monitoring(window, monitor, baseline, engine="local")

    for shown in (findings, findings.without_values):
        assert shown.headline().text == f"No change seen in 3 features; not compared: {not_compared}."


@pytest.mark.parametrize("window", [{"business": 40.0}, {"missing": 0.9}, {"shares": [0.1, 0.06, 0.84]}], ids=str)
def test_the_parts_of_a_change_add_up_to_it(baseline, window):
    data = users(5_000, seed=3, **window)
    findings = monitored(baseline, data)
    for result in findings.results:
        for cut in {part.cut for part in result.parts or ()}:
            total = sum(part.within + part.mix for part in result.parts if part.cut == cut)
            if result.check == "completeness_check":
                lacking = [frame[result.feature].isna().mean() for frame in (users(20_000, seed=1), data)]
                assert total == pytest.approx(abs(lacking[1] - lacking[0]), abs=1e-12)
            elif result.component != "missing":
                assert total == pytest.approx(result.distance, abs=1e-12)
    assert list_findings(findings, "baseline_drift_check")[0].parts


def mixture(seed):
    """A table whose columns are of all kinds, and depend on the segment; every seed has other shares, shifts and rests."""
    random = np.random.default_rng(seed)
    rows = int(random.integers(200, 4_000))
    plan = random.choice([f"p{number}" for number in range(6)], rows, p=random.dirichlet(np.full(6, 0.6)))
    level = np.array([(seed * 31 + number * 17) % 7 for number in range(6)])[[int(number[1:]) for number in plan]] / 2
    columns = {
        "plan": plan,
        "age": random.integers(18, 80, rows),
        "normal": random.normal(level, 1.0),
        "tail": np.exp(random.normal(level, 3.0)),
        "ties": random.poisson(level),
        "infinite": np.where(random.random(rows) < 0.02, np.inf, random.normal(level)),
        "text": random.choice(list("abcde"), rows, p=random.dirichlet(np.ones(5))),
        "digits": random.choice(["1", "2.5", "x", ""], rows),
    }
    frame = pd.DataFrame(columns | {"flag": random.random(rows) < level / 4})
    for name in ("normal", "text"):
        frame.loc[random.random(rows) < level / 8, name] = None
    return frame


def test_the_parts_add_up_to_every_distance_and_the_segments_to_the_whole_whatever_the_data_is():
    seed = int(np.random.default_rng().integers(2**31))
    print(f"seed {seed}")
    monitor = DataQualityMonitor(settings=MonitoringSettings(segments=("plan", "age:30:50", "plan*flag")))
    before, now = (
        run_baseline(mixture(seed + window_number), monitor, engine="local").state for window_number in range(2)
    )
    split = 0
    for feature in now.features:
        baseline_feature = before.feature(feature.name)
        distributions = [create_distribution(profile) for profile in (baseline_feature, feature)]
        gap = 0.0
        if feature.is_numeric and baseline_feature.is_numeric:
            gap = compare_numeric(distributions[0].numbers, distributions[1].numbers, method="Simple").distance
        elif distributions[0].categories and distributions[1].categories:
            gap = compare_categorical(
                *(profile.categories for profile in distributions), method="l_infinity_categorical"
            ).distance
        lacking = [profile.num_missing / profile.data_types.total for profile in (baseline_feature, feature)]
        for missing, distance in ((False, gap), (True, abs(lacking[1] - lacking[0]))):
            parts = compute_contributions(baseline_feature, feature, missing=missing)
            for cut in {part.cut for part in parts}:
                total = sum(part.within + part.mix for part in parts if part.cut == cut)
                assert total == pytest.approx(distance, abs=1e-12), (feature.name, cut, missing)
                split += 1
        for segments in feature.state(SegmentProfiles).cuts.values():
            first, *other_segments = segments.values()
            assert sum((segment.data_types for segment in other_segments), first.data_types) == feature.data_types
            if feature.is_numeric:
                assert sum(segment.kll.count for segment in segments.values()) == feature.kll.count
    assert split > 30  # seven kinds of columns, three cuts, distributions and missing values


def test_the_parts_are_what_the_rows_say(baseline):
    """By hand, of the shares of one place: w (F_W - F_B) within, (w - b) (F_B - F) by mix."""
    before = users(20_000, seed=1)
    after = users(5_000, seed=3, business=40.0)
    [drift] = list_findings(monitored(baseline, after), "baseline_drift_check")
    values = np.sort(np.concatenate([before.spend, after.spend]))
    cumulative = [np.searchsorted(np.sort(frame.spend), values, side="right") / len(frame) for frame in (before, after)]
    threshold = values[np.abs(cumulative[0] - cumulative[1]).argmax()]
    part = next(part for part in drift.parts if part.segment == "plan=business")
    b, w = ((frame.plan == "business").mean() for frame in (before, after))
    was, now = ((frame.spend[frame.plan == "business"] <= threshold).mean() for frame in (before, after))

    sketched = 0.003  # the whole's sketch of 20,000 values, and those of its segments
    assert part.within == pytest.approx(w * (was - now), abs=sketched)
    assert part.mix == pytest.approx((w - b) * ((before.spend <= threshold).mean() - was), abs=sketched)
    assert part.rows == pytest.approx(w)


def test_one_change_is_one_violation(baseline):
    data = users(5_000, seed=3, business=40.0)
    findings = monitored(baseline, data)
    [drift] = list_findings(findings, "baseline_drift_check")

    assert drift.status is CheckStatus.VIOLATED
    assert describe_change(drift).endswith(
        f"of the change in {format_percent((data.plan == 'business').mean())} of the rows"
    )
    assert "only in plan=business" in describe_change(drift)
    assert {finding.status for finding in list_findings(findings, SEGMENT_DRIFT)} <= {
        CheckStatus.PASSED,
        CheckStatus.NOT_JUDGED,
        CheckStatus.CANNOT_TELL,
    }
    [change] = [
        candidate for candidate in list_findings(findings, SEGMENT_DRIFT) if candidate.segment == "plan=business"
    ]
    assert change.reason == "the feature's baseline_drift_check is violated, and this is the same change"


def test_a_change_of_the_shares_is_reported_as_one(baseline):
    findings = monitored(baseline, users(5_000, seed=4, shares=[0.1, 0.06, 0.84]))
    [drift] = list_findings(findings, "baseline_drift_check")

    assert "as the shares of plan changed" in describe_change(drift)


def test_segments_share_the_budget_of_the_run(baseline):
    budget = monitored(baseline, users(1_000, seed=5)).budget
    levels = {family.family: family for family in budget.families}

    assert sum(family.level for family in budget.families) == pytest.approx(budget.false_alarm_budget)
    assert levels["segments"].tests == 3 * 3 + 3 * 3  # of three features each: by plan, and by three ranges of age


@pytest.mark.parametrize("missing", [0.0, 0.5])
def test_healthy_windows_of_any_size_are_silent(baseline, missing):
    for seed, rows in enumerate((30, 200, 1_000, 5_000), start=10):
        findings = monitored(baseline, users(rows, seed=seed))
        assert [finding.segment for finding in findings.results if finding.is_violation] == []


def test_a_window_without_one_segment_and_one_row_a_segment_are_no_alarm(baseline):
    data = users(600, seed=7)
    without = monitored(baseline, data[data.plan != "business"].head(3))

    assert [finding for finding in list_findings(without, SEGMENT_DRIFT) if finding.is_violation] == []
    assert {
        finding.status for finding in list_findings(without, SEGMENT_DRIFT) if finding.segment == "plan=business"
    } == {CheckStatus.NOT_JUDGED}


def test_no_value_of_a_segment_is_reported_where_values_are_hidden(baseline):
    findings = monitored(baseline, users(1_000, seed=2, business=5.0), hide_values=True)
    written = findings.files()

    for name in ("checks.json", "report.html", "constraint_violations.json"):
        assert b"business" not in written[name], name
    assert "one segment of plan" in findings.summary()


def test_the_tables_and_the_page_say_where(baseline):
    findings = monitored(baseline, users(5_000, seed=3, business=40.0))
    table = findings.to_pandas()
    [drift] = table[(table.check == "baseline_drift_check") & (table.feature == "spend")].segment

    assert drift == "plan=business"
    assert "only in plan=business" in findings.report().html
    assert read_checks(findings.files()["checks.json"])["checks"][0].keys() & {"segment", "where"} == set()


def test_a_comparison_of_two_runs_says_where(baseline, tmp_path):
    baseline.write(str(tmp_path / "before"))
    monitored(baseline, users(5_000, seed=3, business=40.0)).write(str(tmp_path / "after"))
    comparison = compare(str(tmp_path / "before"), str(tmp_path / "after"))

    hints = [
        hint
        for section in compared_page(comparison, ()).sections
        for cards in section.blocks
        if isinstance(cards, Cards)
        for card in cards.cards
        for hint in card.hints
    ]
    assert hints[0].startswith("only in plan=business: ")


def test_a_comparison_names_no_segment_in_a_pipe(baseline, tmp_path, capsys):
    baseline.write(str(tmp_path / "before"))
    monitored(baseline, users(5_000, seed=3, business=40.0)).write(str(tmp_path / "after"))
    words = ["compare", str(tmp_path / "before"), str(tmp_path / "after")]

    assert cli(words) == 0
    assert "only in one segment of plan" in (piped := capsys.readouterr().out)
    assert "business" not in piped
    assert cli([*words, "--values", "send"]) == 0
    assert "only in plan=business" in capsys.readouterr().out


def test_without_history_segments_are_not_judged_by_a_distance_alone():
    """Files by themselves, without parts: many small segments would pass a distance of 0.1 by chance."""
    baseline = run_baseline(
        users(60, seed=1), DataQualityMonitor(settings=MonitoringSettings(segments=("plan",))), engine="local"
    )
    findings = monitored(baseline, users(60, seed=8, business=40.0))

    assert {finding.status for finding in list_findings(findings, SEGMENT_DRIFT)} <= {
        CheckStatus.NOT_JUDGED,
        CheckStatus.CANNOT_TELL,
    }
