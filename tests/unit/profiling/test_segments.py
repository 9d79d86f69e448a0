"""A column by segment: which segment each row is in, and that segments add up to the whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring
from spark_model_monitor.data.profiling.segment_cuts import parse_cuts
from spark_model_monitor.data.profiling.segment_scan import sort_indices
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.statistics.states import FeatureProfile
from spark_model_monitor.statistics.states.segments import MAX_SEGMENTS, SegmentProfiles, has_columns

ROWS = 3_000


def orders(rows=ROWS, seed=3):
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "plan": random.choice(np.array(["basic", "business", None], object), rows, p=[0.7, 0.2, 0.1]),
            "age": random.integers(18, 80, rows).astype(float),
            "spend": random.normal(20, 5, rows),
            "city": random.choice(["Graz", "Wien"], rows),
        }
    )
    frame.loc[random.random(rows) < 0.05, ["spend", "age"]] = np.nan
    return frame


def run_segmented_baseline(data, *segments):
    return run_baseline(data, DataQualityMonitor(settings=MonitoringSettings(segments=segments)), engine="local")


def segments_in(baseline, feature, cut):
    return baseline.state.feature(feature).state(SegmentProfiles).cuts[cut]


@pytest.mark.parametrize("as_texts", [pytest.param(False, id="typed columns"), pytest.param(True, id="lines of CSV")])
def test_the_segments_of_each_cut_add_up_to_the_feature(tmp_path, as_texts):
    data = orders()
    if as_texts:
        data.to_csv(tmp_path / "orders.csv", index=False)
        data = str(tmp_path / "orders.csv")
    baseline = run_segmented_baseline(data, "plan", "age:30:50", "plan*city")

    for feature in baseline.state.features:
        for segments in feature.state(SegmentProfiles).cuts.values():
            first, *later_segments = segments.values()
            types = first.data_types
            counts = first.frequencies
            numbers = [first.moments]
            for segment in later_segments:
                types += segment.data_types
                counts = counts and counts + segment.frequencies
                numbers.append(segment.moments)
            assert types == feature.data_types
            assert sum(moments.count for moments in numbers) == feature.moments.count
            assert sum(moments.sum for moments in numbers) == pytest.approx(feature.moments.sum)
            if not feature.is_numeric:
                assert dict(counts.counts) == feature.exact_domain


def test_a_segment_is_what_a_profile_of_its_rows_alone_is():
    data = orders()
    segments = segments_in(run_segmented_baseline(data, "plan*age:30:50"), "spend", "plan*age:30:50")[
        "plan=basic & 30<=age<50"
    ]
    chosen = data[(data.plan == "basic") & (data.age >= 30) & (data.age < 50)]
    alone = run_baseline(chosen, DataQualityMonitor(), engine="local").state.feature("spend")

    assert segments.data_types == alone.data_types
    assert (segments.moments.minimum, segments.moments.maximum) == (alone.moments.minimum, alone.moments.maximum)
    assert segments.moments.standard_deviation == pytest.approx(alone.moments.standard_deviation)
    assert segments.kll.step_cdf()[0].tolist() == alone.kll.step_cdf()[0].tolist()


def test_rows_without_a_value_are_a_segment():
    data = orders()
    segments = segments_in(run_segmented_baseline(data, "plan", "age:40"), "city", "age:40")

    assert segments["age=(missing)"].data_types.total == data.age.isna().sum()
    assert {"age<40", "age>=40", "age=(missing)"} == set(segments)


def test_a_sketch_of_many_rows_keeps_to_its_error():
    random = np.random.default_rng(1)
    data = pd.DataFrame({"plan": random.choice(["a", "b"], 200_000), "x": random.normal(size=200_000)})
    sketch = segments_in(run_segmented_baseline(data, "plan"), "x", "plan")["plan=a"].kll
    exact = np.sort(data.x[data.plan == "a"].to_numpy())
    values, cumulative = sketch.step_cdf()
    ranks = np.searchsorted(exact, values, side="right")

    assert sketch.count == len(exact)
    assert np.abs(ranks - cumulative).max() / len(exact) < 5 * sketch.error


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param(lambda random: random.normal(size=9_000), id="normal"),
        pytest.param(lambda random: random.integers(-40, 90, 9_000).astype(float), id="whole numbers"),
        pytest.param(lambda random: 1.7e12 + random.integers(0, 86_400_000, 9_000), id="times of a day"),
        pytest.param(lambda random: np.exp(random.normal(0, 9, 9_000)), id="a long tail"),
        pytest.param(lambda random: np.array([np.inf, -1e308, np.nan, 1e-300, 0.0, -np.inf, 1e308]), id="the ends"),
        pytest.param(lambda _: np.full(5, 3.0), id="all alike"),
        pytest.param(lambda _: np.empty(0), id="none"),
    ],
)
def test_the_order_of_numbers_is_theirs(numbers):
    random_numbers = numbers(np.random.default_rng(4))
    order = sort_indices(random_numbers)

    assert sorted(order.tolist()) == list(range(len(random_numbers)))
    # 32 bits tell numbers apart that differ by a 500,000th of the larger one (11 bits are the exponent's, one the sign)
    np.testing.assert_allclose(random_numbers[order], np.sort(random_numbers), rtol=2e-6)


def test_of_many_values_the_most_frequent_are_segments_and_the_rest_is_one():
    values = np.repeat([f"v{number:03}" for number in range(80)], np.arange(80, 0, -1))
    data = pd.DataFrame({"code": np.random.default_rng(0).permutation(values), "x": np.arange(len(values)) % 7})
    segments = segments_in(run_segmented_baseline(data, "code"), "x", "code")

    assert set(segments) == {f"code=v{number:03}" for number in range(MAX_SEGMENTS)} | {"code=(others)"}
    assert segments["code=(others)"].data_types.total == sum(range(1, 31))


def test_a_window_has_the_segments_of_a_baseline_with_more_than_fifty_values():
    random = np.random.default_rng(0)
    data = pd.DataFrame({"code": random.integers(0, 90, 5_000).astype(str), "x": random.normal(size=5_000)})
    baseline = run_segmented_baseline(data, "code")
    findings = run_monitoring(data, DataQualityMonitor(), baseline, engine="local")

    assert segments_in(findings.current, "x", "code") == segments_in(baseline, "x", "code")


def in_segments(**rows):
    """The state of a feature with so many rows by segment of `plan`."""
    types = {label: FeatureProfile(f"plan={label}").data_types.__class__(text=count) for label, count in rows.items()}
    label_of = {label: "plan=(others)" if label == "others" else f"plan={label}" for label in rows}
    return SegmentProfiles(
        {
            "plan": {
                label_of[label]: FeatureProfile.of(label_of[label], FeatureProfile().column_type, [types[label]])
                for label in rows
            }
        }
    )


def test_what_one_side_may_have_among_its_others_is_among_those_of_the_sum():
    merged_segments = (in_segments(a=5, b=3) + in_segments(a=2, others=4)).cuts["plan"]

    assert {label: segment.data_types.total for label, segment in merged_segments.items()} == {
        "plan=a": 7,
        "plan=(others)": 7,
    }


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("colour", "'colour' of 'colour' is no column of the data; they are plan, age; write a column"),
        ("age:50:30", "the bounds of 'age:50:30' are no rising numbers; write age:30:50"),
        ("age:young", "are no rising numbers"),
        ("plan*colour", "'colour' of 'plan\\*colour' is no column"),
    ],
)
def test_a_cut_that_makes_no_sense_is_reported(written, sentence):
    with pytest.raises(BadConfiguration, match=sentence):
        parse_cuts([written], ["plan", "age"])


def test_a_column_whose_name_looks_like_a_cut_is_a_column():
    [cut] = parse_cuts(["a*b:3"], ["a*b:3", "a"])

    assert [column.name for column in cut.columns] == ["a*b:3"]
    assert has_columns("a*b:3", ["a*b:3"])
    assert not has_columns("a*b:3", ["a"])


def test_a_column_of_lists_cuts_no_rows():
    data = pd.DataFrame({"tags": [[1, 2], [3]], "x": [1, 2]})

    with pytest.raises(BadConfiguration, match="'tags' has lists or maps, which cut no rows"):
        run_segmented_baseline(data, "tags")


@pytest.mark.parametrize(
    ("window", "sentence"),
    [
        pytest.param(lambda data: data.drop(columns="plan"), "the data lacks the column", id="without the column"),
        pytest.param(
            lambda data: data.assign(plan=data.plan.str.upper()),
            "of the rows have values that the baseline lacks",
            id="written otherwise",
        ),
    ],
)
def test_a_window_that_cant_be_cut_is_reported_and_judged_all_the_same(window, sentence):
    baseline = run_segmented_baseline(orders(), "plan")
    findings = run_monitoring(window(orders(seed=5)), DataQualityMonitor(), baseline, engine="local")

    assert [hint.description for hint in findings.hints if hint.hint == "segments" and sentence in hint.description]
    assert {"spend", "age", "city"} <= {result.feature for result in findings.results}


CODES = [f"C{code:03d}" for code in range(300)]  # more than there are segments


def draw_codes(rng, rows):
    shares = 1 / np.arange(1, len(CODES) + 1)
    return pd.DataFrame({"code": rng.choice(CODES, rows, p=shares / shares.sum()), "x": rng.normal(size=rows)})


def list_segment_hints(data, baseline):
    hints = run_monitoring(data, DataQualityMonitor(), baseline, engine="local").hints
    return [hint.description for hint in hints if hint.hint == "segments"]


@pytest.mark.parametrize("rows", [1, 2, 5, 20])
def test_few_rows_of_other_segments_are_no_other_writing(rows):
    rng = np.random.default_rng(12)
    baseline = run_segmented_baseline(draw_codes(rng, 1_000), "code")
    for _ in range(10):
        assert list_segment_hints(draw_codes(rng, rows), baseline) == []


def test_rows_of_other_segments_are_named_for_what_they_are():
    """The baseline has rows in none of its segments, too."""
    rng = np.random.default_rng(13)
    baseline = run_segmented_baseline(draw_codes(rng, 1_000), "code")
    window = draw_codes(rng, 60)
    window["code"] = window["code"].str.lower()

    [description] = list_segment_hints(window, baseline)
    assert "100 % of the rows are in none of the baseline's segments; are they written otherwise?" in description


@pytest.mark.parametrize("rows", [1, 2, 6])
def test_a_new_segment_is_named_once_chance_doesnt_explain_it(rows):
    baseline = run_segmented_baseline(orders(), "plan")
    window = orders(rows, seed=8).assign(plan="team")

    # Any two of 3,002 rows are just these by a chance of one in 4.5 million
    assert bool(list_segment_hints(window, baseline)) == (rows > 1)


def draw_seats(rng, rows, hour=None):
    """Hundreds of seats, in each hour."""
    hours = [f"h{number}" for number in rng.integers(0, 16, rows)]
    if hour is not None:
        hours = [hour] * rows
    seats = [
        f"{row}{letter}" for row, letter in zip(rng.integers(1, 40, rows), rng.choice([*"ABCDEF"], rows), strict=True)
    ]
    return pd.DataFrame({"hour": hours, "seat": seats})


def test_texts_that_a_segment_has_for_the_first_time_are_no_alarm_where_most_are_new():
    rng = np.random.default_rng(14)
    baseline = run_segmented_baseline(draw_seats(rng, 1_000), "hour")
    for number in range(10):
        window = draw_seats(rng, 20, f"h{number}")
        findings = run_monitoring(window, DataQualityMonitor(), baseline, engine="local")
        assert "seat" not in [violation.feature_name for violation in findings.violations.violations]

    # Seats of another kind are found by fewer rows
    window["seat"] = [f"row {row}" for row in range(20)]
    findings = run_monitoring(window, DataQualityMonitor(), baseline, engine="local")
    assert "seat" in [violation.feature_name for violation in findings.violations.violations]
