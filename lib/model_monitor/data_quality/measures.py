"""The states that the data-quality monitor needs: the profile of every feature, nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from model_monitor.states.column_metrics import chosen
from model_monitor.states.measures import Measures


def measures_of(*, accept_exponents: bool, column_metrics: Iterable[str] = ()) -> Measures:
    """A profile; `accept_exponents` False as the service's older Deequ had it (C11.30).

    Raises BadConfiguration for a name that is no column metric's.
    """
    return Measures(accept_exponents=accept_exponents, column_metrics=chosen(column_metrics))
