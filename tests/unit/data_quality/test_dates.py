"""Columns of dates: a healthy next month, quarter or year is silent in every form, and what a person would see is found."""

from dataclasses import fields
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.at_hand import defer_to_night
from tests.rotation import every_combination

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.headline import write_headline
from spark_model_monitor.monitors.data_quality.checks.facts import FACTS
from spark_model_monitor.monitors.data_quality.checks.facts.text_form import estimate_group_size
from spark_model_monitor.statistics.date_columns import DateColumn, count_texts, read_window, recognise_dates
from spark_model_monitor.statistics.date_forms import read_dates
from spark_model_monitor.statistics.states import ColumnType, DateTextsBuilder, FeatureProfile
from spark_model_monitor.statistics.states.hashing import hash_texts
from spark_model_monitor.statistics.text_forms import MARK
from spark_model_monitor.statistics.verdicts.window_statistics import VALUES

from .comparisons import number_feature, text_feature

MONITOR = DataQualityMonitor()
SIZES = (200, 1_000, 5_000)
FORMS = {
    "YYYY-MM-DD": lambda time: f"{time:%Y-%m-%d}",
    "YYYY/MM/DD": lambda time: f"{time:%Y/%m/%d}",
    "DD/MM/YYYY": lambda time: f"{time:%d/%m/%Y}",
    "MM/DD/YYYY": lambda time: f"{time:%m/%d/%Y}",
    "MM/DD/YYYY without zeros": lambda time: f"{time.month}/{time.day}/{time.year}",
    "YYYY MM DD": lambda time: f"{time:%Y %m %d}",
    "YYYY_MM_DD": lambda time: f"{time:%Y_%m_%d}",
    "YYYY. MM. DD.": lambda time: f"{time:%Y. %m. %d.}",
    "DD / MM / YYYY": lambda time: f"{time:%d / %m / %Y}",
    "DD MM YY": lambda time: f"{time:%d %m %y}",
    "YYYY-MM-DDThh": lambda time: f"{time:%Y-%m-%dT%H}",
    "DD.MM.YYYY": lambda time: f"{time:%d.%m.%Y}",
    "MM-DD-YYYY": lambda time: f"{time:%m-%d-%Y}",
    "YYYYMMDD": lambda time: f"{time:%Y%m%d}",
    "DD/MM/YY": lambda time: f"{time:%d/%m/%y}",
    "YY-MM-DD": lambda time: f"{time:%y-%m-%d}",
    "MON DD, YYYY": lambda time: f"{time:%b %d, %Y}",
    "MON DD, YYYY in full": lambda time: f"{time:%B} {time.day}, {time.year}",
    "DD MON YYYY": lambda time: f"{time:%d %B %Y}",
    "DD-MON-YYYY": lambda time: f"{time:%d-%b-%Y}",
    "DD-MON-YY": lambda time: f"{time:%d-%b-%y}".upper(),
    "YYYY-DDD": lambda time: f"{time:%Y-%j}",
    "YYYY-Www": lambda time: f"{time:%G-W%V}",
    "YYYY-Www-D": lambda time: f"{time:%G-W%V-%u}",
    "YYYY-MM": lambda time: f"{time:%Y-%m}",
    "YYYYMM": lambda time: f"{time:%Y%m}",
    "MM/YYYY": lambda time: f"{time:%m/%Y}",
    "MON-YY": lambda time: f"{time:%b-%y}",
    "YYYY-Qn": lambda time: f"{time.year}-Q{(time.month + 2) // 3}",
    "YYYYQn": lambda time: f"{time.year}Q{(time.month + 2) // 3}",
    "YYYY-MM-DD hh:mm": lambda time: f"{time:%Y-%m-%d %H:%M}",
    "YYYY-MM-DDThh:mm:ss": lambda time: time.isoformat(),
    "YYYY-MM-DDThh:mm:ss±hh:mm": lambda time: f"{time:%Y-%m-%dT%H:%M:%S}+01:00",
    "YYYYMMDDThhmmss±hh:mm": lambda time: f"{time:%Y%m%dT%H%M%SZ}",
    "YYYYMMDDhhmmss": lambda time: f"{time:%Y%m%d%H%M%S}",
    "MM/DD/YYYY hh:mm AM": lambda time: f"{time:%m/%d/%Y %I:%M %p}",
    "Day, DD MON YYYY hh:mm:ss±hh:mm": lambda time: f"{time:%a, %d %b %Y %H:%M:%S} +0000",
    "Day MON DD hh:mm:ss YYYY": lambda time: time.ctime(),
}
"""By the form's name, and what makes it another way of writing it."""

COARSE = ("YYYY-Www", "YYYY-MM", "YYYYMM", "MM/YYYY", "MON-YY", "YYYY-Qn", "YYYYQn")
every_form = pytest.mark.parametrize(
    ("number", "form"),
    [(number, form) if number % 4 == 0 else defer_to_night(number, form) for number, form in enumerate(FORMS)],
    ids=FORMS,
)
"""By day every fourth: of days, weeks, months, quarters and times, in texts and as numbers."""

JANUARY = date(2024, 1, 1), 31
FEBRUARY = date(2024, 2, 1), 29
PERIODS = {
    "month": (JANUARY, FEBRUARY),
    "quarter": ((date(2024, 1, 1), 91), (date(2024, 4, 1), 91)),
    "year": ((date(2023, 1, 1), 365), (date(2024, 1, 1), 366)),
    "year after a month": ((date(2023, 12, 1), 31), (date(2024, 1, 1), 366)),
    "month after a year": ((date(2023, 1, 1), 365), (date(2024, 1, 1), 31)),
}


