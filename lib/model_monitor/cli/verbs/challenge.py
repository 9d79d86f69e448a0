"""`model-monitor challenge`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS

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


def _flags(parser: argparse.ArgumentParser) -> None:
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


@VERBS.register("challenge", group="decide", rank=4, flags=_flags)
def challenge(given: argparse.Namespace) -> int:
    """Report whether a challenger is better than the champion: promote, keep, or cannot tell, with the number of rows needed. You
    may look as often as you like.
    """
    from model_monitor.running.runs.challenge import Trial, challenge, in_words
    from model_monitor.statistics.states.outcomes import OutcomePlan, ProblemType

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
    sys.stdout.write(found.document.to_json() + "\n" if given.json else in_words(found.document))
    return STATUSES[found.verdict] if given.gate else 0
