"""What the package asks of a file system, and what all of them share: names, hidden files, and sentences about refusals. Pure."""

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

from model_monitor.registry import Registry, import_all

COPIED_BYTES = 4 * 2**20  # so much of a file is held at once while it is copied or compared

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
USUAL_FILE, USUAL_FOLDER = 0o666, 0o777  # permissions before the user's mask takes its part of them


_DRAFT = re.compile(r"\..+\.[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")


def draft_name(name: str) -> str:
    """What a file of this name is called while it is written, a name that no other has."""
    return f".{name}.{uuid4().hex}"


def is_draft(name: str) -> bool:
    """Whether a file may be called so while it is written."""
    return _DRAFT.fullmatch(name) is not None


def is_hidden(name: str) -> bool:
    """Whether Spark's readers skip a file or folder of this name."""
    return name.startswith((".", "_"))


def join(folder: str, *names: str) -> str:
    """A path below `folder`, whose scheme is kept."""
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
        """Whether it is decompressed, which its name tells."""
        return self.path.endswith((".gz", ".bz2", ".zst"))


class Storage(ABC):
    """What the package asks of a file system. Paths are those that `storage_of` was given, or below them.

    What changes files calls `require_lease` first, which raises OutputHeld if they lie in an output that this thread held and
    has lost (`lease.py`). `tests/storage_law.py` says all this as a law that every registered storage passes.
    """

    @abstractmethod
    def resolved(self, path: str) -> str:
        """`path` in the one spelling that stands in ledgers and that Spark reads."""

    @abstractmethod
    def exists(self, path: str) -> bool: ...

    @abstractmethod
    def walk(self, path: str, *, hidden: bool = False) -> Iterable[StoredFile]:
        """The files at or below `path`, in the order in which the storage lists the names of a folder.

        hidden: with hidden ones (`_x`, `.x`) and those in hidden folders, and without what links lead to.
        Raises BadInput if there is nothing at `path`, or a link to a folder that it lies in.
        """

    def list_files(self, path: str) -> list[StoredFile]:
        """The files at or below `path`, sorted by path; hidden ones and their folders are left out. Raises as `walk` does."""
        return sorted(self.walk(path), key=attrgetter("path"))

    def list_hidden(self, folder: str) -> list[StoredFile]:
        """The files at any depth below a folder whose own names are hidden; none on an object store, where drafts are not seen.

        Raises BadInput if it can't be listed.
        """
        return [file for file in self.walk(folder, hidden=True) if is_hidden(file.name)] if self.shows_drafts else []

    def list_folders(self, path: str) -> list[str]:
        """The names of the folders right below `path`, sorted, without hidden ones and links to a folder that they lie in;
        none if `path` is a file.

        Raises BadInput if there is nothing at `path`.
        """
        names = _names_below(path, self.walk(path))
        return sorted({name.partition("/")[0] for name, _ in names if "/" in name})

    def list_beginning(self, folder: str, start: str) -> list[StoredFile]:
        """The files right in a folder whose names begin so, hidden or not.

        Raises BadInput if it can't be listed.
        """
        names = _names_below(folder, self.walk(folder, hidden=True))
        return [file for name, file in names if name.startswith(start) and "/" not in name]

    @property
    def shows_drafts(self) -> bool:
        """Whether a file is seen while it is written."""
        return True

    @abstractmethod
    def read(self, path: str, at_most: int | None = None, start: int = 0) -> bytes:
        """The bytes of a file from `start` on, at most `at_most` of them, or all.

        Raises BadInput if it can't be read.
        """

    def open(self, path: str) -> Path | BinaryIO:
        """A file as readers of formats take it: a path, or what is read from any place on."""
        return BytesIO(self.read(path))

    @abstractmethod
    def write(self, path: str, content: bytes, *, private: bool = False) -> None:
        """Put a whole file in place: readers see the old one or the new one, never a half.

        private: only its owner may read it, and the folder if that is made for it, where files have owners. An object store
        has policies instead; there nobody gets access by the object itself.
        Raises OutputFailed if it can't be written; the old file is then still there.
        """

    @abstractmethod
    def assemble(self, sources: Sequence[str], target: str) -> bool:
        """Put the contents of files of this storage, one after the other, in place of `target`, and say whether that
        changed it: a target that holds just that is left as it is. Of any size; the sources may be gone afterwards.

        Raises OutputFailed as `write` does.
        """

    @abstractmethod
    def delete(self, path: str) -> None:
        """Remove a file or a folder with all below it; nothing happens if it is absent.

        Raises OutputFailed if something can't be removed.
        """


