"""A user's `postprocess_handler`, called once after the files of a run are in place (C8f)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from model_monitor.errors import BadConfiguration, BadInput, ScriptFailed
from model_monitor.storage import storage_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

HANDLER = "postprocess_handler"


def run_postprocessor(path: str | None, spark: SparkSession | None) -> None:
    """Run the script's handler; nothing happens without a script.

    Raises BadConfiguration if the script can't be read or has no handler, ScriptFailed if it raises. The run's files are in
    place then.
    """
    if path is None:
        return
    try:
        source = storage_of(path, spark).read(path).decode("utf-8")
    except (BadInput, UnicodeDecodeError) as fault:
        raise BadConfiguration(f"post_analytics_processor_script: {fault}") from fault
    namespace = {"__name__": "postprocessor", "__file__": path}
    try:
        exec(compile(source, path, "exec"), namespace)
        handler = namespace.get(HANDLER)
        if not callable(handler):
            raise BadConfiguration(f"post_analytics_processor_script: {path} has no function {HANDLER}()")
        handler()
    except BadConfiguration:
        raise
    except Exception as fault:
        raise ScriptFailed(
            f"Exception while invoking postprocessor script. {path}: {type(fault).__name__}; "
            "the documents of the run are in place, correct the script and run the job again"
        ) from fault
    log.info("ran %s of %s", HANDLER, path)
