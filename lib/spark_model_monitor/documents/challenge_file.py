"""challenge.json: the comparison of two models, and which of them should serve. Ours."""

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
    """What a trial says so far."""

    PROMOTE = "promote"
    KEEP = "keep"
    CANNOT_TELL = "cannot tell"


class TrialDesign(Enum):
    """How rows are assigned to the models: the same rows to both, or different rows to each."""

    SHADOW = "shadow"
    SPLIT = "split"


# Written as null: a metric that is undefined for one model is a finding
class MetricDifference(Section, nullable=("champion", "challenger", "difference", "interval")):
    """One metric of both models.

    difference: challenger minus champion.
    interval: its ends, valid for all looks of the trial together; None with too few rows.
    p: of this look alone.
    method: how the standard error was computed.
    """

    name: Name
    champion: UndefinableNumber = None
    challenger: UndefinableNumber = None
    difference: UndefinableNumber = None
    higher_is_better: Flag
    # Wider than that of a single look, because a trial is looked at again and again
    interval: tuple[Number, Number] | None = None
    standard_error: UndefinableNumber = None
    p: UndefinableNumber = None
    method: Name


class ChallengeSide(Section):
    """One of the two models.

    rows: the rows compared.
    refused: records that can't be used.
    unmatched: rows without a label or, in a shadow trial, without a partner.
    repeated: duplicate records.
    """

    path: Name
    rows: Count
    refused: Count = 0
    unmatched: Count = 0
    repeated: Count = 0


class Segment(Section):
    """Pairs in which the models disagree more, or less, than in others.

    feature, value: of the requests; a range for numbers.
    rows: its pairs.
    disagreement: as for the whole trial, in these pairs.
    p: of the difference from the other pairs, adjusted for all segments tried.
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

    reason: of the verdict.
    rows: pairs, or rows of both sides together.
    rows_to_tell: the rows at which the current difference would be significant; None if it is already, or if unknown.
    disagreement: the share of pairs with different answers, for regression their mean distance; None for a split.
    segments: where they disagree more or less than elsewhere, the clearest first.
    unfair: differences between both models' requests.
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
    # Rows, not time: the traffic of the next days isn't known
    rows_to_tell: Count | None = None
    # In the metric's own unit; 0 asks only for better than the champion
    least_gain: Number = 0.0
    confidence: Share
    champion: ChallengeSide
    challenger: ChallengeSide
    unfair: tuple[Name, ...] = ()
    disagreement: UndefinableNumber = None
    segments: tuple[Segment, ...] = ()
    metrics: tuple[MetricDifference, ...]
