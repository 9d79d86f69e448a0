"""Rows of users: they say less than so many rows by themselves, whatever the order of the baseline was."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring
from spark_model_monitor.documents.outcome import Outcome, judge_features, judge_run
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.distribution.design_effects import (
    FeatureDesignEffect,
    GroupColumn,
    _has_differences_of_groups,
)
from spark_model_monitor.monitors.data_quality.distribution.group_names import count_group_names
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.statistics.states import RowRuns

MONITOR = DataQualityMonitor()


def make_user_rows(random, users, *, missing=0.1, new=0.0, shift=0.0):
    """Sessions of 20 rows, in which everything is that of their user."""
    plans = np.where(random.random(users) < new, "gold", random.choice(["basic", "plus"], users, p=[0.7, 0.3]))
    rows = {
        "age": np.repeat(random.standard_normal(users) + shift, 20),
        "tenure": np.repeat(random.standard_normal(users), 20),
        "plan": np.repeat(plans, 20),
        "income": np.where(np.repeat(random.random(users) < missing, 20), np.nan, random.standard_normal(20 * users)),
    }
    return pd.DataFrame(rows)


@pytest.fixture(scope="module", params=["in order", "shuffled"])
def baseline(request):
    rows = make_user_rows(np.random.default_rng(1), 1000)
    if request.param == "shuffled":
        rows = rows.sample(frac=1, random_state=1)
    return run_baseline(rows.reset_index(drop=True), MONITOR, engine="local")


def violated(baseline, rows, monitor=MONITOR):
    evaluation = run_monitoring(rows, monitor, baseline, engine="local")
    return {(violation.feature_name, violation.constraint_check_type) for violation in evaluation.violations.violations}


def test_healthy_windows_of_users_are_silent_on_the_first_day(baseline):
    random = np.random.default_rng(2)
    assert [violated(baseline, make_user_rows(random, 50)) for _ in range(12)] == [set()] * 12


each_fault = pytest.mark.parametrize(
    ("fault", "feature"), [({"shift": 2.0}, "age"), ({"missing": 0.6}, "income"), ({"new": 0.4}, "plan")]
)


@each_fault
def test_what_changed_is_found(baseline, fault, feature):
    random = np.random.default_rng(3)
    for _ in range(3):
        assert {name for name, _ in violated(baseline, make_user_rows(random, 100, **fault))} == {feature}


def test_a_window_says_how_many_of_its_rows_count_as_one(baseline):
    evaluation = run_monitoring(
        make_user_rows(np.random.default_rng(4), 50, shift=2.0), MONITOR, baseline, engine="local"
    )

    [reason] = [
        finding.reason
        for finding in evaluation.results
        if (finding.feature, finding.check) == ("age", "baseline_drift_check")
    ]
    assert "rows that follow each other are alike: about " in reason
    assert 15 <= float(reason.split("about ")[1].split()[0]) <= 30


def test_runs_of_a_window_are_not_kept_and_a_replay_has_none(baseline):
    evaluation = run_monitoring(make_user_rows(np.random.default_rng(4), 50), MONITOR, baseline, engine="local")

    assert evaluation.current.runs == ()
    assert DataQualityMonitor(as_service=True).measures().run_rows == 0
    sample = Sample(evaluation.current.state, evaluation.current.metrics, runs=[RowRuns()] * 4)
    assert MONITOR.judge(sample, evaluation.baseline).baseline is evaluation.baseline


def named(random, users, **wrong):
    """The same rows with their user, in no order: neighbours show nothing."""
    rows = make_user_rows(random, users, **wrong)
    rows["user"] = np.repeat(random.integers(0, 10**12, users).astype(str), 20)
    rows["alone"] = random.standard_normal(len(rows))
    return rows.sample(frac=1, random_state=1).reset_index(drop=True)


NAMED = DataQualityMonitor(settings=MonitoringSettings(group_column="user"))


@pytest.fixture(scope="module")
def named_baseline():
    return run_baseline(named(np.random.default_rng(1), 1000), NAMED, engine="local")


def test_windows_whose_users_are_scattered_are_silent_where_a_column_names_them(named_baseline):
    random = np.random.default_rng(2)
    windows = [named(random, 50) for _ in range(12)]

    assert [violated(named_baseline, window, NAMED) for window in windows] == [set()] * 12


@each_fault
def test_what_changed_among_scattered_users_is_found(named_baseline, fault, feature):
    random = np.random.default_rng(3)
    for _ in range(3):
        assert {name for name, _ in violated(named_baseline, named(random, 100, **fault), NAMED)} == {feature}


def test_a_window_counts_the_groups_of_each_column_by_itself(named_baseline):
    """Of 50 users with 20 equal rows each, 20 count as one, and a column of rows by themselves loses nothing."""
    evaluation = run_monitoring(named(np.random.default_rng(5), 50), NAMED, named_baseline, engine="local")

    expected = pytest.approx(20 / (1 - 1 / 50))  # two rows of one group in fifty are no chance
    effects = evaluation.judgement.comparison.design_effects.by_feature
    assert {name: effect.value_design_effect for name, effect in effects.items()} == {
        "age": expected, "tenure": expected, "plan": expected, "user": expected, "income": 1.0,
    }  # fmt: skip
    assert effects["income"].missing_design_effect == expected


def test_few_groups_count_as_so_many_rows(named_baseline):
    evaluation = run_monitoring(named(np.random.default_rng(6), 10), NAMED, named_baseline, engine="local")
    assert set(evaluation.judgement.comparison.design_effects.by_feature.values()) == {(20.0, 20.0)}


def test_the_column_that_names_the_groups_is_new_by_nature(named_baseline):
    [user] = [feature for feature in named_baseline.constraints.features if feature.name == "user"]

    assert user.always_new == "its values say which rows belong together, and later ones are new by nature"
    assert not named_baseline.constraints.settings_for("user").perform_comparison


def test_a_column_that_is_not_there_is_named_and_one_that_is_gone_is_a_missing_column(named_baseline):
    rows = named(np.random.default_rng(7), 50)
    with pytest.raises(BadConfiguration, match="--group-column: 'person' is no column; they are age, tenure, plan"):
        run_baseline(rows, DataQualityMonitor(settings=MonitoringSettings(group_column="person")), engine="local")
    edited = QualityBaseline.from_documents(
        constraints_with(named_baseline, group_column="person"), profile=named_baseline.state
    )
    with pytest.raises(BadConfiguration, match="--group-column: 'person' is no column"):
        run_monitoring(rows, NAMED, edited, engine="local")
    assert ("user", "missing_column_check") in violated(named_baseline, rows.drop(columns="user"), NAMED)


def constraints_with(baseline, **members):
    config = baseline.constraints.monitoring_config.model_copy(update=members)
    return baseline.constraints.model_copy(update={"monitoring_config": config})


@pytest.fixture(scope="module")
def unnamed():
    """The same baseline, for which nobody named the column."""
    return run_baseline(named(np.random.default_rng(1), 500), MONITOR, engine="local")


def test_without_a_name_a_healthy_window_of_scattered_users_cannot_tell_and_a_hint_names_their_column(unnamed):
    random = np.random.default_rng(21)
    for _ in range(3):
        findings = run_monitoring(named(random, 50), MONITOR, unnamed, engine="local")
        outcomes = {feature.name: feature for feature in judge_features(findings.results)}

        assert findings.judgement.comparison.design_effects.group_column == "user"
        assert judge_run(findings.results) is Outcome.CANNOT_TELL
        assert {name for name, feature in outcomes.items() if feature.outcome is Outcome.CANNOT_TELL} >= {"age", "plan"}
        assert outcomes["alone"].outcome is Outcome.UNCHANGED
        assert outcomes["age"].advice.startswith("make the baseline with --group-column user")
        [hint] = [hint for hint in findings.hints if hint.features == ("user",)]
        assert "--group-column user" in hint.description


def test_without_a_name_what_changed_for_all_users_is_found(unnamed):
    assert {name for name, _ in violated(unnamed, named(np.random.default_rng(23), 100, shift=3.0))} == {"age"}


def test_users_whose_rows_follow_each_other_need_no_name(unnamed):
    rows = named(np.random.default_rng(23), 50).sort_values("user", ignore_index=True)
    effects = run_monitoring(rows, MONITOR, unnamed, engine="local").judgement.comparison.design_effects

    assert effects.group_column is None
    assert effects.by_feature["age"].value_design_effect > 10
    assert effects.by_feature["alone"].value_design_effect == 1


def test_where_none_of_a_windows_few_users_lacks_values_fewer_missing_ones_are_no_change(baseline):
    random = np.random.default_rng(24)
    assert [violated(baseline, make_user_rows(random, 20, missing=0.0)) for _ in range(4)] == [set()] * 4


def draw_shops(random, rows, kinds):
    """Independent rows: a shop explains its sales, and comes as often as in the baseline."""
    level = np.random.default_rng(kinds).standard_normal(kinds)
    shop = random.integers(0, kinds, rows)
    missing = random.random(rows) < 0.05 + 0.1 * (level[shop] > 0)
    sales = np.where(missing, np.nan, level[shop] + random.standard_normal(rows))
    return pd.DataFrame({"shop": [f"s{number}" for number in shop], "number": shop, "sales": sales})


@pytest.mark.parametrize("kinds", [10, 60, 400])
def test_values_that_come_again_name_no_groups(kinds):
    random = np.random.default_rng(25)
    shop_baseline = run_baseline(draw_shops(random, 3_000, kinds), MONITOR, engine="local")
    for _ in range(3):
        findings = run_monitoring(draw_shops(random, 500, kinds), MONITOR, shop_baseline, engine="local")
        assert findings.judgement.comparison.design_effects.group_column is None
        assert not findings.violations.violations


def test_where_none_of_few_scattered_users_lacks_values_fewer_missing_ones_are_no_change(named_baseline, unnamed):
    random = np.random.default_rng(26)
    for _ in range(3):
        rows = named(random, 20, missing=0.0)
        assert violated(named_baseline, rows, NAMED) == violated(unnamed, rows) == set()


@pytest.mark.parametrize(("shift", "expected"), [(0.1, False), (0.2, True)])
def test_a_column_names_groups_if_others_differ_as_so_few_groups_do(shift, expected):
    """By the largest squared score, of which independent rows have about 2 log n: 6.4 among 25."""
    random = np.random.default_rng(5)
    before, now = (
        run_baseline(pd.DataFrame({"x": random.normal(mean, 1, rows)}), MONITOR, engine="local").state
        for mean, rows in ((0, 4_000), (shift, 1_000))
    )
    group = GroupColumn("user", {"x": FeatureDesignEffect(4.0)}, 250.0, 1.0, ("user",), np.arange(250))

    assert _has_differences_of_groups(group, now, before) is expected


@pytest.mark.parametrize(("first_user", "names"), [(0, None), (300, 290)])
def test_users_of_a_window_name_groups_if_the_baseline_has_too_few_of_them(first_user, names):
    """Of 300 users, a thousand independent rows have about 290."""
    random = np.random.default_rng(6)
    before, now = (
        run_baseline(
            pd.DataFrame({"user": [f"u{user:03d}" for user in first + random.integers(300, size=rows)]}),
            MONITOR,
            engine="local",
        ).state.features[0]
        for first, rows in ((0, 6_000), (first_user, 1_000))
    )

    assert count_group_names(before, now) == (names and pytest.approx(names, rel=0.05))


@pytest.mark.parametrize("change", [lambda age: age // 10 * 10, lambda age: age * 12, lambda age: age + 5.5])
def test_a_column_that_changed_names_no_groups_of_its_own_rows(change):
    """Ages explain another column, which is as it was."""
    random = np.random.default_rng(5)

    def draw_people(rows):
        age = random.integers(20, 80, rows).astype(float)
        return pd.DataFrame({"age": age, "is_old": (age > 50).astype(float), "weight": random.normal(70, 9, rows)})

    baseline = run_baseline(draw_people(4_000), MONITOR, engine="local")
    people = draw_people(1_000)
    findings = run_monitoring(people.assign(age=change(people["age"])), MONITOR, baseline, engine="local")

    assert {violation.feature_name for violation in findings.violations.violations} == {"age"}
    assert all(feature.outcome is not Outcome.CANNOT_TELL for feature in judge_features(findings.results))


@pytest.mark.parametrize("is_scattered", [False, True])
@pytest.mark.parametrize("kind", ["numbers that go on", "hexadecimal"])
def test_new_names_of_groups_end_their_alarm_by_naming_the_column(kind, is_scattered):
    """Each session has three rows, and later sessions have other names. A changed column without groups gets no such advice."""
    random = np.random.default_rng(11)

    def draw_sessions(first, count):
        names = np.arange(first, first + count)
        if kind == "hexadecimal":
            names = np.array([random.bytes(8).hex() for _ in range(count)])
        rows = pd.DataFrame({"session id": np.repeat(names, 3), "clicks": random.poisson(3, 3 * count)})
        return rows.sample(frac=1, random_state=1) if is_scattered else rows

    rows = draw_sessions(0, 2_000)
    window = draw_sessions(2_000, 700)
    findings = run_monitoring(window, MONITOR, run_baseline(rows, MONITOR, engine="local"), engine="local")
    advised = [hint for hint in findings.hints if "--group-column 'session id'" in hint.description]
    monitor = DataQualityMonitor(settings=MonitoringSettings(group_column="session id"))

    assert len(advised) == len(findings.violations.violations)
    assert advised or (kind, is_scattered) == ("hexadecimal", False)  # always new, as the rows follow each other
    assert violated(run_baseline(rows, monitor, engine="local"), window, monitor) == set()


# Columns whose values are shared by the rows of a visit (neighbours) or of a customer (scattered)


RARE_TEXTS = {"births": "1700-01-01", "ids": "1234567890123456", "codes": "4711", "amounts": "unknown"}
NAMED_VISITS = DataQualityMonitor(settings=MonitoringSettings(group_column="visit"))


def draw_visits(kind, rows, seed, rows_of_visit):
    """A column with one value for all rows of a visit, the visit's name, and another column. kind: what the values are."""
    random = np.random.default_rng([8, seed])
    visits = rows // rows_of_visit
    values = {
        "births": (np.datetime64("1950-01-01") + random.integers(0, 20_000, visits)).astype(str),
        "ids": np.array([random.bytes(8).hex() for _ in range(visits)]),
        "codes": np.array([f"q{number}" for number in random.integers(1_000, 9_999, visits)]),
        "amounts": random.lognormal(3, 1, visits).round(2).astype(str),
    }
    names = [f"{seed}-{number:05d}" for number in range(visits)]
    columns = {"text": np.repeat(values[kind], rows_of_visit), "visit": np.repeat(names, rows_of_visit)}
    return pd.DataFrame({**columns, "clicks": random.poisson(3, rows)})


