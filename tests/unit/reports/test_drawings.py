"""What drawings are made of, by hand: y grows downwards, and a path of a bar begins at the bottom."""

import pytest

from spark_model_monitor.documents.page import Highlight, Hours, Overlay, Point, PointChart, Track
from spark_model_monitor.reports.page import svg

SHARES = (0.4, 0.0, 0.2)
LETTERS = tuple("abcdefghi")
POINTS = (
    Point("a", -3.0, reference=1.0, interval=(-4.0, 0.0)),
    Point("b", 1.0, mark=Highlight.BAD),
    Point("c", 6.0),
    Point("d", None),
)
EFFECTS = PointChart("Effect", POINTS, span=(-2.0, 6.0))
NONE = Highlight.NONE
BAD = Highlight.BAD
UNSURE = Highlight.UNSURE


def test_distributions_are_as_wide_and_high_as_their_drawing():
    assert svg.draw_bars(SHARES, 0.4, 90, 60) == "M0.5 60v-60h29V60zM60.5 60v-30h29V60z"
    assert svg.draw_outline(SHARES, 0.4, 90, 60) == "M0 60V0h30V60h30V30h30V60z"
    assert svg.draw_steps((0.5, 0.123), 0.5) == "M0 26V0h65V20h65V26z"  # 26 - 6.4, in whole pixels
    assert svg.draw_steps((), 0.0) == "M0 26V26z"


def test_the_largest_share_of_both_sides_is_at_the_top():
    assert svg.find_largest_share(Overlay((0.1, 0.3), (0.6, 0.2), "", ())) == 0.6
    assert svg.find_largest_share(Overlay((), (), "", ())) == 0


def test_of_many_categories_those_are_shown_that_changed_most():
    before = (0.1,) * 9
    now = (0.1, 0.11, 0.12, 0.13, 0.14, 0.15, 0.16, 0.17, 0.18)

    categories = svg.list_categories(Overlay(before, now, "", (), LETTERS))

    assert [name for name, *_ in categories] == list("bcdefghi")
    assert categories[0] == ("b", 0.1, 0.11, "10 % → 11 %")


def test_of_a_baseline_the_largest_categories_are_shown():
    shares = (0.01, 0.02, 0.03, 0.04, 0.1, 0.1, 0.1, 0.1, 0.5)

    categories = svg.list_categories(Overlay(shares, (), "", (), LETTERS))

    assert [name for name, *_ in categories] == list("bcdefghi")
    assert categories[0] == ("b", 0.02, None, "2 %")


@pytest.mark.parametrize(("before", "now"), [(0.0, 0.2), (0.2, 0.0), (0.0, 0.0)])
def test_other_values_are_shown_where_there_are_some(before, now):
    categories = svg.list_categories(Overlay((before, 0.0), (now, 0.0), "", (), ("others", "a")))

    has_others = before + now > 0
    assert [name for name, *_ in categories] == ["others"] * has_others + ["a"]


def test_hours_are_bars_of_which_those_with_a_violation_are_another_path():
    """A window without a number is bad if it failed, and nothing is lower than two pixels."""
    hours = Hours((4.0, None, -8.0, 0.0), (False, True, True, False), "", limit=2.0)

    passed, bad, limit = svg.draw_hours(hours, (40, 32))

    assert passed == "M0 32v-16h9V32zM30 32v-2h9V32z"
    assert bad == "M10 32v-32h9V32zM20 32v-32h9V32z"
    assert limit == 24


def test_the_limit_of_hours_may_be_the_highest():
    passed, bad, limit = svg.draw_hours(Hours((1.0,), (False,), "", limit=4.0), (40, 32))

    assert (passed, bad, limit) == ("M0 32v-8h39V32z", "", 0)


def test_many_hours_have_gaps_of_half_a_bar():
    passed, _, limit = svg.draw_hours(Hours((3.0,) * 40, (False,) * 40, ""), (40, 32))

    assert passed.startswith("M0 32v-32h0.5V32zM1 32")
    assert limit is None


def test_a_curve_goes_through_its_points():
    assert svg.draw_curve([(0, 0), (0.25, 0.5), (1, 1)]) == "M0 200L50 100L200 0"


def test_values_beyond_a_charts_axis_are_at_its_ends():
    assert svg.compute_fraction(-3, EFFECTS) == 0
    assert svg.compute_fraction(0, EFFECTS) == 250
    assert svg.compute_fraction(7, EFFECTS) == 1000
    assert svg.compute_fraction(5, PointChart("", (), span=(5.0, 5.0))) == 0
    assert [svg.choose_arrow(point, EFFECTS) for point in POINTS] == ["◀", "", "", ""]
    assert svg.choose_arrow(Point("e", 6.5), EFFECTS) == "▶"


def test_a_chart_of_points_is_described_by_its_signs():
    chart = PointChart("Effect", POINTS[1:], span=(-2.0, 6.0))

    signs = "a stroke is baseline, a thin line the 95 % interval, an arrow is a value beyond the axis"
    assert svg.write_legend(EFFECTS) == f"A bar is this run, {signs}."
    assert svg.write_legend(chart) == "A bar is this run."
    assert svg.describe_chart(EFFECTS) == "Effect: a −3, baseline 1; b 1, violated; c 6; d –"


