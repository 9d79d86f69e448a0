"""The classes of labels and predictions: which texts are one class, which class is positive, and the confusion matrix. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from spark_model_monitor.documents.page import format_noun_count
from spark_model_monitor.errors import BadInput
from spark_model_monitor.statistics import Integers
from spark_model_monitor.statistics.spellings import describe_difference, match_spellings
from spark_model_monitor.statistics.states.outcome_builder import ABOVE_THRESHOLD
from spark_model_monitor.statistics.states.outcome_plan import DEFAULT_POSITIVES, ClassKey, OutcomePlan, class_key
from spark_model_monitor.statistics.states.scores import ConfusionCounts

Matrix = Integers  # shape (classes, classes): number of rows by label, then by prediction

_NEGATIVE_BY_POSITIVE: Mapping[ClassKey, str] = {1.0: "0"}
_POSITIVE_BY_NEGATIVE: Mapping[ClassKey, str] = {0.0: "1", -1.0: "1"}
_OPPOSITE_BOOLEAN: Mapping[str, str] = {"true": "false", "false": "true"}
MIN_ROWS_IN_COMMON = 30  # from this many rows on, labels and predictions must have some class in common
MIN_INTENDED_SHARE = 0.5  # minimum share of labels and predictions that have one of the intended classes


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
        if counts.total >= MIN_ROWS_IN_COMMON and not _find_common_classes(counts.labels, counts.predictions):
            raise BadInput(_describe_mismatch(counts.labels, counts.predictions))
        names = _names_by_class(counts.labels | counts.predictions)
        classes = tuple(sorted(names.values(), key=_sort_key))
    else:
        # Without predictions, the scan counted scores above and below the threshold
        predictions: frozenset[str] = frozenset()
        if plan.with_predictions:
            predictions = counts.predictions
        classes = _identify_classes(counts.labels, predictions, plan)
    return ClassTable(classes, build_confusion_matrix(counts, classes, plan))


def build_confusion_matrix(counts: ConfusionCounts, classes: tuple[str, ...], plan: OutcomePlan) -> Matrix:
    index_of_class = {class_key(name): index for index, name in enumerate(classes)}
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
    # The rows that have a class as their label or prediction
    rows: Counter[ClassKey] = Counter()
    for (label, prediction), count in counts.counts.items():
        classes_of_row = {class_key(label)}
        if plan.with_predictions:
            classes_of_row.add(class_key(prediction))
        for key in classes_of_row:
            rows[key] += count
    # If labels and predictions don't match, the configuration or a spelling is wrong, and these aren't stray records
    if len(rows) > 2 and plan.with_predictions and _describe_mismatch(counts.labels, counts.predictions):
        return None
    # The baseline has the classes; without a baseline they have to be guessed
    if baseline_classes and len(baseline_classes) == 2:
        intended_classes = frozenset(map(class_key, baseline_classes))
    else:
        intended_classes = _guess_classes(rows, _find_common_classes(counts.labels, counts.predictions), plan)
    intended_rows = sum(rows[key] for key in intended_classes)
    # If most rows have these two classes, the others are stray records
    if rows.keys() - intended_classes and intended_rows > MIN_INTENDED_SHARE * rows.total():
        return intended_classes
    return None


def _guess_classes(
    rows: Counter[ClassKey], common_classes: Collection[ClassKey], plan: OutcomePlan
) -> frozenset[ClassKey]:
    """The positive class and its usual opposite, or else the most frequent other class; empty if there is no positive class.
    common_classes: those of both labels and predictions.
    """
    positive = _find_positive_class(plan, rows)
    # If no usual positive class occurs, its opposite may occur, such as `false` for `true`
    if positive is None and plan.positive_label is None:
        pairs = [frozenset((key, class_key(name))) for key, name in _POSITIVE_BY_NEGATIVE.items() if key in rows]
        return max(pairs, key=lambda pair: sum(rows[key] for key in pair), default=frozenset())
    if positive is None:
        # If the positive class is misspelt, or two classes are in common without it, the others aren't stray records
        texts = [key for key in rows if isinstance(key, str)]
        if len(common_classes) > 1 or match_spellings(_list_positive_labels(plan), texts):
            return frozenset()
        positive = class_key(_list_positive_labels(plan)[0])
    opposite = class_key(_NEGATIVE_BY_POSITIVE.get(positive, ""))
    if opposite in rows:
        return frozenset((positive, opposite))
    # Of equally frequent classes, the first by name
    other_classes = sorted(rows.keys() - {positive}, key=lambda key: (-rows[key], str(key)))
    return frozenset((positive, *other_classes[:1]))


def _list_positive_labels(plan: OutcomePlan) -> Sequence[str]:
    if plan.positive_label is None:
        return DEFAULT_POSITIVES
    return (plan.positive_label,)


def _find_positive_class(plan: OutcomePlan, classes: Collection[ClassKey]) -> ClassKey | None:
    """The first possible positive class that occurs; None if none does."""
    for label in _list_positive_labels(plan):
        if class_key(label) in classes:
            return class_key(label)
    return None


def sort_classes(classes: tuple[str, ...]) -> list[int]:
    """The indexes of the classes in sort order: numbers by size, then texts."""
    return sorted(range(len(classes)), key=lambda index: _sort_key(classes[index]))


def describe_labels(labels: Iterable[str]) -> str:
    """The kinds of labels, without naming any: `2 numbers and 1 text of 10 letters`."""
    text_lengths = []
    numbers = 0
    for label in labels:
        # Labels may be personal, so only their kind and length are shown
        if isinstance(class_key(label), float) and label.lower() not in _OPPOSITE_BOOLEAN:
            numbers += 1
        else:
            text_lengths.append(len(label))
    descriptions = []
    if numbers:
        descriptions.append(format_noun_count(numbers, "number"))
    if text_lengths:
        shortest = min(text_lengths)
        longest = max(text_lengths)
        letters = f"{shortest:,}" if shortest == longest else f"{shortest:,} to {longest:,}"
        descriptions.append(f"{format_noun_count(len(text_lengths), 'text')} of {letters} letters")
    return " and ".join(descriptions) or "none"


def _identify_classes(labels: frozenset[str], predictions: frozenset[str], plan: OutcomePlan) -> tuple[str, str]:
    """The names of the negative and of the positive class, even if a window lacks one of them."""
    names = _names_by_class(labels | predictions)
    if len(names) > 2:
        if predictions and (mismatch := _describe_mismatch(labels, predictions)):
            raise BadInput(mismatch)
        description = f"the labels are {describe_labels(labels)}"
        if predictions:
            description += f" and the predictions {describe_labels(predictions)}"
        raise BadInput(
            f"a binary problem has two classes, but {description}; give the label's attribute, or problem_type "
            "MulticlassClassification"
        )
    # The positive class by its default or configured label
    positives = _list_positive_labels(plan)
    positive = _find_positive_class(plan, names)
    other_names = [name for key, name in names.items() if key != positive]
    if positive is not None and other_names:
        return other_names[0], names[positive]
    # If all rows have the positive class, or there are no rows, the name of the negative class is supplied
    if not other_names:
        name = positives[0] if positive is None else names[positive]
        negative_name = _NEGATIVE_BY_POSITIVE.get(class_key(name), f"not {name}")
        return _OPPOSITE_BOOLEAN.get(name.lower(), negative_name), name
    # All rows have the negative class
    if len(other_names) == 1:
        positive_name = _POSITIVE_BY_NEGATIVE.get(class_key(other_names[0]))
        positive_name = plan.positive_label or _OPPOSITE_BOOLEAN.get(other_names[0].lower(), positive_name)
        if positive_name is not None:
            return other_names[0], positive_name
    # Neither class is positive; perhaps it is written otherwise
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


def _find_common_classes(labels: Iterable[str], predictions: Iterable[str]) -> set[ClassKey]:
    return set(map(class_key, labels)).intersection(map(class_key, predictions))


def describe_spellings(labels: frozenset[str], predictions: frozenset[str]) -> str | None:
    """What is wrong if a class that only labels have differs in spelling alone from one that only predictions have; or None."""
    common_classes = _find_common_classes(labels, predictions)
    spellings = match_spellings(
        [label for label in labels if class_key(label) not in common_classes],
        [prediction for prediction in predictions if class_key(prediction) not in common_classes],
    )
    if not spellings:
        return None
    return (
        f"labels and predictions have classes that differ in {describe_difference(spellings)} alone, as yes and Yes do; "
        "write them alike"
    )


def _describe_mismatch(labels: frozenset[str], predictions: frozenset[str]) -> str | None:
    """Why labels and predictions don't have the same classes; None if some class is in both, and all are spelt alike."""
    # The attributes may be right, but the classes have other spellings
    spellings = describe_spellings(labels, predictions)
    if spellings is not None or _find_common_classes(labels, predictions):
        return spellings
    return (
        f"the labels are {describe_labels(labels)} and the predictions {describe_labels(predictions)}: nothing is in both, "
        "so every metric would be 0; give the attributes that hold the same classes"
    )


def _sort_key(label: str) -> tuple[bool, float, str]:
    key = class_key(label)
    if isinstance(key, str):
        return True, 0.0, key
    return False, key, label
