"""The page of a data-quality run: what is wrong stands first, in words; whatever a feature is called stays a text."""

import re
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from tests.at_hand import defer_to_night
from tests.unit.outputs.report.test_report_rendering import HOSTILE, Elements

from spark_model_monitor.documents.check_results import CheckResult, CheckStatus
from spark_model_monitor.documents.headline import write_headline
from spark_model_monitor.documents.monitoring_settings import ChangeThatMatters, MonitoringSettings
from spark_model_monitor.documents.page import MAX_CARDS, Cards, Highlight, Overlay, PageTable
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import create_distributions
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.data_quality.report.charts import draw_overlay
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.reports.page.page_files import render_html, render_part
from spark_model_monitor.statistics.states import ColumnType

from .comparisons import make_profile, number_feature, text_feature

# sizes that a few hundred rows without a history can show
MATTERS = ChangeThatMatters(standard_deviations=1.0, value=0.5)
MONITOR = DataQualityMonitor(settings=MonitoringSettings(change_that_matters=MATTERS))


def page(baseline, current):
    _, constraints = MONITOR.documents(baseline, MONITOR.metrics(baseline))
    stored_baseline = MONITOR.stored_baseline(constraints, None, baseline, constraints)
    metrics = MONITOR.metrics(current)
    judgement = MONITOR.judge(Sample(current, metrics), stored_baseline)
    return judgement.page(judgement.write_sentences(judgement.results))


def rows(page):
    """The cells of its table by their columns' titles."""
    [table] = [block for section in page.sections for block in section.blocks if isinstance(block, PageTable)]
    titles = [column.title for column in table.columns]
    return [dict(zip(titles, line.cells, strict=True)) for line in table.lines]


def cards(page):
    """By the features' names, in their order."""
    return {
        card.name: card
        for section in page.sections
        for block in section.blocks
        if isinstance(block, Cards)
        for card in block.cards
    }


@pytest.fixture(scope="module")
def churn():
    """Sixteen features: a charge in cents, a country that was not there, half of the notes gone, and what stayed."""
    before = np.linspace(8, 78, 400)
    after = np.linspace(800, 7800, 200)
    steady = {f"steady_{number}": np.linspace(0, 1, 400) for number in range(13)}
    return page(
        make_profile(
            number_feature("charge", list(before)),
            text_feature("country", ["DE", "FR"] * 200),
            text_feature("note", ["a", "b"] * 200),
            *(number_feature(name, list(values)) for name, values in steady.items()),
        ),
        make_profile(
            number_feature("charge", list(after)),
            text_feature("country", ["DE", "ES"] * 100),
            text_feature("note", ["a", "b", None, None] * 50),
            *(number_feature(name, list(values[::2])) for name, values in steady.items()),
        ),
    )


def test_days_and_times_are_called_so_though_the_files_have_only_texts_for_them():
    texts = text_feature("day", ["2026-03-04", "2026-03-05"] * 100)
    typed = replace(text_feature("ordered_at", ["2026-03-04 05:00:00"] * 200), column_type=ColumnType.TIMESTAMP)
    profile = make_profile(texts, typed, text_feature("country", ["DE", "FR"] * 100))

    assert [row["type"] for row in rows(MONITOR.judge(Sample(profile, MONITOR.metrics(profile)), None).page([]))] == [
        *("dates", "timestamp", "String"),
    ]
    assert {row["feature"]: row["type"] for row in rows(page(profile, profile))} == {
        "day": "dates",
        "ordered_at": "timestamp",
        "country": "String",
    }


def test_what_changed_stands_first_with_the_old_and_the_new_value(churn):
    charge, second, third = cards(churn).values()

    assert [section.heading for section in churn.sections] == ["Changed", "No change seen", "How to read this"]
    assert (charge.name, charge.change) == ("charge", "is about 100 times what it was (mean 43 → 4,300)")
    assert charge.hints[0] == "all of them are about 100 times a usual one: another unit?"
    assert charge.evidence.startswith("distance ")
    assert {second.name, third.name} == {"country", "note"}
    assert cards(churn)["note"].change == "is missing in 50 % of the records, where none was"
    assert "'FR', which is gone, was as frequent as 'ES' is: another name?" in cards(churn)["country"].hints


