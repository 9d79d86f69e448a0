"""Metrics of the user's own: `--metrics module:function`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from model_monitor.registry import function_of


def metric_name(reference: str) -> str:
    """The metric's name: that of its function."""
    return reference.rpartition(":")[2]


def load_metrics(references: Sequence[str]) -> dict[str, Callable[[Any], Any]]:
    """The functions that are named, by their names.

    Their modules' code travels with the tasks, so that they need to lie on the driver only.
    Raises BadConfiguration if one can't be imported, or is no function.
    """
    functions = {metric_name(reference): function_of(reference, "--metrics") for reference in references}
    for function in functions.values():
        from pyspark import cloudpickle  # takes 0.2 s to import; it starts nothing

        cloudpickle.register_pickle_by_value(sys.modules[function.__module__])  # type: ignore[no-untyped-call]
    return functions
