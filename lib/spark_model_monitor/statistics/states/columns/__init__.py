"""Metrics of numeric columns beyond those of the service: a state that adds and the numbers that it gives, one module each.

A module is found by being here (CONTRIBUTING.md has one): a scan that is asked for it by its KIND gathers it, and whatever
profile has its state shows its numbers. Numpy, pyarrow and the standard library only; runs on executors and driver.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from spark_model_monitor.registry import Registry
from spark_model_monitor.statistics.states.encoding import State, register_state
from spark_model_monitor.statistics.states.moments import ValueBlocks, Values
from spark_model_monitor.statistics.states.profile import FeatureProfile


class ColumnMetric(State):
    """A state of the numbers of a column. Its KIND is the name that a scan is asked for it by."""

    __slots__ = ()

    @classmethod
    @abstractmethod
    def of(cls, values: Values, /) -> Any:
        """The state of up to 4,096 numbers, all of them finite, at least one."""

    @abstractmethod
    def numbers(self) -> Mapping[str, float]:
        """What statistics show of it, by name: always the same names; NaN where a number is undefined."""


M = TypeVar("M", bound=ColumnMetric)

COLUMN_METRICS: Registry[type[ColumnMetric]] = Registry("column metric")


def column_metric(metric: type[M]) -> type[M]:
    """Class decorator that enters a column metric under its KIND."""
    COLUMN_METRICS.register(metric.KIND)(metric)
    return register_state(metric)


class ColumnMetricBuilder:
    """A column metric's state that takes numbers; the result does not depend on how they are cut into calls."""

    def __init__(self, name: str) -> None:
        self._metric: type[ColumnMetric] = COLUMN_METRICS.get(name).function
        self._state = self._metric()
        self._blocks = ValueBlocks()

    def update(self, values: Values) -> None:
        """Take finite numbers."""
        with np.errstate(over="ignore", invalid="ignore"):  # as for moments: what overflows is infinite, then undefined
            for block in self._blocks.split_values(values):
                self._state += self._metric.of(block)

    def state(self) -> ColumnMetric:
        """The state of all numbers so far."""
        with np.errstate(over="ignore", invalid="ignore"):
            remaining = self._blocks.rest
            return self._state + self._metric.of(remaining) if len(remaining) else self._state


def compute_metrics(feature: FeatureProfile) -> dict[str, float | None]:
    """The numbers of every column metric whose state the feature has, by name; None where one is undefined.

    feature: a numeric one; of texts the state holds those that are numbers, which says nothing of the column.
    """
    states = filter(None, (feature.state(metric.function) for metric in COLUMN_METRICS.values()))
    return {
        name: number if math.isfinite(number) else None for state in states for name, number in state.numbers().items()
    }


def select_metrics(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once.

    Raises BadConfiguration for one that is no column metric's.
    """
    return tuple(COLUMN_METRICS.get(name).name for name in dict.fromkeys(names))
