"""The log of a job: our lines on the standard error, one a step; others' only from WARNING on."""

from __future__ import annotations

import logging
import sys
import time
import warnings

from model_monitor.reports.outputs.printable import printable_lines

FORMAT = "%(asctime)s %(levelname)s %(message)s"


class PrintableFormatter(logging.Formatter):
    """A record's line, and below it, indented, the other lines of its message: no text that it tells begins a line."""

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(super().format(record))


def start_logging() -> None:
    """Send INFO and above of ours, WARNING and above of others, to the standard error, with times in UTC."""
    formatter = PrintableFormatter(FORMAT, datefmt="%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for ours in ("model_monitor", "__main__"):
        logging.getLogger(ours).setLevel(logging.INFO)
    logging.getLogger("py4j").setLevel(logging.CRITICAL)  # it reports each failed call, which the caller does anyway
    warnings.simplefilter("ignore")  # libraries' notes to developers, such as deprecations
