"""The files of a run, published completely or not at all.

An object store can't replace several files at once, so a run is named in `_current.json` once all its files are there:
that is the commit (P21). Our own readers start there (`read_current_run`). The run id is a hash of the files' content,
without the release in run.json, so a rerun with the same result writes the same bytes to the same place.

The run of a window is published in place: its files lie under the service's names only. While another run replaces it, and
after that, they lie in `_runs/<run id>/`. The run of a baseline has that folder from the beginning: its files never change
there, and the service's names are copies, which users may edit.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Set
from contextlib import suppress
from dataclasses import field, replace
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from spark_model_monitor.documents import json_text
from spark_model_monitor.documents.document import Document
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput, MonitorError
from spark_model_monitor.storage import exists, get_storage, hold, join, read_file, read_if_exists, remove, write_file
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.documents.run_description import BaselineReference

log = logging.getLogger(__name__)

D = TypeVar("D", bound=Document)

HOUR_FOLDERS = re.compile(r"^(?P<top>.*)/\d{4}/\d{2}/\d{2}/\d{2}(?:/v\d+)?/*$")
"""The output path of an hourly run: <top>/yyyy/mm/dd/hh (C1.5); for a table's commit with the version appended."""

RUNS = "_runs"
CURRENT = "_current.json"
IN_PLACE = "."
"""The folder in the commit of a run whose files lie at the output path."""

UNFINISHED = "_unfinished-"
"""Prefix of a note at the output path. The note exists while a run is published, and stays if the process was killed."""

DESCRIPTION = "run.json"
LEDGER = "ledger.json"
STATISTICS = "statistics.json"
CONSTRAINTS = "constraints.json"
ANALYSIS = "analysis.json"
VIOLATIONS = "constraint_violations.json"
CHECKS = "checks.json"
PAGE = "report.html"

COPIED_LAST = (STATISTICS, CONSTRAINTS, VIOLATIONS)
"""Files that are written last, in this order: a reader that sees the violations also sees the documents that they refer to."""


_WORD = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"


class NameKind(Enum):
    """Kinds of names; the value is a pattern of the names that we write."""

    WORD = _WORD  # a single name of a version, a schedule or a run
    FILE = rf"(?:(?:states|explanations_shap)/)?{_WORD}\.[A-Za-z0-9]+"
    """A file of a run, below its output path: `statistics.json`, `states/profile.parquet`, `explanations_shap/baseline.csv`."""
    FOLDER = rf"(?:{_WORD}/)?_runs/{_WORD}"
    """The folder of a run, below its output path or the folder of its version: `_runs/1f0c`, `7/_runs/1f0c`."""
    BELOW = r"[^\x00-\x1f\x7f]+"  # a relative path that a user chose
    BY_TIME = r"(?:%[-_0]?[aAbBcCdDeFfgGhHIjmMprRSTuUVwWxXyYzZ%]|[^%\x00-\x1f\x7f])+"
    """A pattern for strftime, such as that of hour folders: C's directives, Python's `%f`, and GNU's padding flags."""


def is_valid_name(name: json_text.Json, kind: NameKind) -> bool:
    """Whether a name has the form that we write. No component is empty, `.` or `..`, so the path stays in its folder."""
    # Anybody may have written the file with these names, and the names become paths
    if not isinstance(name, str) or {"", ".", ".."} & set(name.split("/")):
        return False
    return re.fullmatch(kind.value, name, re.ASCII) is not None


@value_class
class Run:
    """A published run.

    run_id, folder: the run's id, and the folder of its files. digests: by name, the sha256 of each file; empty if the commit
    wasn't read. before: the run that was current until this run was published.
    """

    run_id: str
    folder: str
    digests: Mapping[str, str]
    before: Run | None = field(default=None, compare=False)


