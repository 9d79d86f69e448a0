"""The law of suggestion: a data set passes the constraints suggested from it (C11.32)."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.monitors.data_quality.baseline.documents import create_statistics, suggest_constraints
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    create_distributions,
    read_distributions,
)
from spark_model_monitor.monitors.data_quality.evaluation import check_all
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.protocol import create_violations
from spark_model_monitor.statistics.drift import CATEGORICAL_METHODS, NUMERIC_METHODS
from spark_model_monitor.statistics.states.profile import compute_metrics

from .comparisons import compare, make_profile, number_feature, text_feature

LIMIT = 5  # of exact counts, so that generated columns go beyond it
MAX_DOMAIN_SIZE = 4

INTEGERS = st.integers(-3, 10**17).map(str)
FRACTIONS = st.floats(allow_nan=False, allow_infinity=False, width=32).map(lambda value: f"{value:.3f}") | st.just(
    "1e-5"
)
WORDS = st.sampled_from(["", "a", "é", "NaN", "- 5", "+1", "x" * 300]) | st.text(max_size=3)
BOOLEANS = st.sampled_from(["true", "false"])
KINDS = [INTEGERS, FRACTIONS, INTEGERS | FRACTIONS, WORDS, BOOLEANS, INTEGERS | WORDS | BOOLEANS | FRACTIONS]

TEXT_COLUMNS = st.one_of(
    st.none().map(lambda _: st.none()),
    *[st.just(kind) for kind in KINDS],
    *[st.just(kind | st.none()) for kind in KINDS],
)
DOUBLES = st.none() | st.floats() | st.sampled_from([0.0, -0.0, float("inf"), float("-inf"), 1.7e308])
LONGS = st.none() | st.integers(-(2**63), 2**63 - 1)

POLICIES = st.builds(
    MonitoringSettings,
    comparison_threshold=st.sampled_from([0.0, 0.1]),
    categorical_comparison_threshold=st.sampled_from([0.0, 0.1, 1.0]),
    comparison_method=st.sampled_from(list(NUMERIC_METHODS)),
    categorical_drift_method=st.sampled_from(list(CATEGORICAL_METHODS)),
    non_negative_check=st.booleans(),
)


@st.composite
def data_sets(draw):
    """Columns of one length: functions that make a feature of a list of cells, each with its cells."""
    rows = draw(st.integers(0, 12))
    cells = st.lists
    texts = draw(st.lists(TEXT_COLUMNS, min_size=1, max_size=3))
    columns = [
        (lambda name, cells: text_feature(name, cells, limit=LIMIT), draw(cells(kind, min_size=rows, max_size=rows)))
        for kind in texts
    ]
    columns.append((number_feature, draw(cells(DOUBLES, min_size=rows, max_size=rows))))
    longs = draw(cells(LONGS, min_size=rows, max_size=rows))
    columns.append((lambda name, cells: number_feature(name, cells, integral=True), longs))
    return columns


def scanned(columns, chosen_rows=None):
    """The profile of the columns, or of the rows that are kept."""
    return make_profile(
        *[
            make(f"f{number}", [cell for row, cell in enumerate(cells) if chosen_rows is None or chosen_rows[row]])
            for number, (make, cells) in enumerate(columns)
        ]
    )


def suggested(profile, policy):
    """The constraints suggested from a profile, written and read again."""
    return Constraints.from_json(suggest_constraints(profile, policy, max_domain_size=MAX_DOMAIN_SIZE).to_json())


@pytest.mark.long
@given(data_sets(), POLICIES)
def test_a_data_set_passes_the_constraints_suggested_from_it(columns, policy):
    profile = scanned(columns)
    comparison = compare(suggested(profile, policy), profile, create_distributions(profile))

    assert create_violations(check_all(comparison)).violations == ()


@pytest.mark.long
@given(data_sets().filter(lambda columns: len(columns[0][1])), POLICIES)
def test_a_data_set_passes_both_documents_of_its_own_baseline(columns, policy):
    profile = scanned(columns)
    written = create_statistics(profile, compute_metrics(profile), max_domain_size=MAX_DOMAIN_SIZE).to_json()
    baseline = read_distributions(Statistics.from_json(written))

    outcomes = check_all(compare(suggested(profile, policy), profile, baseline))

    assert create_violations(outcomes).violations == ()


@given(data_sets().filter(lambda columns: len(columns[0][1])), POLICIES, st.sampled_from([0.5, 0.8, 1.0]))
def test_a_data_set_passes_with_columns_of_numbers_in_which_some_cells_are_none(columns, policy, share):
    policy = replace(policy, datatype_check_threshold=share)
    profile = DataQualityMonitor(policy).interpret_state(scanned(columns))
    written = create_statistics(profile, compute_metrics(profile), max_domain_size=MAX_DOMAIN_SIZE).to_json()

    for baseline in (create_distributions(profile), read_distributions(Statistics.from_json(written))):
        outcomes = check_all(compare(suggested(profile, policy), profile, baseline))
        assert create_violations(outcomes).violations == ()


@pytest.mark.long
@given(data_sets(), POLICIES, st.data())
def test_a_part_of_a_data_set_has_its_types_and_its_domains(columns, policy, data):
    rows = len(columns[0][1])
    chosen_rows = data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
    full_profile = scanned(columns)

    outcomes = check_all(
        compare(suggested(full_profile, policy), scanned(columns, chosen_rows), create_distributions(full_profile))
    )

    violated = {violation.constraint_check_type for violation in create_violations(outcomes).violations}
    assert violated <= {"baseline_drift_check", "completeness_check"}


@pytest.mark.long
@given(data_sets(), POLICIES, st.data())
def test_merged_states_are_as_far_from_a_baseline_as_those_of_one_scan(columns, policy, data):
    rows = len(columns[0][1])
    sources = st.lists(st.sampled_from(["baseline", "window"]), min_size=rows, max_size=rows)
    place_of = data.draw(sources)
    is_first = data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows))

    def side(source, *parts):
        """The profile of the rows of a side, or the sum of those of its parts."""
        chosen = [row_source == source for row_source in place_of]
        profiles = [
            scanned(columns, [is_chosen and first is part for is_chosen, first in zip(chosen, is_first, strict=True)])
            for part in parts
        ]
        if parts:
            return sum(profiles[1:], profiles[0])
        return scanned(columns, chosen)

    constraints = suggested(side("baseline"), policy)
    of_whole, of_merged = (
        check_all(compare(constraints, side("window", *parts), create_distributions(side("baseline", *parts))))
        for parts in ((), (True, False))
    )

    within_bounds = {
        (feature.name, "categorical_values_check")
        for feature in side("window").features
        if feature.states.get("frequencies") is not None and not feature.states["frequencies"].exact
    }  # of counts beyond the limit a sum of parts may know less than one scan
    exact = []
    bounded = []
    for pair in zip(of_merged, of_whole, strict=True):
        (bounded if (pair[0].feature, pair[0].check) in within_bounds else exact).append(pair)
    counted = [
        [(o.feature, o.check, o.n, o.m, o.observed is None) for o in outcomes] for outcomes in zip(*exact, strict=True)
    ]
    assert counted[0] == counted[1]
    assert [merged.observed or 0.0 for merged, _ in exact] == pytest.approx(
        [scanned_once.observed or 0.0 for _, scanned_once in exact], rel=1e-6, abs=1e-12
    )
    assert all(
        {merged.status, scanned_once.status} != {CheckStatus.PASSED, CheckStatus.VIOLATED}
        for merged, scanned_once in bounded
    )


@pytest.mark.parametrize("method", list(NUMERIC_METHODS))
def test_merged_sketches_that_were_compacted_are_about_as_far_from_a_baseline(method):
    rng = np.random.default_rng(7)
    before = rng.normal(size=20_000)
    after = rng.normal(0.2, size=20_000)
    baseline = make_profile(number_feature("n", before))
    constraints = suggested(baseline, MonitoringSettings(comparison_method=method))
    full_profile = make_profile(number_feature("n", after))
    merged = make_profile(number_feature("n", after[:7_000])) + make_profile(number_feature("n", after[7_000:]))

    merged_outcome, full_outcome = (
        next(o for o in check_all(compare(constraints, current, create_distributions(baseline))) if o.formula and o.n)
        for current in (merged, full_profile)
    )

    # a rank is off by at most 0.0008 on each side (D1b), the distances are 0.006 to 0.2
    assert merged_outcome.observed == pytest.approx(full_outcome.observed, abs=2e-3)


@pytest.mark.parametrize("count", [1, 4096, 5000], ids=["one row", "at the limit", "beyond the limit"])
def test_a_column_of_many_texts_passes_its_own_constraints(count):
    profile = make_profile(text_feature("id", [f"customer {number}" for number in range(count)]))

    outcomes = check_all(compare(suggest_constraints(profile), profile, create_distributions(profile)))

    assert create_violations(outcomes).violations == ()


def test_a_column_with_more_numbers_than_a_level_holds_passes_its_own_constraints():
    profile = make_profile(number_feature("n", [float(number % 977) for number in range(20_000)]))
    exact = MonitoringSettings(comparison_threshold=0.0, comparison_method="Simple")

    outcomes = check_all(compare(suggest_constraints(profile, exact), profile, create_distributions(profile)))

    assert create_violations(outcomes).violations == ()
