"""Changes in words, with a number at each limit and one beside it."""

import pytest

from spark_model_monitor.documents import change_description as words
from spark_model_monitor.documents import page
from spark_model_monitor.documents.check_results import CheckResult, CheckStatus
from spark_model_monitor.documents.run_description import RunWindow

INFINITE = float("inf")
HOUR = RunWindow(start="2024-03-04T20:00:00Z", end="2024-03-04T21:00:00Z")
NEXT_DAY = RunWindow(start="2024-03-05T20:00:00Z", end="2024-03-06T00:00:00Z")


def violation(check="a_check", **members):
    return CheckResult(check=check, status=CheckStatus.VIOLATED, **members)


@pytest.mark.parametrize(
    ("before", "now", "deviation", "move"),
    [
        (36.05, 3429.0, None, "is about 95 times what it was"),
        (2.0, 2000.0, None, "is about 1,000 times what it was"),
        (1.0, 9.96, None, "is about 10 times what it was"),
        (1.0, 2.0, None, "is about 2 times what it was"),
        (1.0, 1.99, None, "is 99 % higher"),
        (100.0, 101.0, None, "is 1 % higher"),
        (1000.0, 1009.0, None, "is 0.9 % higher"),
        (1000.0, 991.0, None, "is 0.9 % lower"),
        (100.0, 51.0, None, "is 49 % lower"),
        (-100.0, -51.0, None, "is 49 % lower"),
        (100.0, 50.0, None, "is about half of what it was"),
        (100.0, 47.6, None, "is about half of what it was"),
        (100.0, 47.4, None, "is 47.4 % of what it was"),
        (100.0, 35.0, None, "is about a third of what it was"),
        (10.0, 2.0, None, "is about a fifth of what it was"),
        (100.0, 10.4, None, "is about a tenth of what it was"),
        (100.0, 9.0, None, "is 9 % of what it was"),
        (0.0, 5.0, None, "went from 0 to 5"),
        (5.0, 0.0, None, "went from 5 to 0"),
        (-1.0, 5.0, None, "went from −1 to 5"),
        (1.0, INFINITE, None, "went from 1 to ∞"),
        (INFINITE, 1.0, None, "went from ∞ to 1"),
        (0.1, 2.1, 4.0, "is 2 higher, 0.5 standard deviations"),
        (-0.1, -2.1, 4.0, "is 2 lower, 0.5 standard deviations"),
        (1.0, 3.0, 4.0, "is about 3 times what it was"),
        (1.0, 3.0, 0.0, "is about 3 times what it was"),
    ],
)
def test_a_move_is_reported_in_a_persons_terms(before, now, deviation, move):
    assert words.describe_move(before, now, deviation) == move


def test_how_often_chance_alone_does_it():
    assert words.format_chance(0.0) == "practically never"
    assert words.format_chance(0.99e-9) == "practically never"
    assert words.format_chance(1e-9) == "once in 1,000,000,000 windows"
    assert words.format_chance(1 / 6.04e7) == "once in 60,000,000 windows"
    assert words.format_chance(1 / 720) == "once in 720 windows"
    assert words.format_chance(0.49) == "once in 2 windows"
    assert words.format_chance(0.5) == "every other window"


def test_a_start_has_its_day_if_that_is_not_the_windows():
    since = "2024-03-04T18:00:00Z"

    assert words.format_start(None, HOUR) == ""
    assert words.format_start(since, HOUR) == "18:00"
    assert words.format_start(since, NEXT_DAY) == "4 March 2024, 18:00 UTC"
    assert words.format_start(since, None) == "4 March 2024, 18:00 UTC"


def test_a_window_has_the_day_of_its_end_if_that_is_another():
    assert words.format_window(HOUR) == "4 March 2024, 20:00 to 21:00 UTC"
    assert words.format_window(NEXT_DAY) == "5 March 2024, 20:00 to 6 March 2024, 00:00 UTC"
    assert words.format_window(None) == ""