def test_each_card_has_every_check_of_its_feature_and_the_command_that_derives_the_numbers(churn):
    checks, command = cards(churn)["charge"].more

    assert {"✗ violated", "✓ passed"} <= {line.cells[1] for line in checks.lines}
    assert command.startswith("spark-model-monitor explain --run FOLDER -- charge ")


def test_what_did_not_change_is_a_line_each_without_a_verdict(churn):
    lines = rows(churn)

    assert [row["feature"] for row in lines] == [f"steady_{number}" for number in range(13)]
    assert {row["missing"] for row in lines} == {"0 %"}
    assert "cannot tell" not in render_html(churn)


def create_steady_profile(names, rows):
    """Columns of the same numbers, from 0 to 1."""
    values = list(np.linspace(0, 1, rows))
    return make_profile(*(number_feature(name, values) for name in names))


def test_what_may_have_changed_says_why_nobody_can_tell_and_what_to_do():
    names = [f"steady_{index}" for index in range(MAX_CARDS + 2)]
    unsure_page = page(create_steady_profile(names, 400), create_steady_profile(names, 20))
    unsure_cards = cards(unsure_page)

    assert [section.heading for section in unsure_page.sections] == ["May have changed", "How to read this"]
    assert [card.name for card in unsure_cards.values()] == names[:MAX_CARDS]
    card = unsure_cards["steady_0"]
    assert card.change.startswith("with 20 values a shift below ")
    smallest = float(re.search(r"below ([\d.]+) standard", card.change)[1])
    in_units, advice = card.hints
    assert in_units.startswith("Would have been found: a change of its mean by ")
    # The numbers from 0 to 1 have a deviation of 0.29
    by = float(re.search(r"by ([\d.]+) \(", in_units)[1])
    assert by == pytest.approx(smallest * np.linspace(0, 1, 400).std(), rel=0.05)
    assert advice == "To find out: take longer windows"
    assert isinstance(card.picture, Overlay)
    assert card.mark is Highlight.UNSURE
    assert {"? may have changed", "✓ passed"} == {line.cells[1] for line in card.more[0].lines}
    assert [row["feature"] for row in rows(unsure_page)] == names[MAX_CARDS:]


def test_the_overlay_has_what_is_beyond_the_baseline_in_its_open_bins(churn):
    overlay = cards(churn)["charge"].picture

    assert isinstance(overlay, Overlay)
    # 20 bins and two open ones; 0.5 % of 400 values lie up to each end, and all cents lie beyond
    assert len(overlay.baseline) == len(overlay.current) == 22
    assert sum(overlay.baseline) == pytest.approx(1)
    assert overlay.current == (0,) * 21 + (1,)
    assert overlay.words == "median 42.91 in the baseline, 4,282 now"
    assert overlay.beyond == f"100 % of the values above {overlay.ends[-1].removeprefix('> ')}"


def test_categories_have_their_names_where_the_statistics_list_them(churn):
    assert cards(churn)["country"].picture.names == ("DE", "FR", "new")

    hidden = replace(MONITOR, hide_values=True)
    before, after = (make_profile(text_feature("country", ["DE", name] * 50)) for name in ("FR", "ES"))
    _, constraints = hidden.documents(before, hidden.metrics(before))
    stored_baseline = hidden.stored_baseline(constraints, None, before, constraints)
    judgement = hidden.judge(Sample(after, {}), stored_baseline)
    shown = judgement.page(judgement.write_sentences(judgement.results))
    assert cards(shown)["country"].picture.names == ("value 1", "value 2", "new")
    assert list(judgement.summary().bins["country"]) == ["value 1", "value 2"]
    assert not {"DE", "FR", "ES"} & set(Elements(render_html(shown)).texts)