@cache
def make_visits_baseline(kind, rows_of_visit, monitor):
    return run_baseline(draw_visits(kind, 12_000, 0, rows_of_visit), monitor, engine="local")


@pytest.mark.parametrize("monitor", [MONITOR, NAMED_VISITS], ids=["neighbours", "named"])
@pytest.mark.parametrize("kind", RARE_TEXTS)
def test_a_visit_with_a_value_of_another_kind_is_one_of_many_visits(kind, monitor):
    """Twenty rows share a value, so they are one observation."""
    baseline = make_visits_baseline(kind, 20, monitor)

    for seed in range(1, 4):
        window = draw_visits(kind, 1_000, seed, 20)
        window.loc[60:79, "text"] = RARE_TEXTS[kind]
        assert violated(baseline, window, monitor) == set()


@pytest.mark.parametrize(
    ("rows_of_visit", "monitor", "share"),
    [
        pytest.param(1, MONITOR, 0.05, id="among independent rows"),
        pytest.param(20, MONITOR, 0.05, id="among neighbours"),
        pytest.param(20, MONITOR, 0.3, id="most among neighbours"),
        pytest.param(20, NAMED_VISITS, 0.03, id="among named visits"),
    ],
)
@pytest.mark.parametrize("kind", RARE_TEXTS)
def test_scattered_rows_of_another_kind_are_found(kind, rows_of_visit, monitor, share):
    baseline = make_visits_baseline(kind, rows_of_visit, monitor)
    window = draw_visits(kind, 1_000, 2, rows_of_visit)
    is_rare = np.random.default_rng(9).random(1_000) < share

    changed = window.assign(text=window["text"].mask(is_rare, RARE_TEXTS[kind]))
    assert {name for name, _ in violated(baseline, changed, monitor)} == {"text"}