def publish(
    files: Mapping[str, bytes], output_path: str, *, shown: Mapping[str, bytes] | None = None, in_place: bool = False
) -> Run:
    """Publish the files of a run below `output_path`. Files of the previous run that this run doesn't have are removed.

    files: content by name relative to `output_path`. shown: by name, other content for some of the files at the output path,
    such as a page with links to neighbouring runs; the run's id doesn't depend on it. in_place: store the files only at the
    output path.
    Raises OutputFailed if writing fails, OutputHeld if another run holds the output, BadConfiguration if a window would replace a
    baseline, or a baseline a window; readers then see the old run.
    """
    run = _create_run(files, output_path)
    with hold(output_path):
        before = restore_output(output_path)
        require_same_job(before, output_path, is_window=CHECKS in run.digests)
        # Files in the run's own folder never change
        if before is not None and before.folder == run.folder:
            files = {**files, **_read_changed(before, run)}
            run = replace(run, digests=compute_digests(files))
        shown_files = {**files, **(shown or {})}
        if in_place and (before is None or before.folder != run.folder):
            run = replace(run, folder=output_path, digests=compute_digests(shown_files))
        before = _replace_run(before, run, files, shown_files, output_path)
    log.info("wrote %d files, run %s, to %s", len(files), run.run_id, output_path)
    return replace(run, before=before)


def require_same_job(before: Run | None, output_path: str, *, is_window: bool) -> None:
    """Raises BadConfiguration if a window would replace a baseline, or a baseline a window.

    before: the current run at the output path. is_window: whether the next run is that of a monitoring job.
    """
    # Merges of labels have no description
    if before is not None and DESCRIPTION in before.digests and (CHECKS in before.digests) != is_window:
        raise BadConfiguration(
            f"{output_path} holds the run of another job, whose place this one would take; write another output path"
        )


def add_to_description(members: Mapping[str, json_text.Json], output_path: str) -> None:
    """Add members to the current run's run.json, or to a merge's ledger.json. If the run has its own folder, only the copy at the
    output path changes.

    The run keeps its id. Does nothing if there is no run. Raises the errors of `publish`.
    """
    with hold(output_path):
        run = restore_output(output_path)
        if run is None:
            return
        name = DESCRIPTION
        if name not in run.digests:
            name = LEDGER
        # The file as it was published, without edits of users
        path = join(run.folder, name)
        content = json_text.dump({**json_text.load(read_file(path), path), **members}).encode()
        if run.folder != output_path:
            write_file(join(output_path, name), content)
            return
        files = {name: content}
        digests = {**run.digests, **compute_digests(files)}
        _replace_run(run, replace(run, digests=digests), files, files, output_path)


def _read_changed(before: Run, run: Run) -> dict[str, bytes]:
    """By name: the present content of the files in the run's folder that writing the same run again would change. They differ if
    another release wrote them.
    """
    changed = {}
    for name in before.digests.keys() & run.digests.keys():
        path = join(before.folder, name)
        if before.digests[name] != run.digests[name] and has_digest(path, before.digests[name]):
            changed[name] = read_file(path)
    return changed


def _replace_run(
    before: Run | None, run: Run, files: Mapping[str, bytes], shown_files: Mapping[str, bytes], output_path: str
) -> Run | None:
    """Write the files of a run to a held output and make it the current run; returns the run before it.

    At every moment, the files that `_current.json` names exist and have the digests in it.
    """
    is_in_place = run.folder == output_path
    # If the process is killed, a note says which run it was publishing
    note = None
    if before != run and (is_in_place or not exists(run.folder)):
        note = note_unfinished(run, output_path)
    if before is not None and before.folder == output_path and before != run:
        before = _move_run(before, output_path)
    try:
        if not is_in_place:
            for name, content in files.items():
                write_file(join(run.folder, name), content)
        # The run's own folder is complete now; the copies follow in an order that readers rely on
        last_names = [name for name in COPIED_LAST if name in files]
        for name in [*sorted(files.keys() - last_names), *last_names]:
            write_file(join(output_path, name), shown_files[name])
        if before is not None:
            for name in sorted(before.digests.keys() - run.digests.keys()):
                remove(join(output_path, name))
    except BaseException:
        # Remove the files that were written, and restore the files of the run before
        if note is not None:
            with suppress(Exception):
                if is_in_place:
                    _restore_current_run(output_path, find_unfinished(output_path))
                else:
                    remove(run.folder)
        raise
    set_current_run(run, output_path)
    # The run is published now; files that can't be removed are left to the next run
    try:
        if before is not None and is_in_place:
            remove(join(output_path, RUNS, run.run_id))
        if note is not None:
            remove(note)
    except MonitorError as error:
        log.warning("%s", error)
    return before


