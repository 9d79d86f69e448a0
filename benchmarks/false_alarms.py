"""How many healthy windows raise an alarm, and which drops are found? The service's rule, by the value alone, beside ours: with
the baseline's states, and with its two files alone.

python benchmarks/false_alarms.py [--quick]

A healthy window is a sample of the very population that the baseline is a sample of, so every violation is a false alarm. Each
line is 150 baselines with a window each; an alarm is a window with a violation of any metric. No Spark: outcomes are drawn,
counted by the states of a scan and judged by the monitor. The exit status is 1 if ours raise more than one in 720, a binomial
bound of 99 % over all lines, or find less than 95 % of the drops.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats
from side_by_side import is_quick_run

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.monitors.model_quality.measurement import BARE
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.monitors.model_quality.outcome_baseline import ModelBaseline
from spark_model_monitor.monitors.model_quality.quality_checks import check_all
from spark_model_monitor.statistics.states.outcome_builder import OutcomeBuilder
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.states.outcomes import Outcomes
from spark_model_monitor.statistics.user_choices import ProblemType
from spark_model_monitor.statistics.verdicts.multiple_testing import BUDGET

Numbers: TypeAlias = NDArray[np.float64]
Sample: TypeAlias = Callable[[np.random.Generator, int], tuple[object, ...]]
"""So many rows of a population: what `OutcomeBuilder.update` takes."""

PAIRS = 150
FOUND = 0.95
SEED = 2026


def binary(share: float, separation: float) -> Sample:
    """Two classes, `share` of them positive, whose log odds are normal and apart by so much; calibrated probabilities."""

    def sample(random: np.random.Generator, rows: int) -> tuple[object, ...]:
        positive = random.random(rows) < share
        evidence = random.normal(0, separation, rows) + np.where(positive, 0.5, -0.5) * separation**2
        scores = 1 / (1 + np.exp(-(evidence + np.log(share / (1 - share)))))
        return pa.array(np.where(positive, "1", "0")), None, scores

    return sample


def multiclass(classes: int, right: float) -> Sample:
    """Classes of falling frequency, so many predicted right and the rest as any class."""

    def sample(random: np.random.Generator, rows: int) -> tuple[object, ...]:
        weights = 1 / np.arange(1, classes + 1)
        labels, other_labels = random.choice(classes, (2, rows), p=weights / weights.sum())
        predictions = np.where(random.random(rows) < right, labels, other_labels)
        return pa.array(labels.astype(str)), pa.array(predictions.astype(str))

    return sample


def regression(error: Callable[[np.random.Generator, int], Numbers]) -> Sample:
    """Normal labels, predicted with an error."""

    def sample(random: np.random.Generator, rows: int) -> tuple[object, ...]:
        labels = random.normal(10, 3, rows)
        return labels, labels + error(random, rows)

    return sample


BINARY = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True, with_predictions=False)
MULTICLASS = OutcomePlan(ProblemType.MULTICLASS_CLASSIFICATION)
REGRESSION = OutcomePlan(ProblemType.REGRESSION)


@dataclass(frozen=True)
class Setting:
    """A population, and how many rows of it a baseline and a window have."""

    name: str
    plan: OutcomePlan
    sample: Sample
    baseline: int
    window: int


def seldom_large(random: np.random.Generator, rows: int) -> Numbers:
    """Normal errors, one in a hundred of them ten times as large."""
    return random.normal(0, 1, rows) * np.where(random.random(rows) < 0.01, 10, 1)


POPULATIONS = (
    ("binary, 50 % positive", BINARY, binary(0.5, 1.5)),
    ("binary, 10 % positive", replace(BINARY, threshold=0.2), binary(0.1, 1.5)),
    ("binary, 1 % positive", replace(BINARY, threshold=0.1), binary(0.01, 2.0)),
    ("binary, nearly perfect", BINARY, binary(0.3, 4.0)),
    ("12 classes", MULTICLASS, multiclass(12, 0.8)),
    ("regression, normal errors", REGRESSION, regression(lambda random, rows: random.normal(0, 1, rows))),
    ("regression, errors of t(5)", REGRESSION, regression(lambda random, rows: random.standard_t(5, rows))),
    ("regression, errors of t(2)", REGRESSION, regression(lambda random, rows: random.standard_t(2, rows))),
    ("regression, 1 % large errors", REGRESSION, regression(seldom_large)),
    ("regression, lognormal errors", REGRESSION, regression(lambda random, rows: random.lognormal(0, 1.5, rows))),
)
SIZES = ((200, 200), (200, 10_000), (2_000, 500), (2_000, 2_000), (2_000, 20_000), (20_000, 1_000))
SETTINGS = [Setting(*population, *sizes) for population in POPULATIONS for sizes in SIZES]


def outcomes(setting: Setting, random: np.random.Generator, rows: int) -> Outcomes:
    """The state of a new sample."""
    builder = OutcomeBuilder(setting.plan)
    builder.update(*setting.sample(random, rows))  # type: ignore[arg-type]
    return builder.state()


def make_baseline(monitor: ModelQualityMonitor, baseline: Outcomes, *, with_states: bool = True) -> ModelBaseline:
    """What a run knows of a baseline that was just made."""
    statistics, constraints, _ = monitor.documents(baseline, monitor.metrics(baseline))
    return monitor.stored_baseline(constraints, statistics, baseline if with_states else None)


def alarms(setting: Setting, pairs: int) -> tuple[int, int, int, int]:
    """Windows with any violation: by the service's rule, by ours with files alone, and with states; and those in which the last
    can't tell.

    All judge the same numbers, but for f0_5, which the service never reports.
    """
    random = np.random.default_rng(SEED)
    service = ModelQualityMonitor(setting.plan, tolerance=BARE, as_service=True)
    ours = ModelQualityMonitor(setting.plan)
    counted = np.zeros(4, dtype=int)
    for _ in range(pairs):
        baseline = outcomes(setting, random, setting.baseline)
        window = outcomes(setting, random, setting.window)
        measured = ours.metrics(window)
        results_by_service = check_all(measured, make_baseline(service, baseline), as_service=True)
        results_by_files = check_all(measured, make_baseline(ours, baseline, with_states=False))
        results_by_states = check_all(measured, make_baseline(ours, baseline))
        by_service = {metric.status for metric in results_by_service}
        by_files = {metric.status for metric in results_by_files}
        by_states = {metric.status for metric in results_by_states}
        violated = CheckStatus.VIOLATED
        cannot_tell = CheckStatus.CANNOT_TELL
        alarmed = [violated in statuses for statuses in (by_service, by_files, by_states)]
        counted += [*alarmed, violated not in by_states and cannot_tell in by_states]
    service_alarms, file_alarms, state_alarms, untold = counted.tolist()
    return service_alarms, file_alarms, state_alarms, untold


def right(share: float) -> Sample:
    """Two classes, so many of the rows predicted right."""

    def sample(random: np.random.Generator, rows: int) -> tuple[object, ...]:
        truth = random.random(rows) < 0.5
        return tuple(pa.array(np.where(truths, "1", "0")) for truths in (truth, truth ^ (random.random(rows) >= share)))

    return sample


DROPS = (
    ("accuracy .90 -> .85", OutcomePlan(ProblemType.BINARY_CLASSIFICATION), right(0.9), right(0.85)),
    ("auc .86 -> .80", BINARY, binary(0.5, 1.5), binary(0.5, 1.2)),
    ("errors 20 % larger", REGRESSION, POPULATIONS[5][2], regression(lambda random, rows: random.normal(0, 1.2, rows))),
)


def count_violations(drop: tuple[str, OutcomePlan, Sample, Sample], pairs: int) -> int:
    """Windows of 2,000 rows in which a drop is a violation, beside baselines of 10,000."""
    _, plan, before, after = drop
    random = np.random.default_rng(SEED)
    monitor = ModelQualityMonitor(plan)
    count = 0
    for _ in range(pairs):
        baseline = outcomes(Setting("", plan, before, 10_000, 2_000), random, 10_000)
        window = outcomes(Setting("", plan, after, 10_000, 2_000), random, 2_000)
        results = check_all(monitor.metrics(window), make_baseline(monitor, baseline))
        count += any(result.is_violation for result in results)
    return count


def main() -> int:
    pairs = PAIRS // (10 if is_quick_run(__doc__) else 1)
    print(f"alarms in {pairs:,} healthy windows each, rows of the baseline and of a window")
    totals = np.zeros(2, dtype=int)
    for setting in SETTINGS:
        service, files, states, untold = alarms(setting, pairs)
        totals += [files, states]
        print(
            f"{setting.name:29} {setting.baseline:7,} {setting.window:7,}   service {service / pairs:6.1%}   "
            f"files alone {files:3}   ours {states:3}   cannot tell {untold / pairs:6.1%}",
            flush=True,
        )
    at_most = int(stats.binom.ppf(0.99, pairs * len(SETTINGS), BUDGET))
    print(
        f"of ours {totals[1]} of {pairs * len(SETTINGS):,} windows alarm, of files alone {totals[0]}, to be at most {at_most}"
    )
    smallest = 1.0
    for drop in DROPS:
        share = count_violations(drop, pairs) / pairs
        smallest = min(smallest, share)
        print(f"{drop[0]:29}  10,000   2,000   found {share:6.1%}", flush=True)
    print(f"least found: {smallest:.1%}, to be at least {FOUND:.0%}")
    return int(totals.max() > at_most or smallest < FOUND)


if __name__ == "__main__":
    sys.exit(main())