def test_a_number_is_compared_with_its_limit():
    below = violation("LessThanThreshold", observed=0.5, threshold=0.8)
    above = violation("GreaterThanThreshold", observed=3.0, threshold=2.0)
    drift = violation("bias_drift_check", observed=0.5, threshold=0.1)

    assert words.compare_with_limit(violation()) == "violates a"
    assert words.compare_with_limit(violation(observed=0.5)) == "violates a, it is 0.5"
    assert words.compare_with_limit(below) == "is 0.5, the baseline asks for at least 0.8"
    assert words.compare_with_limit(above) == "is 3, the baseline asks for at most 2"
    assert words.compare_with_limit(drift) == "is 0.5, it was 0.1 in the baseline"


@pytest.mark.parametrize(
    ("check_result", "evidence"),
    [
        (violation(), ""),
        (violation(p=0.01), "by chance alone: once in 100 windows"),
        (violation(p=0.01, adjusted_p=0.0), "by chance alone: practically never"),
        (violation(observed=1.0, threshold=2.0), "value 1, limit: at least 2"),
        (violation(observed=3.0, threshold=2.0), "value 3, limit: at most 2"),
        (violation(observed=2.0, threshold=2.0), "value 2, limit 2"),
        (violation("completeness_check", observed=0.5, threshold=1.0), "completeness 0.5, limit: at least 1"),
        (violation(metric="auc", m=1, interval=(0.1, 0.2)), "1 row · 95 % interval 0.1 to 0.2"),
        (violation(metric="auc", observed=1.0, threshold=2.0), ""),
        (violation(distance=0.25, observed=0.3, threshold=0.1), "largest difference 25 % of the records"),
        (violation(distance=0.25, method="l", observed=0.3, threshold=0.1), "distance 0.3, limit 0.1"),
        (
            violation(distance=0.25, method="l", observed=0.1, threshold=0.1),
            "largest difference 25 % of the records",
        ),
        (
            violation(distance=0.25, method="l", observed=0.3, threshold=0.1, degrees_of_freedom=2),
            "largest difference 25 % of the records",
        ),
        (violation("attribution_change_check", observed=0.3, threshold=0.1), "the change is 0.3, limit 0.1"),
        (
            violation("attribution_change_check", observed=0.3, threshold=0.1, interval=(0.2, 0.4)),
            "the change is 0.2 to 0.4, limit 0.1",
        ),
    ],
)
def test_evidence_is_what_decided(check_result, evidence):
    assert words.describe_evidence(check_result) == evidence


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (INFINITE, "∞"),
        (-INFINITE, "−∞"),
        (0.0, "0"),
        (0.132412345, "0.1324"),
        (73_920, "73,920"),
        (123_456, "123,500"),
        (999_940_000_000, "999,900,000,000"),
        (1e12, "1e+12"),
        (-36.694, "−36.69"),
        (1e-5, "1e−05"),
    ],
)
def test_numbers_are_written_in_full_up_to_a_million_millions(value, text):
    assert page.format_number(value) == text


def test_long_names_and_lists_are_shortened():
    assert page.shorten_name("abcdef", 6) == "abcdef"
    assert page.shorten_name("abcdefg", 6) == "abc…fg"
    assert page.shorten_name("abcdefgh", 7) == "abc…fgh"
    assert page.list_names(["a", "b", "c"]) == "a, b, c"
    assert page.list_names(["a", "b", "c", "d"]) == "a, b, c and 1 more"
    assert page.list_names(["a"] * 1004, 4) == "a, a, a, a and 1,000 more"


def test_counts_have_their_nouns():
    assert page.format_noun_count(1, "row") == "1 row"
    assert page.format_noun_count(0, "row") == "0 rows"
    assert page.format_noun_count(1203, "row") == "1,203 rows"
    assert page.format_count(1203441.0) == "1,203,441"
    assert page.format_percent(0.2944) == "29.4 %"
    assert page.format_interval((0.7123, 0.78)) == "0.712 to 0.78"
    assert page.format_interval(None) == "–"
