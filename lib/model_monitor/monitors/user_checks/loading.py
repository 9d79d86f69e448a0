"""The checks that `--checks` names, loaded and planned before any data is read: the path of a JSON file, or `module:function`.

A function's checks are Deequ's own, which an engine with a JVM loads; states answer those of a file.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from model_monitor.data.engine.local import LocalEngine
from model_monitor.errors import BadConfiguration, BadInput, NeedsSpark
from model_monitor.monitors.user_checks.checks import CheckPlan, Checks, beyond_states, plan
from model_monitor.monitors.user_checks.checks_json import read_checks

if TYPE_CHECKING:
    from model_monitor.data.engine.protocol import Engine
    from model_monitor.data.reading.dataset import Dataset


def planned_checks(reference: str, dataset: Dataset, *, second_scan_allowed: bool = False) -> CheckPlan:
    """The plan for the checks that `reference` names, on a data set. Reads no data.

    Raises BadConfiguration for checks that can't be loaded, or can't be answered for this data.
    """
    engine = dataset.engine
    planned = plan(load_checks(engine, reference), dataset.names, second_scan_allowed=second_scan_allowed)
    engine.way(require_answerable)(dataset, planned)
    return planned


def load_checks(engine: Engine, reference: str) -> Checks:
    """The checks that `reference` names. Reads no data.

    Raises BadConfiguration if there are none or the file has faults; of a function's also MissingDependency without a Deequ that
    fits, NeedsSpark without a session.
    """
    if not reference.endswith(".json"):
        return engine.way(checks_of_function)(engine, reference)
    try:
        text = engine.storage(reference).read(reference).decode("utf-8")
    except (BadInput, UnicodeDecodeError) as fault:
        raise BadConfiguration(f"--checks: {fault}") from fault
    return read_checks(text, reference.rsplit("/", 1)[-1])


def checks_of_function(engine: Engine, reference: str) -> Checks:
    """Raises NeedsSpark: what a function returns are objects of Deequ in a JVM."""
    raise NeedsSpark(f"--checks {reference}: a function, whose checks are Deequ's own,")


def require_answerable(dataset: Dataset, planned: CheckPlan) -> None:
    """Raises NeedsSpark for a check that states don't answer."""
    for analyzer in beyond_states(planned.checks):
        raise NeedsSpark(f"--checks: {analyzer}")


def why_spark(reference: str) -> str | None:
    """Why checks need Spark; None for those that any engine's states answer, and where there are none, as who loads them says."""
    if not reference.endswith(".json"):
        return "--checks are a function's, of Deequ"
    with suppress(BadConfiguration):
        for analyzer in beyond_states(load_checks(LocalEngine(), reference)):
            return f"of --checks {analyzer} takes more than states"
    return None
