"""The files of a run, published completely or not at all.

An object store can't replace several files at once, so publishing has three steps (P21): write the files to `_runs/<run
id>/`, where they never change; copy them to the service's names, for readers that don't know our layout; and name the
run in `_current.json`, which is the commit. Our own readers start there (`read_current_run`). The run id is a hash of the
files' content, without the release in run.json, so a rerun with the same result writes the same bytes to the same
place.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from spark_model_monitor.documents import json_text
from spark_model_monitor.documents.document import Document
from spark_model_monitor.errors import BadDocument, BadInput
from spark_model_monitor.storage import Storage, holding, join, storage_of
from spark_model_monitor.storage.files import NameKind, is_ours

log = logging.getLogger(__name__)

D = TypeVar("D", bound=Document)

HOUR_FOLDERS = re.compile(r"^(?P<top>.*)/\d{4}/\d{2}/\d{2}/\d{2}(?:/v\d+)?/*$")
"""The output path of an hourly run: <top>/yyyy/mm/dd/hh (C1.5); for a table's commit with the version appended."""

RUNS = "_runs"
CURRENT = "_current.json"
UNFINISHED = "_unfinished-"
"""Prefix of a file in `_runs/`, a commit in progress: it exists while a run is published, and after a kill."""

DESCRIPTION = "run.json"
STATISTICS = "statistics.json"
CONSTRAINTS = "constraints.json"
ANALYSIS = "analysis.json"
VIOLATIONS = "constraint_violations.json"

COPIED_LAST = (STATISTICS, CONSTRAINTS, VIOLATIONS)
"""In this order: a reader that sees the violations also sees the documents that they are about."""


@dataclass(frozen=True, slots=True)
class Run:
    """A published run: its id, the folder where its files never change, and their sha256 by name.

    before: the run that was current until this one was published.
    """

    run_id: str
    folder: str
    digests: Mapping[str, str]
    before: Run | None = field(default=None, compare=False)


def publish(files: Mapping[str, bytes], output_path: str, *, shown: Mapping[str, bytes] | None = None) -> Run:
    """Publish the files of a run below `output_path`; files of the previous run that this one lacks are removed.

    files: content by name relative to `output_path`. shown: copies at the output path that differ from the run's own,
    such as a page that also shows what is next to it.
    Raises OutputFailed if writing fails, OutputHeld if another run holds the output; readers then see the old run.
    """
    storage = storage_of(output_path)
    run = _create_run(files, output_path)
    with holding(storage, output_path):
        before = run_before(output_path)
        # Notes say which runs were being published when their process was killed
        notes = _delete_folders(find_unfinished(output_path), (before, run), output_path, storage)
        if is_new := not storage.exists(run.folder):
            note = join(output_path, RUNS, f"{UNFINISHED}{run.run_id}")
            storage.write(note, _encode_commit(run, output_path))
            notes[note] = run
        # names that no longer belong to a run
        stale = {name for old_run in (before, *notes.values()) if old_run for name in old_run.digests} - files.keys()
        try:
            for name, content in files.items():
                storage.write(join(run.folder, name), content)
            # The run's own folder is complete now; the copies beside it follow in an order that readers rely on
            for name in sorted(files, key=lambda name: (name in COPIED_LAST and COPIED_LAST.index(name) + 1, name)):
                storage.write(join(output_path, name), (shown or {}).get(name, files[name]))
            for name in sorted(stale):
                storage.delete(join(output_path, name))
        except BaseException:
            if is_new:
                with suppress(Exception):  # makes room for smaller runs
                    storage.delete(run.folder)
            raise
        set_current_run(run, output_path)
        for note in notes:
            storage.delete(note)
    log.info("wrote %d files, run %s, to %s", len(files), run.run_id, output_path)
    return replace(run, before=before)


def forget_unfinished(output_path: str) -> None:
    """Remove what stopped runs left at a held output, where no later run may come; restore the current run's files."""
    storage = storage_of(output_path)
    counts = run_before(output_path)
    notes = _delete_folders(find_unfinished(output_path), (counts,), output_path, storage)
    for name, digest in [member for run in notes.values() if run for member in run.digests.items()]:
        copy = join(output_path, name)
        published_digest = counts.digests.get(name) if counts else None
        # A copy that no published run has may go
        if counts is None or published_digest is None:
            storage.delete(copy)
        # Only the stopped run's bytes are replaced: a user's edits are neither run's and stay
        elif digest != published_digest:
            with suppress(BadInput):  # it did not get that far, or the page was pruned
                if hashlib.sha256(storage.read(copy)).hexdigest() == digest:
                    storage.write(copy, storage.read(join(counts.folder, name)))
    for note in notes:
        storage.delete(note)


