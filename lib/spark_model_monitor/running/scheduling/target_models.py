"""The models that the captures of a multi-model endpoint name, and what their entries and folders are called.

Whoever sends a request chooses its `targetModel`. So a name is as untrusted as any other value of a record: it is read by
the decoder of records, has to look like the name of a model, and is escaped wherever it becomes part of a path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice

from spark_model_monitor.data.records import INDEX_NAMES
from spark_model_monitor.data.records.decoding import WITHOUT_MODEL, Reading, normalize_model_name, open_record
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.errors import MonitorError
from spark_model_monitor.reports.history.baselines import list_hours_from_latest
from spark_model_monitor.storage import get_storage
from spark_model_monitor.value_class import value_class

MAX_MODELS = 100  # of one variant of an endpoint: each has a job in every run

# How much is read to find the names: hours, files of each hour, bytes of each file
MAX_HOURS = 24
MAX_FILES = 4
MAX_BYTES = 2**16

_RECORDS = Reading(INDEX_NAMES)

# The name of an archive is unchanged. Another name could be a year, or a file that we write beside the models' folders.
_ARCHIVE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,56}\.tar\.gz")
_ESCAPED = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_.-]*-)?[0-9a-f]{16}")
_LONGEST_ESCAPED = 64
_LONGEST_ENTRY_NAME = 128
_DIGEST_LENGTH = 16


@dataclass(slots=True)
class CalledModels:
    """The models that the latest captures name. names: the valid names. has_unnamed_records: whether a record has no valid name.
    invalid_names: the number of records with an invalid name.
    """

    names: set[str] = field(default_factory=set)
    has_unnamed_records: bool = False
    invalid_names: int = 0


def read_called_models(top: str, *, was_split: bool) -> CalledModels:
    """The models that the beginning of the latest captures below a folder names.

    was_split: whether the endpoint had models before. If not, one hour without names is enough to tell that it has none.
    """
    called_models = CalledModels()
    storage = get_storage(top)
    try:
        for hour in islice(list_hours_from_latest(top), MAX_HOURS):
            for file in storage.list_files(f"{top}{hour}")[:MAX_FILES]:
                # The beginning of a file is enough: names repeat, and files may have gigabytes
                _add_records(called_models, storage.read(file.path, MAX_BYTES))
            if not was_split and not called_models.names:
                break
    except MonitorError:
        return CalledModels()  # the job reports the error
    return called_models


def _add_records(called_models: CalledModels, content: bytes) -> None:
    """Adds the models in the beginning of a file."""
    for line in content.splitlines():
        record = open_record(line, _RECORDS)
        if isinstance(record, Refusal):
            continue
        metadata = record.get("eventMetadata") or {}
        if not isinstance(metadata, dict):
            continue
        name = normalize_model_name(metadata.get("targetModel"))
        if name != WITHOUT_MODEL:
            called_models.names.add(name)
            continue
        # A record with an invalid name counts as unnamed: the name must not become a folder
        called_models.has_unnamed_records = True
        called_models.invalid_names += metadata.get("targetModel") is not None


def escape_model_name(name: str) -> str:
    """A name as one part of a path, different for each name: `b.tar.gz` stays, `b/c.tar.gz` is `b-c.tar.gz-` and a digest."""
    if _ARCHIVE.fullmatch(name):
        return name
    # The readable characters of the name, with a digest that distinguishes similar names
    letters = re.sub(r"[^A-Za-z0-9_.-]", "-", name).lstrip("_.-")[: _LONGEST_ESCAPED - _DIGEST_LENGTH - 1]
    return "-".join(filter(None, (letters, _digest(name))))


def model_entry_name(endpoint: str, model: str) -> str:
    """The name of the entry of a model, or of the records without one, shortened if it is too long for a file."""
    if not model:
        return endpoint
    name = f"{endpoint}-{escape_model_name(model)}"
    if len(name) <= _LONGEST_ENTRY_NAME:
        return name
    return f"{name[: _LONGEST_ENTRY_NAME - _DIGEST_LENGTH - 1]}-{_digest(name)}"


@value_class
class PastEntries:
    """The entries that were run before. names: of their records. split_entries: names of entries that may have had models."""

    names: frozenset[str] = frozenset()
    split_entries: frozenset[str] = frozenset()

    @classmethod
    def of(cls, names: Iterable[str]) -> PastEntries:
        """The past entries with these names of records."""
        past_names = frozenset(names)
        split_entries = set[str]()
        for name in past_names:
            # Endpoints and models both have hyphens: every cut with a valid model behind it counts
            for hyphen in re.finditer("-", name):
                model = name[hyphen.end() :]
                if _ARCHIVE.fullmatch(model) or _ESCAPED.fullmatch(model):
                    split_entries.add(name[: hyphen.start()])
        return cls(past_names, frozenset(split_entries))


@value_class
class ModelSplit:
    """How the records of an entry are split by model. models: each has an entry of its own; "" stands for the records
    without a model. notice: what to report about models without an entry.
    """

    models: tuple[str, ...] = ("",)
    notice: str = ""

    @property
    def is_split(self) -> bool:
        return self.models != ("",)


def split_by_model(endpoint: str, captures: str, past_entries: PastEntries) -> ModelSplit:
    """How the captures of an entry are split. endpoint: the name of the entry.

    At most `MAX_MODELS` models get an entry. Models that had an entry before come first, so that no new name displaces them.
    """
    called_models = read_called_models(captures, was_split=endpoint in past_entries.split_entries)
    is_new = {name: model_entry_name(endpoint, name) not in past_entries.names for name in called_models.names}
    # False sorts before True: models with an entry come before new ones
    names_by_age = sorted(called_models.names, key=lambda name: (is_new[name], name))
    models = sorted(names_by_age[:MAX_MODELS])
    notices = []
    if len(called_models.names) > len(models):
        notices.append(
            f"captures name {len(called_models.names):,} models, and {MAX_MODELS} of them are monitored; write entries with "
            "target_model for those that matter"
        )
    if called_models.invalid_names:
        notices.append(
            f"{called_models.invalid_names:,} captured records have a targetModel that is no name of a model; they are "
            "monitored with those that have none"
        )
    if called_models.has_unnamed_records or not models:
        models.insert(0, "")
    return ModelSplit(tuple(models), "; ".join(notices))


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]