@lru_cache(64)
def draw_times(rows, seed, start, days, *, is_sorted=False):
    """Times of some days, in any order unless they are sorted."""
    seconds = np.random.default_rng(seed).random(rows) * days * 86_400
    if is_sorted:
        seconds.sort()
    midnight = datetime.combine(start, datetime.min.time())
    return [midnight + timedelta(seconds=second) for second in seconds.tolist()]


def make_table(cells, seed=0):
    return pd.DataFrame({"d": cells, "x": np.random.default_rng(seed).normal(size=len(cells))})


def make_baseline(cells):
    return run_baseline(make_table(cells, 1), MONITOR, engine="local")


@lru_cache(8)
def make_january(form, rows):
    return make_baseline([FORMS[form](time) for time in draw_times(rows, 1, *JANUARY)])


def find_violations(baseline, cells):
    """Violated checks with their descriptions."""
    checks = run_monitoring(make_table(cells, 2), MONITOR, baseline, engine="local").results
    return {check.check: check.description for check in checks if check.is_violation}


def read_always_new(baseline):
    return next(feature.always_new for feature in baseline.constraints.features if feature.name == "d")


# Healthy windows


def list_forms_and_sizes():
    """By day each form in one of the smaller sizes."""
    for number, form in enumerate(FORMS):
        for rows in SIZES:
            yield (form, rows) if rows == SIZES[number % 2] else defer_to_night(form, rows)


