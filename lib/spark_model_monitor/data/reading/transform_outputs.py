"""Reads the outputs of batch transforms: manifests that name files, and outputs with an inference id and a time appended.

`list_outputs` replaces manifests by the files they name, if the configuration names the folder that must contain these
files. `read_transform` removes id and time from the features, and puts the columns of a model's output first if the file
marks them. Source: C3.2.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.engine_protocol import Batches, Engine
from spark_model_monitor.data.reading.csv_headers import read_first_cells
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.file_heads import find_nonblank_file
from spark_model_monitor.data.reading.format_readers import read_dataset
from spark_model_monitor.data.reading.formats import (
    DEFAULT_OPTIONS,
    CsvFormat,
    DatasetFormat,
    JsonFormat,
    ReadOptions,
)
from spark_model_monitor.data.reading.listing import Listing
from spark_model_monitor.data.records.decoded_rows import can_match_by_name, choose_matching
from spark_model_monitor.data.records.locations import FILE
from spark_model_monitor.data.records.refusals import REASON, Refusal
from spark_model_monitor.data.records.windows import Window, parse_hour_of_path, parse_time
from spark_model_monitor.errors import BadInput
from spark_model_monitor.storage import StoredFile
from spark_model_monitor.storage.local_storage import local_path
from spark_model_monitor.storage.stand_in import resolve_stand_in

log = logging.getLogger(__name__)

# Columns and members that a batch transform with a data join appends
INFERENCE_ID = "SageMakerInferenceId"
INFERENCE_TIME = "SageMakerInferenceTime"
OUTPUT = "SageMakerOutput"

MANIFEST_BEGINNING = re.compile(rb'\s*\[\s*\{\s*"prefix"\s*:')
MANIFEST_BYTES = 4096  # bytes of a file that are read to detect a manifest
OBJECT_SCHEMES = ("s3", "s3a", "s3n")  # three schemes for the same objects
INFERENCE_ID_TEXT = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def list_outputs(engine: Engine, listing: Listing, manifest_root: str | None) -> Listing:
    """The files that the listed manifests name, and the listed files that are not manifests.

    manifest_root: the folder that must contain the named files; None: no file is a manifest. Raises as `list_named_files`.
    """
    # The files that a manifest names replace the manifest
    files_by_manifest = list_named_files(engine, listing.files, manifest_root)
    if not files_by_manifest:
        return listing
    other_files = [file for file in listing.files if file not in files_by_manifest]
    files = sorted({*other_files, *(inner for files in files_by_manifest.values() for inner in files)})
    return Listing(listing.path, tuple(files), tuple(file.path for file in files))


def list_named_files(
    engine: Engine, files: Sequence[StoredFile], manifest_root: str | None
) -> dict[StoredFile, list[StoredFile]]:
    """The files that each manifest among `files` names; without a `manifest_root`, no files and a warning.

    Anyone who can write a file there can write a manifest. So nothing outside the root is read or looked up.
    Raises BadInput for a manifest that can't be read, or that names an absent file or one outside the root.
    """
    if manifest_root is None:
        if files and _is_manifest(engine, files[0]):
            log.warning(
                "%s: looks like a manifest and is read as data; write --set manifest_root=FOLDER", files[0].path
            )
        return {}
    manifests = [file for file in files if _is_manifest(engine, file)]
    if not manifests:
        log.warning("manifest_root: none of the files is a manifest; they are read as data")
    return {file: list(_read_manifest(engine, file, manifest_root)) for file in manifests}


def read_transform(
    engine: Engine,
    listing: Listing,
    dataset_format: DatasetFormat,
    options: ReadOptions = DEFAULT_OPTIONS,
    partition_bytes: int | None = None,
) -> Dataset:
    """The listed outputs as a data set without inference id and time. Nameless features get the baseline's names if
    the numbers of features agree.

    A window selects lines by their time; files without times are read whole, whatever the window.
    Raises BadInput for a file that doesn't have the format.
    """
    # Joined JSON output has the model's answer in the member SageMakerOutput, which is opened
    is_json = isinstance(dataset_format, JsonFormat)
    dataset = read_dataset(engine, listing, dataset_format, replace(options, opened=(OUTPUT,)), partition_bytes)
    if is_json:
        dataset = _move_outputs_first(dataset, listing)
    appended_columns = _find_appended_columns(engine, listing, dataset, dataset_format)
    # The window needs the column with the times, so it comes before this column is left out
    window = None if options.lenient_window else options.window
    time_name = appended_columns.get(INFERENCE_TIME)
    if window is not None and dataset.refusable and time_name is not None:
        dataset = _select_window(dataset, window, time_name)
    dataset = dataset.drop_features(appended_columns.values())
    return _match_features(dataset, options.names, as_service=options.as_service)


def _is_manifest(engine: Engine, file: StoredFile) -> bool:
    head = engine.storage(file.path).read(file.path, MANIFEST_BYTES)
    return MANIFEST_BEGINNING.match(head) is not None


def _read_manifest(engine: Engine, manifest: StoredFile, root: str) -> Iterator[StoredFile]:
    try:
        # A manifest is a list: first the prefix of all paths, then the rest of each path
        first, *keys = json.loads(engine.storage(manifest.path).read(manifest.path))
        paths = [resolve_stand_in("".join((first["prefix"], key))) for key in keys]
    except (ValueError, TypeError, KeyError, RecursionError) as fault:
        raise BadInput(
            f"{manifest.path}: is no manifest; it has to be a JSON array with an object that has a prefix first, "
            "and keys behind it"
        ) from fault
    for path in paths:
        _require_below(path, root, manifest)
        storage = engine.storage(path)
        if not storage.exists(path):
            raise BadInput(f"{manifest.path}: names {path}, which is absent; copy it there, or leave the manifest out")
        for file in storage.list_files(path):
            # A link below the root may lead out of it
            _require_below(file.path, root, manifest)
            if file.size_bytes:
                yield file


def _require_below(path: str, root: str, manifest: StoredFile) -> None:
    if not is_below(path, resolve_stand_in(root)):
        raise BadInput(
            f"{manifest.path}: names a file that is not below manifest_root {root}; leave the manifest out, or write the "
            "folder of the outputs"
        )


def is_below(path: str, folder: str) -> bool:
    """Whether a path leads to something at or below a folder of the same store. Paths with `..` don't; links are resolved."""
    if not path.isprintable() or "\\" in path or ".." in path.split("/"):
        return False
    # Compare folder by folder, since /data2 isn't below /data
    folder_names = _split_path(folder)
    return _split_path(path)[: len(folder_names)] == folder_names


