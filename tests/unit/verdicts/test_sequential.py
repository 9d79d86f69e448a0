"""How far a difference has to be from zero, however often somebody looks."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from spark_model_monitor.statistics.verdicts.sequential_boundary import (
    boundary,
    estimate_rows_to_significance,
    interval_half_width,
)


@pytest.mark.parametrize(
    ("rows", "errors"),
    [
        pytest.param(10_000, 2.326348, id="at the planned end, the normal quantile of 99 %"),  # of tables
        pytest.param(6_400, 2.907935, id="before it, so much more as the root of the rows is less"),  # 2.326348 / 0.8
        # (1 + 0.0825)·(ln(1 + 1/0.0825) + 2·ln 100), its root, by hand
        pytest.param(10_001, 3.571666, id="behind it, that of a mixture, which has no end"),
    ],
)
def test_the_boundary_at_some_points_of_a_trial_of_ten_thousand_rows(rows, errors):
    assert boundary(rows, 10_000) == pytest.approx(errors, abs=1e-4)


@pytest.mark.parametrize("looks", [1, 20, 200])
def test_a_trial_without_a_difference_is_reported_seldom_however_often_one_looks(looks):
    random = np.random.default_rng(11)
    rows = 10_000 * np.arange(1, looks + 1) / looks
    steps = random.standard_normal((4_000, looks))
    errors = np.cumsum(steps, axis=1) / np.sqrt(np.arange(1, looks + 1))

    beyond = (errors > [boundary(row_count, 10_000) for row_count in rows]).any(axis=1).mean()

    assert beyond <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / 4_000)


def test_a_look_at_every_row_beyond_the_plan_is_covered_too():
    random = np.random.default_rng(12)
    rows = np.arange(1, 4_001)
    errors = np.cumsum(random.standard_normal((1_000, 4_000)), axis=1) / np.sqrt(rows)

    assert (errors > [boundary(row_count, 500) for row_count in rows]).any(axis=1).mean() <= 0.025 + 3 * math.sqrt(
        0.025 / 1_000
    )


def test_the_planned_end_has_more_power_than_one_look_with_half_the_rows():
    # One look: beyond 1.96 at the root of half the rows; here beyond the boundary at the end alone.
    for shift in (1.96, 2.8, 3.24):  # half, 80 % and 90 % of the trials with half the rows are found
        assert shift * math.sqrt(2) - boundary(10_000, 10_000) > shift - 1.96


def test_few_degrees_of_freedom_make_the_interval_wider():
    assert interval_half_width(1.0, 1e9, 10_000, 10_000) == pytest.approx(2.3263, abs=1e-3)
    assert interval_half_width(1.0, 10, 10_000, 10_000) == pytest.approx(
        2.7638, abs=1e-3
    )  # Student's table, 99 % and 10 degrees


def test_rows_to_tell_are_those_at_which_the_interval_leaves_zero():
    # At 2,000 of 10,000 rows 1.5 standard errors are 3.35 at the planned end, and the boundary is 2.33 there.
    rows = estimate_rows_to_significance(1.5, 1.0, 2_000, 10_000)

    assert rows is not None
    assert 2_000 < rows <= 10_000
    assert boundary(rows, 10_000) * math.sqrt(2_000 / rows) < 1.5


def test_a_difference_of_nothing_is_never_reported():
    assert estimate_rows_to_significance(0.0, 1.0, 2_000, 10_000) is None
    assert estimate_rows_to_significance(1e-6, 1.0, 2_000, 10_000) is None


def test_the_page_has_the_boundary_of_its_own_plan():
    page = (Path(__file__).parents[3] / "docs" / "challenger.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+,?\d*|more) \| (\d\.\d\d) \|", page, re.MULTILINE)

    assert len(rows) == 5
    for row_text, errors in rows:
        if row_text == "more":
            row_count = 10_001
        else:
            row_count = int(row_text.replace(",", ""))
        assert f"{boundary(row_count, 10_000):.2f}" == errors
