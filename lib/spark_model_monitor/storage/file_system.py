"""The interface of a file system, and what all of them share: names, hidden files, sentences on refusals. Pure."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import urlparse
from uuid import uuid4

from spark_model_monitor.registry import Registry, import_all

COPIED_BYTES = 4 * 2**20  # how much of a file is held in memory while it is copied or compared

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
# permissions before the user's umask is applied
USUAL_FILE = 0o666
USUAL_FOLDER = 0o777


_DRAFT = re.compile(r"\..+\.[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")


def make_draft_name(name: str) -> str:
    """The temporary name of a file while it is written; unique."""
    return f".{name}.{uuid4().hex}"


def is_draft(name: str) -> bool:
    """Whether this may be the temporary name of a file that is being written."""
    return _DRAFT.fullmatch(name) is not None


def is_hidden(name: str) -> bool:
    """Whether Spark's readers skip a file or folder of this name."""
    return name.startswith((".", "_"))


def join(folder: str, *names: str) -> str:
    """A path below `folder`, with the same scheme."""
    return "/".join([folder.rstrip("/") or "", *names])


@dataclass(frozen=True, slots=True, order=True)
class StoredFile:
    """One file of a listing. `modified_ms` is the modification time in milliseconds since 1970."""

    path: str
    size_bytes: int
    modified_ms: int

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def is_compressed(self) -> bool:
        """Whether its name says that it is compressed."""
        return self.path.endswith((".gz", ".bz2", ".zst"))


class Storage(ABC):
    """The interface of a file system. Paths are those that `storage_of` was given, or below them.

    Methods that change files first call `require_lease`, which raises OutputHeld if this thread held their output and
    lost it (`lease.py`). `tests/storage_law.py` tests all this for every registered storage.
    """

    @abstractmethod
    def resolved(self, path: str) -> str:
        """`path` in its canonical spelling, for ledgers and for Spark."""

    @abstractmethod
    def exists(self, path: str) -> bool: ...

    @abstractmethod
    def walk(self, path: str, *, hidden: bool = False) -> Iterable[StoredFile]:
        """The files at or below `path`, in the order in which the storage lists the names of a folder.

        What isn't a file, such as a pipe, is counted in a warning and passed over.
        hidden: include hidden files (`_x`, `.x`) and those in hidden folders, and don't follow links.
        Raises BadInput if nothing exists at `path`, or for a link to one of its own parent folders.
        """

    def list_files(self, path: str) -> list[StoredFile]:
        """The files at or below `path`, sorted by path, without hidden files and folders. Raises as `walk` does."""
        return sorted(self.walk(path), key=attrgetter("path"))

    def list_hidden(self, folder: str) -> list[StoredFile]:
        """The hidden files at any depth below a folder; none on an object store, which doesn't show drafts.

        Raises BadInput if the folder can't be listed.
        """
        if self.shows_drafts:
            return [file for file in self.walk(folder, hidden=True) if is_hidden(file.name)]
        return []

    def list_folders(self, path: str) -> list[str]:
        """The names of the folders directly below `path`, sorted, without hidden ones and links to a parent folder;
        none if `path` is a file.

        Raises BadInput if nothing exists at `path`.
        """
        names = _list_names_below(path, self.walk(path))
        return sorted({name.partition("/")[0] for name, _ in names if "/" in name})

    def list_beginning(self, folder: str, start: str) -> list[StoredFile]:
        """The files directly in a folder whose names begin with `start`, hidden or not.

        Raises BadInput if the folder can't be listed.
        """
        names = _list_names_below(folder, self.walk(folder, hidden=True))
        return [file for name, file in names if name.startswith(start) and "/" not in name]

    @property
    def shows_drafts(self) -> bool:
        """Whether a file is visible while it is written."""
        return True

    @abstractmethod
    def read(self, path: str, at_most: int | None = None, start: int = 0) -> bytes:
        """The bytes of a file from offset `start`, at most `at_most` of them, or all.

        Raises BadInput if the file can't be read.
        """

    def open(self, path: str) -> Path | BinaryIO:
        """A file as readers of formats take it: a path, or a seekable stream."""
        return BytesIO(self.read(path))

    @abstractmethod
    def write(self, path: str, content: bytes, *, private: bool = False) -> None:
        """Replace a whole file atomically: readers see the old content or the new content, never a part.

        private: make the file, and the folder if this call creates it, readable by the owner only, on storages whose
        files have owners. An object store has policies instead: the object itself grants access to nobody.
        Raises OutputFailed if the file can't be written; the old file then remains.
        """

    @abstractmethod
    def assemble(self, sources: Sequence[str], target: str) -> bool:
        """Replace `target` with the concatenation of files of this storage, and return whether that changed it: a
        target that has this content already is left alone. Files can have any size; the sources may be gone afterwards.

        Raises OutputFailed as `write` does.
        """

    def copy(self, source: str, target: str) -> None:
        """Replace the file `target` with one that has the content of `source`; both may share their bytes.

        Raises BadInput if `source` can't be read, OutputFailed as `write` does.
        """
        self.write(target, self.read(source))

    @abstractmethod
    def delete(self, path: str) -> None:
        """Remove a file, or a folder with everything below it; does nothing if it is absent.

        Raises OutputFailed if something can't be removed.
        """


