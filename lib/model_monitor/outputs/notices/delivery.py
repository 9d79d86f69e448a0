"""A report on its way to its destinations. One that fails keeps none of the others from theirs."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from model_monitor.errors import MonitorError
from model_monitor.outputs.notices.destinations import Destination
from model_monitor.outputs.notices.reports import Report
from model_monitor.outputs.notices.surroundings import Surroundings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Who was told, and the sentence of each who was not."""

    told: tuple[Destination, ...]
    failures: tuple[str, ...]


def deliver(report: Report, destinations: Iterable[Destination], surroundings: Surroundings) -> Delivery:
    """Send the report to each destination. Nothing is raised; of a fault that nobody foresaw only the type is told."""
    told, failures = [], []
    for destination in destinations:
        try:
            destination.sink(report, destination.target, surroundings)
        except MonitorError as fault:
            failures.append(f"the sink {destination.name} was not told: {fault}")
        except Exception as fault:
            failures.append(f"the sink {destination.name} was not told: unexpected {type(fault).__name__}")
        else:
            told.append(destination)
            log.info("told the sink %s", destination.name)
    return Delivery(tuple(told), tuple(failures))