@pytest.mark.parametrize("is_hidden", [False, True])
def test_ids_of_rows_stand_on_the_page_unless_values_are_hidden(is_hidden):
    monitor = replace(MONITOR, hide_values=is_hidden)
    before, after = (make_profile(text_feature("country", [name] * 100)) for name in ("FR", "ES"))
    _, constraints = monitor.documents(before, monitor.metrics(before))
    stored_baseline = monitor.stored_baseline(constraints, None, before, constraints)
    judgement = replace(monitor.judge(Sample(after, {}), stored_baseline), row_ids={"country": ["order-17"]})

    [*_, ids, command] = cards(judgement.page(judgement.write_sentences(judgement.results)))["country"].hints

    assert command.startswith("to print such rows: ")
    assert (ids == "row: order-17") != is_hidden


def test_the_categories_that_have_no_bin_of_their_own_are_one_of_others():
    names = [f"plan {number}" for number in range(30)]
    before, after = (make_profile(text_feature("plan", names * repeats)) for repeats in (40, 2))

    picture = draw_overlay(*(create_distributions(profile)["plan"] for profile in (before, after)), most_named=0)

    assert picture.names[-2:] == ("others", "new")
    assert len(picture.names) == len(picture.baseline) == len(picture.current)
    assert sum(picture.current) == pytest.approx(1)


def test_shares_of_the_overlay_are_those_of_the_raw_data():
    values = np.random.default_rng(5).normal(size=1_000)
    window_page = page(
        make_profile(number_feature("x", list(values))), make_profile(number_feature("x", list(values + 1)))
    )
    overlay = cards(window_page)["x"].picture
    low, high = np.sort(values)[[4, 994]]  # the smallest values with 5 and 995 of 1,000 at or below them

    assert overlay.baseline[0] == pytest.approx(np.mean(values < low))
    assert overlay.current[-1] == pytest.approx(np.mean(values + 1 > high))
    edges = np.linspace(low, high, 21)
    assert overlay.baseline[7] == pytest.approx(np.mean((values > edges[6]) & (values <= edges[7])))


def test_a_constant_a_feature_without_values_and_one_that_is_gone_have_a_row():
    before = make_profile(
        number_feature("c", [5.0] * 250), number_feature("n", [None] * 250), number_feature("g", [1.0, 2.0] * 125)
    )
    window_page = page(before, make_profile(number_feature("c", [5.0] * 200), number_feature("n", [None] * 200)))
    by_name = {row["feature"]: row for row in rows(window_page)}

    assert by_name["c"]["baseline and this run"].current == (0, 1, 0)
    assert by_name["n"]["baseline and this run"] == "–"
    assert cards(window_page)["g"].change == "is not in the data any more"


