"""Which names a file that we read may hold where a path is made of them. Pure.

`_current.json`, `_promotions.json`, a schedule entry and the record of its runs lie where others may write. A name out of one of
them becomes part of a path that is read, written or deleted, so it is compared first with what we write ourselves.
"""

from __future__ import annotations

import re
from enum import Enum

_WORD = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"


class Named(Enum):
    """What a name is of; the value is the pattern of what we write."""

    WORD = _WORD
    """One folder or file: a version, a schedule, the id of a run."""
    FILE = rf"(?:(?:states|explanations_shap)/)?{_WORD}\.[A-Za-z0-9]+"
    """A file of a run, below its output path: `statistics.json`, `states/profile.parquet`, `explanations_shap/baseline.csv`."""
    FOLDER = rf"(?:{_WORD}/)?_runs/{_WORD}"
    """The folder of a run, below its output path or the folder of its version: `_runs/1f0c`, `7/_runs/1f0c`."""
    BELOW = r"[^\x00-\x1f\x7f]+"
    """A relative path that somebody chose, such as the form of hour folders."""


def is_ours(name: object, of: Named) -> bool:
    """Whether we may have written a name. No part of it is empty, `.` or `..`, so that it stays below where its path starts."""
    if not isinstance(name, str) or {"", ".", ".."} & set(name.split("/")):
        return False
    return re.fullmatch(of.value, name, re.ASCII) is not None
