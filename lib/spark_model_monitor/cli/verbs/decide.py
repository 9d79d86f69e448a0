"""Commands by which a person decides: about alarms, baselines, and which of two models answers."""

from __future__ import annotations

import argparse
import sys

from spark_model_monitor.cli.verbs import add_values_flag, open_paths, register_verb, show_values


def _add_accept_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("accepted_run", metavar="RUN", help="output path of the monitoring run")
    parser.add_argument("features", nargs="*", metavar="FEATURE", help="features or metrics (default: all)")
    parser.add_argument("--by", metavar="NAME", help="who accepts the alarms")
    parser.add_argument("--why", metavar="TEXT", help="reason for accepting the alarms")


@register_verb("accept", group="decide", flags=_add_accept_flags)
def accept(options: argparse.Namespace) -> int:
    """Accept the alarms of a run: its window counts as healthy, and the same alarm is not raised again."""
    from spark_model_monitor.reports.history.decisions import accept

    with open_paths([options.accepted_run]):
        decision = accept(options.accepted_run, options.features, by=options.by, why=options.why)
    sys.stdout.write(
        f"{options.accepted_run}: accepted {len(decision.alarms)} of the violations of run {decision.run_id}\n"
    )
    return 0


def _add_promote_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("baseline_run", metavar="RUN", help="output path of the run")
    parser.add_argument("--model-version", required=True, metavar="VERSION", help="name of the version")
    parser.add_argument("--to", required=True, metavar="DIRECTORY", help="folder of the versions")
    parser.add_argument("--replace", action="store_true", help="overwrite an existing version")


@register_verb("promote", group="decide", flags=_add_promote_flags)
def promote(options: argparse.Namespace) -> int:
    """Make a run the baseline of a model version: monitors compare with it from now on."""
    from datetime import datetime, timezone

    from spark_model_monitor.reports.history.decisions import promote

    now = datetime.now(timezone.utc)
    # The run and the versions may lie on different stores
    with open_paths([options.baseline_run, options.to]):
        promotion = promote(options.baseline_run, options.model_version, options.to, now, replace=options.replace)
    sys.stdout.write(f"{options.to}: version {promotion.model_version} counts, run {promotion.run_id}\n")
    return 0


def _add_rollback_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("baselines", metavar="DIRECTORY", help="folder of the versions")


@register_verb("rollback", group="decide", flags=_add_rollback_flags)
def rollback(options: argparse.Namespace) -> int:
    """Undo the last promotion: the version before it is the baseline again."""
    from datetime import datetime, timezone

    from spark_model_monitor.reports.history.decisions import roll_back

    with open_paths([options.baselines]):
        version = roll_back(options.baselines, datetime.now(timezone.utc))
    sys.stdout.write(f"{options.baselines}: version {version.model_version} counts again, run {version.run_id}\n")
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


def _add_challenge_flags(parser: argparse.ArgumentParser) -> None:
    for name in ("champion", "challenger"):
        parser.add_argument(name, metavar=name.upper(), help="captures of the variant, merged captures, or a table")
    parser.add_argument("--problem-type", required=True, choices=PROBLEMS, help="what the models predict")
    # The names of columns and places are spelled as for the jobs
    for option, (metavar, text) in OPTIONS.items():
        parser.add_argument(f"--{option}", metavar=metavar, help=text)
    rows_help = "planned number of rows with labels in the trial (default: 10000)"
    parser.add_argument("--planned-rows", type=int, default=10_000, metavar="ROWS", help=rows_help)
    gain_help = "smallest gain worth a promotion, in the metric's unit (default: 0)"
    parser.add_argument("--least-gain", type=float, default=0.0, metavar="GAIN", help=gain_help)
    design_help = (
        "shadow: both models answered the same rows; split: each answered its own (default: detected from the ids)"
    )
    parser.add_argument("--design", choices=("shadow", "split"), help=design_help)
    parser.add_argument("--share", type=float, metavar="SHARE", help="for a split: planned share of the challenger")
    parser.add_argument(
        "--follow-links", action="store_true", help="also read what links lead to outside of these folders"
    )
    parser.add_argument("--json", action="store_true", help="print challenge.json")
    add_values_flag(parser)
    parser.add_argument("--gate", action="store_true", help="end with 0 for promote, 4 for keep, 5 for cannot tell")


@register_verb("challenge", group="decide", flags=_add_challenge_flags)
def challenge(options: argparse.Namespace) -> int:
    """Report whether a challenger is better than the champion: promote, keep, or cannot tell, with the number of rows needed. You
    may look as often as you like.
    """
    from spark_model_monitor.data.reading.listing import following_links
    from spark_model_monitor.running.runs.challenge import Trial, challenge, describe_challenge
    from spark_model_monitor.statistics.states.outcomes import OutcomePlan
    from spark_model_monitor.statistics.user_choices import ProblemType

    problem_type = ProblemType(options.problem_type)
    # A score of a regression is its prediction, so there are no scores beside it
    plan = OutcomePlan(
        problem_type,
        with_scores=options.probability_attribute is not None and problem_type is not ProblemType.REGRESSION,
        # With a probability alone, predictions would have to be made up by a threshold
        with_predictions=options.inference_attribute is not None or options.probability_attribute is None,
        positive_label=options.positive_label,
    )
    trial = Trial(
        plan,
        metric=options.metric,
        planned_rows=options.planned_rows,
        least_gain=options.least_gain,
        design=options.design,
        share=options.share,
        start=options.start_time,
        identity=options.id_attribute,
        label=options.ground_truth_attribute,
        prediction=options.inference_attribute,
        probability=options.probability_attribute,
    )
    with following_links(options.follow_links):
        trial_result = challenge(options.champion, options.challenger, trial, ground_truth=options.ground_truth)
    if options.values == "hide":
        trial_result = trial_result.without_values
    if options.output_path is not None:
        trial_result.write(options.output_path)
    # A pipe may lead anywhere
    if not show_values(options.values):
        trial_result = trial_result.without_values
    if options.json:
        sys.stdout.write(trial_result.document.to_json() + "\n")
    else:
        sys.stdout.write(describe_challenge(trial_result.document))
    # 0, 4 or 5, by which a pipeline goes on or stops; without --gate any verdict is a success
    if options.gate:
        return STATUSES[trial_result.verdict]
    return 0