@pytest.mark.parametrize(("form", "rows"), [*list_forms_and_sizes()])
def test_a_healthy_next_month_quarter_or_year_is_silent(form, rows):
    """Each form with each size, and two of the periods and orders of rows; other seeds of the whole cross were silent, too."""
    number = [*FORMS].index(form)
    names = [*PERIODS]
    for period, is_sorted in ((number, False), (number + rows // 100 + 2, True)):
        (start, days), (later, more_days) = PERIODS[names[period % len(names)]]
        write = FORMS[form]
        baseline = make_baseline([write(time) for time in draw_times(rows, 1, start, days, is_sorted=is_sorted)])
        window = [write(time) for time in draw_times(rows, 2, later, more_days, is_sorted=is_sorted)]

        assert find_violations(baseline, window) == {}
        assert f"dates or times ({form.split(' without')[0].split(' in full')[0]})" in read_always_new(baseline)


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize("form", ["YYYY-MM-DD hh:mm", "YYYY-MM-DDThh:mm:ss", "YYYY-MM"])
def test_the_times_of_one_day_are_silent_beside_a_month(form, rows):
    window = [FORMS[form](time) for time in draw_times(rows, 2, date(2024, 2, 14), 1)]

    assert find_violations(make_january(form, rows), window) == {}


@pytest.mark.parametrize("is_sorted", [True, False])
@pytest.mark.parametrize("form", ["YYYY-MM-DD", "DD/MM/YYYY", "YYYYMMDD", "YYYY-Www"])
def test_a_day_or_week_is_silent_beside_several_in_any_order(form, is_sorted):
    """A training table is shuffled, its windows are days, and nobody says when they begin."""
    write = FORMS[form]
    times = draw_times(6_000, 1, date(2024, 1, 1), 70, is_sorted=is_sorted)
    baseline = make_baseline([write(time) for time in times])
    rows = 6_000 // 10 if form == "YYYY-Www" else 6_000 // 70

    for number in range(4):
        window = [write(datetime(2024, 3, 11) + timedelta(days=7 * number))] * (rows + 10 * number)
        assert find_violations(baseline, window) == {}


# Faults


def replace_third(cells, make_cell):
    replaced = [*cells]
    replaced[::3] = [make_cell(row) for row in range(0, len(cells), 3)]
    return replaced


def make_faults(form, rows):
    """For each fault, the window and the check that finds it."""
    write = FORMS[form]
    times = draw_times(rows, 2, *FEBRUARY)
    cells = [write(time) for time in times]
    write_otherwise = FORMS["DD/MM/YYYY"]
    if form == "DD/MM/YYYY":
        write_otherwise = FORMS["YYYY-MM-DD"]

    def add_years(years):
        return lambda row: write(times[row].replace(year=times[row].year + years, day=min(times[row].day, 28)))

    is_number = form.startswith("YYYY") and cells[0].isdigit()
    no_date = "date_value_check"
    in_other_form = "date_form_check"
    if is_number:
        no_date = in_other_form = "data_type_check"
    yield "words", ["not-a-date"] * rows, no_date
    yield "words in a third", replace_third(cells, lambda row: "soon"), "date_value_check"
    yield "another form", [write_otherwise(time) for time in times], in_other_form
    yield "another form in a third", replace_third(cells, lambda row: write_otherwise(times[row])), "date_form_check"
    yield "impossible days", replace_third(cells, lambda row: "2024-13-45"), "date_value_check"
    yield "far in the future", replace_third(cells, add_years(10)), "date_range_check"
    yield "far in the past", replace_third(cells, add_years(-10)), "date_range_check"
    # The week of 1970-01-01 began in 1969
    of_1970 = "date_sentinel_check"
    if form == "YYYY-Www":
        of_1970 = "date_range_check"
    yield "1970 in all rows", [write(datetime(1970, 1, 1))] * rows, of_1970
    if "YY" not in form.replace("YYYY", ""):
        yield "many of 9999", replace_third(cells, lambda row: write(datetime(9999, 12, 31))), "date_sentinel_check"
    if form not in COARSE:  # a month has too few of these
        yield "one date", [write(datetime(2024, 2, 14, 12))] * rows, "single_date_check"


def choose_rows(form):
    """Of either smaller size by turns; test_each_fault_is_found_at_each_size has the largest."""
    return SIZES[[*FORMS].index(form) // 3 % 2]


every_third_fault = pytest.mark.parametrize("first", range(3))


@every_combination(form=FORMS, first=range(3))
def test_each_fault_in_each_form_is_found(form, first):
    rows = choose_rows(form)
    baseline = make_january(form, rows)

    for fault, window, check in islice(make_faults(form, rows), first, None, 3):
        violations = find_violations(baseline, window)
        assert check in violations, fault
        assert len(violations) == 1, (fault, violations)


@pytest.mark.parametrize("rows", SIZES)
@every_third_fault
def test_each_fault_is_found_at_each_size(rows, first):
    for fault, window, check in islice(make_faults("YYYY-MM-DD", rows), first, None, 3):
        assert [*find_violations(make_january("YYYY-MM-DD", rows), window)] == [check], fault


MONTH_AND_QUARTER = {"quarter": (date(2023, 10, 1), 92), "month": (date(2023, 12, 1), 31)}


@every_combination(
    form=["YYYY-MM-DD", "DD/MM/YYYY", "YYYYMMDD", "YYYY-MM-DDThh:mm:ss"], before=MONTH_AND_QUARTER.values()
)
def test_one_date_in_many_rows_is_found(form, before):
    write = FORMS[form]
    baseline = make_baseline([write(time) for time in draw_times(4_000, 1, *before)])
    cells = np.array([write(time) for time in draw_times(1_000, 2, *JANUARY)])
    positions = np.random.default_rng(3).random(1_000)
    for share in (0.35, 0.5, 0.9, 0.99, 0.999):
        window = np.where(positions < share, write(datetime(2024, 1, 17, 12)), cells).tolist()

        assert [*find_violations(baseline, window)] == ["single_date_check"], share


@every_combination(form=["YYYY-MM-DD", "MM/DD/YYYY", "YYYY-MM-DDThh:mm:ss"], seed=range(3))
def test_a_shorter_window_has_larger_shares_of_dates(form, seed):
    random = np.random.default_rng(seed)
    baseline = make_baseline(draw_business_days(random, form, date(2024, 1, 1), 90, 4_000))

    for days in (2, 3, 7, 14, 31):
        window = draw_business_days(random, form, date(2024, 4, 1), days, 1_000)
        assert find_violations(baseline, window) == {}, days


def draw_business_days(random, form, start, days, rows):
    """Weekends have a third of the rows, one day has twice as many, and some rows come late."""
    weights = np.array([1 / 3 if (start + timedelta(days=number)).weekday() > 4 else 1.0 for number in range(days)])
    weights[random.integers(days)] *= 2
    numbers = random.choice(days, rows, p=weights / weights.sum())
    delays = random.choice([0, 1, 2, 5], rows, p=[0.9, 0.06, 0.03, 0.01])
    # Any time of these days
    midnight = datetime.combine(start, datetime.min.time())
    shifts = numbers - delays + random.random(rows)
    return [FORMS[form](midnight + timedelta(days=shift)) for shift in shifts.tolist()]


def test_the_rows_of_one_day_some_of_which_are_late_are_silent():
    """As many rows as the baseline has for each day; nobody says when the window begins."""
    baseline = make_baseline([f"{time:%Y-%m-%d}" for time in draw_times(9_000, 1, date(2024, 1, 1), 90)])
    window = ["2024-04-01"] * 95 + [f"2024-03-{day}" for day in (12, 20, 27, 30, 31)]

    assert find_violations(baseline, window) == {}


def test_a_fault_that_may_be_chance_is_none():
    """Three of 200 rows: if both sides had as many, all three would be here in one of eight cases."""
    window = [f"{time:%Y-%m-%d}" for time in draw_times(200, 2, *FEBRUARY)]
    window[:3] = ["soon"] * 3

    assert find_violations(make_january("YYYY-MM-DD", 200), window) == {}


def test_the_other_form_is_named_and_no_value_is():
    window = [f"{time:%d/%m/%Y}" for time in draw_times(1_000, 2, *FEBRUARY)]
    [description] = find_violations(make_january("YYYY-MM-DD", 1_000), window).values()

    assert description.startswith("Share of dates that are not written as YYYY-MM-DD but as DD/MM/YYYY is not")
    assert "2024" not in description


def test_days_and_months_that_change_places_are_found():
    window = [f"{time:%m/%d/%Y}" for time in draw_times(1_000, 2, *FEBRUARY)]
    [description] = find_violations(make_january("DD/MM/YYYY", 1_000), window).values()

    assert "but as MM/DD/YYYY" in description


FEW_DAYS = date(2024, 1, 1), 12


def test_a_baseline_whose_days_may_be_months_asks_and_accepts_either():
    baseline = make_baseline([f"{time:%d/%m/%Y}" for time in draw_times(1_000, 1, *FEW_DAYS)])
    [question] = [hint.description for hint in baseline.hints if hint.hint == "day_or_month"]
    months_first = [f"{time:%m/%d/%Y}" for time in draw_times(1_000, 2, *FEBRUARY)]
    days_first = [f"{time:%d/%m/%Y}" for time in draw_times(1_000, 3, *FEBRUARY)]
    mixed = months_first[:500] + days_first[500:]

    assert question.startswith("day first or month first? No date shows it: 'd' (1,000 of 1,000)")
    assert find_violations(baseline, days_first) == {}
    assert find_violations(baseline, months_first) == {}
    assert [*find_violations(baseline, mixed)] == ["date_form_check"]


def test_the_form_that_was_recognised_is_stated():
    [hint] = make_january("DD.MM.YYYY", 1_000).hints

    assert (hint.hint, hint.features) == ("dates_as_texts", ("d",))
    assert hint.description.startswith("dates are texts here: 'd' (1,000 of 1,000) as DD.MM.YYYY")


@pytest.mark.parametrize(
    ("convert", "sentence"),
    [
        pytest.param(pd.to_datetime, "dates are of a type here: 'd' (1,000 of 1,000) as timestamp;", id="timestamps"),
        pytest.param(
            lambda times: [int(f"{time:%Y%m%d}") for time in times],
            "dates are numbers here: 'd' (1,000 of 1,000) as YYYYMMDD;",
            id="numbers",
        ),
    ],
)
def test_the_form_of_types_and_numbers_is_said_by_the_baseline_alone(convert, sentence):
    baseline = make_baseline(convert(draw_times(1_000, 1, *JANUARY)))
    window = make_table(convert(draw_times(1_000, 2, *FEBRUARY)), 2)

    assert [hint.description.startswith(sentence) for hint in baseline.hints] == [True]
    assert run_monitoring(window, MONITOR, baseline, engine="local").hints == ()


@every_form
def test_a_whole_window_of_the_far_future_is_found(number, form):
    """In a random order of years; the second year after the baseline may be a window's."""
    years = np.random.default_rng([number, 65]).integers(4, 40)
    times = [time.replace(year=time.year + int(years), day=min(time.day, 28)) for time in draw_times(200, 2, *FEBRUARY)]
    second_year = draw_times(200, 3, date(2025, 12, 1), 31)
    write = FORMS[form]

    assert [*find_violations(make_january(form, 200), [*map(write, times)])] == ["date_range_check"]
    assert find_violations(make_january(form, 200), [*map(write, second_year)]) == {}


def test_dates_that_are_checked_are_among_the_compared_features():
    baseline = make_january("YYYY-MM-DD", 1_000)
    window = make_table([f"{time:%Y-%m-%d}" for time in draw_times(1_000, 2, *FEBRUARY)], 2)
    check_results = run_monitoring(window, MONITOR, baseline, engine="local").results

    assert str(write_headline(check_results)) == "No change seen in 2 features; not compared: relations, segments."


def test_later_dates_in_another_form_have_no_other_name():
    """As many new days as before, each about as frequent."""
    window = make_table([f"{time:%d/%m/%Y}" for time in draw_times(1_000, 2, *JANUARY)], 2)
    check_results = run_monitoring(window, MONITOR, make_january("YYYY-MM-DD", 1_000), engine="local").results

    assert [
        (check_result.check, check_result.guess) for check_result in check_results if check_result.is_violation
    ] == [("date_form_check", None)]


@pytest.mark.parametrize("day", ["2024-01-15", "1970-01-01"])
def test_one_date_explains_that_rows_repeat(day):
    """30 kinds of rows for each day, of which a window of 4,000 rows on a single day has each often."""

    def draw_sales(seed, rows):
        random = np.random.default_rng(seed)
        days = [f"{time:%Y-%m-%d}" for time in draw_times(rows, seed, *JANUARY)]
        return pd.DataFrame(
            {"d": days, "shop": random.choice([*"abcdef"], rows), "sold": random.integers(0, 250, rows)}
        )

    baseline = run_baseline(draw_sales(1, 20_000), MONITOR, engine="local")
    window = draw_sales(2, 4_000).assign(d=day)
    check_results = run_monitoring(window, MONITOR, baseline, engine="local").results
    [repeats] = [check_result for check_result in check_results if check_result.check == "repeated_rows_check"]

    assert [check_result.feature for check_result in check_results if check_result.is_violation] == ["d"]
    assert repeats.reason.endswith("_check of d is violated, and this is the same change")


# Sentinels


def with_sentinels(seed, start, days, share, rows=2_000):
    random = np.random.default_rng(seed)
    cells = [f"{time:%Y-%m-%d}" for time in draw_times(rows, seed, start, days)]
    return np.where(random.random(rows) < share, "9999-12-31", cells).tolist()


@pytest.mark.parametrize("share", [0.0005, 0.02, 0.6])
def test_sentinels_are_apart_and_keep_their_share(share):
    baseline = make_baseline(with_sentinels(1, *JANUARY, share))

    assert "(YYYY-MM-DD)" in read_always_new(baseline)
    assert find_violations(baseline, with_sentinels(2, *FEBRUARY, share)) == {}


@pytest.mark.parametrize(("before", "now"), [(0.0, 0.1), (0.0005, 0.1), (0.6, 0.2), (0.1, 0.3)])
def test_another_share_of_sentinels_is_found_and_named(before, now):
    baseline = make_baseline(with_sentinels(1, *JANUARY, before))
    [description] = find_violations(baseline, with_sentinels(2, *FEBRUARY, now)).values()

    assert description.startswith("Share of 9999-12-31 is not the baseline's.")


def draw_with_words(seed, start, days, share, rows, *, group=1):
    """Times in order, some of them unknown, by groups of rows."""
    is_unknown = np.random.default_rng(seed).random(-(-rows // group)).repeat(group)[:rows] < share
    cells = [f"{time:%Y-%m-%d}" for time in draw_times(rows, seed, start, days, is_sorted=True)]
    return np.where(is_unknown, "9999-12-31" if share < 0.25 else "unknown", cells).tolist()


QUARTER = date(2024, 1, 1), 90
APRIL = date(2024, 4, 1), 30


@pytest.mark.parametrize(
    ("before", "now", "check"), [(0.3, 0.6, "date_value_check"), (0.05, 0.2, "date_sentinel_check")]
)
@pytest.mark.parametrize("seed", range(3))
def test_rows_that_the_baseline_shows_to_be_independent_count_singly(before, now, check, seed):
    baseline = make_baseline(draw_with_words(seed, *QUARTER, before, 6_000))
    word = "9999-12-31" if before < 0.25 else "unknown"
    is_replaced = np.random.default_rng([seed, 1]).random(2_000) < (now - before) / (1 - before)
    same = draw_with_words(seed + 10, *APRIL, before, 2_000)

    assert [*find_violations(baseline, np.where(is_replaced, word, same).tolist())] == [check]
    assert find_violations(baseline, same) == {}


@pytest.mark.parametrize("share", [0.05, 0.3])
@pytest.mark.parametrize("group", [5, 40])
def test_groups_of_rows_without_a_date_are_silent(share, group):
    baseline = make_baseline(draw_with_words(1, *QUARTER, share, 6_000, group=group))

    for seed in range(2, 8):
        assert find_violations(baseline, draw_with_words(seed, *APRIL, share, 2_000, group=group)) == {}


@pytest.mark.parametrize(
    ("score", "kind", "size"),
    [
        # One of 20 samples of 32 parts is less dispersed than .627 of what the size makes: chi-square 20.07
        pytest.param(2.0, "none", 4 / 0.627, id="dispersed four times as by chance"),
        pytest.param(1.0, "none", 1.0, id="dispersed as by chance"),
        pytest.param(2.0, "another", 3.0, id="of another kind: that of all values"),
    ],
)
def test_rows_that_belong_together_are_as_many_as_the_dispersion_of_parts_may_mean(score, kind, size):
    scores = np.array([score, -score] * 16)
    feature_baseline = SimpleNamespace(past_windows=dict.fromkeys(VALUES, scores))
    texts = SimpleNamespace(is_numeric=False, frequent_values=np.array(["none"]))
    feature = SimpleNamespace(
        baseline_feature=feature_baseline,
        baseline_distribution=texts,
        baseline_design_effect=3.0,
        current_profile=FeatureProfile("day"),
        limit_design_effect=lambda rows_of_group, is_of_kind: rows_of_group,
    )

    group_size = estimate_group_size(feature, lambda text: text == kind)

    assert group_size == pytest.approx(size, rel=0.05)


# Cases of ../shared/cases, b


def write_days(form, month, rows=2_000):
    return [date(2024, month, row % 28 + 1).strftime(form) for row in range(rows)]


def test_windows_of_the_shared_cases_are_found():
    baseline = make_baseline(write_days("%Y-%m-%d", 1))
    february = write_days("%Y-%m-%d", 2)

    assert [*find_violations(baseline, write_days("not-a-date", 2))] == ["date_value_check"]
    assert [*find_violations(baseline, write_days("%d/%m/%Y", 2))] == ["date_form_check"]
    assert [*find_violations(baseline, write_days("1970-01-01", 2))] == ["date_sentinel_check"]
    assert [*find_violations(baseline, write_days("2024-02-15", 2))] == ["single_date_check"]
    assert [*find_violations(baseline, replace_third(february, lambda row: "2024-13-45"))] == ["date_value_check"]


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%d-%b-%Y", "%Y%m%d", "%G-W%V"])
def test_healthy_months_of_the_shared_cases_are_silent(form):
    assert find_violations(make_baseline(write_days(form, 1)), write_days(form, 2)) == {}


def test_sentinels_of_the_shared_cases():
    january = write_days("%Y-%m-%d", 1)
    february = write_days("%Y-%m-%d", 2)
    baseline = make_baseline([*january[:3], "9999-12-31", *january[4:]])
    tenth = [*february]
    tenth[::10] = ["9999-12-31"] * 200

    assert find_violations(baseline, [*february[:3], "9999-12-31", *february[4:]]) == {}
    [description] = find_violations(baseline, tenth).values()
    assert "9999-12-31" in description


# Typed columns, and whole numbers


TYPES = {"timestamps": pd.to_datetime, "days": lambda times: [time.date() for time in times]}


@pytest.mark.parametrize("convert", TYPES.values(), ids=TYPES)
def test_typed_dates_stay_dates(convert):
    baseline = make_baseline(convert(draw_times(1_000, 1, *JANUARY)))
    later = draw_times(1_000, 2, *FEBRUARY)
    windows = {
        "words": ["soon"] * 1_000,
        "a third is words": replace_third([time.isoformat() for time in later], lambda row: "n/a"),
        "seconds": [int(time.timestamp()) for time in later],
        "row numbers": [*range(1_000)],
        "digits": [int(f"{time:%Y%m%d}") for time in later],
    }

    assert find_violations(baseline, convert(later)) == {}
    assert find_violations(baseline, [time.isoformat() for time in later]) == {}
    for name, window in windows.items():
        [(check, description)] = find_violations(baseline, window).items()
        assert (check, "Expected data type: date or time" in description) == ("data_type_check", True), name

    for name in (
        "DD/MM/YYYY",
        "MM/DD/YYYY",
        "DD.MM.YYYY",
        "YYYY/MM/DD",
        "DD-MON-YYYY",
        "MM/DD/YYYY hh:mm AM",
        "YYYY-MM",
    ):
        in_other_form = [FORMS[name](time) for time in later]
        mixed = [f"{time:%Y-%m-%d}" for time in later]
        mixed[::3] = in_other_form[::3]
        for window in (in_other_form, mixed):
            [(check, description)] = find_violations(baseline, window).items()
            assert check == "date_form_check", name
            assert f"are not written as YYYY-MM-DD but as {name}" in description

    # No type of texts is named
    findings = run_monitoring(make_table(windows["words"], 2), MONITOR, baseline, engine="local")
    [violation] = [finding for finding in findings.results if finding.is_violation]
    assert violation.change == "changed its type: 100 % are no dates or times any more"


@pytest.mark.parametrize("rows", SIZES)
def test_whole_numbers_that_are_days_are_dates(rows):
    def write(seed, start, days):
        return [int(f"{time:%Y%m%d}") for time in draw_times(rows, seed, start, days)]

    baseline = make_baseline(write(1, *JANUARY))
    window = write(2, *FEBRUARY)

    assert "(YYYYMMDD)" in read_always_new(baseline)
    assert find_violations(baseline, window) == {}
    impossible = replace_third(window, lambda row: 20241345)
    assert [*find_violations(baseline, impossible)] == ["date_value_check"]
    assert [*find_violations(baseline, [1] * rows)] == ["date_value_check"]
    assert [*find_violations(baseline, replace_third(window, lambda row: 99991231))] == ["date_sentinel_check"]


def test_dates_that_became_whole_numbers_are_another_form():
    window = [int(f"{time:%Y%m%d}") for time in draw_times(1_000, 2, *FEBRUARY)]
    [(check, description)] = find_violations(make_january("YYYY-MM-DD", 1_000), window).items()

    assert check == "date_form_check"
    assert "YYYYMMDD" in description


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.random.default_rng(1).integers(19_000_000, 21_000_000, 1_000), id="eight digits"),
        pytest.param(np.random.default_rng(1).integers(200_000, 205_000, 1_000), id="six digits"),
        pytest.param(np.arange(2_000_000, 2_010_000, 10), id="seven digits"),
        pytest.param(np.random.default_rng(1).integers(200, 205, 1_000) * 1_000, id="round incomes"),
        pytest.param(np.random.default_rng(1).integers(1_950, 2_024, 1_000), id="years"),
        pytest.param(np.random.default_rng(1).random(1_000) * 10 + 20_240_100, id="fractions"),
    ],
)
def test_other_numbers_are_no_dates(values):
    assert recognise_dates(number_feature("n", values.tolist(), integral=values.dtype.kind == "i")) is None


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(["red", "green"] * 50, id="words"),
        pytest.param([f"A{number:06d}" for number in range(100)], id="codes"),
        pytest.param([f"{number}.{number % 7}.{number % 5}" for number in range(1, 100)], id="versions"),
        pytest.param([f"10.12.13.{number}" for number in range(100)], id="addresses"),
        pytest.param([f"{number:03d}-45-6789" for number in range(100)], id="numbers with hyphens"),
        pytest.param(["2024-01-31", "never"] * 50, id="half of them are none"),
        pytest.param([f"May {number}" for number in range(100, 200)], id="words like months"),
    ],
)
def test_other_texts_are_no_dates(cells):
    assert recognise_dates(text_feature("t", cells)) is None


