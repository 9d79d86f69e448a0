"""Commands by which a person decides: about alarms, baselines, and which of two models answers."""

from __future__ import annotations

import argparse
import sys

from spark_model_monitor.cli.verbs import VERBS, opened


def _accept_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("accepted_run", metavar="RUN", help="output path of the monitoring run")
    parser.add_argument("features", nargs="*", metavar="FEATURE", help="features or metrics (default: all)")
    parser.add_argument("--by", metavar="NAME", help="who accepts the alarms")
    parser.add_argument("--why", metavar="TEXT", help="reason for accepting the alarms")


@VERBS.register("accept", group="decide", flags=_accept_flags)
def accept(given: argparse.Namespace) -> int:
    """Accept the alarms of a run: its window counts as healthy, and the same alarm is not raised again."""
    from spark_model_monitor.reports.history.decisions import accept

    with opened([given.accepted_run]):
        done = accept(given.accepted_run, given.features, by=given.by, why=given.why)
    sys.stdout.write(f"{given.accepted_run}: accepted {len(done.alarms)} of the violations of run {done.run_id}\n")
    return 0


def _promote_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("baseline_run", metavar="RUN", help="output path of the run")
    parser.add_argument("--model-version", required=True, metavar="VERSION", help="name of the version")
    parser.add_argument("--to", required=True, metavar="DIRECTORY", help="folder of the versions")
    parser.add_argument("--replace", action="store_true", help="overwrite an existing version")


@VERBS.register("promote", group="decide", flags=_promote_flags)
def promote(given: argparse.Namespace) -> int:
    """Make a run the baseline of a model version: monitors compare with it from now on."""
    from datetime import datetime, timezone

    from spark_model_monitor.reports.history.decisions import promote

    now = datetime.now(timezone.utc)
    with opened([given.baseline_run, given.to]):
        done = promote(given.baseline_run, given.model_version, given.to, now, replace=given.replace)
    sys.stdout.write(f"{given.to}: version {done.model_version} counts, run {done.run_id}\n")
    return 0


def _rollback_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("baselines", metavar="DIRECTORY", help="folder of the versions")


@VERBS.register("rollback", group="decide", flags=_rollback_flags)
def rollback(given: argparse.Namespace) -> int:
    """Undo the last promotion: the version before it is the baseline again."""
    from datetime import datetime, timezone

    from spark_model_monitor.reports.history.decisions import roll_back

    with opened([given.baselines]):
        done = roll_back(given.baselines, datetime.now(timezone.utc))
    sys.stdout.write(f"{given.baselines}: version {done.model_version} counts again, run {done.run_id}\n")
    return 0


STATUSES = {"promote": 0, "keep": 4, "cannot tell": 5}  # with --gate
PROBLEMS = ("BinaryClassification", "MulticlassClassification", "Regression")
OPTIONS = {
    "ground-truth": ("PATH", "ground-truth records, or a table of ids and labels"),
    "id-attribute": ("NAME", "for tables: the column with the row ids"),
    "ground-truth-attribute": ("NAME", "location of the label: a column, an index or a JMESPath"),
    "inference-attribute": ("NAME", "location of the prediction"),
    "probability-attribute": ("NAME", "location of the probability"),
    "positive-label": ("LABEL", "the positive class (default: 1 or true)"),
    "metric": ("NAME", "the metric that decides (default: auc, otherwise accuracy, otherwise mae)"),
    "start-time": ("TIME", "for captures: the start of the trial, such as 2026-03-01T00:00:00Z"),
    "output-path": ("DIRECTORY", "where to write challenge.json and challenge.html"),
}


def _challenge_flags(parser: argparse.ArgumentParser) -> None:
    for name in ("champion", "challenger"):
        parser.add_argument(name, metavar=name.upper(), help="captures of the variant, merged captures, or a table")
    parser.add_argument("--problem-type", required=True, choices=PROBLEMS, help="what the models predict")
    for option, (metavar, text) in OPTIONS.items():
        parser.add_argument(f"--{option}", metavar=metavar, help=text)
    rows = "planned number of rows with labels in the trial (default: 10000)"
    parser.add_argument("--planned-rows", type=int, default=10_000, metavar="ROWS", help=rows)
    least = "smallest gain worth a promotion, in the metric's unit (default: 0)"
    parser.add_argument("--least-gain", type=float, default=0.0, metavar="GAIN", help=least)
    by_ids = "shadow: both models answered the same rows; split: each answered its own (default: detected from the ids)"
    parser.add_argument("--design", choices=("shadow", "split"), help=by_ids)
    parser.add_argument("--share", type=float, metavar="SHARE", help="for a split: planned share of the challenger")
    parser.add_argument("--json", action="store_true", help="print challenge.json")
    parser.add_argument("--gate", action="store_true", help="end with 0 for promote, 4 for keep, 5 for cannot tell")


@VERBS.register("challenge", group="decide", flags=_challenge_flags)
def challenge(given: argparse.Namespace) -> int:
    """Report whether a challenger is better than the champion: promote, keep, or cannot tell, with the number of rows needed. You
    may look as often as you like.
    """
    from spark_model_monitor.running.runs.challenge import Trial, challenge, describe_challenge
    from spark_model_monitor.statistics.states.outcomes import OutcomePlan, ProblemType

    problem_type = ProblemType(given.problem_type)
    plan = OutcomePlan(
        problem_type,
        with_scores=given.probability_attribute is not None and problem_type is not ProblemType.REGRESSION,
        with_predictions=given.inference_attribute is not None or given.probability_attribute is None,
        positive_label=given.positive_label,
    )
    trial = Trial(
        plan,
        metric=given.metric,
        planned_rows=given.planned_rows,
        least_gain=given.least_gain,
        design=given.design,
        share=given.share,
        start=given.start_time,
        identity=given.id_attribute,
        label=given.ground_truth_attribute,
        prediction=given.inference_attribute,
        probability=given.probability_attribute,
    )
    found = challenge(given.champion, given.challenger, trial, ground_truth=given.ground_truth)
    if given.output_path is not None:
        found.write(given.output_path)
    sys.stdout.write(found.document.to_json() + "\n" if given.json else describe_challenge(found.document))
    if given.gate:
        return STATUSES[found.verdict]
    return 0
