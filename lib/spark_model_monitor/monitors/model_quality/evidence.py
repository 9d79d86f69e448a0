"""Evidence: the states of a scan in the form that metrics need, with one class per problem type; and the classes of
labels. Pure.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from itertools import accumulate
from typing import ClassVar, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.model_quality.estimates import IncludedBlocks
from spark_model_monitor.statistics.spellings import describe_difference, match_spellings
from spark_model_monitor.statistics.states import State
from spark_model_monitor.statistics.states.blocks import BLOCKS, BlockSums, RegressionSums
from spark_model_monitor.statistics.states.kll import KllSketch
from spark_model_monitor.statistics.states.outcome_builder import ABOVE_THRESHOLD
from spark_model_monitor.statistics.states.outcome_plan import DEFAULT_POSITIVES, ClassKey, OutcomePlan, class_key
from spark_model_monitor.statistics.states.outcomes import Outcomes
from spark_model_monitor.statistics.states.scores import ClassScores, ConfusionCounts, ScoreCounts
from spark_model_monitor.statistics.user_choices import ProblemType
from spark_model_monitor.value_class import value_class

StateT = TypeVar("StateT", bound=State)

Matrix = NDArray[np.int64]  # shape (classes, classes): number of rows by label, then by prediction

_NEGATIVE_BY_POSITIVE: Mapping[ClassKey, str] = {1.0: "0", "true": "false"}
_POSITIVE_BY_NEGATIVE: Mapping[ClassKey, str] = {0.0: "1", "false": "true", -1.0: "1"}
MIN_ROWS_IN_COMMON = 30  # from this many rows on, labels and predictions must have some class in common
_MAX_LABELS = 10  # maximum number of labels that an error lists
_MAX_LABEL_LENGTH = 40  # a longer label is shortened


class ClassTable(NamedTuple):
    """The confusion matrix with its classes: first the negative, then the positive class; or many classes in sort order."""

    classes: tuple[str, ...]
    matrix: Matrix


def class_table(counts: ConfusionCounts, plan: OutcomePlan) -> ClassTable:
    """The classes in the counts, and their confusion matrix.

    Raises BadInput, with a description of both sets, if labels and predictions have nothing in common, if a binary problem
    has more than two classes or no positive class, or if there are too many different texts to be classes.
    """
    if counts.overflowed:
        # Too many different texts are numbers or names, not classes
        raise BadInput(
            f"the labels and the predictions have more than {counts.limit:,} different values, which are no classes; if the "
            "prediction is a probability give it as probability_attribute, if it is a number the problem is a Regression"
        )
    # Many classes: all spellings of a class count as one, sorted by size or text
    if not plan.is_binary:
        names = _names_by_class(counts.labels | counts.predictions)
        label_keys, prediction_keys = map(_names_by_class, (counts.labels, counts.predictions))
        if counts.total >= MIN_ROWS_IN_COMMON and not label_keys.keys() & prediction_keys.keys():
            raise _nothing_in_common(counts.labels, counts.predictions)
        ordered = tuple(sorted(names.values(), key=_sort_key))
        return ClassTable(ordered, _build_confusion_matrix(counts, ordered, plan))
    # Without predictions, the scan counted scores above and below the threshold
    if plan.with_predictions:
        predictions = counts.predictions
    else:
        predictions = frozenset()
    positive, negative = _identify_classes(counts.labels, predictions, plan)
    return ClassTable((negative, positive), _build_confusion_matrix(counts, (negative, positive), plan))


def _build_confusion_matrix(counts: ConfusionCounts, classes: tuple[str, ...], plan: OutcomePlan) -> Matrix:
    index_of_class = {class_key(name): position for position, name in enumerate(classes)}
    matrix = np.zeros((len(classes), len(classes)), dtype=np.int64)
    for (label, prediction), rows in counts.counts.items():
        if plan.with_predictions:
            predicted = index_of_class[class_key(prediction)]
        else:
            predicted = int(prediction == ABOVE_THRESHOLD)
        matrix[index_of_class[class_key(label)], predicted] += rows
    return matrix


def find_intended_classes(
    counts: ConfusionCounts, plan: OutcomePlan, baseline_classes: frozenset[str] | None = None
) -> frozenset[ClassKey] | None:
    """The two intended classes of a binary problem if some labels or predictions are in neither; None if all are, or if
    the intended classes can't be identified. baseline_classes: the classes of the baseline."""
    if not plan.is_binary or counts.overflowed:
        return None
    rows: Counter[ClassKey] = Counter()
    for (label, prediction), count in counts.counts.items():
        rows.update({class_key(text): count for text in ((label, prediction) if plan.with_predictions else (label,))})
    predictions = set(map(class_key, counts.predictions)) if plan.with_predictions else rows.keys()
    # If labels and predictions have nothing in common, the configuration is wrong, and these aren't stray records
    if len(rows) > 2 and not predictions & set(map(class_key, counts.labels)):
        return None
    # The baseline has the classes; without a baseline they have to be guessed
    if baseline_classes and len(baseline_classes) == 2:
        intended_classes = frozenset(map(class_key, baseline_classes))
    else:
        intended_classes = _guess_classes(rows, plan)
    share = sum(count for key, count in rows.items() if key in intended_classes) / max(1, rows.total())
    # If most rows have these two classes, the others are stray records
    if rows.keys() - intended_classes and share > MIN_INTENDED_SHARE:
        return intended_classes
    return None


