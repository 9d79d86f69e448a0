"""Which file it was that could not be read to its end: Hadoop's own exception names none (P6). Driver only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from model_monitor.engine import Session, engine_of
from model_monitor.errors import BadInput, MonitorError
from model_monitor.reading.heads import CUT_SHORT
from model_monitor.storage import StoredFile


@contextmanager
def damaged_files_named(session: Session, files: Iterable[StoredFile]) -> Iterator[None]:
    """If what is done with the files fails, every compressed one is read once more on its own.

    Raises BadInput if one of them can't be decompressed; any other failure as it came.
    """
    try:
        yield
    except MonitorError:
        raise
    except Exception as fault:
        for file in files:
            if file.is_compressed and not engine_of(session).is_readable(file.path):
                raise BadInput(f"{file.path}: {CUT_SHORT}") from fault
        raise
