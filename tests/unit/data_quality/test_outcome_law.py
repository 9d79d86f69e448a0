"""The law of the outcome: a healthy window of independent rows is unchanged; a large change is never called so."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from tests.at_hand import defer_to_night
from tests.rotation import every_combination

from spark_model_monitor import DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring
from spark_model_monitor.documents.monitoring_settings import ChangeThatMatters
from spark_model_monitor.documents.outcome import Outcome, judge_features, judge_run

KINDS = ("normal", "skewed", "count", "flag", "category")


class Column:
    """A column of independent rows, drawn by one law. nulls: the share of missing values."""

    def __init__(self, kind, random, nulls):
        self.kind = kind
        self.nulls = nulls
        self.names = [f"v{number}" for number in range(random.integers(3, 9))]
        self.shares = random.dirichlet(np.full(len(self.names), 3.0))

    def draw(self, random, rows):
        values = pd.Series(self._values(random, rows))
        if self.nulls:
            return values.where(random.random(rows) >= self.nulls)
        return values

    def _values(self, random, rows):
        if self.kind == "normal":
            return random.normal(50, 10, rows)
        if self.kind == "skewed":
            return random.lognormal(3, 1, rows).round(2)
        if self.kind == "count":
            return random.poisson(20, rows)
        if self.kind == "flag":
            return (random.random(rows) < self.shares[0]).astype(int)
        return random.choice(self.names, rows, p=self.shares)


def create_law(random, columns):
    nulls = random.choice([0, 0, 0.01, 0.05, 0.1, 0.2, 0.3], columns)
    return {
        f"{kind}{n}": Column(kind, random, nulls[n]) for n, kind in zip(range(columns), KINDS * columns, strict=False)
    }


def draw_table(law, random, rows):
    return pd.DataFrame({name: column.draw(random, rows) for name, column in law.items()})


def collect_healthy_outcomes(baseline_rows, window_rows, columns, seeds, windows, **settings):
    """The outcomes of healthy windows, without those whose rows look grouped by chance, which test_likeness counts."""
    outcomes = []
    monitor = DataQualityMonitor(settings=MonitoringSettings(**settings))
    for seed in seeds:
        random = np.random.default_rng(seed)
        law = create_law(random, columns)
        baseline = run_baseline(draw_table(law, random, baseline_rows), monitor)
        for _ in range(windows):
            findings = run_monitoring(draw_table(law, random, window_rows), monitor, baseline)
            if not any("count as one" in (check_result.reason or "") for check_result in findings.results):
                outcomes.append(judge_run(findings.results))
    return outcomes


@pytest.mark.nightly
@pytest.mark.parametrize("rows_are", ["clustered", "independent"])
@pytest.mark.parametrize(
    ("baseline_rows", "rows", "minimum_share"),
    [(2_000, 1_000, 0.99), (20_000, 1_000, 0.99), (2_000, 200, 0.95), (20_000, 200, 0.95)],
)
@pytest.mark.parametrize("columns", [5, 20])
def test_healthy_windows_of_independent_rows_are_unchanged(baseline_rows, rows, minimum_share, columns, rows_are):
    outcomes = collect_healthy_outcomes(baseline_rows, rows, columns, range(900, 906), 5, rows=rows_are)

    assert outcomes.count(Outcome.UNCHANGED) >= minimum_share * len(outcomes)
    assert len(outcomes) >= 24


def replace_share(values, share, by, random):
    values = values.astype(object)
    values[random.random(len(values)) < share] = by
    return values


CHANGES = {
    "a third is missing": ("normal0", lambda values, random: replace_share(values, 0.33, None, random)),
    "half is missing": ("category4", lambda values, random: replace_share(values, 0.5, None, random)),
    "values that were never there": ("category4", lambda values, random: values + " of another kind"),
    "one value takes over": ("category4", lambda values, random: replace_share(values, 0.8, "v2", random)),
    "ten times as much": ("skewed1", lambda values, random: values * 10),
    "a standard deviation more": ("normal0", lambda values, random: values + 10),
    "a flag that is set": ("flag3", lambda values, random: pd.Series(np.ones(len(values), int))),
}


def repeat_rows(frame):
    """As many rows, of which eight neighbours are equal."""
    repeated = frame.loc[frame.index.repeat(8)]
    return repeated.head(len(frame)).reset_index(drop=True)


@every_combination(change=CHANGES, sample=[*product([20, 50, 200], ["independent", "in groups", "sorted"])])
def test_a_large_change_is_never_called_unchanged(change, sample):
    rows, order = sample
    name, apply = CHANGES[change]
    for seed in range(3):
        random = np.random.default_rng(seed)
        law = {f"{kind}{index}": Column(kind, random, 0.0) for index, kind in enumerate(KINDS)}
        before = draw_table(law, random, 600)
        after = draw_table(law, random, rows)
        after[name] = apply(after[name], random)
        # The order of the rows
        if order == "in groups":
            before = repeat_rows(before)
            after = repeat_rows(after)
        elif order == "sorted":
            before = before.sort_values(name, ignore_index=True)
        monitor = DataQualityMonitor()
        findings = run_monitoring(after, monitor, run_baseline(before, monitor))

        # The outcome of the changed column
        outcomes = {feature.name: feature for feature in judge_features(findings.results)}
        assert outcomes[name].outcome is not Outcome.UNCHANGED
        if outcomes[name].outcome is Outcome.CANNOT_TELL:
            assert outcomes[name].reason
            assert outcomes[name].advice


@pytest.mark.long
@pytest.mark.parametrize("seeds", [range(1), defer_to_night(range(4))], ids=str)
def test_a_change_within_a_window_that_can_show_it_is_found_nine_times_in_ten(seeds):
    # the features that are called unchanged, with half a standard deviation more
    monitor = DataQualityMonitor()
    found_changes = tries = 0
    for seed in seeds:
        random = np.random.default_rng(seed)
        law = {f"{kind}{n}": Column(kind, random, 0.0) for n in range(3) for kind in ("normal", "skewed", "count")}
        before = draw_table(law, random, 2_000)
        baseline = run_baseline(before, monitor)
        # Columns of which a healthy window can tell
        window = draw_table(law, random, 200)
        outcomes = judge_features(run_monitoring(window, monitor, baseline).results)
        unchanged = [feature.name for feature in outcomes if feature.outcome is Outcome.UNCHANGED]
        for name in [name for name in unchanged if name in law]:
            moved = window.assign(**{name: law[name].draw(random, 200) + 0.5 * before[name].std()})
            check_results = run_monitoring(moved, monitor, baseline).results
            found_changes += any(check.is_violation and check.feature == name for check in check_results)
            tries += 1

    assert tries >= 6 * len(seeds)
    assert found_changes >= 0.9 * tries


def test_the_sizes_are_a_setting():
    random = np.random.default_rng(1)
    law = create_law(random, 5)
    before = draw_table(law, random, 2_000)
    after = draw_table(law, random, 200)

    def outcome(**sizes):
        settings = MonitoringSettings(rows="independent", change_that_matters=ChangeThatMatters(**sizes))
        monitor = DataQualityMonitor(settings=settings)
        baseline = run_baseline(before, monitor)
        written = baseline.constraints.plain()["monitoring_config"]["change_that_matters"]
        assert written == {"missing": 0.12, "standard_deviations": 0.5, "value": 0.3} | sizes
        return judge_run(run_monitoring(after, monitor, baseline).results)

    assert outcome() is Outcome.UNCHANGED
    for sizes in ({"missing": 0.01, "standard_deviations": 0.01}, {"standard_deviations": 0.1}, {"value": 0.02}):
        assert outcome(**sizes) is Outcome.CANNOT_TELL


def test_limits_of_the_service_say_nothing_of_it():
    random = np.random.default_rng(1)
    before = draw_table(create_law(random, 5), random, 2_000)
    baseline = run_baseline(before, DataQualityMonitor(as_service=True))

    assert "change_that_matters" not in baseline.constraints.plain()["monitoring_config"]


def test_where_few_values_are_present_sizes_are_of_the_whole_column():
    matters = ChangeThatMatters()

    # by hand: 0.5 / sqrt(0.64); 0.3 / 0.6; 0.5 * sqrt(0.3 * 0.7), and 12 points where that is less
    assert matters.shift(0.64) == pytest.approx(0.625)
    assert matters.share(0.6) == pytest.approx(0.5)
    assert matters.missing_values(0.3) == pytest.approx(0.229, abs=0.001)
    assert matters.missing_values(0.0) == 0.12
