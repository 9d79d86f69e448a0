"""`model-monitor merge`."""

from __future__ import annotations

from collections.abc import Sequence

from model_monitor.cli.verbs import VERBS, job


@VERBS.register("merge", group="run", rank=4)
def merge(arguments: Sequence[str]) -> int:
    """Join captures with their labels: model-monitor merge CAPTURES --ground-truth-source LABELS."""
    return job("merge", arguments)
