"""Outcomes: the result of a scan of predictions with labels, and the plan of such a scan."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from operator import add
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.errors import BadState
from spark_model_monitor.statistics.array_types import Doubles, Flags
from spark_model_monitor.statistics.states.blocks import (
    BLOCKS,
    Blocks,
    BlockSums,
    Keys,
    Numbers,
    RegressionSums,
    add_by_block,
    assign_blocks,
    replace_keys_by_group,
)
from spark_model_monitor.statistics.states.encoding import (
    Parameters,
    State,
    join_parts,
    register_state,
    require_equal,
    split_parts,
)
from spark_model_monitor.statistics.states.kll import KllBuilder, KllSketch
from spark_model_monitor.statistics.states.scores import (
    MAX_SCORED,
    SCORE_LIMIT,
    ClassScores,
    ConfusionCounts,
    ScoreCounts,
    ScoreCountsBuilder,
    add_probabilities,
    coarsen_scores,
)
from spark_model_monitor.statistics.states.scores import NAMES as PROBABILITY_NAMES
from spark_model_monitor.statistics.states.segments import add_cuts
from spark_model_monitor.statistics.user_choices import ProblemType
from spark_model_monitor.value_class import value_class

ClassKey: TypeAlias = float | str  # the value that all spellings of a class share: a number, or a text
DEFAULT_POSITIVES = ("1", "true")  # the default positive class

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_TRUTHS = ("true", "false")


def class_key(label: str) -> ClassKey:
    """The number that a label spells, else its text, stripped; true and false in lower case.

    A number has decimal digits only: `nan`, `0x1` and `1_000` are not numbers.
    """
    text = label.strip()
    if _NUMBER.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return number
    if text.lower() in _TRUTHS:
        return text.lower()
    return text


def is_positive(label: str, positive_label: str | None) -> bool:
    """Whether a label is in the positive class; positive_label None: 1 or true."""
    positives = DEFAULT_POSITIVES if positive_label is None else (positive_label,)
    return class_key(label) in {class_key(positive) for positive in positives}


Texts: TypeAlias = pa.Array  # of strings, none of them null

ABOVE_THRESHOLD = "above"
NOT_ABOVE_THRESHOLD = "not above"
"""Stand-ins for predictions in the confusion counts of a plan without predictions: the side of the score."""

THRESHOLD = 0.5  # the score above which the positive class is predicted. Source: C5.4.
_CHUNK_ROWS = 1 << 17  # sums of doubles depend on how rows are grouped, so groups have this fixed size
_PARTS_OF_A_KEY = 40  # bits for the row within a part


@dataclass(frozen=True, slots=True)
class OutcomePlan:
    """The plan of a scan of outcomes: what rows contain, and what to compute.

    Parameters
    ----------
    problem_type : ProblemType
        What the model predicts.
    with_scores : bool, default False
        Whether each row has a probability: of the positive class, or of the predicted class if there are many.
    with_predictions : bool, default True
        Whether each row has a prediction; without predictions, in binary problems only, a score above `threshold` predicts
        the positive class.
    threshold : float, default 0.5
        Probability (0 to 1) above which the positive class is predicted.
    positive_label : str, optional
        The positive class. By default 1 or true.
    score_limit : int
        Maximum number of distinct scores that are kept exactly (0 for all).
    values : tuple of str
        Names of the user's own metrics.
    segments : tuple of str
        How the rows of a table are cut into segments: `plan` by value, `age:30:50` by range, `plan*age:40` by both. Each segment
        is measured, too.
    labels : mapping of str to sequence of str
        The segments of a baseline, by cut; all other segments count as one.
    group_column : str, optional
        The column that groups rows that belong together; they are put into one block.

    Examples
    --------
    >>> from spark_model_monitor import OutcomePlan, ProblemType
    >>> OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True).is_binary
    True
    """

    problem_type: ProblemType
    with_scores: bool = False
    with_predictions: bool = True
    threshold: float = THRESHOLD
    positive_label: str | None = None
    score_limit: int = SCORE_LIMIT
    values: tuple[str, ...] = ()
    segments: tuple[str, ...] = field(default=(), compare=False)
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict, compare=False)
    group_column: str | None = None

    @property
    def reads_features(self) -> bool:
        """Whether rows need other columns than their outcome."""
        return bool(self.segments) or self.group_column is not None

    @property
    def is_binary(self) -> bool:
        return self.problem_type is ProblemType.BINARY_CLASSIFICATION

    @property
    def is_regression(self) -> bool:
        return self.problem_type is ProblemType.REGRESSION

    def to_json(self) -> str:
        """The plan as text; equal plans have equal texts."""
        members = asdict(self) | {"problem_type": self.problem_type.value}
        left_out = {"segments", "labels"} | ({"group_column"} if self.group_column is None else set())
        return json.dumps({name: members[name] for name in members.keys() - left_out}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> OutcomePlan:
        """The plan that `to_json` wrote."""
        members = json.loads(text)
        members |= {"problem_type": ProblemType(members["problem_type"]), "values": tuple(members["values"])}
        return cls(**members)


@register_state
@value_class
class Outcomes(State):
    """The states of one scan.

    confusion: of classifications.
    regression: of regressions.
    scores: of binary problems with scores.
    probabilities: of problems with scores.
    values: sum and number of each of the user's metrics, `name.sum` and `name.rows`.
    residuals: of regressions, label less prediction.
    class_scores: of many classes, where rows have the probabilities of all.
    segments: by cut and segment those of its rows.
    confusions, coarse_scores: of the rows of each block, of classifications whose plan names groups.
    named: rows that have the name of a group.
    """

    KIND = "outcomes"
    VERSION = 3

    plan: OutcomePlan = field(default_factory=lambda: OutcomePlan(ProblemType.REGRESSION))
    item_count: int = 0
    confusion: ConfusionCounts = field(default_factory=ConfusionCounts)
    scores: ScoreCounts = field(default_factory=ScoreCounts)
    regression: RegressionSums = field(default_factory=RegressionSums)
    probabilities: BlockSums = field(default_factory=BlockSums)
    values: BlockSums = field(default_factory=BlockSums)
    residuals: KllSketch = field(default_factory=KllSketch)
    class_scores: ClassScores = field(default_factory=ClassScores)
    segments: Mapping[str, Mapping[str, Outcomes]] = field(default_factory=dict)
    confusions: tuple[ConfusionCounts, ...] = ()
    coarse_scores: tuple[ScoreCounts, ...] = ()
    named: int = 0

    @classmethod
    def zero(cls, plan: OutcomePlan) -> Outcomes:
        """The outcomes of no rows."""
        return cls(
            plan,
            scores=ScoreCounts(limit=plan.score_limit),
            probabilities=BlockSums.zero(PROBABILITY_NAMES if plan.with_scores else ()),
            values=BlockSums.zero(list_value_names(plan.values)),
        )

    def __add__(self, addend: Outcomes) -> Outcomes:
        """Adds state by state. Raises BadState if the plans differ."""
        if self.plan != addend.plan:
            require_equal(self.KIND, "the plan", self.plan.to_json(), addend.plan.to_json())
        return self.add_members(
            addend,
            plan=self.plan,
            segments=add_cuts(self.segments, addend.segments, _count_rows, lambda segment, _: segment),
            confusions=_add_blocks(self.confusions, addend.confusions),
            coarse_scores=_add_blocks(self.coarse_scores, addend.coarse_scores),
        )

    @property
    def share_named(self) -> float:
        return self.named / max(self.item_count, 1)

    @property
    def rows_by_block(self) -> Doubles:
        """The number of rows in each block, if a column names groups."""
        return np.array([confusion.total for confusion in self.confusions] or self.regression.rows, float)

    @property
    def has_residuals(self) -> bool:
        """Whether the residuals cover all rows."""
        return self.residuals.count == int(self.regression.rows.sum())

    def payload(self) -> tuple[Parameters, bytes]:
        """The bytes of its states, each preceded by its length."""
        # Seven states that all have; empty ones for classes and residuals that don't exist
        states = (self.confusion, self.scores, self.regression, self.probabilities, self.values)
        residuals = b""
        if self.residuals.count:
            residuals = self.residuals.to_bytes()
        is_scored = self.class_scores.of_class or self.class_scores.overflowed
        of_classes = self.class_scores.to_bytes() if is_scored else b""
        blobs = [*(state.to_bytes() for state in states), residuals, of_classes]
        # Then those of blocks, if a column names groups, and one part for each cut
        if self.plan.group_column is not None:
            blobs.append(join_parts(state.to_bytes() for state in (*self.confusions, *self.coarse_scores)))
        for cut, segments in self.segments.items():
            parts = [cut.encode()]
            for label, segment in segments.items():
                parts += [label.encode(), segment.to_bytes()]
            blobs.append(join_parts(parts))
        parameters: Parameters = {"plan": self.plan.to_json(), "item_count": self.item_count}
        return parameters if self.plan.group_column is None else {**parameters, "named": self.named}, join_parts(blobs)

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> Outcomes:
        blobs = split_parts(payload)
        plan = OutcomePlan.from_json(parameters["plan"])
        by_block = split_parts(blobs.pop(7)) if plan.group_column is not None else []
        return cls(
            plan,
            parameters["item_count"],
            ConfusionCounts.from_bytes(blobs[0]),
            ScoreCounts.from_bytes(blobs[1]),
            RegressionSums.from_bytes(blobs[2]),
            BlockSums.from_bytes(blobs[3]),
            BlockSums.from_bytes(blobs[4]),
            KllSketch.from_bytes(blobs[5]) if blobs[5] else KllSketch(),
            ClassScores.from_bytes(blobs[6]) if blobs[6] else ClassScores(),
            dict(map(cls._read_segments, blobs[7:])),
            tuple(map(ConfusionCounts.from_bytes, by_block[:BLOCKS])),
            tuple(map(ScoreCounts.from_bytes, by_block[BLOCKS:])),
            parameters.get("named", 0),
        )

    @classmethod
    def _read_segments(cls, blob: bytes) -> tuple[str, dict[str, Outcomes]]:
        cut, *named = split_parts(blob)
        return cut.decode(), {
            label.decode(): cls.from_bytes(rows) for label, rows in zip(named[::2], named[1::2], strict=True)
        }

    def is_consistent(self) -> bool:
        scored = int(self.scores.negatives.sum() + self.scores.positives.sum())
        predicted = max(self.confusion.total, sum(self.confusion.counts.values()), self.regression.rows.sum())
        # Segments, and blocks, divide all rows
        by_cut = [sum(map(_count_rows, cut_segments.values())) for cut_segments in self.segments.values()]
        if {*by_cut} - {self.item_count}:
            raise BadState("state bytes: the rows of its segments are not its own; restore the file or scan again")
        in_blocks = sum(confusion.total for confusion in self.confusions) if self.confusions else self.item_count
        return bool(max(predicted, scored, self.residuals.count) <= self.item_count == in_blocks)


_Added = TypeVar("_Added", ConfusionCounts, ScoreCounts)


def _add_blocks(first: tuple[_Added, ...], second: tuple[_Added, ...]) -> tuple[_Added, ...]:
    """The sum of both sides, block by block; a side without rows has no blocks."""
    if first and second:
        return tuple(map(add, first, second))
    return first or second


def _count_rows(outcomes: Outcomes) -> int:
    return outcomes.item_count


def list_value_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the sums of the user's metrics."""
    return tuple(f"{name}.{kind}" for name in names for kind in ("sum", "rows"))