@pytest.mark.parametrize("share", [0.01, 0.05])
@pytest.mark.parametrize(("feature", "value"), [("age", np.inf), ("age", 50.0), ("plan", "gold")])
def test_scattered_rows_of_named_users_are_no_group(named_baseline, feature, value, share):
    random = np.random.default_rng(27)
    rows = named(random, 100)
    wrong = {feature: rows[feature].mask(random.random(len(rows)) < share, value)}

    assert {name for name, _ in violated(named_baseline, rows.assign(**wrong), NAMED)} == {feature}


@pytest.mark.parametrize("rows_of_visit", [5, 20])
def test_births_that_visits_share_are_near_each_other_and_those_of_another_century_are_not(rows_of_visit):
    baseline = make_visits_baseline("births", rows_of_visit, MONITOR)
    windows = [draw_visits("births", 1_000, seed, rows_of_visit) for seed in range(1, 6)]

    assert [violated(baseline, window) for window in windows] == [set()] * 5
    # A third of the visits have births 200 years later
    births = windows[0]["text"].to_numpy("datetime64[D]")
    is_far = np.repeat(np.random.default_rng(9).random(1_000 // rows_of_visit) < 0.3, rows_of_visit)
    moved = windows[0].assign(text=np.where(is_far, births + 200 * 365, births).astype(str))
    assert ("text", "date_range_check") in violated(baseline, moved)


@pytest.mark.parametrize("rows_of_customer", [2, 3])
def test_other_customers_are_no_drift_of_their_numbers(rows_of_customer):
    """A few scattered rows have each number, in windows as in the baseline."""

    def draw_customers(rows, seed):
        random = np.random.default_rng([11, seed])
        return pd.DataFrame({"id": random.choice(random.integers(0, 50_000, rows // rows_of_customer), rows)})

    baseline = run_baseline(draw_customers(12_000, 0), MONITOR, engine="local")
    windows = [draw_customers(1_000, seed) for seed in range(1, 13)]
    assert [violated(baseline, window) for window in windows] == [set()] * 12
    # Another range, another unit, one value in a third of the rows
    ids = windows[0]["id"]
    for changed in (ids + 15_000, ids * 100, ids.mask(ids.index % 3 == 0, 7)):
        assert {name for name, _ in violated(baseline, pd.DataFrame({"id": changed}))} == {"id"}


@pytest.mark.parametrize("group_column", [None, "birth"])
def test_rare_values_of_scattered_customers_are_those_of_few_customers(group_column):
    """Each customer has ten rows anywhere in the window, so a city that is new is in ten rows."""
    monitor = DataQualityMonitor(settings=MonitoringSettings(group_column=group_column), find_causes=False)

    def draw_visits(rows, seed):
        random = np.random.default_rng([13, seed])
        births = np.datetime64("1950-01-01") + random.integers(0, 20_000, rows // 10)
        cities = random.zipf(1.6, rows // 10).clip(max=5_000)
        customer = random.integers(0, rows // 10, rows)
        city = pd.Series(cities[customer]).map("city{}".format)
        income = random.lognormal(10, 0.5, rows // 10).round()[customer]
        return pd.DataFrame({"birth": births[customer].astype(str), "city": city, "income": income})

    baseline = run_baseline(draw_visits(12_000, 0), monitor, engine="local")

    def find_violated(table):
        findings = run_monitoring(table, monitor, baseline, engine="local")
        return {violation.feature_name for violation in findings.violations.violations}

    for seed in range(1, 7):
        assert find_violated(draw_visits(300, seed)) == set()
    # A fault in some rows of many customers, and in all rows
    table = draw_visits(1_000, 7)
    is_faulty = np.random.default_rng(14).random(len(table)) < 0.1
    assert find_violated(table.assign(city=table["city"].mask(is_faulty, "nowhere"))) == {"city"}
    assert find_violated(table.assign(income=table["income"].mask(is_faulty, -999))) == {"income"}
    assert find_violated(table.assign(income=table["income"] * 100)) == {"income"}


@pytest.mark.parametrize("mean_rows", [3, 5])
def test_a_column_whose_own_values_are_the_groups_is_unchanged_by_new_ones(mean_rows):
    """Ids that a few neighbours share are not sorted."""

    def draw_log(rows, seed):
        random = np.random.default_rng([12, seed])
        index = np.cumsum(random.random(rows) < 1 / mean_rows)
        ids = np.array([random.bytes(6).hex() for _ in range(index.max() + 1)])
        return pd.DataFrame({"visit": ids[index], "pages": random.poisson(3, rows)})

    # New ids are as many as have the rows of one group, whether or not a person names the column
    for monitor in (MONITOR, NAMED_VISITS):
        baseline = run_baseline(draw_log(12_000, 0), monitor, engine="local")
        findings = run_monitoring(draw_log(1_000, 1), monitor, baseline, engine="local")
        assert findings.outcome is Outcome.UNCHANGED