def _move_run(run: Run, output_path: str) -> Run:
    """The current run, moved from the output path to its own folder."""
    moved = replace(run, folder=join(output_path, RUNS, run.run_id))
    for name in run.digests:
        path = join(output_path, name)
        if exists(path):  # a prune may have deleted pages and states
            get_storage(path).copy(path, join(moved.folder, name))
    set_current_run(moved, output_path)
    return moved


def restore_output(output_path: str) -> Run | None:
    """Remove the files that stopped runs left at a held output, and restore the current run's files; returns the current run."""
    notes = find_unfinished(output_path)
    current = _restore_current_run(output_path, notes)
    for note in notes:
        remove(note)
    return current


def _restore_current_run(output_path: str, notes: Mapping[str, Run | None]) -> Run | None:
    """Undo what stopped runs wrote to a held output; returns the current run. notes: by path, the notes of the stopped runs."""
    current = read_intact_run(output_path)
    if not notes:
        return current
    published = current or Run("", "", {})
    stopped_runs = [run for run in notes.values() if run]
    # The folders to remove: those of stopped runs, and that of a run which is current in place, so that it needs no folder
    begun_ids = {run.run_id for run in stopped_runs if run.folder}
    if published.folder == output_path:
        begun_ids.add(published.run_id)
    for folder in {join(output_path, RUNS, run_id) for run_id in begun_ids} - {published.folder}:
        remove(folder)
    # Remove files that the published run doesn't have
    for run in stopped_runs:
        for name in run.digests:
            if name not in published.digests:
                remove(join(output_path, name))
    # The files of a run in place are here already
    if published.folder == output_path:
        return current
    # A run that was moved away for a run in place is moved back
    is_moved_back = current is not None and not all(run.folder for run in stopped_runs)
    for name, digest in published.digests.items():
        path = join(output_path, name)
        # Only content of a stopped run is replaced; other content is a user's edit and stays
        stopped_digests = {run.digests.get(name, digest) for run in stopped_runs} - {digest}
        if is_moved_back or not exists(path) or any(has_digest(path, stopped) for stopped in stopped_digests):
            with suppress(BadInput):  # a prune may have deleted pages and states
                get_storage(path).copy(join(published.folder, name), path)
    if not is_moved_back:
        return current
    returned = replace(published, folder=output_path)
    set_current_run(returned, output_path)
    remove(published.folder)
    return returned


def has_digest(path: str, digest: str) -> bool:
    """Whether a file is there with this sha256."""
    with suppress(BadInput):  # the file may be absent
        return sha256(read_file(path)).hexdigest() == digest
    return False


def set_current_run(run: Run, output_path: str) -> None:
    """Make a run below `output_path` the current one, by replacing a single file.

    Raises OutputFailed if it can't be written; the previous run then stays current.
    """
    write_file(join(output_path, CURRENT), _encode_commit(run, output_path))


def note_unfinished(run: Run, output_path: str) -> str:
    """Write a note that the files of a run at a held output are being written or deleted; returns its path."""
    note = join(output_path, f"{UNFINISHED}{run.run_id}")
    write_file(note, _encode_commit(run, output_path))
    return note


