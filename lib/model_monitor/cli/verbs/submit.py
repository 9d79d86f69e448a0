"""`model-monitor submit`."""

from __future__ import annotations

from collections.abc import Sequence

from model_monitor.cli.verbs import VERBS


@VERBS.register("submit", group="run", rank=5)
def submit(arguments: Sequence[str]) -> int:
    """Start a job with spark-submit: model-monitor submit baseline FLAGS."""
    from model_monitor.spark.launch import submission

    return submission.main(arguments, program="model-monitor submit")