# Forms


@pytest.mark.parametrize(
    ("text", "form", "day"),
    [
        ("2024-02-29", "YYYY-MM-DD", "2024-02-29"),
        ("2024-02-29T23:59:60.5Z", "YYYY-MM-DDThh:mm:ss±hh:mm", "2024-02-29"),
        ("2024-W01-1", "YYYY-Www-D", "2024-01-01"),  # ISO 8601: week 1 has the first Thursday
        ("2020-W53", "YYYY-Www", "2020-12-28"),
        ("2024-366", "YYYY-DDD", "2024-12-31"),
        ("2024-Q4", "YYYY-Qn", "2024-10-01"),
        ("Q1 2024", "Qn YYYY", "2024-01-01"),
        ("31st January 2024", "DD MON YYYY", "2024-01-31"),
        ("13/02/2024", "DD/MM/YYYY", "2024-02-13"),
        ("2/13/2024 10:05 pm", "MM/DD/YYYY hh:mm AM", "2024-02-13"),
        ("31Jan2024", "DDMONYYYY", "2024-01-31"),
        ("20240131", "YYYYMMDD", "2024-01-31"),
        ("2024 01", "YYYY MM", "2024-01-01"),
        ("13. 2. 2024 22:05", "DD. MM. YYYY hh:mm", "2024-02-13"),
        ("31.12.69", "DD.MM.YY", "1969-12-31"),  # POSIX: 69 to 99 are years of the last century
        ("99991231", "YYYYMMDD", "9999-12-31"),
        ("31-JAN-24 12.20.00.000000 AM", "DD-MON-YY hh.mm.ss AM", "2024-01-31"),  # Oracle's
        ("2024年1月31日", "YYYY年MM月DD日", "2024-01-31"),
        ("2024年01月31日10时20分30秒", "YYYY年MM月DD日hh时mm分ss秒", "2024-01-31"),
        ("2024년 1월 31일 10시 20분", "YYYY년 MM월 DD일 hh시 mm분", "2024-01-31"),
        ("2024年1月", "YYYY年MM月", "2024-01-01"),
    ],
)
def test_a_text_is_read_in_its_form(text, form, day):
    [reading] = read_dates(text)

    assert (reading.form, date.fromordinal(reading.day).isoformat()) == (form, day)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2024-13-45",
            "2024-02-30",
            "2023-366",
            "2024-W60",
            "2021-W53",
            "2024-Q5",
            "30/30/2024",
            "2024年13月1日",
            "2024-01-31 25:00",
        ),
        *(
            "2024-01-31 10:61",
            "31-Foo-2024",
            "Foo, 31 Jan 2024",
            "not-a-date",
            "",
            "0",
            "2024",
            "x" * 300,
            "2024-01-31x",
        ),
    ],
)
def test_what_is_no_day_is_not_read(text):
    assert read_dates(text) == ()