def remove_from_commit(names: Set[str], output_path: str) -> None:
    """Remove files from the commit of a held output; the run keeps its id. names: names of files, or of folders with all their
    files.
    """
    run = read_intact_run(output_path)
    if run is None:
        return
    digests = {name: digest for name, digest in run.digests.items() if not names & {name, name.rpartition("/")[0]}}
    if len(digests) < len(run.digests):
        set_current_run(replace(run, digests=digests), output_path)


def find_unfinished(output_path: str) -> dict[str, Run | None]:
    """By path: the runs in the notes of interrupted publishing, for a held output; None for a note without content."""
    folders = [folder for folder in (output_path, join(output_path, RUNS)) if exists(folder)]
    files = [file for folder in folders for file in get_storage(folder).list_by_prefix(folder, UNFINISHED)]
    notes: dict[str, Run | None] = dict.fromkeys(file.path for file in files)
    for path in notes:
        # A process that is killed may leave a note without content
        with suppress(BadDocument):
            notes[path] = read_commit(read_file(path), path)
    return notes


def read_current_run(output_path: str) -> Run | None:
    """The run that was published last below `output_path`; None if there is none.

    Raises BadDocument if `_current.json` can't be understood, or has names of a form that our runs don't use.
    """
    path = join(output_path, CURRENT)
    content = read_if_exists(path)
    if content is None:
        return None
    commit = read_commit(content, path)
    folder = join(output_path, commit.folder) if commit.folder else output_path
    return Run(commit.run_id, folder, commit.digests)


def find_output_path(folder: str) -> str:
    """The output path of the run whose files are in this folder."""
    output_path, separator, _ = folder.rpartition(f"/{RUNS}/")
    return output_path if separator else folder


def read_intact_run(output_path: str) -> Run | None:
    """The current run, for code that publishes the next run. If `_current.json` is damaged: None, and a warning in the log."""
    try:
        return read_current_run(output_path)
    except BadDocument as error:
        log.warning("%s; it counts as no run", error)
        return None


def resolve_file(output_path: str, name: str) -> str:
    """The path to read a file from: its copy at the output path, which users may edit; without a copy, the current run's file."""
    copy = join(output_path, name)
    if exists(copy):
        return copy
    run = read_current_run(output_path)
    if run is None:
        return copy
    return join(run.folder, name)


def locate_run(run_id: str, folder: str) -> str:
    """The folder in which a run's files are now. folder: their earlier folder; another run may have replaced the run since."""
    output_path = find_output_path(folder)
    current = read_intact_run(output_path)
    # The current run may be in place; any other run has its own folder
    if current is not None and current.run_id == run_id:
        return current.folder
    return join(output_path, RUNS, run_id)


def read_run_file(run: Run, name: str) -> bytes:
    """The content of a file of a run, which may have been moved. Raises BadInput if the file can't be read."""
    path = join(run.folder, name)
    content = None
    with suppress(BadInput):
        content = read_file(path)
    # Other content belongs to a run that has replaced this run since its commit was read, or a person has edited the file
    if content is None or sha256(content).hexdigest() != run.digests.get(name):
        with suppress(BadInput):
            return read_file(join(locate_run(run.run_id, run.folder), name))
    if content is None:
        return read_file(path)
    return content


def read_optional_file(run: Run, name: str) -> bytes | None:
    """The result of `read_run_file`; None if the run has no such file, or a person has deleted it."""
    if run.digests and name not in run.digests:
        return None
    try:
        return read_run_file(run, name)
    except BadInput:
        if exists(join(run.folder, name)):
            raise
        return None


def read_document(run: Run, kind: type[D]) -> D | None:
    """A document of a run; None if the run has no document of this kind. Raises BadDocument if it can't be understood."""
    if kind.FILE_NAME not in run.digests:
        return None
    return kind.from_json(read_run_file(run, kind.FILE_NAME), join(run.folder, kind.FILE_NAME))


