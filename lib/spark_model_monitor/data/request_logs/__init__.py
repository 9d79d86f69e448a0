"""Reads request logs of other model servers as captures: `find_log_reader` returns the reader of a server or mapping file.

A reader only finds the id, the time, the request, the answer and the status of a record. Everything else is shared:
`logged_events.py` defines what readers return, `capture_lines.py` writes it as captured lines and joins requests with
answers that are logged separately, and `capture_folder.py` keeps these lines as a folder of captures for the length of a
run. From there on they are treated like other captures: windows, ledger, quarantine, ground truth and payloads.

`kserve.py`, `databricks.py`, `azure_ml.py` and `vertex.py` each read one server's log. `mapping_file.py`: all other logs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from spark_model_monitor.data.reading.formats import MAPPING_SUFFIXES
from spark_model_monitor.data.request_logs.logged_events import READERS, LogReader, LogValue
from spark_model_monitor.registry import import_all


def find_log_reader(request_log: str) -> LogReader:
    """The reader of a request log. request_log: the name of a server, or the path of a mapping file.

    Raises BadConfiguration for an unknown server, BadInput or BadDocument for a file that can't be read.
    """
    if request_log.lower().endswith(MAPPING_SUFFIXES):
        from spark_model_monitor.data.request_logs.mapping_file import read_mapping

        return read_mapping(request_log)
    import_all(sys.modules[__name__])
    return READERS.get(request_log).function()


def recognize_server(names: Iterable[str], event_type: LogValue = None) -> str | None:
    """The server whose log has records with these members, or events of this type; None if there is no such server."""
    import_all(sys.modules[__name__])
    members = set(names)
    for server in READERS.values():
        prefix = server.facts["event_type"]
        if prefix and isinstance(event_type, str) and event_type.startswith(prefix):
            return server.name
        if any(signature <= members for signature in server.facts["signatures"]):
            return server.name
    return None
