"""What a violated check says: what was, what is, new categories by name, and none of that where values are hidden."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import run_baseline, run_monitoring
from spark_model_monitor.documents.change_description import describe_change, describe_evidence
from spark_model_monitor.documents.check_results import DRIFT, remove_values
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.monitoring_settings import Comparator, Rows
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import create_distribution
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.data_quality.report.moved_values import are_unusual, find_clearest_value
from spark_model_monitor.monitors.protocol import Sample

from .comparisons import make_profile, number_feature, text_feature

MONITOR = DataQualityMonitor()


def find_words(before, after, *, monitor=MONITOR, **settings):
    """The violated results in words, by feature and check."""
    monitor = replace(monitor, settings=replace(monitor.settings, **settings))
    _, constraints = monitor.documents(before, monitor.metrics(before))
    stored_baseline = monitor.stored_baseline(constraints, None, before, constraints)
    judgement = monitor.judge(Sample(after, monitor.metrics(after)), stored_baseline)
    results = judgement.write_sentences(judgement.results)
    return {(finding.feature, finding.check): finding for finding in results if finding.is_violation}


def one(before, after, **settings):
    [result] = find_words(make_profile(before), make_profile(after), **settings).values()
    return result


def test_a_drift_of_numbers_says_how_the_mean_moved():
    drift = one(number_feature("x", [1.0, 3.0] * 50), number_feature("x", [101.0, 103.0] * 50))

    assert drift.change == "is about 51 times what it was (mean 2 → 102)"
    assert describe_evidence(drift).startswith(f"distance {drift.observed:.2g}, limit 0.1")


def test_a_drift_around_the_same_mean_says_how_the_spread_moved():
    """The deviation of -1 and 1 is 1, that of -9 and 9 is 9."""
    drift = one(number_feature("x", [-1.0, 1.0] * 50), number_feature("x", [-9.0, 9.0] * 50))

    assert drift.change == "has another spread: about 9 times what it was (standard deviation 1 → 9)"


def test_a_drift_of_the_spread_is_said_of_the_spread_though_the_mean_moved_a_little():
    """The deviation of -1 and 1 is 1, that of -8 and 10 is 9; their means are 0 and 1."""
    drift = one(number_feature("x", [-1.0, 1.0] * 50), number_feature("x", [-8.0, 10.0] * 50))

    assert drift.change == "has another spread: about 9 times what it was (standard deviation 1 → 9)"


def test_a_long_tail_that_doubled_is_higher_whatever_its_largest_value_is():
    """Its standard deviation, which the largest value decides, fell; ranks were tested."""
    rng = np.random.default_rng(1)
    before = rng.pareto(1.1, 6_000)
    now = 2 * rng.pareto(1.1, 1_500)
    before[7] = 9 * now.max()
    assert now.std() < before.std()

    baseline = run_baseline(pd.DataFrame({"x": before}), MONITOR, engine="local")
    findings = run_monitoring(pd.DataFrame({"x": now}), MONITOR, baseline, engine="local")
    [drift] = [check for check in findings.results if check.is_violation]
    assert drift.change.startswith("is about 2 times what it was (median ")


def test_a_default_value_in_some_rows_is_said_as_the_share_of_one_value():
    values = [float(n) for n in range(1_000)]
    before, after = (number_feature("x", value) for value in (values * 2, [0.0 if n % 10 == 5 else n for n in values]))
    settings = {"rows": Rows.INDEPENDENT}

    # 2 of 2,000, then the first and 100 of 1,000
    assert one(before, after, **settings).change == "has one value in 10.1 % of the records, in 0.1 % before"


@pytest.mark.parametrize(
    ("repeated", "words"),
    [
        (range(10), "has more low values: 2.94 % of the records below 10, 1 % before"),
        (range(990, 1_000), "has more high values: 2.94 % of the records above 989, 1 % before"),
    ],
)
def test_a_drift_of_a_tail_says_its_shares_and_where_it_begins(repeated, words):
    """Of each whole number below 1,000 ten before; ten of them 30 times in the window: 300 of 10,200."""
    values = [float(value) for value in range(1_000)] * 10
    now = values + [float(value) for value in repeated] * 20

    assert one(number_feature("x", values), number_feature("x", now), rows=Rows.INDEPENDENT).change == words


def test_a_drift_of_texts_names_the_value_whose_share_moved_most():
    before = ["a"] * 50 + ["b"] * 50
    after = ["a"] * 90 + ["b"] * 10
    drift = one(text_feature("t", before), text_feature("t", after))

    assert drift.change == "has one value in 90 % of the records, in 50 % before"
    assert drift.values == ("a",)


def test_new_categories_are_named_the_most_frequent_first():
    after = ["DE"] * 160 + ["IT"] * 10 + ["ES"] * 30
    outcomes = find_words(make_profile(text_feature("c", ["DE", "FR"] * 200)), make_profile(text_feature("c", after)))
    domain = outcomes["c", "categorical_values_check"]

    assert domain.change == "has 20 % of values that were not there before"
    assert domain.values == ("ES", "IT")


def draw_codes(random, prefix, rows):
    return [f"{prefix}-{number:03d}" for number in random.integers(0, 200, rows)]


@pytest.mark.parametrize("new_rows", [60, 400])
def test_many_new_codes_are_said_together(new_rows):
    random = np.random.default_rng(72)
    monitor = replace(MONITOR, max_domain_size=50)
    baseline = make_profile(text_feature("code", draw_codes(random, "AK", 8_000)))
    codes = draw_codes(random, "AK", 1_000 - new_rows) + draw_codes(random, "DZ", new_rows)
    window = make_profile(text_feature("code", codes))
    violation = find_words(baseline, window, monitor=monitor, rows=Rows.INDEPENDENT)["code", DRIFT]

    assert violation.change == f"has {new_rows / 10:g} % of values that were not there before"
    assert violation.values is None


def test_codes_that_are_new_as_often_as_before_are_said_by_the_value_that_moved():
    random = np.random.default_rng(73)
    before, now = ([f"C{code}" for code in random.integers(0, 900, 1_000)] for _ in range(2))
    now[:300] = ["C5"] * 300
    violation = find_words(make_profile(text_feature("code", before)), make_profile(text_feature("code", now)))[
        "code", DRIFT
    ]

    assert violation.change.startswith("has one value in 30")


def test_categories_that_statistics_do_not_list_are_not_named_either():
    new = [f"v{number}" for number in range(60)]
    monitor = replace(MONITOR, max_domain_size=50)
    outcomes = find_words(
        make_profile(text_feature("c", ["a", "b"] * 100)), make_profile(text_feature("c", new * 4)), monitor=monitor
    )

    assert outcomes["c", "categorical_values_check"].values is None
    assert not {value for outcome in outcomes.values() for value in outcome.values or ()} & set(new)


def find_words_of_own_limits(before, after, edit):
    """As `find_words`, after an edit of the features in the plain constraints."""
    _, suggested = MONITOR.documents(before, MONITOR.metrics(before))
    plain = suggested.plain()
    edit(*plain["features"])
    constraints = Constraints.model_validate(plain)
    judgement = MONITOR.judge(
        Sample(after, MONITOR.metrics(after)), MONITOR.stored_baseline(constraints, None, before, suggested)
    )
    return {
        finding.feature: finding for finding in judgement.write_sentences(judgement.results) if finding.is_violation
    }


def test_a_limit_that_a_person_wrote_is_named():
    """The window is as the baseline, and better: only the limits say that it's wrong."""
    before = make_profile(
        text_feature("comment", ["a", None] * 500),
        text_feature("country", ["DE", "FR", "PL", "IT"] * 250),
        text_feature("plan", ["x", "y"] * 500),
        number_feature("charge", [1.5, 2.5] * 500),
    )
    after = make_profile(
        text_feature("comment", ["a", "a", "a", None] * 250),
        text_feature("country", ["DE", "FR", "PL", "IT"] * 250),
        text_feature("plan", ["x", "y"] * 490 + ["z"] * 20),
        number_feature("charge", [1.5, 2.5] * 500),
    )

    def edit(comment, country, plan, charge):
        comment["completeness"] = 0.95
        country["string_constraints"]["domains"] = ["DE", "FR"]
        country["monitoring_config_overrides"] = {"domain_content_threshold": 0.98}
        plan["monitoring_config_overrides"] = {"domain_content_threshold": 0.99}
        charge["inferred_type"] = "Integral"

    outcomes = find_words_of_own_limits(before, after, edit)

    assert {name: outcome.change for name, outcome in outcomes.items()} == {
        "comment": "is missing in 25 % of the records; your limit is 5 %",
        "country": "has 50 % of values outside your list; your limit is 2 %",
        "plan": "has one value that was not there before in 2 % of the records; your limit is 1 %",
        "charge": "has another type: 100 % are not Integral, the type of your constraints",
    }
    changed = "has 50 % of values outside your list, such as IT, PL; your limit is 2 %"
    assert describe_change(outcomes["country"]) == changed
    assert describe_change(remove_values(outcomes["country"])) == changed.replace(", such as IT, PL", "")


