"""A challenger against the champion: matches two models' predictions by id and judges them, at any number of interim analyses.

    from spark_model_monitor import OutcomePlan, ProblemType, Trial, challenge

    trial = Trial(OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True), planned_rows=20_000)
    result = challenge("captures/churn/blue", "captures/churn/green", trial, ground_truth="labels/")
    result.verdict

Pairs and their ranks need all rows at once, so this machine reads them, without a Spark session.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from spark_model_monitor.arguments import require_choice, require_instance
from spark_model_monitor.data.reading.data_reader import Data
from spark_model_monitor.data.records.windows import Window, parse_time
from spark_model_monitor.documents.challenge_file import Challenge, Segment, TrialDesign
from spark_model_monitor.documents.change_description import name_change
from spark_model_monitor.documents.check_results import HIDDEN
from spark_model_monitor.documents.page import format_percent
from spark_model_monitor.errors import BadConfiguration, MonitorError
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.model_quality.model_comparison import (
    Comparison,
    compare_answers,
    decide_verdict,
    find_disagreeing_segments,
    measure_disagreement,
)
from spark_model_monitor.monitors.model_quality.trial_page import create_trial_page, write_trial_verdict
from spark_model_monitor.monitors.protocol import select_violations
from spark_model_monitor.reports.outputs.printable import format_table, printable
from spark_model_monitor.reports.page.page_files import Report
from spark_model_monitor.running.runs.challenge_rows import (
    ModelRows,
    find_design,
    read_inputs,
    read_inputs_by_id,
    read_labelled_rows,
    require_same_labels,
)
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.drift.special_functions import normal_survival
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan, require_plan
from spark_model_monitor.statistics.verdicts.sequential_boundary import ERROR
from spark_model_monitor.storage import join, read_if_exists, write_file

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

SPLIT_ALPHA = 0.001  # significance level of the test whether the traffic was split as planned


@dataclass(frozen=True, slots=True)
class Trial:
    """The plan of a trial, fixed before anybody looks at the results.

    Parameters
    ----------
    plan : OutcomePlan
        The problem type, and what the rows contain.
    metric : str, optional
        The metric that decides. By default auc, otherwise accuracy, otherwise mae.
    planned_rows : int, default 10000
        Planned number of rows with labels; in a split, of both sides together. The intervals stay valid beyond that number.
    least_gain : float, default 0
        Smallest useful gain, in the metric's unit: a challenger that certainly gains less is not promoted (`keep`).
    design : str, optional
        `"shadow"` if both models answered the same rows, `"split"` if each had its own. By default detected from the ids.
    share : float, optional
        For a split: planned share of the challenger's rows, 0 to 1; a deviation from it is reported.
    start : str, optional
        For captures: start of the trial, such as 2026-03-01T00:00:00Z.
    identity, label, prediction, probability : str, optional
        As in `outcomes`. The ids of captures are their inference ids, otherwise their event ids.

    Examples
    --------
    >>> from spark_model_monitor import OutcomePlan, ProblemType, Trial
    >>> Trial(OutcomePlan(ProblemType.REGRESSION), metric="rmse").planned_rows
    10000
    """

    plan: OutcomePlan
    metric: str | None = None
    planned_rows: int = 10_000
    least_gain: float = 0.0
    design: str | None = None
    share: float | None = None
    start: str | None = None
    identity: str | None = None
    label: str | None = None
    prediction: str | None = None
    probability: str | None = None

    def __post_init__(self) -> None:
        require_plan(self.plan)
        if self.planned_rows < 1:
            raise BadConfiguration(f"planned_rows is {self.planned_rows}; it has to be a number of rows, such as 10000")
        if self.design is not None:
            require_choice("design", self.design, [design.value for design in TrialDesign])
        if self.share is not None and not 0 < self.share < 1:
            raise BadConfiguration(f"share is {self.share}; it has to be above 0 and below 1 (a tenth is 0.1)")
        if self.start is not None and parse_time(self.start) is None:
            raise BadConfiguration(f"start is {self.start!r}; it has to be a time such as 2026-03-01T00:00:00Z")

    @property
    def window(self) -> Window | None:
        """From the start up to now."""
        start = parse_time(self.start or "")
        if start is None:
            return None
        return Window(start, datetime.now(timezone.utc))


@dataclass(frozen=True)
class TrialResult:
    """The result of a trial so far, returned by `challenge`.

    Parameters
    ----------
    document : Challenge
        challenge.json.
    comparison : Comparison
        The comparison behind the document.
    names_values : bool, default True
        Whether the page names classes.

    Examples
    --------
    >>> from spark_model_monitor import TrialResult
    >>> TrialResult.verdict.__doc__
    '`promote`, `keep` or `cannot tell`.'
    """

    document: Challenge
    comparison: Comparison
    names_values: bool = True

    @property
    def without_values(self) -> TrialResult:
        """The result without classes and segments of the data."""
        hidden = tuple(segment.model_copy(update={"value": HIDDEN}) for segment in self.document.segments)
        return TrialResult(self.document.model_copy(update={"segments": hidden}), self.comparison, names_values=False)

    @property
    def verdict(self) -> str:
        """`promote`, `keep` or `cannot tell`."""
        return self.document.verdict.value

    def to_pandas(self) -> pd.DataFrame:
        """One row per metric."""
        import pandas as pd

        return pd.DataFrame([metric.plain() for metric in self.document.metrics]).set_index("name")

    def report(self) -> Report:
        """A page that compares both models."""
        return Report(create_trial_page(self.document, self.comparison.evidences, hide_values=not self.names_values))

    def write(self, output_path: str) -> None:
        """Write challenge.json and challenge.html.

        Raises BadConfiguration if the folder has a trial with a different plan.
        """
        path = join(output_path, Challenge.FILE_NAME)
        content = read_if_exists(path)
        earlier_plan = {}
        if content is not None:
            earlier_plan = Challenge.from_json(content, path).plain()
        plan = self.document.plain()
        # The intervals are valid for a plan that is fixed in advance, and not if it is changed after an interim analysis
        for name in ("metric", "planned_rows", "least_gain", "design"):
            if earlier_plan and earlier_plan[name] != plan[name]:
                raise BadConfiguration(
                    f"{path}: the trial there has {name} {earlier_plan[name]}, this one {plan[name]}; a plan that changes "
                    "after a look promises nothing: write the same, or another output path for a new trial"
                )
        write_file(path, self.document.to_json().encode())
        self.report().save(join(output_path, "challenge.html"))


def challenge(champion: Data, challenger: Data, trial: Trial, *, ground_truth: Data | None = None) -> TrialResult:
    """Decide which of two models is better, with intervals that stay valid however often you look.

    Parameters
    ----------
    champion, challenger : path or table
        The predictions of each model: a variant's folder of captures, merged captures, or a table as in `read_data`, except Spark
        frames.
    trial : Trial
        The plan.
    ground_truth : path or table, optional
        The labels, if the predictions have none: ground-truth records as for the merge (for captures), or a table with the
        columns `trial.identity` and `trial.label`.

    Returns
    -------
    TrialResult
        The verdict and all numbers.

    Raises
    ------
    BadConfiguration
        If the plan is contradictory, or names something that doesn't exist.
    BadInput
        If the predictions can't be read, or can't be compared.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import OutcomePlan, ProblemType, Trial, challenge
    >>> plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)
    >>> blue = pd.DataFrame({"id": range(400), "label": [0, 1] * 200, "prediction": [0, 1, 1, 0] * 100})
    >>> green = blue.assign(prediction=blue["label"])
    >>> challenge(blue, green, Trial(plan, planned_rows=400, identity="id")).verdict
    'promote'
    """
    require_instance("trial", trial, Trial, "Trial(plan)")
    champion_rows = read_labelled_rows(champion, "the champion's table", trial, ground_truth)
    challenger_rows = read_labelled_rows(challenger, "the challenger's table", trial, ground_truth)
    # In a shadow deployment both models answered the same rows, which are compared in pairs; in a split each had its own
    design = find_design(champion_rows, challenger_rows, trial)
    is_shadow = design is TrialDesign.SHADOW
    if is_shadow:
        champion_rows = champion_rows.select_shared(challenger_rows)
        challenger_rows = challenger_rows.select_shared(champion_rows)
    champion_answers = champion_rows.create_answers(trial.plan)
    challenger_answers = challenger_rows.create_answers(trial.plan)
    if is_shadow:
        require_same_labels(champion_answers, challenger_answers, champion_rows.path, challenger_rows.path)
    comparison = compare_answers(
        champion_answers, challenger_answers, paired=is_shadow, planned_rows=trial.planned_rows
    )
    # Where both models disagree, if they answered the same rows
    disagreement = None
    segments: tuple[Segment, ...] = ()
    if is_shadow:
        disagreements = measure_disagreement(champion_answers, challenger_answers)
        disagreement = float(disagreements.mean())
        segments = _find_segments(champion, champion_rows, disagreements, trial)
    # All metrics are compared, and the plan's metric decides
    metric, verdict, reason, rows_to_tell = decide_verdict(
        comparison, trial.metric, trial.planned_rows, trial.least_gain
    )
    metric_differences = tuple(
        sorted(comparison.differences.values(), key=lambda difference: difference.name != metric)
    )
    log.info(f"{verdict.value} after {comparison.rows:,} rows: {reason}")
    # How the requests to both models differ, if each had its own
    unfair_differences: tuple[str, ...] = ()
    if not is_shadow:
        unfair_differences = (
            *_judge_share(len(champion_rows.frame), len(challenger_rows.frame), trial),
            *_compare_inputs(champion, challenger, trial),
        )
    # The verdict and its numbers as a document
    document = Challenge(
        verdict=verdict,
        reason=reason,
        metric=metric,
        problem_type=trial.plan.problem_type.value,
        design=design,
        rows=comparison.rows,
        planned_rows=trial.planned_rows,
        rows_to_tell=rows_to_tell,
        least_gain=trial.least_gain,
        confidence=1 - ERROR,
        champion=champion_rows.summarize(),
        challenger=challenger_rows.summarize(),
        unfair=unfair_differences,
        disagreement=disagreement,
        segments=segments,
        metrics=metric_differences,
    )
    return TrialResult(document, comparison)


def describe_challenge(document: Challenge) -> str:
    """The verdict and every metric, as text for a terminal."""
    titles = ["metric", "champion", "challenger", "difference", "from", "to", "p"]
    # A metric without an interval has empty cells
    rows = []
    for metric in document.metrics:
        low, high = metric.interval or (None, None)
        rows.append([metric.name, metric.champion, metric.challenger, metric.difference, low, high, metric.p])
    return f"{printable(write_trial_verdict(document))}\n\n{format_table(titles, rows)}"


def _judge_share(champion_rows: int, challenger_rows: int, trial: Trial) -> Iterator[str]:
    """A sentence if the challenger's share of the rows isn't as planned: the router may prefer some requests.

    Test: two-sided z test of a proportion.
    """
    if trial.share is None:
        return
    rows = champion_rows + challenger_rows
    # The number of the challenger's rows is binomial, if the traffic is split as planned
    standard_deviation = (rows * trial.share * (1 - trial.share)) ** 0.5
    z_score = abs(challenger_rows - trial.share * rows) / standard_deviation
    if 2 * normal_survival(z_score) < SPLIT_ALPHA:
        share = format_percent(challenger_rows / rows)
        yield f"the challenger has {share} of the rows, and {format_percent(trial.share)} were planned"


def _compare_inputs(champion: Data, challenger: Data, trial: Trial) -> Iterator[str]:
    """How the inputs of both models differ, as sentences: the champion's are the baseline, the challenger's the window."""
    try:
        champion_inputs = read_inputs(champion, trial)
        challenger_inputs = read_inputs(challenger, trial)
        # A table of answers alone has no inputs
        if champion_inputs.names:
            baseline = run_baseline(champion_inputs, DataQualityMonitor())
            findings = run_monitoring(challenger_inputs, DataQualityMonitor(), baseline)
            yield from map(name_change, select_violations(findings.results))
        else:
            yield "there are no inputs with the answers, so nobody can tell whether both were asked the same"
    except MonitorError as error:
        yield f"the inputs can't be compared: {error}"


def _find_segments(data: Data, model_rows: ModelRows, disagreements: Doubles, trial: Trial) -> tuple[Segment, ...]:
    """Where the models disagree, by the inputs of the model; empty if the inputs can't be read."""
    try:
        inputs = read_inputs_by_id(data, trial)
    except MonitorError as error:
        log.info("where both disagree is unknown: %s", error)
        return ()
    return find_disagreeing_segments(inputs.reindex(model_rows.frame["id"]), disagreements)