def test_a_date_may_have_several_readings():
    assert {reading.form for reading in read_dates("03/04/2024")} == {"DD/MM/YYYY", "MM/DD/YYYY"}
    assert {reading.form for reading in read_dates("03.04.05")} == {"DD.MM.YY", "MM.DD.YY", "YY.MM.DD"}


@pytest.mark.parametrize("case_count", [60, defer_to_night(200)])
def test_a_window_is_read_as_its_texts_are_beside_the_baseline(case_count):
    random = np.random.default_rng(11)
    forms = ["DD/MM/YYYY", "MM/DD/YYYY", "DD/MM/YY", "YY-MM-DD", "YYYY-MM-DD", "YYYY-DDD"]
    for _ in range(case_count):
        first = datetime(2020, 1, 1) + timedelta(days=int(random.integers(3_000)))
        days = [first + timedelta(days=int(day)) for day in random.integers(0, random.choice([12, 40, 400]), 60)]
        # The window has another form than the baseline in none, some or most of its rows
        form_before, form_now = random.choice(forms, 2)
        share = random.choice([0.0, 0.3, 0.7])
        before = text_feature("day", [FORMS[form_before](day) for day in days[:30]])
        moved = random.random(30) < share
        texts = [FORMS[form](day) for form, day in zip(np.where(moved, form_now, form_before), days[30:], strict=True)]
        current = text_feature("day", texts)
        baseline = recognise_dates(before)

        window = read_window(current, baseline)

        assert vars_of_column(window) == vars_of_column(DateColumn.of(count_texts(current), baseline))