MIN_INTENDED_SHARE = 0.5  # minimum share of labels and predictions that have one of the intended classes


def _guess_classes(rows: Counter[ClassKey], plan: OutcomePlan) -> frozenset[ClassKey]:
    """The positive class and its usual opposite, or else the most frequent other class; empty if there is no positive class."""
    positives = DEFAULT_POSITIVES if plan.positive_label is None else (plan.positive_label,)
    positive = next((key for key in map(class_key, positives) if key in rows), None)
    # If no usual positive class occurs, its opposite may occur, such as `false` for `true`
    if positive is None and plan.positive_label is None:
        pairs = [frozenset((key, class_key(name))) for key, name in _POSITIVE_BY_NEGATIVE.items() if key in rows]
        return max(pairs, key=lambda pair: sum(rows[key] for key in pair), default=frozenset())
    if positive is None:
        # If the positive class is misspelt, rows with the other spelling aren't stray records
        if match_spellings(positives, [key for key in rows if isinstance(key, str)]):
            return frozenset()
        positive = class_key(positives[0])
    opposite = class_key(_NEGATIVE_BY_POSITIVE.get(positive, ""))
    other_classes = sorted((-count, str(key), key) for key, count in rows.items() if key != positive)
    if other_classes:
        return frozenset((positive, opposite if opposite in rows else other_classes[0][-1]))
    return frozenset((positive,))


def sort_classes(classes: tuple[str, ...]) -> list[int]:
    """The indexes of the classes in sort order: numbers by size, then texts."""
    return sorted(range(len(classes)), key=lambda index: _sort_key(classes[index]))


def format_labels(labels: Iterable[str]) -> str:
    """Labels for a sentence in a document: sorted, at most ten."""
    names = sorted(labels, key=_sort_key)
    texts = [
        repr(name if len(name) <= _MAX_LABEL_LENGTH else f"{name[:_MAX_LABEL_LENGTH]}…") for name in names[:_MAX_LABELS]
    ]
    hidden_names = len(names) - len(texts)
    return ", ".join(texts) + (f" and {hidden_names:,} more" if hidden_names else "")


def describe_labels(labels: Iterable[str]) -> str:
    """The kinds of labels, without naming any: `2 numbers and 1 text of 10 letters`."""
    texts = []
    numbers = 0
    for label in labels:
        # Labels may be personal, so only their kind and length are shown
        if isinstance(class_key(label), float):
            numbers += 1
        else:
            texts.append(len(label))
    parts = []
    if numbers:
        parts = [f"{numbers:,} number{'' if numbers == 1 else 's'}"]
    if texts:
        if min(texts) == max(texts):
            letters = f"{min(texts):,}"
        else:
            letters = f"{min(texts):,} to {max(texts):,}"
        parts.append(f"{len(texts):,} text{'' if len(texts) == 1 else 's'} of {letters} letters")
    return " and ".join(parts) or "none"


