"""challenge.json: two models beside each other, and which of them is to answer. Ours."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from model_monitor.documents.document import Count, Document, Flag, Name, Number, Section, Share, UndefinableNumber


class Verdict(Enum):
    """What a trial says so far."""

    PROMOTE = "promote"
    KEEP = "keep"
    CANNOT_TELL = "cannot tell"


class Design(Enum):
    """How both models came by their rows: the same ones for both, or each its own."""

    SHADOW = "shadow"
    SPLIT = "split"


class Difference(Section):
    """One metric of both. difference: challenger less champion. interval: its ends, which hold at all looks of the trial
    together; None if there are too few rows. p: of this look alone. method: how the standard error was made.
    """

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"champion", "challenger", "difference", "interval"})

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
    """One of the two. rows: that were compared. refused: records that can't be used. unmatched: rows without a label, or in a
    shadow without a partner. repeated: records that said the same again."""

    path: Name
    rows: Count
    refused: Count = 0
    unmatched: Count = 0
    repeated: Count = 0


class Segment(Section):
    """Pairs that both answered differently more often, or less, than the others. feature, value: of what both were asked; of
    numbers a range. rows: pairs of it. disagreement: as of the whole, of these pairs. p: of the difference from the other pairs,
    for all segments that were looked at.
    """

    feature: Name
    value: Name
    rows: Count
    disagreement: Number
    p: Number


class Challenge(Document, file="challenge.json", meant="challenge.json of a trial"):
    """challenge.json. reason: of the verdict. rows: of the trial, pairs or those of both sides together. rows_to_tell: with which
    a difference that stays as it is would be told; None if it is told, or nobody knows. disagreement: share of the pairs that
    both answered differently, of a regression the mean distance of their answers; None of a split. segments: where they differ
    more or less than elsewhere, the clearest first. unfair: what differs between what both were asked. metrics: the one that
    decides stands first.
    """

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"rows_to_tell", "disagreement"})

    version: Number = 0.0
    verdict: Verdict
    reason: Name
    metric: Name
    problem_type: Name
    design: Design
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
    metrics: tuple[Difference, ...]
