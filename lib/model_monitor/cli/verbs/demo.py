"""`model-monitor demo`."""

from __future__ import annotations

from collections.abc import Sequence

from model_monitor.cli.verbs import VERBS


@VERBS.register("demo", group="begin", rank=1)
def demo(arguments: Sequence[str]) -> int:
    """Create an example data set, make its baseline, monitor one hour, and report what is wrong."""
    from model_monitor.integrations.demo import run

    return run.main(arguments)
