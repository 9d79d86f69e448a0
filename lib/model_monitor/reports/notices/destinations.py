"""What `--sink` names: sinks with their targets, judged before any data is read, and a report on its way to all of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from model_monitor.errors import MonitorError
from model_monitor.registry import Entry, import_all
from model_monitor.reports import sinks
from model_monitor.reports.notices.environment import Environment
from model_monitor.reports.notices.messages import Report
from model_monitor.reports.sinks import SINKS, Sink

import_all(sinks)

SPELLINGS = ", ".join(sink.facts["spelling"] for sink in SINKS.values())
"""How `--sink` names each kind of sink."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A sink and its target. The target may be a secret (a webhook's URL), so it is in neither `str` nor `repr`."""

    name: str
    target: str

    @property
    def sink(self) -> Entry[Sink]:
        return SINKS.get(self.name)

    @property
    def every_run(self) -> bool:
        """Whether it is sent to in every run, whatever the alert."""
        return bool(self.sink.facts["every_run"])

    @property
    def adds_up(self) -> bool:
        """Whether the same numbers sent twice count twice."""
        return bool(self.sink.facts["adds_up"])

    @property
    def key(self) -> str:
        """What the alerts' file calls it: the sink's name and a hash of the target."""
        return f"{self.name}:{sha256(self.target.encode()).hexdigest()[:12]}"

    def require_ready(self, environment: Environment) -> None:
        """Raises BadConfiguration if something that the sink needs is missing."""
        self.sink.facts["ready"](self.target, environment)

    def __repr__(self) -> str:
        return f"Destination({self.key})"

    __str__ = __repr__


def read_destinations(text: str) -> tuple[Destination, ...]:
    """The destinations of `webhook:https://a.example/x,cloudwatch`, each once, in their order.

    Raises ValueError with what to write instead, for the first one that is wrong.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return tuple(dict.fromkeys(_read(part, place) for place, part in enumerate(parts, start=1)))


def _read(text: str, place: int) -> Destination:
    """One destination. What is wrong is not repeated: it may be a URL with a secret in it, or a half of one."""
    name, _, target = text.partition(":")
    if name not in SINKS:
        raise ValueError(f"names no sink at place {place}; write one of {SPELLINGS} (a comma inside a target is %2C)")
    try:
        return Destination(name, SINKS.get(name).facts["examined"](target.strip()))
    except ValueError as fault:
        raise ValueError(f"names the sink {name} with a target that {fault}") from fault


# A report on its way to its destinations. One that fails keeps none of the others from theirs.


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