class OutcomeBuilder:
    """Builds outcomes from rows; the result does not depend on how rows are split into calls.

    part: the partition number of the rows; it only matters for rows without keys.
    """

    def __init__(self, plan: OutcomePlan, part: int = 0) -> None:
        self._plan = plan
        self._first_key = part << _PARTS_OF_A_KEY  # so that row numbers are unique across partitions
        self._state = Outcomes.zero(plan)
        self._scores = ScoreCountsBuilder(plan.score_limit)
        self._residuals = KllBuilder()
        self._class_scores = ClassScoresBuilder(plan.score_limit)
        self._pending: list[_Rows] = []
        self._pending_rows = self._rows = self._named = 0

    def update(
        self,
        labels: Texts | Numbers,
        predictions: Texts | Numbers | None = None,
        scores: Numbers | None = None,
        keys: Keys | None = None,
        values: Numbers | None = None,
        of_classes: pa.ListArray | None = None,
        groups: pa.Array | None = None,
    ) -> None:
        """Take rows that have all that the plan asks for; what it does not ask for may be None.

        labels, predictions: finite numbers for regression, else texts without blanks around them.
        scores: from 0 to 1.
        keys: a hash of what identifies each row; None: the rows are numbered.
        values: shape (rows, the user's metrics); NaN: the metric has no value for this row.
        of_classes: of each row the probability of each class by its name, null where only one is known.
        groups: the name of each row's group, by which it is put into a block instead; null: it is of none.
        """
        rows = len(labels)
        if not rows:
            return
        if keys is None:
            keys = np.arange(self._first_key + self._rows, self._first_key + self._rows + rows, dtype=np.uint64)
        if groups is not None:
            keys = replace_keys_by_group(keys.copy(), groups)
            self._named += (rows - groups.null_count) * (self._plan.group_column is not None)
        self._rows += rows
        batch = _Rows(labels, predictions, scores, assign_blocks(keys), values, of_classes)
        start = 0
        while start < rows:
            taken = min(rows - start, _CHUNK_ROWS - self._pending_rows)
            self._pending.append(batch.part(start, start + taken))
            self._pending_rows += taken
            start += taken
            if self._pending_rows == _CHUNK_ROWS:
                self._fold()

    def state(self) -> Outcomes:
        """The outcomes of all rows so far."""
        self._fold()
        return replace(
            self._state,
            scores=self._scores.state(),
            residuals=self._residuals.state(),
            class_scores=self._class_scores.state(),
            named=self._named,
        )

    def _fold(self) -> None:
        if not self._pending:
            return
        chunk = _Rows.joined(self._pending)
        self._pending = []
        self._pending_rows = 0
        part = replace(Outcomes.zero(self._plan), item_count=len(chunk.labels))
        if self._plan.is_regression:
            labels = _as_doubles(chunk.labels)
            predictions = _as_doubles(chunk.predictions)
            part = replace(part, regression=RegressionSums.of(labels, predictions, chunk.blocks))
            with np.errstate(over="ignore"):
                self._residuals.update(np.nan_to_num(labels - predictions))
        else:
            predictions = self._select_predictions(chunk)
            part = replace(part, confusion=ConfusionCounts.of(chunk.labels, predictions))
            if self._plan.group_column is None:
                in_blocks = []
            else:
                in_blocks = [chunk.blocks == block for block in range(BLOCKS)]
            confusions = []
            for rows in in_blocks:
                is_in_block = pa.array(rows)
                confusions.append(ConfusionCounts.of(chunk.labels.filter(is_in_block), predictions.filter(is_in_block)))
            part = replace(part, confusions=tuple(confusions))
            # The scores, against whether the event happened
            if self._plan.with_scores:
                happened = self._find_events(chunk.labels, predictions)
                part = replace(part, probabilities=add_probabilities(_as_doubles(chunk.scores), happened, chunk.blocks))
                if self._plan.is_binary:
                    self._scores.update(_as_doubles(chunk.scores), happened)
                    coarse = coarsen_scores(_as_doubles(chunk.scores))
                    by_block = (ScoreCounts.of(coarse[rows], happened[rows]) for rows in in_blocks)
                    part = replace(part, coarse_scores=tuple(by_block))
                elif chunk.of_classes is not None:
                    self._class_scores.update(chunk.of_classes, chunk.labels)
        if self._plan.values:
            part = replace(part, values=_add_values(self._plan.values, _as_doubles(chunk.values), chunk.blocks))
        self._state += part

    def _select_predictions(self, chunk: _Rows) -> Texts:
        if self._plan.with_predictions:
            return chunk.predictions
        above = _as_doubles(chunk.scores) > self._plan.threshold  # not above if equal to the threshold (C11.13)
        return pa.DictionaryArray.from_arrays(above.astype(np.int8), [NOT_ABOVE_THRESHOLD, ABOVE_THRESHOLD])

    def _find_events(self, labels: Texts, predictions: Texts) -> Flags:
        """Whether the event whose probability is the score happened, for each row."""
        encoded = labels.dictionary_encode()
        texts = encoded.dictionary.to_pylist()
        codes = encoded.indices.to_numpy()
        if self._plan.is_binary:
            positive = np.array([is_positive(label, self._plan.positive_label) for label in texts], dtype=bool)
            return np.asarray(positive[codes])
        # Classes are numbered, so that all spellings of one are equal
        predicted = predictions.dictionary_encode()
        predicted_texts = predicted.dictionary.to_pylist()
        numbers = {key: number for number, key in enumerate(dict.fromkeys(map(class_key, texts + predicted_texts)))}
        classes = np.array([numbers[class_key(text)] for text in texts])
        predicted_classes = np.array([numbers[class_key(text)] for text in predicted_texts])
        return np.asarray(classes[codes] == predicted_classes[predicted.indices.to_numpy()])


