"""challenge.json: the comparison of two models, and which of them should serve. The service has no such file."""

from __future__ import annotations

from enum import Enum

from spark_model_monitor.documents.document import (
    Count,
    Document,
    Flag,
    Name,
    Number,
    Section,
    Share,
    UndefinableNumber,
)


class TrialVerdict(Enum):
    """The verdict of a trial so far."""

    PROMOTE = "promote"
    KEEP = "keep"
    CANNOT_TELL = "cannot tell"


class TrialDesign(Enum):
    """How rows are assigned to the models: the same rows to both, or different rows to each."""

    SHADOW = "shadow"
    SPLIT = "split"


# These members are written as null, because it is a finding that a metric is undefined for one model
class MetricDifference(Section, nullable=("champion", "challenger", "difference", "interval")):
    """One metric of both models.

    difference: challenger minus champion.
    interval: its ends, valid for all interim analyses of the trial together, so wider than for a single one; None with too
        few rows.
    p: the p-value of this analysis alone.
    method: how the standard error was computed.
    """

    name: Name
    champion: UndefinableNumber = None
    challenger: UndefinableNumber = None
    difference: UndefinableNumber = None
    higher_is_better: Flag
    interval: tuple[Number, Number] | None = None
    standard_error: UndefinableNumber = None
    p: UndefinableNumber = None
    method: Name


class ChallengeSide(Section):
    """One of the two models.

    rows: number of rows that were compared.
    refused: number of records that can't be used.
    unmatched: number of rows without a label or, in a shadow trial, without a partner.
    repeated: number of duplicate records.
    """

    path: Name
    rows: Count
    refused: Count = 0
    unmatched: Count = 0
    repeated: Count = 0


class Segment(Section):
    """A segment of pairs in which the models disagree more, or less, than in the other pairs.

    feature, value: of the requests; a range for numbers.
    rows: number of its pairs.
    disagreement: as for the whole trial, in these pairs.
    p: p-value of the difference from the other pairs, adjusted for all segments tried.
    """

    feature: Name
    value: Name
    rows: Count
    disagreement: Number
    p: Number


class Challenge(
    Document, file="challenge.json", meant="challenge.json of a trial", nullable=("rows_to_tell", "disagreement")
):
    """challenge.json.

    reason: the reason for the verdict.
    metric: the metric that decides.
    problem_type: the type of prediction, such as BinaryClassification.
    rows: number of pairs, or of rows of both models.
    planned_rows: the number of rows for which the trial was planned.
    rows_to_tell: the number of rows at which the current difference would be significant; None if it already is, or if
        unknown. In rows, not time, because the future traffic isn't known.
    least_gain: the gain that the challenger needs, in the unit of the metric; 0: it only has to be better than the champion.
    confidence: the confidence level of the intervals and of the verdict.
    disagreement: the share of pairs with different answers, for regression their mean distance; None for a split trial.
    segments: segments in which the models disagree more or less than elsewhere, the clearest first.
    unfair: differences between the requests of both models.
    metrics: the deciding metric first.
    """

    version: Number = 0.0
    verdict: TrialVerdict
    reason: Name
    metric: Name
    problem_type: Name
    design: TrialDesign
    rows: Count
    planned_rows: Count
    rows_to_tell: Count | None = None
    least_gain: Number = 0.0
    confidence: Share
    champion: ChallengeSide
    challenger: ChallengeSide
    unfair: tuple[Name, ...] = ()
    disagreement: UndefinableNumber = None
    segments: tuple[Segment, ...] = ()
    metrics: tuple[MetricDifference, ...]
