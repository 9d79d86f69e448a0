"""`model-monitor backfill`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from model_monitor.cli.verbs import VERBS, opened


@VERBS.register("backfill", group="run", rank=3)
def backfill(arguments: Sequence[str]) -> int:
    """Monitor every hour of existing captures: model-monitor backfill CAPTURES --baseline DIRECTORY."""
    from model_monitor.reports.history_page import command as history
    from model_monitor.running.configuration.encryption import upload_arguments
    from model_monitor.running.replay import command
    from model_monitor.storage import encrypting

    request = command.read_backfill(arguments)
    config = request.config
    with opened([config.dataset_source, config.output_path]):
        status, has_runs = command.backfill(request, sys.stdout)
        if has_runs:
            with encrypting(upload_arguments(config.s3_encryption, config.s3_kms_key)):
                history.main(history.Request([config.output_path]), None, sys.stdout)
    return status