def _split_path(path: str) -> list[str]:
    """The scheme of a path, its bucket or host, and the names of its folders. Links of a local path are resolved."""
    # A path without a scheme is local
    scheme = path.partition("/")[0] if "://" in path else ""
    if scheme in ("", "file:"):
        path = f"file:{os.path.realpath(local_path(path))}"
    names = [name for name in path.split("/") if name]
    if scheme.rstrip(":") in OBJECT_SCHEMES:
        names[0] = "s3:"
    return names


def _move_outputs_first(dataset: Dataset, listing: Listing) -> Dataset:
    """The data set with the members of the joined output as separate features, before the features of the input."""
    prefix = f"{OUTPUT}."
    output_names = [name for name in dataset.names if name.startswith(prefix)]
    ordered_names = [*output_names, *(name for name in dataset.names if name not in output_names)]
    names = [name.removeprefix(prefix) for name in ordered_names]
    # Without the prefix, a member of the output may have the name of an input
    repeated_names = [name for name in names if names.count(name) > 1]
    if repeated_names:
        raise BadInput(
            f"{listing.path}: {repeated_names[0]!r} is a member of input and output; use a preprocessor script"
        )
    return replace(dataset.select_features(ordered_names), names=tuple(names))


def _find_appended_columns(
    engine: Engine, listing: Listing, dataset: Dataset, dataset_format: DatasetFormat
) -> dict[str, str]:
    """The names of the appended columns, by INFERENCE_ID and INFERENCE_TIME."""
    if isinstance(dataset_format, CsvFormat):
        first, head = find_nonblank_file(engine.storage(listing.path), listing.files)
        # CSV has no names for them: they are recognized by their content, an id and then a time
        cells = [cell.strip() for cell in read_first_cells(first, head, dataset_format.separator)]
        if len(cells) >= 2 and INFERENCE_ID_TEXT.fullmatch(cells[-2]) and parse_time(cells[-1]):
            return {INFERENCE_ID: dataset.names[-2], INFERENCE_TIME: dataset.names[-1]}
        return {}
    return {name: name for name in dataset.names if name in (INFERENCE_ID, INFERENCE_TIME)}


def _select_window(dataset: Dataset, window: Window, time_name: str) -> Dataset:
    table = dataset.table_with_lines
    position = dataset.names.index(time_name)
    return replace(dataset, rows=table.map_batches(partial(_reject_outside_window, window, position), table.schema))


def _reject_outside_window(window: Window, time_position: int, batches: Batches) -> Batches:
    """Marks rows outside the window as refused. time_position: position of the column with the times.

    A row without a time gets the hour of its file's folder.
    """
    for batch in batches:
        texts = pc.cast(batch.column(time_position), pa.string()).to_pylist()
        files = batch.column(FILE).to_pylist()
        hour_by_file = {file: parse_hour_of_path(file) for file in set(files)}
        # A row that was refused before keeps its reason
        reasons = batch.column(REASON).to_pylist()
        for row, (text, file) in enumerate(zip(texts, files, strict=True)):
            if text is None:
                time = hour_by_file[file]
            else:
                time = parse_time(text.strip(" "))
            if not reasons[row] and (time is None or time not in window):
                reasons[row] = int(Refusal.UNREADABLE_TIME if time is None else Refusal.OUTSIDE_WINDOW)
        reason_position = batch.schema.get_field_index(REASON)
        columns = [*batch.columns]
        columns[reason_position] = pa.array(reasons, batch.schema.field(reason_position).type)
        yield pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _match_features(dataset: Dataset, names: Sequence[str] | None, *, as_service: bool) -> Dataset:
    """The features matched by name if they are the baseline's; else by position if they have no names."""
    if names is None or len(names) != len(dataset.names):
        return dataset
    matched_dataset = replace(dataset, matched_by=choose_matching(dataset.names, names))
    # Match by name in any order; by position only if the names mean nothing
    if set(names) == set(dataset.names):
        return matched_dataset.select_features(list(names))
    if can_match_by_name(dataset.names, names) and not as_service:
        return dataset
    return replace(matched_dataset, names=tuple(names))
