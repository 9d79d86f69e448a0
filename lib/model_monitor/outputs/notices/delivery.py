"""A report on its way to its destinations. One that fails keeps none of the others from theirs."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from model_monitor.errors import MonitorError
from model_monitor.outputs.notices.destinations import Destination
from model_monitor.outputs.notices.environment import Environment
from model_monitor.outputs.notices.reports import Report

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Which destinations got the report, and a sentence for each that did not."""

    reached: tuple[Destination, ...]
    failures: tuple[str, ...]


def deliver(report: Report, destinations: Iterable[Destination], environment: Environment) -> Delivery:
    """Send the report to each destination. Nothing is raised; of a fault that nobody foresaw only the type is told."""
    reached, failures = [], []
    for destination in destinations:
        try:
            destination.sink(report, destination.target, environment)
        except MonitorError as fault:
            failures.append(f"the sink {destination.name} was not notified: {fault}")
        except Exception as fault:
            failures.append(f"the sink {destination.name} was not notified: unexpected {type(fault).__name__}")
        else:
            reached.append(destination)
            log.info("notified the sink %s", destination.name)
    return Delivery(tuple(reached), tuple(failures))
