"""Request logs of other model servers, read as captures: `find_log_reader` gives the reader of a server, or of a mapping file.

A reader only finds the id, the time, the request and the answer of a record, and what the log says of it. All else is
shared: `logged_events.py` has what readers give, `capture_lines.py` writes captured lines of it and joins a request that
is logged apart from its answer, `capture_folder.py` keeps these lines as a folder of captures for the length of a run.
From there on, they are captures: windows, ledger, quarantine, ground truth and payloads.

`kserve.py`, `databricks.py`, `azure_ml.py`, `vertex.py`: a server each. `mapping_file.py`: all others.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from spark_model_monitor.data.reading.formats import MAPPING_SUFFIXES
from spark_model_monitor.data.request_logs.logged_events import READERS, LogReader, LogValue
from spark_model_monitor.registry import import_all


def find_log_reader(request_log: str) -> LogReader:
    """The reader of a server's log by its name, or of the log that a mapping file describes, by its path.

    Raises BadConfiguration for an unknown server, BadInput or BadDocument for a file that can't be read.
    """
    if request_log.lower().endswith(MAPPING_SUFFIXES):
        from spark_model_monitor.data.request_logs.mapping_file import read_mapping

        return read_mapping(request_log)
    import_all(sys.modules[__name__])
    return READERS.get(request_log).function()


def recognize_server(names: Iterable[str], event_type: LogValue = None) -> str | None:
    """The server whose log has records with these members, or events of this type; None if no one's has."""
    import_all(sys.modules[__name__])
    members = set(names)
    for server in READERS.values():
        prefix = server.facts["event_type"]
        if prefix and isinstance(event_type, str) and event_type.startswith(prefix):
            return server.name
        if any(signature <= members for signature in server.facts["signatures"]):
            return server.name
    return None