def _identify_classes(labels: frozenset[str], predictions: frozenset[str], plan: OutcomePlan) -> tuple[str, str]:
    """The names of the positive and of the negative class, even if a window lacks one of them."""
    names = _names_by_class(labels | predictions)
    if len(names) > 2:
        if predictions and not _names_by_class(labels).keys() & _names_by_class(predictions).keys():
            raise _nothing_in_common(labels, predictions)
        raise BadInput(
            f"a binary problem has two classes, but the labels are {describe_labels(labels)}"
            + (f" and the predictions {describe_labels(predictions)}" if predictions else "")
            + "; give the label's attribute, or problem_type MulticlassClassification"
        )
    positives = DEFAULT_POSITIVES if plan.positive_label is None else (plan.positive_label,)
    positive = next((key for key in map(class_key, positives) if key in names), None)
    other_names = [name for key, name in names.items() if key != positive]
    # If all rows have the same class, the name of the other class is supplied
    if positive is not None:
        return names[positive], other_names[0] if other_names else _NEGATIVE_BY_POSITIVE.get(
            positive, f"not {names[positive]}"
        )
    # There are no rows
    if not other_names:
        return positives[0], _NEGATIVE_BY_POSITIVE.get(class_key(positives[0]), f"not {positives[0]}")
    if len(other_names) == 1 and plan.positive_label is not None:
        return plan.positive_label, other_names[0]
    if len(other_names) == 1 and class_key(other_names[0]) in _POSITIVE_BY_NEGATIVE:
        return _POSITIVE_BY_NEGATIVE[class_key(other_names[0])], other_names[0]
    spellings = match_spellings(positives, names.values())
    as_written = ""
    if spellings:
        as_written = f" as the data has it: it differs in {describe_difference(spellings)} alone"
    raise BadInput(
        f"the classes are {describe_labels(names.values())}, and none of them is the positive one, "
        f"{' or '.join(map(repr, positives))}; name the positive class with --positive-label{as_written}"
    )


def _names_by_class(labels: Iterable[str]) -> dict[ClassKey, str]:
    """The name of each class, which is the shortest of its spellings."""
    names: dict[ClassKey, str] = {}
    for label in labels:
        key = class_key(label)
        names[key] = min(names.get(key, label), label, key=lambda text: (len(text), text))
    return names


def _nothing_in_common(labels: frozenset[str], predictions: frozenset[str]) -> BadInput:
    # The attributes may be right, but the classes have other spellings
    spellings = match_spellings(labels, predictions)
    if spellings:
        return BadInput(
            f"labels and predictions have no class in common, but {len(spellings):,} that differ in "
            f"{describe_difference(spellings)} alone, as yes and Yes do; write them alike"
        )
    return BadInput(
        f"the labels are {describe_labels(labels)} and the predictions {describe_labels(predictions)}: nothing is in both, "
        "so every metric would be 0; give the attributes that hold the same classes"
    )


def _sort_key(label: str) -> tuple[bool, float, str]:
    key = class_key(label)
    if isinstance(key, str):
        return (True, 0.0, key)
    return (False, key, label)


DRAWN_SHARE = 0.8  # share of the rows in a random sample. Source: C11.12.
_MAX_BALLS = 10**9  # the limit of numpy's multivariate_hypergeometric


def _predict_most_frequent(matrix: Matrix, classes: tuple[str, ...]) -> Matrix:
    """The confusion matrix if the most frequent class is predicted for all rows; of equally frequent classes, the last in
    sort order.
    """
    labels = matrix.sum(axis=1)
    predicted = np.zeros_like(matrix)
    if len(labels):
        answer = max(reversed(sort_classes(classes)), key=lambda index: int(labels[index]))
        predicted[:, answer] = labels
    return predicted