def test_missing_values_columns_and_types_say_what_was():
    before = make_profile(
        text_feature("gone", ["1"] * 100), text_feature("n", ["1", "2"] * 50), text_feature("t", ["1", "2"] * 50)
    )
    after = make_profile(
        text_feature("new", ["1"] * 100), text_feature("n", ["1", "2", None, None] * 25), text_feature("t", ["x"] * 100)
    )
    outcomes = find_words(before, after)

    assert outcomes["n", "completeness_check"].change == "is missing in 50 % of the records, where none was"
    assert outcomes["t", "data_type_check"].change == "changed its type: 100 % are not Integral any more"
    renamed = outcomes["gone", "missing_column_check"], outcomes["new", "extra_column_check"]
    assert renamed[0].words == "gone is not in the data any more; 'new' has its values: renamed?"
    assert renamed[1].words == "new is in the data but not in the baseline; it has the values of 'gone': renamed?"


@pytest.mark.parametrize(("columns", "called"), [(("n",), "Missing columns"), (("n", "t", "u"), "Extra columns")])
def test_another_number_of_columns_that_nobody_can_tell_is_said_so(columns, called):
    before = make_profile(*(text_feature(name, ["1"] * 100) for name in ("n", "t")))
    after = make_profile(*(text_feature(name, ["1"] * 100) for name in columns))
    [outcome] = find_words(before, after, monitor=replace(MONITOR, columns="exact")).values()

    assert (outcome.feature, outcome.change) == (
        called,
        f"leave {len(columns)} columns where the baseline has 2, so no feature was compared",
    )