def vars_of_column(column):
    members = {member.name: getattr(column, member.name) for member in fields(column)}
    ordered = {name: list(value.items()) for name, value in members.items() if isinstance(value, dict)}
    arrays = {name: value.tolist() for name, value in members.items() if isinstance(value, np.ndarray)}
    return members | ordered | arrays


def test_two_digit_years_are_read_as_the_shortest_time():
    column = DateColumn.of({f"24-01-{day}": 1 for day in range(13, 32)})

    assert (column.form, column.is_ambiguous) == ("YY-MM-DD", False)


def test_a_new_guard_of_dates_is_in_the_docs_of_this_one():
    names = {name for name in FACTS if name.startswith("date_") or name == "single_date_check"}

    assert names == {
        *("date_form_check", "date_value_check", "date_range_check", "date_period_check"),
        *("date_sentinel_check", "single_date_check"),
    }


# More texts than are counted


ROWS_OF_SECONDS = 12_000


@lru_cache(1)
def make_january_of_seconds():
    return make_january("YYYY-MM-DDThh:mm:ss", ROWS_OF_SECONDS)


@pytest.mark.parametrize(
    ("make_cell", "check"),
    [
        pytest.param(lambda time, row: time.isoformat(), None, id="healthy"),
        pytest.param(lambda time, row: f"soon {row}", "date_value_check", id="words"),
        pytest.param(lambda time, row: f"{time:%d/%m/%Y %H:%M:%S}", "date_form_check", id="another form"),
        pytest.param(lambda time, row: (time + timedelta(days=7_000)).isoformat(), "date_range_check", id="future"),
        pytest.param(lambda time, row: "9999-12-31T00:00:00", "date_sentinel_check", id="sentinel"),
    ],
)
def test_times_that_all_differ_are_checked_by_a_sample(make_cell, check):
    """In a tenth of the rows."""
    times = draw_times(ROWS_OF_SECONDS, 2, *FEBRUARY)
    window = [time.isoformat() for time in times]
    window[::10] = [make_cell(time, row) for row, time in enumerate(times[::10])]

    assert [*find_violations(make_january_of_seconds(), window)] == ([check] if check else [])


