"""Names of files and folders: those that we write, and those that readers skip. Pure."""

from __future__ import annotations

import re
from enum import Enum
from uuid import uuid4

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