class ClassScoresBuilder:
    """Builds scores of classes from rows; the result does not depend on how they are split into calls."""

    def __init__(self, limit: int = SCORE_LIMIT) -> None:
        self._limit = limit
        self._of_class: dict[str, ScoreCountsBuilder] = {}
        self._overflowed = False

    def update(self, of_classes: pa.ListArray, labels: Texts) -> None:
        """Take rows: the probability of each class by name, and the label."""
        pairs = of_classes.flatten()
        if self._overflowed or not len(pairs):
            return
        names = pairs.field(0).dictionary_encode()
        scores = _as_doubles(pairs.field(1))
        rows = pc.list_parent_indices(of_classes).to_numpy()
        codes = names.indices.to_numpy()
        encoded = labels.dictionary_encode()
        keys = [class_key(text) for text in encoded.dictionary.to_pylist()]
        label_indexes = encoded.indices.to_numpy()
        # Each class against the rest: its probability in each row, and whether the row is in it
        for number, name in enumerate(names.dictionary.to_pylist()):
            is_class = codes == number
            key = class_key(name)
            is_same_class = np.array([label_key == key for label_key in keys], dtype=bool)
            builder = self._of_class.setdefault(name, ScoreCountsBuilder(self._limit))
            builder.update(scores[is_class], is_same_class[label_indexes[rows[is_class]]])
        if len(self._of_class) > MAX_SCORED:
            self._overflowed = True
            self._of_class = {}

    def state(self) -> ClassScores:
        """The scores of all rows so far."""
        score_counts = {name: builder.state() for name, builder in self._of_class.items()}
        return ClassScores.limited(score_counts, overflowed=self._overflowed)


