"""The requests behind a run's records: the files that a run leaves of them, and their sum over several runs."""

from __future__ import annotations

from collections.abc import Sequence

from model_monitor.history.archive import from_parquet, path_of, to_parquet
from model_monitor.history.request_statistics import request_statistics
from model_monitor.outputs.files import current_run
from model_monitor.statistics.states import Requests
from model_monitor.storage import join, storage_of


def request_files(requests: Requests) -> dict[str, bytes]:
    """The document and the state, by name below the output path. requests: at least one."""
    document = request_statistics(requests)
    return {document.FILE_NAME: document.to_json().encode(), path_of(Requests): to_parquet(requests)}


def sum_of_requests(paths: Sequence[str]) -> Requests:
    """The requests of all runs, added in this order; runs whose records carry no metadata add none.

    paths: output paths on this machine.
    """
    return sum((_requests_of(path) for path in paths), Requests())


def _requests_of(path: str) -> Requests:
    run = current_run(path)
    if run is None or path_of(Requests) not in run.digests:
        return Requests()
    where = join(run.folder, path_of(Requests))
    state = from_parquet(storage_of(where).read(where), where)
    assert isinstance(state, Requests)  # as the file's name says
    return state