def _list_names_below(folder: str, files: Iterable[StoredFile]) -> list[tuple[str, StoredFile]]:
    """Files with their names relative to a folder; the name is empty if `folder` is the file itself."""
    below = folder.rstrip("/") + "/"
    return [(file.path.partition(below)[2], file) for file in files]


def order_like_spark(files: Iterable[StoredFile], folder: str) -> Iterator[StoredFile]:
    """Files in the order in which Spark reads a folder: first files, then sub-folders, both in the given order."""
    below: dict[str, list[StoredFile]] = {}
    for file in files:
        name, slash, _ = file.path[len(folder) :].lstrip("/").partition("/")
        # The order of rows decides which header and which sample is taken, so it has to be Spark's
        if slash:
            below.setdefault(f"{folder.rstrip('/')}/{name}", []).append(file)
        else:
            yield file
    for inner, inner_files in below.items():
        yield from order_like_spark(inner_files, inner)


STORAGES: Registry[type[Storage]] = Registry("storage")


def register_storage(
    name: str, *, schemes: tuple[str, ...], needs: str | None = None
) -> Callable[[type[Storage]], type[Storage]]:
    """Decorator that enters a storage.

    schemes: of the paths that it opens without Spark, none if it needs a session. needs: the top-level module of the
    library that it needs for them.
    """
    return STORAGES.register(name, schemes=schemes, needs=needs)


S3_ROOT_VARIABLE = "MODEL_MONITOR_S3_ROOT"


def has_stand_in() -> bool:
    """Whether a local folder stands in for S3."""
    return bool(os.environ.get(S3_ROOT_VARIABLE))


def resolve_stand_in(path: str) -> str:
    """The location of an S3 path in the folder that stands in for S3 (`MODEL_MONITOR_S3_ROOT`), or the path itself."""
    root = os.environ.get(S3_ROOT_VARIABLE)
    parts = urlparse(path)
    # Tests and trials name S3 paths and touch only this machine
    if not root or parts.scheme != "s3":
        return path
    return join(str(Path(root).absolute()), parts.netloc, parts.path.lstrip("/"))


def open_without_spark(path: str) -> Storage | None:
    """The storage that opens a path without Spark; None if none does. Storages of schemes that aren't local are
    imported on first use.
    """
    # The schemes of other storages are known once their modules are imported
    scheme = urlparse(path).scheme
    if scheme not in ("", "file"):
        import_all(import_module("spark_model_monitor.storage"))
    for storage in STORAGES.values():
        needs = storage.facts["needs"]
        # find_spec looks for the library without loading it, which takes long for boto3
        if scheme in storage.facts["schemes"] and (needs is None or find_spec(needs) is not None):
            return cast("Storage", storage())
    return None


_WORD = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"


class NameKind(Enum):
    """Kinds of names; the value is a pattern of the names that we write."""

    WORD = _WORD  # one folder or file: a version, a schedule, the id of a run
    FILE = rf"(?:(?:states|explanations_shap)/)?{_WORD}\.[A-Za-z0-9]+"
    """A file of a run, below its output path: `statistics.json`, `states/profile.parquet`, `explanations_shap/baseline.csv`."""
    FOLDER = rf"(?:{_WORD}/)?_runs/{_WORD}"
    """The folder of a run, below its output path or the folder of its version: `_runs/1f0c`, `7/_runs/1f0c`."""
    BELOW = r"[^\x00-\x1f\x7f]+"  # a relative path that a user chose, such as the form of hour folders