def make_words(random, count):
    return [f"soon {number}" for number in random.integers(10**6, size=count)]


def make_days_first(random, count):
    return [f"{time:%d/%m/%Y %H:%M:%S}" for time in draw_times(count, int(random.integers(99)), *JANUARY)]


def list_sizes_and_fillers():
    """By day the smallest baseline with each filler, beside windows of both sizes."""
    small_sizes = ((20_000, 3_000), (20_000, 12_000))
    fillers = ((make_words, 1, 0.4), (make_words, 30, 0.2), (make_days_first, 100, 0.3))
    for sizes in (*small_sizes, (60_000, 20_000), (200_000, 3_000)):
        for number, filler in enumerate(fillers):
            yield (sizes, filler) if sizes == small_sizes[number % 2] else defer_to_night(sizes, filler)


@pytest.mark.parametrize(("sizes", "fillers"), [*list_sizes_and_fillers()])
def test_times_beside_values_of_many_rows_are_silent(sizes, fillers):
    make_values, count, share = fillers
    random = np.random.default_rng([10, *sizes, count])
    values = np.array(make_values(random, count), object)

    def draw(rows, seed):
        texts = np.array([time.isoformat() for time in draw_times(rows, seed, *JANUARY)], object)
        is_filled = random.random(rows) < share
        texts[is_filled] = random.choice(values, is_filled.sum())
        return texts.tolist()

    baseline = make_baseline(draw(sizes[0], 3))

    assert find_violations(baseline, draw(sizes[1], 4)) == {}
    changed = [f"later {row}" if row % 4 == 0 else text for row, text in enumerate(draw(sizes[1], 5))]
    assert "date_value_check" in find_violations(baseline, changed)


@pytest.mark.parametrize("count", [300, *map(defer_to_night, (1, 600))])
def test_values_of_many_rows_have_their_share_in_a_sum_of_many_parts(count):
    """Each part's counts by value lose as much as its bound."""
    random = np.random.default_rng([11, count])
    words = make_words(random, count)
    parts = []
    for part in range(10):
        texts = [time.isoformat() for time in draw_times(3_600, part, *JANUARY)]
        parts.append(make_baseline([*texts, *random.choice(words, 2_400)]).state)

    dates = recognise_dates(sum(parts[1:], parts[0]).feature("d"))

    assert dates.share_of_dates == pytest.approx(0.6, abs=0.02)


def test_a_baseline_without_the_sample_is_used_as_it_is():
    state = make_january_of_seconds().state.feature("d")
    older = FeatureProfile.of(
        "d", ColumnType.TEXT, [value for kind, value in state.states.items() if kind != "date_texts"]
    )

    assert recognise_dates(state) is not None
    assert count_texts(older) is None
    assert recognise_dates(older) is None