def _names_below(folder: str, files: Iterable[StoredFile]) -> list[tuple[str, StoredFile]]:
    """Files with their names below a folder; an empty one if the folder is the file itself."""
    below = folder.rstrip("/") + "/"
    return [(file.path.partition(below)[2], file) for file in files]


def in_folders(files: Iterable[StoredFile], folder: str) -> Iterator[StoredFile]:
    """Files as Spark reads a folder: of each folder the files before the folders, both in their order here."""
    below: dict[str, list[StoredFile]] = {}
    for file in files:
        name, slash, _ = file.path[len(folder) :].lstrip("/").partition("/")
        if slash:
            below.setdefault(f"{folder.rstrip('/')}/{name}", []).append(file)
        else:
            yield file
    for inner, those in below.items():
        yield from in_folders(those, inner)


STORAGES: Registry[Callable[..., Storage]] = Registry("storage")
"""The storages. Facts: `schemes`, those of the paths that it opens without Spark, none if it takes a session; `needs`, the
top-level module of the library that it takes for that, if any."""


S3_ROOT_VARIABLE = "MODEL_MONITOR_S3_ROOT"


def stands_in() -> bool:
    """Whether a folder stands in for S3."""
    return bool(os.environ.get(S3_ROOT_VARIABLE))


def standing_in(path: str) -> str:
    """Where a path of S3 lies below the folder that stands in for S3 (`MODEL_MONITOR_S3_ROOT`); any other path as it is."""
    root, parts = os.environ.get(S3_ROOT_VARIABLE), urlparse(path)
    if not root or parts.scheme != "s3":
        return path
    return join(str(Path(root).absolute()), parts.netloc, parts.path.lstrip("/"))


def opened_without_spark(path: str) -> Storage | None:
    """The storage that opens a path without Spark; None if none does. Those of other schemes than this machine's are loaded when
    one is asked for.
    """
    scheme = urlparse(path).scheme
    if scheme not in ("", "file"):
        import_all(import_module("model_monitor.storage"))
    for storage in STORAGES.values():
        needs = storage.facts.get("needs")
        if scheme in storage.facts["schemes"] and (needs is None or find_spec(needs) is not None):
            return cast("Storage", storage())
    return None


_WORD = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"


class Named(Enum):
    """What a name is of; the value is the pattern of what we write."""

    WORD = _WORD  # one folder or file: a version, a schedule, the id of a run
    FILE = rf"(?:(?:states|explanations_shap)/)?{_WORD}\.[A-Za-z0-9]+"
    """A file of a run, below its output path: `statistics.json`, `states/profile.parquet`, `explanations_shap/baseline.csv`."""
    FOLDER = rf"(?:{_WORD}/)?_runs/{_WORD}"
    """The folder of a run, below its output path or the folder of its version: `_runs/1f0c`, `7/_runs/1f0c`."""
    BELOW = r"[^\x00-\x1f\x7f]+"  # a relative path that somebody chose, such as the form of hour folders


def is_ours(name: object, of: Named) -> bool:
    """Whether we may have written a name. No part of it is empty, `.` or `..`, so that it stays below where its path starts."""
    if not isinstance(name, str) or {"", ".", ".."} & set(name.split("/")):
        return False
    return re.fullmatch(of.value, name, re.ASCII) is not None


class TemporaryFolder:
    """A folder on this machine that goes with what holds it, at the latest with Python itself."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="model-monitor-"))
        self.delete = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def sentence_about(text: str, signs: Mapping[str, str], **otherwise: str) -> str | None:
    """What to tell of a failure, whose text has one of these signs; None if it has none.

    signs: regular expressions with their sentences, which may name the expressions' groups; the first that is found counts. Every
    place of it may fill the groups, the first one that has a group counts. otherwise: what stands for groups that no place has.
    """
    for sign, sentence in signs.items():
        places = list(re.finditer(sign, text))
        if places:
            groups = {name: value for place in reversed(places) for name, value in place.groupdict().items() if value}
            return sentence.format_map(otherwise | groups)
    return None


_PLACE = re.compile(r"\bs3[an]?://[^\s:,;'\")\]]+")


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
    # the answer to a HEAD, which has no room for the code
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
"""The first whose sign is found counts."""


def refusal_in(text: str) -> str | None:
    """The sentence on an exception's text; None if no object store refused anything in it."""
    return sentence_about(text, REFUSALS, region="REGION")


def place_in(text: str) -> str | None:
    """The first path on S3 that an exception's text names."""
    found = _PLACE.search(text)
    return found.group() if found else None