INF = float("inf")
NAN = float("nan")
ODD = {
    "as wide as doubles are": [1e308, -1e308],
    "infinities beside numbers": [INF, -INF, 1.0, 2.0],
    "infinities alone": [INF],
    "the smallest double": [5e-324, 0.0],
    "nothing": [None],
    "NaN": [NAN],
    "one value": [3.0],
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("before", ODD.values(), ids=ODD)
@pytest.mark.parametrize("now", ODD.values(), ids=ODD)
def test_whatever_the_numbers_are_every_share_is_one(before, now):
    window_page = page(make_profile(number_feature("x", before * 40)), make_profile(number_feature("x", now * 40)))
    pictures = [card.picture for card in cards(window_page).values()]
    pictures = pictures or [rows(window_page)[0].get("baseline and this run", "–")]

    assert "nan" not in re.sub(r"pa[nN]an|<style>.*?</style>", "", render_html(window_page).lower(), flags=re.DOTALL)
    for overlay in pictures:
        for bars in (overlay.baseline, overlay.current) if isinstance(overlay, Overlay) and overlay.current else ():
            assert sum(bars) == pytest.approx(1)
            assert min(bars) >= 0


def test_values_that_statistics_does_not_list_are_not_on_the_page():
    before = make_profile(text_feature("mail", [f"before-{number}@example.org" for number in range(400)]))
    window_page = page(
        before, make_profile(text_feature("mail", [f"secret-{number}@example.org" for number in range(400)]))
    )

    assert "@example.org" not in render_html(window_page)


def test_a_baseline_shows_each_feature_without_a_verdict():
    profile = make_profile(number_feature("charge", [1.0, 2.0, 3.0]), text_feature("plan", ["a", "b", "b"]))
    charge, plan = rows(MONITOR.judge(Sample(profile, MONITOR.metrics(profile)), None).page(()))

    assert charge["mean"] == "2"
    assert charge["distribution"].current == ()
    assert plan["distribution"].baseline[:2] == pytest.approx((2 / 3, 1 / 3))
    assert "verdict" not in plan


@pytest.mark.parametrize(
    "name", [HOSTILE, "=HYPERLINK(1)", "\u202edoc.exe", "a" * 400, "{{7*7}}", "__proto__", "</style><b>"]
)
def test_hostile_names_of_features_are_texts(name):
    profile = make_profile(number_feature(name, [1.0, 2.0] * 30), text_feature("t", [name, "b"] * 30))
    shown = render_html(
        page(profile, make_profile(number_feature(name, [9.0] * 60), text_feature("t", ["b", name + "!"] * 30)))
    )
    parsed = Elements(shown)

    assert not {"script", "img", "iframe", "b", "link"} & set(parsed.tags)
    assert [attribute for attribute, _ in parsed.attributes if attribute.startswith("on")] == []
    assert "\u202e" not in shown
    assert parsed.tags.count("style") == 1
    all_texts = {*parsed.texts, *(value for attribute, value in parsed.attributes if attribute == "title")}
    assert name.replace("\x07", "\\x07").replace("\u202e", "\\u202e") in all_texts


def test_two_of_them_fit_in_one_notebook(churn):
    part = Elements(render_part(churn))

    assert not {"html", "body", "script"} & set(part.tags)
    assert [value for attribute, value in part.attributes if attribute == "id"] == []
    style = "".join(part.texts[: part.texts.index("How to read this")])
    rules = [rule for rule in style.replace("@media", "\n@media").split("}") if "{" in rule]
    assert all(".mm-report" in rule for rule in rules)


@pytest.mark.long
@contextmanager
def count_calls():
    """`with count_calls() as calls: …` counts calls of functions by their kind: a busy machine makes no more of them."""
    calls = Counter()

    def count(frame, event, argument):
        calls[event] += 1

    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize(("features", "most_bytes"), [(16, 300_000), defer_to_night(1_000, 1_000_000)])
def test_the_page_is_small_and_takes_a_few_thousand_calls_for_a_feature(features, most_bytes):
    random = np.random.default_rng(1)
    before, after = (
        make_profile(
            *(number_feature(f"feature_{number}", list(random.normal(size=500) + shift)) for number in range(features))
        )
        for shift in (0, 0.3)
    )
    _, constraints = MONITOR.documents(before, MONITOR.metrics(before))
    stored_baseline = MONITOR.stored_baseline(constraints, None, before, constraints)
    judgement = MONITOR.judge(Sample(after, MONITOR.metrics(after)), stored_baseline)
    results = judgement.results

    # The page alone
    with count_calls() as calls:
        shown = render_html(judgement.page(results))

    assert len(shown.encode()) <= most_bytes
    assert calls["call"] + calls["c_call"] <= 3_000 * features


def test_hours_of_the_day_that_came_later_look_like_a_shifted_clock():
    hours = np.repeat(np.arange(24.0), np.r_[np.full(12, 10), np.full(12, 40)])
    hours = np.random.default_rng(2).permutation(hours)
    before = number_feature("hour", list(hours))
    later = number_feature("hour", list((hours + 6) % 24))
    [hint, *_] = cards(page(make_profile(before), make_profile(later)))["hour"].hints

    assert hint == "the hours of the day are those of the baseline, 6 later: a shifted clock?"


def test_another_unit_is_the_question_of_the_next_step():
    values = [number + 0.5 for number in range(400)]
    before = make_profile(number_feature("x", values))
    now = make_profile(number_feature("x", [v * 100 for v in values]))
    stored_baseline = MONITOR.stored_baseline(MONITOR.documents(before, MONITOR.metrics(before))[1], None, before, None)
    judgement = MONITOR.judge(Sample(now, MONITOR.metrics(now)), stored_baseline)
    results = judgement.write_sentences(judgement.results)

    headline = write_headline(results)
    assert headline.text == "1 of 1 feature changed: x is about 100 times what it was (mean 200 → 20,000)."
    assert headline.next_step == "check x at its source: another unit?"


def test_a_key_is_not_counted_as_compared():
    keys = text_feature("key", [f"id-{number}" for number in range(300)])
    values = number_feature("x", [number / 2 for number in range(300)])
    state = make_profile(keys, values)
    stored_baseline = MONITOR.stored_baseline(MONITOR.documents(state, MONITOR.metrics(state))[1], None, state, None)
    headline = write_headline(MONITOR.judge(Sample(state, MONITOR.metrics(state)), stored_baseline).results)

    assert headline.text == "No change seen in 1 feature; not compared: key."
    assert headline.detail == "key is not compared."


def create_result(feature, status, check="baseline_drift_check", **members):
    return CheckResult(feature=feature, check=check, status=status, threshold=0.1, **members)


PASSED = CheckStatus.PASSED
VIOLATED = CheckStatus.VIOLATED
NOT_JUDGED = CheckStatus.NOT_JUDGED


@pytest.mark.parametrize("by_baseline", [PASSED, NOT_JUDGED])
@pytest.mark.parametrize("by_day", [PASSED, NOT_JUDGED])
@pytest.mark.parametrize("by_week", [PASSED, NOT_JUDGED])
def test_a_feature_counts_once_whatever_it_is_compared_with(by_baseline, by_day, by_week):
    """w has three references, x one. w is compared unless none of its three is judged."""
    references = {"baseline": by_baseline, "clock:day": by_day, "clock:week": by_week}
    of_references = [create_result("w", status, against=reference) for reference, status in references.items()]
    headline = write_headline([*of_references, create_result("x", PASSED)])

    if PASSED in references.values():
        assert headline.text == "No change seen in 2 features; not compared: relations, segments."
        assert "not compared" not in headline.detail
    else:
        assert headline.text == "No change seen in 1 feature; not compared: w."
        assert headline.detail == "w is not compared."


def test_a_change_beside_the_same_hour_is_one_of_the_tables_features():
    """A table of two, and results about the whole window, which are no features."""
    of_window = [
        create_result("Number of rows", PASSED, "row_count_check"),
        create_result("Newest row", PASSED, "freshness_check"),
        create_result("Repeated rows", PASSED, "repeated_rows_check"),
        create_result("Missing columns", PASSED, "missing_column_check"),
    ]
    changes = [
        create_result("w", NOT_JUDGED),
        create_result("w", VIOLATED, against="clock:day", change="is higher", alarm=1),
        create_result("w", NOT_JUDGED, against="clock:week"),
    ]
    headline = write_headline([*of_window, *changes, create_result("x", PASSED)])

    assert headline.text == "1 of 2 features changed: w is higher."
    assert headline.detail == "No change seen in the other feature."


def test_another_number_of_rows_is_a_change_of_the_window():
    words = "there are 5 rows, about 100 are usual at that time"
    of_window = create_result("Number of rows", VIOLATED, "row_count_check", words=words, alarm=1)

    assert write_headline([of_window, create_result("x", PASSED)]).text == f"The window changed: {words}."


def test_a_feature_may_have_the_name_of_a_check_of_the_window():
    names = ("Number of rows", "Newest row", "Missing columns", "Repeated rows")

    text = write_headline([create_result(name, PASSED) for name in names]).text
    assert text == "No change seen in 4 features; not compared: relations, segments."


def test_missing_values_stand_beside_those_of_the_baseline():
    values = [float(number) for number in range(1_000)]
    before, now = ([*values, *[None] * count] for count in (111, 112))  # 10 % and 10.07 %
    window_page = page(make_profile(number_feature("x", before)), make_profile(number_feature("x", now)))
    [table] = [block for section in window_page.sections for block in section.blocks if isinstance(block, PageTable)]

    assert table.lines[0].cells[-1] == "9.99 % → 10.1 %"