class _Rows(NamedTuple):
    """Rows: members as in `OutcomeBuilder.update`, and the block of each row."""

    labels: Any
    predictions: Any
    scores: Any
    blocks: Blocks
    values: Any
    of_classes: Any

    def part(self, start: int, end: int) -> _Rows:
        """The rows from `start` to before `end`."""
        members: Any = (None if member is None else member[start:end] for member in self)
        return _Rows(*members)

    @classmethod
    def joined(cls, parts: list[_Rows]) -> _Rows:
        """The rows of all parts, in order."""
        return cls(*map(_join_members, zip(*parts, strict=True)))


def _join_members(members: tuple[Any, ...]) -> Any:
    if len(members) == 1 or members[0] is None:
        return members[0]
    if isinstance(members[0], pa.Array):
        return pa.concat_arrays(members)
    return np.concatenate(members)


def _as_doubles(values: Any) -> Numbers:
    return np.asarray(values, dtype=np.float64)


def _add_values(names: tuple[str, ...], values: Numbers, blocks: Blocks) -> BlockSums:
    sums = []
    for column in values.reshape(-1, len(names)).T:
        present = ~np.isnan(column)
        sums += [add_by_block(blocks, np.where(present, column, 0.0)), add_by_block(blocks, present)]
    return BlockSums(list_value_names(names), np.stack(sums))