@value_class
class BinaryEvidence:
    """The evidence of two classes.

    matrix: number of rows by label, then by prediction; may be fractional if estimated.
    classes: the negative class, then the positive class.
    scores, probabilities: None without probabilities.
    as_service: whether the area under the ROC curve is computed as in the service.
    replicates: for the jackknife, the evidence without each block that has rows; empty unless a column names groups.
    """

    PROBLEM_TYPE: ClassVar[ProblemType] = ProblemType.BINARY_CLASSIFICATION

    matrix: Matrix
    classes: tuple[str, ...] = ("0", "1")
    scores: ScoreCounts | None = None
    probabilities: BlockSums | None = None
    values: BlockSums = field(default_factory=BlockSums)
    as_service: bool = False
    replicates: tuple[BinaryEvidence, ...] = ()

    @property
    def true_positives(self) -> float:
        return float(self.matrix[1, 1])

    @property
    def false_positives(self) -> float:
        return float(self.matrix[0, 1])

    @property
    def true_negatives(self) -> float:
        return float(self.matrix[0, 0])

    @property
    def false_negatives(self) -> float:
        return float(self.matrix[1, 0])

    @property
    def rows(self) -> int:
        return int(self.matrix.sum())

    def constant(self) -> BinaryEvidence:
        """The evidence if the more frequent class is predicted for all rows. Source: C11.11."""
        return BinaryEvidence(_predict_most_frequent(self.matrix, self.classes), self.classes)

    def redrawn(self, random: np.random.Generator) -> BinaryEvidence:
        """The evidence of a random 80 % of the rows."""
        scores = self.scores
        if scores is not None:
            drawn = _draw_rows(np.stack([scores.negatives, scores.positives]), random)
            # Scores without rows must not be in curves
            has_drawn_rows = drawn.any(axis=0)
            scores = replace(
                scores,
                scores=scores.scores[has_drawn_rows],
                negatives=drawn[0, has_drawn_rows],
                positives=drawn[1, has_drawn_rows],
            )
        return replace(self, matrix=_draw_rows(self.matrix, random), scores=scores)


@value_class
class MulticlassEvidence:
    """The evidence of many classes.

    matrix: number of rows by label, then by prediction, in the order of `classes`.
    scores: for each class against all others; None unless rows have the probabilities of all classes.
    estimated: if metrics are estimated, the expected number of correct rows, labels and predictions of each class, shape
        (3, classes); the labels of `matrix` are then the predictions.
    replicates: as in `BinaryEvidence`.
    """

    PROBLEM_TYPE: ClassVar[ProblemType] = ProblemType.MULTICLASS_CLASSIFICATION

    matrix: Matrix
    classes: tuple[str, ...]
    probabilities: BlockSums | None = None
    values: BlockSums = field(default_factory=BlockSums)
    scores: tuple[ScoreCounts, ...] | None = None
    estimated: NDArray[np.float64] | None = None
    replicates: tuple[MulticlassEvidence, ...] = ()

    @property
    def rows(self) -> int:
        return int(self.matrix.sum())

    def constant(self) -> MulticlassEvidence:
        """The evidence if the most frequent class is predicted for all rows. Source: C11.11."""
        return MulticlassEvidence(_predict_most_frequent(self.matrix, self.classes), self.classes)

    def redrawn(self, random: np.random.Generator) -> MulticlassEvidence:
        """The evidence of a random 80 % of the rows."""
        return replace(self, matrix=_draw_rows(self.matrix, random))