def make_sample(texts):
    """The sample of texts that come in blocks of 700."""
    builder = DateTextsBuilder()
    for first in range(0, len(texts), 700):
        block = pa.array(texts[first : first + 700])
        builder.update(block, hash_texts(block), None)
    return builder.state()


def make_dates_with_words(rows):
    """Every tenth text is a word."""
    texts = [time.isoformat() for time in draw_times(rows, 4, *JANUARY)]
    texts[::10] = [f"word {row}" for row in range(0, rows, 10)]
    return texts


def test_the_sample_of_all_texts_is_the_sum_of_those_of_its_parts():
    texts = make_dates_with_words(5_000) * 2
    parts = make_sample(texts[:300]) + make_sample(texts[300:7_000]) + make_sample(texts[7_000:])

    assert parts == make_sample(texts) == make_sample(texts[::-1])
    assert {*make_sample(texts).counts.tolist()} == {2}


def test_the_sample_keeps_no_text_but_dates_and_the_forms_of_others():
    texts = make_sample(["2024-01-31", "2024-13-45", *(f"name {row}" for row in range(100))]).texts

    assert {*texts} == {MARK + "a 9", "2024-01-31", "2024-13-45"}


def test_numbers_are_not_sampled():
    numbers = make_sample([f"{row / 7:.5f}" for row in range(2_000)])

    assert (numbers.texts, numbers.skipped) == ((), 2_000)


def test_a_share_is_known_from_the_sample():
    counts = make_sample(make_dates_with_words(10_000)).count_rare_texts(10_000)

    assert counts[MARK + "a 9"] / sum(counts.values()) == pytest.approx(0.1, abs=0.05)


# Rows that belong together


def draw_birth_dates(rows, seed, share):
    """The birth dates of users of 1 to 40 rows each, some of them unknown."""
    random = np.random.default_rng(seed)
    cells = []
    while len(cells) < rows:
        born = date(2024, 1, 1) - timedelta(days=abs(random.normal(40, 12)) * 365)
        if random.random() < share:
            cell = "9999-12-31"
        else:
            cell = born.isoformat()
        cells += [cell] * int(random.integers(1, 41))
    return cells[:rows]


@pytest.mark.parametrize(("rows", "share"), [(200, 0.0), (1_000, 0.1), (4_000, 0.02)])
def test_other_users_are_no_fault(rows, share):
    """Their ages are far from those of few other users, and a date such as 1969-12-31 may be theirs."""
    baseline = make_baseline(draw_birth_dates(rows, 1, share))

    for seed in range(2, 6):
        assert find_violations(baseline, draw_birth_dates(rows, seed, share)) == {}


def test_bytes_that_are_not_utf_8_are_no_dates():
    builder = DateTextsBuilder()
    buffers = [None, pa.array([0, 2, 12], pa.int32()).buffers()[1], pa.py_buffer(b"\xff\xfe2024-01-31")]
    texts = pa.Array.from_buffers(pa.string(), 2, buffers)
    builder.update(texts, None, None)

    assert {*builder.state().texts} == {MARK + "\ufffd\ufffd", "2024-01-31"}


def draw_births(rows, seed, first_year=1940, years=70, months=12):
    """Dates of births, of which each year has as many days as months."""
    random = np.random.default_rng(seed)
    year = first_year + random.integers(0, years, rows)
    month = random.integers(1, months + 1, rows)
    day = random.integers(1, 29, rows)
    if months < 12:
        day[:] = 1
    texts = [f"{y}-{m:02}-{d:02}" for y, m, d in zip(year, month, day, strict=True)]
    return pd.DataFrame({"born": texts, "x": random.normal(size=rows), "y": random.normal(size=rows)})


@pytest.mark.parametrize("rows_of_visit", [1, 3])
def test_births_of_other_years_are_found_however_many_different_ones_there_are(rows_of_visit):
    """Above 4,096 dates nobody knows whether rows come in order, but the dates of a period would be near each other."""
    monitor = DataQualityMonitor(find_causes=False)

    def draw_visits(rows, seed, first_year=1940):
        births = draw_births(rows // rows_of_visit, seed, first_year)
        return births.loc[births.index.repeat(rows_of_visit)].reset_index(drop=True)

    baseline = run_baseline(draw_visits(30_000, 1), monitor, engine="local")
    for seed in range(2, 6):
        healthy, moved = (
            run_monitoring(draw_visits(3_000, seed, year), monitor, baseline, engine="local") for year in (1940, 1970)
        )
        assert healthy.violations.violations == ()
        assert {violation.feature_name for violation in moved.violations.violations} == {"born"}


@pytest.mark.parametrize(("months", "status"), [(2, CheckStatus.VIOLATED), (12, CheckStatus.NOT_JUDGED)])
def test_births_of_one_year_are_found_or_said_not_to_be_compared(months, status):
    """Dates of few values are known to come in no order."""
    monitor = DataQualityMonitor(find_causes=False)
    baseline = run_baseline(draw_births(8_000, 1, months=months), monitor, engine="local")

    def compare(window):
        findings = run_monitoring(window, monitor, baseline, engine="local")
        return findings, [check.status for check in findings.results if check.check == "date_period_check"]

    findings, statuses = compare(draw_births(1_000, 2, 1980, 1, months))
    assert statuses == [status]
    assert findings.violations.violations or findings.headline().text.endswith("years of born.")
    for seed in range(3, 8):
        findings, statuses = compare(draw_births(1_000, seed, months=months))
        assert statuses == [CheckStatus.PASSED]
        assert "years of born" not in findings.headline().text