def test_few_points_are_further_apart():
    assert svg.compute_height(PointChart("", POINTS[:0])) == 0
    assert svg.compute_height(PointChart("", POINTS[:2])) == 100
    assert svg.compute_height(PointChart("", POINTS[:3])) == 108


@pytest.mark.parametrize(
    ("letter", "width"),
    [("i", 0.42), (" ", 0.42), ("日", 1.25), ("m", 1), ("W", 1), ("A", 0.78), ("a", 0.65), ("7", 0.65)],
)
def test_a_name_fits_as_long_as_its_letters_in_12_pixels_do(letter, width):
    name = letter * 6
    pixels = 6 * 12 * width

    assert svg.fit_to_width(name, pixels + 0.01) == name
    assert len(svg.fit_to_width(name, pixels - 0.01)) < 6
    assert svg.fit_to_width(name, 0) == f"{letter}…{letter}"


def test_a_number_over_time_has_gaps_and_dots():
    """Six windows of 120 pixels; from 10 to 26 in the 32 pixels that the margins leave, two pixels for one."""
    values = (10.0, 12.0, None, 26.0, None, 18.0)
    low = (None, 10.0, None, None, 14.0, 14.0)
    high = (None, 14.0, None, 20.0, None, 26.0)
    expected = (None, None, None, None, 11.0, 13.0)

    drawn = svg.draw_line(Track("", "", values, (), low, high, threshold=22.0, expected=expected))

    assert drawn.path == "M60 34.0L180 30.0M420 2.0h.1M660 18.0h.1"
    assert drawn.band == "M120 26.0h120V34.0h-120zM600 2.0h120V26.0h-120z"
    assert drawn.limit == 10
    assert drawn.expected == "M540 32.0L660 28.0"


def test_a_number_that_never_changes_is_at_the_bottom():
    drawn = svg.draw_line(Track("", "", (5.0, 5.0)))

    assert drawn == ("M180 34.0L540 34.0", "", None, "")
    assert svg.draw_line(Track("", "", ())) == ("", "", None, "")


def test_cells_are_a_path_for_each_mark():
    """Cells of 180 pixels with a gap of one between them; numbers without a mark are as high as they are large."""
    paths = dict(svg.draw_cells(Track("", "", (2.0, None, 1.0, 4.0), (BAD, NONE, NONE, NONE)), 4))

    assert paths[BAD] == "M0.50 36v-36h179v36z"
    assert paths[NONE] == "M360.50 36v-9h179v9zM540.50 36v-36h179v36z"


def test_of_narrow_cells_the_gap_takes_an_eighth():
    paths = dict(svg.draw_cells(Track("", "", (0.0,), (NONE,)), 180))

    assert paths == {NONE: "M0.25 36v-0h3.5v0z"}
    assert svg.compute_column(1, 7) == 102.86
    assert svg.compute_column(7, 7) == 720


def test_cells_have_their_numbers_in_words():
    times = ["8:00", "9:00", "10:00", "11:00"]
    track = Track("violations", "", (0.0, 3.0, 1.0, None), (NONE, BAD, UNSURE, NONE))

    zero, three, unsure, missing = svg.list_numbers(track, times)

    assert zero == (NONE, "✓", "8:00: 0 violations")
    assert three == (BAD, "3", "9:00: 3 violations")
    assert unsure == (UNSURE, "?", "10:00: no violations, but it may have changed")
    assert missing == (NONE, "", "11:00: no run")
    assert svg.describe_track(track, times) == "violations: 0 (8:00) to 3 (9:00), last 1"
    assert svg.describe_track(Track("violations", "", (None,)), times[:1]) == "violations: nothing"


@pytest.mark.parametrize(
    ("windows", "value", "crowded"), [(33, 9, False), (34, 9, True), (18, 10, False), (19, 10, True), (33, None, False)]
)
def test_cells_of_ten_pixels_a_digit_fit_on_a_phone_of_330(windows, value, crowded):
    assert svg.is_crowded(Track("", "", (value,) * windows)) is crowded


@pytest.mark.parametrize(
    ("time", "windows", "named"),
    [
        ("May 10", 8, range(8)),
        ("May 10", 9, range(0, 9, 2)),
        ("May 10h", 4, range(4)),
        ("May 10h", 5, (0, 2, 4)),
        ("", 0, ()),
    ],
)
def test_as_many_ticks_are_named_as_have_room(time, windows, named):
    """Of names of up to eight letters there are eight, of longer ones four."""
    times = [f"{day} {time}" for day in range(windows)]

    ticks = svg.choose_ticks(times)

    assert [name for _, name in ticks] == [times[window] for window in named]
    assert [start * windows for start, _ in ticks] == pytest.approx([*named])


def test_ticks_of_one_day_have_its_hours():
    assert svg.choose_ticks(["1 May 8:00", "1 May 9:00"]) == [(0, "8:00"), (0.5, "9:00")]
