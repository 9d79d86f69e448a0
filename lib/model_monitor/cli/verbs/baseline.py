"""`model-monitor baseline`."""

from __future__ import annotations

from collections.abc import Sequence

from model_monitor.cli.verbs import VERBS, job


@VERBS.register("baseline", group="run", rank=1)
def baseline(arguments: Sequence[str]) -> int:
    """Profile a data set and suggest constraints for later data: model-monitor baseline FILE."""
    return job("baseline", arguments)
