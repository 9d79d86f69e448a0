"""`model-monitor replay`."""

from __future__ import annotations

from collections.abc import Sequence

from model_monitor.cli.verbs import VERBS


@VERBS.register("replay", group="move over", rank=2)
def replay(arguments: Sequence[str]) -> int:
    """Run old windows again, compare them with the service's reports, and report the differences."""
    from model_monitor.running.replay import command

    return command.main(arguments)