@value_class
class RegressionEvidence:
    """The evidence of predicted numbers. kept: the blocks of rows that count. residuals: None unless they cover all rows."""

    PROBLEM_TYPE: ClassVar[ProblemType] = ProblemType.REGRESSION

    sums: RegressionSums
    kept: IncludedBlocks = field(default_factory=lambda: np.ones(BLOCKS, dtype=bool))
    values: BlockSums = field(default_factory=BlockSums)
    residuals: KllSketch | None = None

    @property
    def rows(self) -> int:
        return int(self.sums.rows[self.kept].sum())

    def redrawn(self, random: np.random.Generator) -> RegressionEvidence:
        """The evidence of 80 % of the blocks; a block is a random set of rows."""
        filled = np.flatnonzero(self.sums.rows > 0)
        drawn_blocks = np.zeros(BLOCKS, dtype=bool)
        drawn_blocks[random.choice(filled, math.ceil(DRAWN_SHARE * len(filled)), replace=False)] = True
        return replace(self, kept=drawn_blocks)


Evidence: TypeAlias = BinaryEvidence | MulticlassEvidence | RegressionEvidence


def build_evidence(outcomes: Outcomes, *, as_service: bool = False) -> Evidence:
    """The evidence of a scan.

    Raises BadInput, with a description of both sets, if labels and predictions don't match or don't suit the problem type.
    """
    plan = outcomes.plan
    if plan.is_regression:
        residuals = None
        if outcomes.has_residuals:
            residuals = outcomes.residuals
        return RegressionEvidence(outcomes.regression, values=outcomes.values, residuals=residuals)
    table = class_table(outcomes.confusion, plan)
    probabilities = None
    if plan.with_scores:
        probabilities = outcomes.probabilities
    # For the errors of metrics with groups: the counts without each block
    by_block = [_build_confusion_matrix(confusion, table.classes, plan) for confusion in outcomes.confusions]
    matrices_without_block = [
        table.matrix - pairs_without_block for pairs_without_block in by_block if pairs_without_block.any()
    ]
    if not plan.is_binary:
        scored = scores_by_class(outcomes.class_scores, table.classes)
        without_block = tuple(MulticlassEvidence(matrix, table.classes) for matrix in matrices_without_block)
        return MulticlassEvidence(
            table.matrix, table.classes, probabilities, outcomes.values, scored, replicates=without_block
        )
    # Two classes also have scores by block
    scores = None
    scores_without_block: Sequence[ScoreCounts | None] = [None] * len(matrices_without_block)
    if plan.with_scores:
        scores = outcomes.scores
        with_rows = [block_counts for block_counts in outcomes.coarse_scores if len(block_counts.scores)]
        scores_without_block = sum_without_each(with_rows, ScoreCounts())
    binary_without_block = tuple(
        BinaryEvidence(matrix, table.classes, block_scores)
        for matrix, block_scores in zip(matrices_without_block, scores_without_block, strict=True)
    )
    return BinaryEvidence(
        table.matrix, table.classes, scores, probabilities, outcomes.values, as_service, binary_without_block
    )


def sum_without_each(states: Sequence[StateT], zero: StateT) -> list[StateT]:
    """For each state, the sum of all others: of those before it and those after it."""
    before = list(accumulate(states, initial=zero))
    behind = list(accumulate(reversed(states), lambda total, following: following + total, initial=zero))[::-1]
    return [before[index] + behind[index + 1] for index in range(len(states))]


def scores_by_class(counts: ClassScores, classes: tuple[str, ...]) -> tuple[ScoreCounts, ...] | None:
    """The scores of each class against all others; None without scores. A class without scores has empty counts."""
    if not counts.of_class:
        return None
    scores_by_class: dict[ClassKey, ScoreCounts] = {}
    for name, scores in counts.of_class.items():
        # Spellings of one class, such as `1` and `1.0`, are added
        scores_by_class[class_key(name)] = (
            scores_by_class[class_key(name)] + scores if class_key(name) in scores_by_class else scores
        )
    return tuple(scores_by_class.get(class_key(name), ScoreCounts()) for name in classes)


def _draw_rows(counts: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """The counts of a random 80 % of the rows, drawn without replacement; above 10^9 rows, each row is drawn independently."""
    total = int(counts.sum())
    if total >= _MAX_BALLS:
        return random.binomial(counts, DRAWN_SHARE)
    drawn = random.multivariate_hypergeometric(counts.ravel(), round(DRAWN_SHARE * total), method="marginals")
    return drawn.reshape(counts.shape)
