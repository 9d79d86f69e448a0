"""`model-monitor demo`."""

from __future__ import annotations

from collections.abc import Sequence

from model_monitor.cli.verbs import VERBS


@VERBS.register("demo", group="begin", rank=1)
def demo(arguments: Sequence[str]) -> int:
    """Make an example data set, baseline it, monitor an hour of it, and say what is wrong."""
    from model_monitor.integrations.demo import run

    return run.main(arguments)
