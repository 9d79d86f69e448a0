"""The states that the data-quality monitor needs: the profile of every feature, nothing else."""

from __future__ import annotations

from model_monitor.states.measures import Measures


def measures_of(*, accept_exponents: bool) -> Measures:
    """A profile; `accept_exponents` False as the service's older Deequ had it (C11.30)."""
    return Measures(accept_exponents=accept_exponents)
