"""Commands by which a person decides: about alarms, baselines, and which of two models answers."""

from __future__ import annotations

import sys
from argparse import Namespace

from spark_model_monitor.cli.verbs import (
    FlagAdder,
    add_values_flag,
    existing_path,
    open_paths,
    register_verb,
    show_values,
)


def _add_accept_flags(add: FlagAdder) -> None:
    add("accepted_run", "output path of the monitoring run", "RUN", type=existing_path)
    add("features", "features or metrics (default: all)", "FEATURE", nargs="*")
    add("--by", "who accepts the alarms", "NAME")
    add("--why", "reason for accepting the alarms", "TEXT")


@register_verb("accept", group="decide", flags=_add_accept_flags)
def accept(options: Namespace) -> int:
    """Accept the alarms of a run: its window counts as healthy, and the same alarm is not raised again."""
    from spark_model_monitor.reports.history.decisions import accept

    with open_paths([options.accepted_run]):
        decision = accept(options.accepted_run, options.features, by=options.by, why=options.why)
    sys.stdout.write(
        f"{options.accepted_run}: accepted {len(decision.alarms)} of the violations of run {decision.run_id}\n"
    )
    return 0


def _add_promote_flags(add: FlagAdder) -> None:
    add("baseline_run", "output path of the run", "RUN", type=existing_path)
    add("--model-version", "name of the version", "VERSION", required=True)
    add("--to", "folder of the versions", "DIRECTORY", required=True)
    add("--replace", "overwrite an existing version")


@register_verb("promote", group="decide", flags=_add_promote_flags)
def promote(options: Namespace) -> int:
    """Make a run the baseline of a model version: monitors compare with it from now on."""
    from datetime import datetime, timezone

    from spark_model_monitor.reports.history.decisions import promote

    now = datetime.now(timezone.utc)
    # The run and the versions may lie on different stores
    with open_paths([options.baseline_run, options.to]):
        promotion = promote(options.baseline_run, options.model_version, options.to, now, replace=options.replace)
    sys.stdout.write(f"{options.to}: version {promotion.model_version} counts, run {promotion.run_id}\n")
    return 0


def _add_rollback_flags(add: FlagAdder) -> None:
    add("baselines", "folder of the versions", "DIRECTORY", type=existing_path)


@register_verb("rollback", group="decide", flags=_add_rollback_flags)
def rollback(options: Namespace) -> int:
    """Undo the last promotion: the version before it is the baseline again."""
    from datetime import datetime, timezone

    from spark_model_monitor.reports.history.decisions import roll_back

    with open_paths([options.baselines]):
        version = roll_back(options.baselines, datetime.now(timezone.utc))
    sys.stdout.write(f"{options.baselines}: version {version.model_version} counts again, run {version.run_id}\n")
    return 0


STATUSES = {"promote": 0, "keep": 4, "cannot tell": 5}  # exit statuses with --gate, by verdict
PROBLEMS = ("BinaryClassification", "MulticlassClassification", "Regression")


def _add_challenge_flags(add: FlagAdder) -> None:
    for name in ("champion", "challenger"):
        add(name, "captures of the variant, merged captures, or a table", name.upper(), type=existing_path)
    add("--problem-type", "what the models predict", required=True, choices=PROBLEMS)
    # These flags have the names that they have for the jobs
    add("--ground-truth", "ground-truth records, or a table of ids and labels", "PATH", type=existing_path)
    add("--id-attribute", "for tables: the column with the row ids", "NAME")
    add("--ground-truth-attribute", "location of the label: a column, an index or a JMESPath", "NAME")
    add("--inference-attribute", "location of the prediction", "NAME")
    add("--probability-attribute", "location of the probability", "NAME")
    add("--positive-label", "the positive class (default: 1 or true)", "LABEL")
    add("--metric", "the metric that decides (default: auc, otherwise accuracy, otherwise mae)", "NAME")
    add("--start-time", "for captures: the start of the trial, such as 2026-03-01T00:00:00Z", "TIME")
    add("--output-path", "where to write challenge.json and challenge.html", "DIRECTORY")
    rows_help = "planned number of rows with labels in the trial (default: 10000)"
    add("--planned-rows", rows_help, "ROWS", type=int, default=10_000)
    gain_help = "smallest gain worth a promotion, in the metric's unit (default: 0)"
    add("--least-gain", gain_help, "GAIN", type=float, default=0.0)
    design_help = (
        "shadow: both models answered the same rows; split: each answered its own (default: detected from the ids)"
    )
    add("--design", design_help, choices=("shadow", "split"))
    add("--share", "for a split: planned share of the challenger", "SHARE", type=float)
    add("--follow-links", "also read what links lead to outside of these folders")
    add("--json", "print challenge.json")
    add_values_flag(add)
    add("--gate", "end with 0 for promote, 4 for keep, 5 for cannot tell")


@register_verb("challenge", group="decide", flags=_add_challenge_flags)
def challenge(options: Namespace) -> int:
    """Report whether a challenger is better than the champion: promote, keep, or cannot tell, with the number of rows needed. You
    may look as often as you like.
    """
    from spark_model_monitor.data.reading.listing import allow_outside_links
    from spark_model_monitor.running.runs.challenge import Trial, challenge, describe_challenge
    from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
    from spark_model_monitor.statistics.user_choices import ProblemType

    problem_type = ProblemType(options.problem_type)
    # The score of a regression is its prediction, so it has no further scores
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
    with allow_outside_links(options.follow_links):
        trial_result = challenge(options.champion, options.challenger, trial, ground_truth=options.ground_truth)
    if options.values == "hide":
        trial_result = trial_result.without_values
    if options.output_path is not None:
        trial_result.write(options.output_path)
    # A pipe may lead anywhere, so it gets no values of the data
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
