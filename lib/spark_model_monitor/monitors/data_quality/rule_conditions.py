"""Conditions of DQDL rules on one number, and the formulas that they compare it with. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from spark_model_monitor.documents.dqdl import Condition, count_runs
from spark_model_monitor.documents.row_rules import Tree


def compute_limits(condition: Condition, past: tuple[float, ...]) -> list[float]:
    """The numbers that a condition compares a metric with; NaN for one that divides by 0, or is of a run that isn't there.

    past: the metric in earlier runs, the newest last.
    """
    return [evaluate_formula(operand.number, past) for operand in condition.operands]


def meets_condition(value: float, operator: str, limits: Sequence[float]) -> bool:
    """Whether a metric meets a condition of an operator and its limits; the ends of between don't belong to it."""
    if operator.endswith("between"):
        is_inside = limits[0] < value < limits[1]
        return is_inside == (operator == "between")
    if operator.endswith("in"):
        return (value in limits) == (operator == "in")
    # Equality and inequality
    if operator in ("=", "!="):
        return (value == limits[0]) == (operator == "=")
    # The ends of >= and <= belong to them
    if operator.endswith("=") and value == limits[0]:
        return True
    if operator.startswith(">"):
        return value > limits[0]
    return value < limits[0]


def evaluate_formula(formula: Tree, past: tuple[float, ...]) -> float:
    """The number of a formula; NaN if it divides by 0. past: the metric in earlier runs, the newest last."""
    values = _evaluate(formula, past)
    return values[-1] if values else math.nan


def _evaluate(formula: Tree, past: tuple[float, ...]) -> tuple[float, ...]:
    """The values of a formula: those of `last(n)`, the newest last, else a single one."""
    operation, *arguments = formula
    if operation == "number":
        return (arguments[0],)
    if operation == "call":
        name, parameters = arguments
        if name == "last":
            return past[-count_runs(formula) :]
        values = _evaluate(parameters[0], past)
        second = evaluate_formula(parameters[1], past) if len(parameters) > 1 else 0.0
        return (_call_function(name, values, second),)
    # Arithmetic is of single numbers
    left = evaluate_formula(arguments[0], past)
    right = evaluate_formula(arguments[1], past)
    if operation == "+":
        return (left + right,)
    if operation == "-":
        return (left - right,)
    if operation == "*":
        return (left * right,)
    if not right:
        return (math.nan,)
    return (left / right,)


def _call_function(name: str, values: tuple[float, ...], second: float) -> float:
    if name == "index":  # 0 is the newest run
        return values[-1 - int(second)] if 0 <= second < len(values) else math.nan
    if name == "percentile":
        return float(np.quantile(values, second if second <= 1 else second / 100))
    if name == "abs":
        return abs(values[-1])
    numbers = np.array(values)
    summaries = {
        "avg": numbers.mean(),
        "min": numbers.min(),
        "max": numbers.max(),
        "sum": numbers.sum(),
        "std": numbers.std(),
        "median": np.median(numbers),
    }
    return float(summaries[name])
