"""`model-monitor monitor`."""

from __future__ import annotations

from collections.abc import Sequence

from model_monitor.cli.verbs import VERBS, job


@VERBS.register("monitor", group="run", rank=2)
def monitor(arguments: Sequence[str]) -> int:
    """Compare later data with a baseline and report what is wrong: model-monitor monitor FILE --baseline DIRECTORY."""
    return job("monitor", arguments)
