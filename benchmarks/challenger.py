"""Trials that are looked at 200 times: how often a challenger that is no better is promoted, and how often a better one is.

python benchmarks/challenger.py [--trials 2000] [--looks 200] [--rows 10000] [--only false|power|metrics|classes]

A trial goes on until a verdict is there, or all its planned rows are. The peer is a single look with half of its rows, at 5 % on
both sides; beside it, the same test at every look, as it is often done. Power is of a shift that the single look finds in so many
of its trials. Of `metrics` and `classes` the command's own statistics are run on made-up answers of models that are equally good.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import fields
from statistics import NormalDist

import numpy as np
import pyarrow as pa

from spark_model_monitor.data.records.outcome_values import OF_CLASSES
from spark_model_monitor.documents.challenge_file import TrialVerdict
from spark_model_monitor.monitors.model_quality.model_comparison import Answers, compare_answers, decide_verdict
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.user_choices import ProblemType
from spark_model_monitor.statistics.verdicts.sequential_boundary import boundary

SINGLE = NormalDist().inv_cdf(0.975)
POWERS = (0.2, 0.5, 0.8, 0.9)
SEED = 7
SCORED = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True, with_predictions=False)
NUMBERS = OutcomePlan(ProblemType.REGRESSION)
MANY = OutcomePlan(ProblemType.MULTICLASS_CLASSIFICATION, with_scores=True)
CLASSES = np.array(["a", "b", "c"])


def errors_of_sums(trials: int, looks: int, shift: float) -> np.ndarray:
    """The estimate at each look in standard errors, shape (trials, looks). shift: at the planned end, in standard errors."""
    share = np.arange(1, looks + 1) / looks
    steps = np.random.default_rng(SEED).standard_normal((trials, looks))
    return np.cumsum(steps, axis=1) / np.sqrt(np.arange(1, looks + 1)) + shift * np.sqrt(share)


def promoted(errors: np.ndarray, rows: int) -> tuple[float, float]:
    """The share of the trials that are promoted at any look before they are kept, and the mean share of the rows they took."""
    looks = errors.shape[1]
    limits = np.array([boundary(rows * look / looks, rows) for look in range(1, looks + 1)])
    beyond = np.abs(errors) > limits
    first = np.where(beyond.any(axis=1), beyond.argmax(axis=1), looks - 1)
    is_better = errors[np.arange(len(errors)), first] > limits[first]
    return float(is_better.mean()), float((first + 1).mean() / looks)


def measure_sums(trials: int, looks: int, rows: int) -> Iterator[str]:
    errors = errors_of_sums(trials, looks, 0.0)
    ours, _ = promoted(errors, rows)
    often = float((errors > SINGLE).any(axis=1).mean())
    yield f"models that are equally good, {trials:,} trials of {looks} looks: promoted {ours:.2%} (mark 5 %)"
    yield f"  by a test at 5 % at every look: {often:.1%}"


def measure_power(trials: int, looks: int, rows: int) -> Iterator[str]:
    for power in POWERS:
        half = SINGLE + NormalDist().inv_cdf(power)
        ours, share = promoted(errors_of_sums(trials, looks, half * math.sqrt(2)), rows)
        text = f"{ours:.1%}, {ours / power:.0%} of it (mark 90 %), after {share:.0%} of the rows"
        yield f"better by so much that one look with half the rows finds {power:.0%}: promoted {text}"


def make_models(rows: int, kind: str, random: np.random.Generator) -> tuple[Answers, Answers]:
    """Two models that are equally good, and wrong at different rows."""
    keys = random.integers(0, 2**63, rows).astype(np.uint64)
    if kind == "mae":
        labels = random.lognormal(0, 1, rows)
        answers = (labels * random.lognormal(0, 0.5, rows) for _ in range(2))
        champion, challenger = (Answers(NUMBERS, labels, answers, None, keys) for answers in answers)
        return champion, challenger
    if kind == "classes":
        of_class = random.choice(3, rows, p=[0.7, 0.2, 0.1])
        signals = (np.exp(2 * np.eye(3)[of_class] + random.normal(0, 2, (rows, 3))) for _ in range(2))
        champion, challenger = (
            make_class_answers(of_class, signal / signal.sum(axis=1, keepdims=True), keys) for signal in signals
        )
        return champion, challenger
    happened = random.random(rows) < 0.1
    signal = happened + random.normal(0, 0.5, rows)
    labels = pa.array(np.where(happened, "1", "0"))
    scores = (1 / (1 + np.exp(-4 * (signal + random.normal(0, 0.5, rows) - 0.7))) for _ in range(2))
    champion, challenger = (Answers(SCORED, labels, None, scores, keys) for scores in scores)
    return champion, challenger


def make_class_answers(labels: np.ndarray, shares: np.ndarray, keys: np.ndarray) -> Answers:
    probabilities = [
        [{"name": name, "share": share} for name, share in zip(CLASSES, row, strict=True)] for row in shares.tolist()
    ]
    classes = (pa.array(CLASSES[which]) for which in (labels, shares.argmax(axis=1)))
    return Answers(MANY, *classes, shares.max(axis=1), keys, pa.array(probabilities, OF_CLASSES))


def first_rows(answers: Answers, rows: int) -> Answers:
    members = (getattr(answers, member.name) for member in fields(answers) if member.name != "plan")
    return Answers(answers.plan, *(None if member is None else member[:rows] for member in members))


OF_KINDS = {"auc": ("auc", "accuracy", "f1", "brier_score"), "mae": ("mae", "rmse")}
OF_MANY = {"classes": ("macro_auc", "macro_f1")}


def measure_metrics(trials: int, looks: int, rows: int, of_kinds: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """looks: evenly spread from the first that has enough rows on."""
    random = np.random.default_rng(SEED)
    for kind, names in of_kinds.items():
        better = dict.fromkeys(names, 0)
        for _ in range(trials):
            models = make_models(rows, kind, random)
            open_ones = set(names)
            for look in range(1, looks + 1):
                some = [first_rows(model, rows * look // looks) for model in models]
                comparison = compare_answers(*some, paired=True, planned_rows=rows)
                for name in tuple(open_ones):
                    _, verdict, *_ = decide_verdict(comparison, name, rows)
                    better[name] += verdict is TrialVerdict.PROMOTE
                    open_ones -= {name} if verdict is not TrialVerdict.CANNOT_TELL else set()
        for name in names:
            yield f"{name}, {trials} trials of {looks} looks at {rows:,} pairs: promoted {better[name] / trials:.1%} (mark 5 %)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2_000)
    parser.add_argument("--looks", type=int, default=200)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--metric-trials", type=int, default=100)
    parser.add_argument("--only", choices=("false", "power", "metrics", "classes"))
    arguments = parser.parse_args()
    runs = {
        "false": (measure_sums, arguments.trials, arguments.looks, arguments.rows),
        "power": (measure_power, arguments.trials, arguments.looks, arguments.rows),
        "metrics": (measure_metrics, arguments.metric_trials, 10, 2_000, OF_KINDS),
        "classes": (measure_metrics, arguments.metric_trials, 4, 1_200, OF_MANY),
    }
    for name, (run, *sizes) in runs.items():
        if arguments.only in (None, name):
            for line in run(*sizes):
                print(line, flush=True)


if __name__ == "__main__":
    main()
