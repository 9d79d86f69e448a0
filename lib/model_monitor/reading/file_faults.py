"""Which file it was that could not be read as it was listed: it is damaged, it has gone, or somebody wrote there meanwhile.

Hadoop's own exceptions name none (P6), and it reads less than there was without a word where files change (P26). Driver only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from model_monitor.engine import Session, engine_of
from model_monitor.errors import BadInput, MonitorError
from model_monitor.reading.heads import CUT_SHORT
from model_monitor.reading.listing import Listing
from model_monitor.storage import Storage, StoredFile

log = logging.getLogger(__name__)

Change = tuple[StoredFile, int | None]
"""A file as it was listed, and its bytes now; None if it has gone."""


@contextmanager
def faulty_files_named(session: Session, *listings: Listing) -> Iterator[None]:
    """If what is done with the files fails, they are listed again, and every compressed one is read once more on its own.

    Raises BadInput if one of them has changed or can't be decompressed; any other failure as it came.
    """
    try:
        yield
    except Exception as fault:
        changes: list[Change] = []
        with suppress(Exception):  # where the store itself is away, the fault says so
            changes = _changes(session, listings)
        is_told = isinstance(fault, MonitorError)
        if changes and not (is_told and all(map(_has_only_grown, changes))):
            raise BadInput(_told(changes, listings)) from fault
        if is_told:
            raise
        for file in _files(listings):
            if file.is_compressed and not engine_of(session).is_readable(file.path):
                raise BadInput(f"{file.path}: {CUT_SHORT}") from fault
        raise


def require_unchanged(session: Session, *listings: Listing, may_grow: bool = True) -> None:
    """Require that the files are those that were listed. may_grow: whether text that was appended is only warned of.

    Raises BadInput if a file has gone or its size is another: some of its rows may have been read and others not.
    """
    changes = _changes(session, listings)
    if not changes:
        return
    if not may_grow or not all(map(_has_only_grown, changes)):
        raise BadInput(_told(changes, listings))
    files = len(list(_files(listings)))
    log.warning(
        "%d of %d files grew while they were read, such as %s; run again for what was added",
        *(len(changes), files, changes[0][0].path),
    )


def _has_only_grown(change: Change) -> bool:
    file, size = change
    return size is not None and size > file.size_bytes and not file.is_compressed


def _changes(session: Session, listings: Iterable[Listing]) -> list[Change]:
    found: list[Change] = []
    for listing in listings:
        if listing.files:
            storage = engine_of(session).storage(listing.path)
            sizes = {file.path: file.size_bytes for place in listing.places for file in _listed(storage, place)}
            found += ((file, sizes.get(file.path)) for file in listing.files if sizes.get(file.path) != file.size_bytes)
    return found


def _listed(storage: Storage, place: str) -> list[StoredFile]:
    try:
        return storage.list_files(place)
    except BadInput:
        if storage.exists(place):
            raise
        return []


def _told(changes: list[Change], listings: Iterable[Listing]) -> str:
    # One that has lost rows is named before one that has only more of them.
    file, size = min(changes, key=_has_only_grown)
    now = "is gone" if size is None else f"has {size:,} now"
    others = f"; {len(changes)} of {len(list(_files(listings)))} files changed" if len(changes) > 1 else ""
    return (
        f"{file.path}: had {file.size_bytes:,} bytes when it was listed and {now}{others}; run again when nothing "
        "writes or deletes there"
    )


def _files(listings: Iterable[Listing]) -> Iterator[StoredFile]:
    return (file for listing in listings for file in listing.files)