@pytest.mark.parametrize("name", ["Missing columns", "Extra columns"])
@pytest.mark.parametrize("is_missing", [True, False])
def test_a_column_may_have_the_name_of_a_violation_of_the_data_set(name, is_missing):
    columns = [text_feature(column, ["1"] * 100) for column in ("n", "t", name)]
    before = columns[:2]
    after = columns
    if is_missing:
        before = columns
        after = columns[:2]
    [violation] = find_words(make_profile(*before), make_profile(*after)).values()

    if is_missing:
        words = "is not in the data any more"
    else:
        words = "is in the data but not in the baseline"
    assert (violation.feature, violation.change) == (name, words)


def test_a_guard_says_from_what_to_what():
    before = [float(x) for x in range(1_000)]
    after = [float(x) for x in range(980)] + [float("inf")] * 20
    outcomes = find_words(make_profile(number_feature("x", before)), make_profile(number_feature("x", after)))

    assert outcomes["x", "infinity_check"].change == "has 20 of 1,000 values that are infinite"


@pytest.mark.parametrize("hide", [False, True])
def test_whoever_hides_values_has_none_in_words_nor_texts(hide):
    monitor = replace(MONITOR, hide_values=hide)
    distant = (Comparator(against="baseline", distance="l_infinity_categorical", threshold=0.3),)
    outcomes = find_words(
        make_profile(text_feature("c", ["DE"] * 100)),
        make_profile(text_feature("c", ["secret"] * 100)),
        monitor=monitor,
        comparators=distant,
    ) | find_words(
        make_profile(number_feature("x", [0.0, 7.0] * 50)),
        make_profile(number_feature("x", [-1234.5, 7.0] * 50)),
        monitor=monitor,
        non_negative_check=True,
    )
    text = str([outcome.plain() for outcome in outcomes.values()])

    assert {check for _, check in outcomes} >= {
        "COMPARATOR_L_INFTY_HIGH",
        "categorical_values_check",
        "non_negative_check",
    }
    assert ("secret" in text) is not hide
    assert ("minimum: -1234.5" in text) is not hide


def test_a_text_of_another_length_is_named():
    """Without a limit on new values, the guard sees that no text had three characters."""
    before = ["km", "mi"] * 200
    after = ["km", "mi"] * 80 + ["m/s"] * 40
    violations = find_words_of_own_limits(
        make_profile(text_feature("unit", before)),
        make_profile(text_feature("unit", after)),
        lambda unit: unit.pop("string_constraints"),
    )
    violation = violations["unit"]

    assert violation.check == "code_length_check"
    assert violation.change == "has one value in 20 % of the records, in none before"
    assert violation.values == ("m/s",)


@pytest.mark.parametrize(
    ("before", "now", "position"),
    [
        pytest.param([50, 50, 0], [30, 50, 20], 2, id="as much less as there is of a new one: the new one"),
        pytest.param([600, 400, 0], [440, 470, 90], 2, id="a new one that has more than half of what another lost"),
        pytest.param([500, 400, 100, 0], [300, 590, 100, 10], 0, id="a new one that hardly occurs: what changed most"),
    ],
)
def test_the_value_to_name_changed_most_and_is_rather_a_new_one(before, now, position):
    assert find_clearest_value(np.array(before), np.array(now)) == position


@pytest.mark.parametrize(
    ("outside", "spread", "expected"),
    [
        pytest.param(50.0, 1.0, True, id="far outside"),
        pytest.param(np.inf, 1.0, True, id="infinite"),
        pytest.param(50.0, 0.5, False, id="the others are nearer to each other, too"),
        pytest.param(4.5, 1.0, False, id="all together are as before"),
    ],
)
def test_numbers_outside_the_range_explain_a_drift_if_all_others_are_as_before(outside, spread, expected):
    numbers = np.random.default_rng(3).normal(size=1_000)
    before = create_distribution(number_feature("x", numbers.tolist()))
    now = create_distribution(number_feature("x", [*(spread * numbers), *[outside] * 10]))

    assert are_unusual(before.numbers, now.numbers) is expected