def _delete_folders(
    notes: dict[str, Run | None], kept_runs: Iterable[Run | None], output_path: str, storage: Storage
) -> dict[str, Run | None]:
    """The notes, after deleting the folders of their runs, except those in `kept_runs`."""
    for run_id in {run.run_id for run in notes.values() if run} - {run.run_id for run in kept_runs if run}:
        storage.delete(join(output_path, RUNS, run_id))
    return notes


def set_current_run(run: Run, output_path: str) -> None:
    """Make a run below `output_path` the current one, by replacing a single file.

    Raises OutputFailed if it can't be written; the previous run then stays current.
    """
    storage_of(output_path).write(join(output_path, CURRENT), _encode_commit(run, output_path))


def find_unfinished(output_path: str) -> dict[str, Run | None]:
    """The notes of interrupted publishing, by path, for a held output; None for a note without content."""
    storage = storage_of(output_path)
    runs = join(output_path, RUNS)
    files = storage.list_beginning(runs, UNFINISHED) if storage.exists(runs) else ()
    notes: dict[str, Run | None] = dict.fromkeys(file.path for file in files)
    for path in notes:
        # A kill may leave a note without content; then nobody knows what it was about
        with suppress(BadDocument):
            notes[path] = read_commit(storage.read(path), path)
    return notes


def read_current_run(output_path: str) -> Run | None:
    """The run that was published last below `output_path`, or None if there is none.

    Raises BadDocument if `_current.json` can't be understood, or has names that our runs don't use.
    """
    storage = storage_of(output_path)
    path = join(output_path, CURRENT)
    if not storage.exists(path):
        return None
    commit = read_commit(storage.read(path), path)
    return Run(commit.run_id, join(output_path, commit.folder), commit.digests)


def run_before(output_path: str) -> Run | None:
    """The same for the code that publishes the next run: an invalid `_current.json` counts as none, with a warning.

    Files that it names stay where they are.
    """
    try:
        return read_current_run(output_path)
    except BadDocument as error:
        log.warning("%s; it counts as no run", error)
        return None


def resolve_file(output_path: str, name: str) -> str:
    """The path to read a file from: its copy at the output path, which users may edit, or else the current run's."""
    copy = join(output_path, name)
    run = None
    if not storage_of(copy).exists(copy):
        run = read_current_run(output_path)
    if run is None:
        return copy
    return join(run.folder, name)


def read_document(run: Run, kind: type[D]) -> D | None:
    """A document of a run; None if the run has no such document. Raises BadDocument if it can't be understood."""
    if kind.FILE_NAME not in run.digests:
        return None
    path = join(run.folder, kind.FILE_NAME)
    return kind.from_json(storage_of(path).read(path), path)


def read_commit(content: bytes, path: str) -> Run:
    """The content of `_current.json`; its `folder` is relative to the output path. path: the file, for errors.

    Raises BadDocument if it can't be understood, or has names that our runs don't use.
    """
    commit = json_text.load(content, path)
    members = commit if isinstance(commit, dict) else {}
    run_id = members.get("run_id")
    folder = members.get("folder")
    digests = members.get("sha256")
    # Names from a file become paths, so none may lead out of the output
    if not isinstance(digests, dict) or not all(isinstance(digest, str) for digest in digests.values()):
        why = "sha256 is no object of texts"
    elif not is_ours(run_id, NameKind.WORD) or not is_ours(folder, NameKind.FOLDER):
        why = "run_id or folder is no name that a run has"
    elif not all(is_ours(name, NameKind.FILE) for name in digests):
        why = "a name in sha256 is no file of a run"
    else:
        return Run(str(run_id), str(folder), digests)
    raise BadDocument(f"{path}: is not the commit of a run ({why}); delete it and run the job again")


def _encode_commit(run: Run, output_path: str) -> bytes:
    folder = run.folder.removeprefix(join(output_path, ""))
    commit = {"run_id": run.run_id, "folder": folder, "sha256": dict(sorted(run.digests.items()))}
    return (json.dumps(commit, indent=2) + "\n").encode()


def _create_run(files: Mapping[str, bytes], output_path: str) -> Run:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    # The id depends on content, so the same run again is the same run
    lasting = digests
    if described := files.get(DESCRIPTION):
        # The release is no content: an upgrade must not make new runs of old ones
        members = {**json.loads(described), "product": ""}
        members.pop("deequ", None)
        lasting = digests | {DESCRIPTION: hashlib.sha256(json.dumps(members).encode()).hexdigest()}
    summary = "".join(f"{name}\0{digest}\n" for name, digest in sorted(lasting.items()))
    run_id = hashlib.sha256(summary.encode()).hexdigest()[:16]
    return Run(run_id, join(output_path, RUNS, run_id), digests)