def read_recorded_options(run: Run | None) -> Mapping[str, str]:
    """By name: the options with which a run has read its data."""
    from spark_model_monitor.documents.run_description import RunDescription

    description = run and read_document(run, RunDescription)
    return (description and description.read_by) or {}


def read_published(output_path: str, kind: type[D]) -> tuple[Run, D]:
    """The current run, and its document of this kind. Raises BadInput if there is no run, or it has no such document."""
    run = read_current_run(output_path)
    # The run of a baseline, for example, has no checks
    document = read_document(run, kind) if run else None
    if run is None or document is None:
        raise BadInput(f"{output_path}: no monitoring run was published here; name the output path of a monitoring job")
    return run, document


def read_document_file(kind: type[D], path: str) -> D:
    """The document in a file. Raises BadInput if the file can't be read, BadDocument if it can't be understood."""
    return kind.from_json(read_file(path), path)


def read_baseline_reference(run: Run) -> BaselineReference | None:
    """A reference to the baseline that a run was compared with, with the baseline's present folder; None if the run names none.

    Raises BadDocument if the description of the run can't be understood.
    """
    # Imported late, because Airflow's scheduler imports this module and should not load numpy
    from spark_model_monitor.documents.run_description import RunDescription

    description = read_document(run, RunDescription)
    if description is None:
        return None
    reference = description.baseline
    if reference is not None and reference.run_id and reference.folder:
        return reference.model_copy(update={"folder": locate_run(reference.run_id, reference.folder)})
    return reference


def read_commit(content: bytes, path: str) -> Run:
    """The run that the content of `_current.json` names. Its `folder` is relative to the output path, and empty for a run in
    place. path: the file, for errors.

    Raises BadDocument if the content can't be understood, or has names of a form that our runs don't use.
    """
    commit = json_text.load(content, path)
    members = commit if isinstance(commit, dict) else {}
    run_id = members.get("run_id")
    folder = members.get("folder")
    digests = members.get("sha256")
    # The names in the file become paths, which must not lead out of the output path
    if not isinstance(digests, dict) or not all(isinstance(digest, str) for digest in digests.values()):
        reason = "sha256 is no object of texts"
    elif not is_valid_name(run_id, NameKind.WORD) or not (folder == IN_PLACE or is_valid_name(folder, NameKind.FOLDER)):
        reason = "run_id or folder is no name that a run has"
    elif not all(is_valid_name(name, NameKind.FILE) for name in digests):
        reason = "a name in sha256 is no file of a run"
    else:
        return Run(str(run_id), str(folder).removeprefix(IN_PLACE), digests)
    raise BadDocument(f"{path}: is not the commit of a run ({reason}); delete it and run the job again")


def _encode_commit(run: Run, output_path: str) -> bytes:
    folder = run.folder.removeprefix(join(output_path, ""))
    if run.folder == output_path:
        folder = IN_PLACE
    commit = {"run_id": run.run_id, "folder": folder, "sha256": dict(sorted(run.digests.items()))}
    return (json.dumps(commit, indent=2) + "\n").encode()


def compute_digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: sha256(content).hexdigest() for name, content in files.items()}


def _create_run(files: Mapping[str, bytes], output_path: str) -> Run:
    digests = compute_digests(files)
    # The id is a hash of the content, so a rerun with the same result has the same id
    hashed_digests = digests
    if description := files.get(DESCRIPTION):
        # The releases of this package and of Deequ are left out, because an upgrade must not give old results a new id
        members = {**json.loads(description), "product": ""}
        members.pop("deequ", None)
        hashed_digests = digests | compute_digests({DESCRIPTION: json.dumps(members).encode()})
    summary = "".join(f"{name}\0{digest}\n" for name, digest in sorted(hashed_digests.items()))
    run_id = sha256(summary.encode()).hexdigest()[:16]
    return Run(run_id, join(output_path, RUNS, run_id), digests)
