"""Conditions of DQDL rules on one number, and the formulas that they compare it with. Pure."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from spark_model_monitor.documents.dqdl import count_runs
from spark_model_monitor.documents.row_rules import Tree
from spark_model_monitor.statistics import Doubles

_COMPARISONS = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
_SUMMARIES: dict[str, Callable[[Doubles], Any]] = {
    "avg": np.mean,
    "min": np.min,
    "max": np.max,
    "sum": np.sum,
    "std": np.std,
    "median": np.median,
}


def meets_condition(value: float, comparison: str, limits: Sequence[float]) -> bool:
    """Whether a metric meets a comparison with its limits; `between` excludes its ends."""
    if comparison.endswith("between"):
        is_inside = limits[0] < value < limits[1]
        return is_inside == (comparison == "between")
    if comparison.endswith("in"):
        return (value in limits) == (comparison == "in")
    return bool(_COMPARISONS[comparison](value, limits[0]))


def evaluate_formula(formula: Tree, past: tuple[float, ...]) -> float:
    """The number of a formula; NaN if it divides by 0, or needs a run that isn't there. past: the metric in earlier runs, the
    newest last.
    """
    operation, *arguments = formula
    if operation == "number":
        return float(arguments[0])
    if operation != "call":
        left, right = (evaluate_formula(argument, past) for argument in arguments)
        if operation == "/" and not right:
            return math.nan
        return float(_ARITHMETIC[operation](left, right))
    # `last` without a function around it is the newest run
    name, parameters = arguments
    if name == "last":
        return past[-1] if past else math.nan
    # A function of one or of several numbers
    numbers = _list_numbers(parameters[0], past)
    if name == "abs":
        return abs(float(numbers[-1]))
    if name in _SUMMARIES:
        return float(_SUMMARIES[name](numbers))
    parameter = evaluate_formula(parameters[1], past)
    if name == "percentile":
        return float(np.quantile(numbers, parameter if parameter <= 1 else parameter / 100))
    # index: 0 is the newest run
    return float(numbers[-1 - int(parameter)]) if 0 <= parameter < len(numbers) else math.nan


def _list_numbers(formula: Tree, past: tuple[float, ...]) -> Doubles:
    """The numbers that a function summarizes: those of `last(n)`, the newest last, or a single number."""
    if formula[:2] == ("call", "last"):
        return np.array(past[-count_runs(formula) :])
    return np.array([evaluate_formula(formula, past)])