def is_ours(name: object, kind: NameKind) -> bool:
    """Whether we may have written a name. No part of it is empty, `.` or `..`, so the path stays in its folder."""
    # Names come from files that anybody may have written, and become paths
    if not isinstance(name, str) or {"", ".", ".."} & set(name.split("/")):
        return False
    return re.fullmatch(kind.value, name, re.ASCII) is not None


class TemporaryFolder:
    """A temporary folder on this machine, deleted with its owner, or at the latest when Python exits."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="spark-model-monitor-"))
        self.delete = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def find_sentence(text: str, signs: Mapping[str, str], **otherwise: str) -> str | None:
    """The sentence for a failure whose text matches one of `signs`; None if none matches.

    signs: sentences by regular expression, of which the first that matches counts. A sentence may name groups of its
    expression; the first match with a group fills it. otherwise: values for groups that no match fills.
    """
    for sign, sentence in signs.items():
        # Of several matches, the first that has a group fills it
        matches = list(re.finditer(sign, text))
        if matches:
            groups = {name: value for match in reversed(matches) for name, value in match.groupdict().items() if value}
            return sentence.format_map(otherwise | groups)
    return None


_S3_PATH = re.compile(r"\bs3[an]?://[^\s:,;'\")\]]+")


REFUSALS: Mapping[str, str] = {
    r"S3AFileSystem not found": (
        "Spark has nothing here that opens S3; add --packages org.apache.hadoop:hadoop-aws:3.3.4, the version of its Hadoop"
    ),
    r"NoAuthWithAWSException|Unable to lo(ad|cate) (AWS )?credentials": (
        "there are no AWS credentials; start the job where it has a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    ),
    r"InvalidAccessKeyId|SignatureDoesNotMatch": (
        "the access key or its secret is wrong; set both again, or start the job where it has a role"
    ),
    r"ExpiredToken|TokenRefreshRequired": (
        "the credentials have expired; renew them, or start the job where it has a role"
    ),
    (
        r"AuthorizationHeaderMalformed|PermanentRedirect|AWSRedirectException|IllegalLocationConstraint"
        r"|is wrong; expecting '(?P<region>[a-z0-9-]+)'"
    ): (
        "the bucket is in another region; write --conf spark.hadoop.fs.s3a.endpoint.region={region}, without Spark set "
        "AWS_DEFAULT_REGION={region}"
    ),
    # the response to a HEAD request, which has no body for the error code
    r"Error Code: 400 Bad Request": (
        "the store takes no such request (400), as for a bucket of another region, or with expired credentials; write "
        "--conf spark.hadoop.fs.s3a.endpoint.region=REGION, or renew them"
    ),
    r"NoSuchBucket|UnknownStoreException": (
        "there is no such bucket; check its name, which follows the scheme of a path"
    ),
    r"KMS\.(NotFound|Disabled|KMSInvalidState)Exception|kms:(GenerateDataKey|Decrypt)": (
        "the KMS key can't be used; check --s3-kms-key, and allow the job's role kms:GenerateDataKey and kms:Decrypt on it"
    ),
    r"Status Code: 403|Error Code: AccessDenied|\((403|AccessDenied)\) when calling": (
        "access was denied; allow the job's role s3:ListBucket on the bucket, and what docs/s3.md lists on its objects"
    ),
    r"SlowDown|AWSServiceThrottledException|Status Code: 503|\(503\) when calling": (
        "the store asked to slow down (503) for longer than is tried; start again later, or raise "
        "spark.hadoop.fs.s3a.attempts.maximum"
    ),
    r"Unable to execute HTTP request|Could not connect to the endpoint|Connection was closed before": (
        "the store does not answer, or breaks connections off; check spark.hadoop.fs.s3a.endpoint, without Spark "
        "AWS_ENDPOINT_URL, and the network"
    ),
}
"""The first expression that matches counts."""


def find_refusal(text: str) -> str | None:
    """The sentence for an exception's text; None if the text has no refusal of an object store."""
    # The word REGION where the store doesn't tell the right one
    return find_sentence(text, REFUSALS, region="REGION")


def find_s3_path(text: str) -> str | None:
    """The first path on S3 that an exception's text names."""
    match = _S3_PATH.search(text)
    return match.group() if match else None
