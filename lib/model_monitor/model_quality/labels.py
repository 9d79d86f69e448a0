"""Label sets: which texts are one class, what the classes are called, and whether labels and predictions meet. Pure.

Predictions that never are any of the labels would give metrics of zero, so they are refused, and both sets are described: how
many there are, and what they look like. They are not shown, since an attribute that was named by mistake may hold anything.

Source: C11d.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_monitor.errors import BadInput
from model_monitor.statistics.states.outcomes import ABOVE, DEFAULT_POSITIVES, ClassKey, OutcomePlan, class_key
from model_monitor.statistics.states.scores import ConfusionCounts

Matrix = NDArray[np.int64]  # shape (classes, classes): rows by label, then by prediction

_NEGATIVE_OF: Mapping[ClassKey, str] = {1.0: "0", "true": "false"}
_POSITIVE_OF: Mapping[ClassKey, str] = {0.0: "1", "false": "true", -1.0: "1"}
_MOST_SHOWN, _LONGEST_SHOWN = 10, 40


@dataclass(frozen=True, slots=True)
class ClassTable:
    """The confusion matrix of some classes: the negative one before the positive one, or many in sort order."""

    classes: tuple[str, ...]
    matrix: Matrix


def class_table(counts: ConfusionCounts, plan: OutcomePlan) -> ClassTable:
    """The classes of the counts and their confusion matrix.

    Raises BadInput, with both sets described, if labels and predictions have nothing in common, if a binary problem has more than
    two classes or none that is positive, or if there are too many texts to be classes.
    """
    if counts.overflowed:
        raise BadInput(
            f"the labels and the predictions have more than {counts.limit:,} different values, which are no classes; if the "
            "prediction is a probability give it as probability_attribute, if it is a number the problem is a Regression"
        )
    if not plan.is_binary:
        return _many_classes(counts)
    predictions = counts.predictions if plan.with_predictions else frozenset()
    positive, negative = _two_classes(counts.labels, predictions, plan)
    keys = {class_key(negative): 0, class_key(positive): 1}
    matrix = np.zeros((2, 2), dtype=np.int64)
    for (label, prediction), rows in counts.counts.items():
        predicted = keys[class_key(prediction)] if plan.with_predictions else int(prediction == ABOVE)
        matrix[keys[class_key(label)], predicted] += rows
    return ClassTable((negative, positive), matrix)


def in_order(classes: tuple[str, ...]) -> list[int]:
    """The places of the classes in sort order: numbers by size, then texts."""
    return sorted(range(len(classes)), key=lambda place: _sort_key(classes[place]))


def shown(labels: Iterable[str]) -> str:
    """Labels for a sentence of a document: in order, not more than ten."""
    names = sorted(labels, key=_sort_key)
    texts = [repr(name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…") for name in names[:_MOST_SHOWN]]
    rest = len(names) - len(texts)
    return ", ".join(texts) + (f" and {rest:,} more" if rest else "")


def described(labels: Iterable[str]) -> str:
    """What labels look like, without any of them: `2 numbers and 1 text of 10 letters`."""
    texts, numbers = [], 0
    for label in labels:
        if isinstance(class_key(label), float):
            numbers += 1
        else:
            texts.append(len(label))
    parts = [f"{numbers:,} number{'' if numbers == 1 else 's'}"] if numbers else []
    if texts:
        letters = f"{min(texts):,}" if min(texts) == max(texts) else f"{min(texts):,} to {max(texts):,}"
        parts.append(f"{len(texts):,} text{'' if len(texts) == 1 else 's'} of {letters} letters")
    return " and ".join(parts) or "none"


def _many_classes(counts: ConfusionCounts) -> ClassTable:
    names = _named(counts.labels | counts.predictions)
    if counts.total and not set(_named(counts.labels)) & set(_named(counts.predictions)):
        raise _apart(counts.labels, counts.predictions)
    ordered = sorted(names.values(), key=_sort_key)
    places = {class_key(name): place for place, name in enumerate(ordered)}
    matrix = np.zeros((len(ordered), len(ordered)), dtype=np.int64)
    for (label, prediction), rows in counts.counts.items():
        matrix[places[class_key(label)], places[class_key(prediction)]] += rows
    return ClassTable(tuple(ordered), matrix)


def _two_classes(labels: frozenset[str], predictions: frozenset[str], plan: OutcomePlan) -> tuple[str, str]:
    """The names of the positive and of the negative class. A window may well lack one of them."""
    names = _named(labels | predictions)
    if len(names) > 2:
        if predictions and not set(_named(labels)) & set(_named(predictions)):
            raise _apart(labels, predictions)
        raise BadInput(
            f"a binary problem has two classes, but the labels are {described(labels)}"
            + (f" and the predictions {described(predictions)}" if predictions else "")
            + "; give the label's attribute, or problem_type MulticlassClassification"
        )
    positives = DEFAULT_POSITIVES if plan.positive_label is None else (plan.positive_label,)
    positive = next((key for key in map(class_key, positives) if key in names), None)
    others = [name for key, name in names.items() if key != positive]
    if positive is not None:
        return names[positive], others[0] if others else _NEGATIVE_OF.get(positive, f"not {names[positive]}")
    if not others:
        return positives[0], _NEGATIVE_OF.get(class_key(positives[0]), f"not {positives[0]}")
    if len(others) == 1 and plan.positive_label is not None:
        return plan.positive_label, others[0]
    if len(others) == 1 and class_key(others[0]) in _POSITIVE_OF:
        return _POSITIVE_OF[class_key(others[0])], others[0]
    raise BadInput(
        f"the classes are {described(names.values())}, and none of them is the positive one, "
        f"{' or '.join(map(repr, positives))}; name the positive class with --positive-label"
    )


def _named(labels: Iterable[str]) -> dict[ClassKey, str]:
    """The name of each class: the shortest of its texts."""
    names: dict[ClassKey, str] = {}
    for label in labels:
        key = class_key(label)
        names[key] = min(names.get(key, label), label, key=lambda text: (len(text), text))
    return names


def _apart(labels: frozenset[str], predictions: frozenset[str]) -> BadInput:
    return BadInput(
        f"the labels are {described(labels)} and the predictions {described(predictions)}: nothing is in both, so every metric "
        "would be 0; give the attributes that hold the same classes"
    )


def _sort_key(label: str) -> tuple[bool, float, str]:
    key = class_key(label)
    return (True, 0.0, key) if isinstance(key, str) else (False, key, label)
