"""The local folder that stands in for S3 (`MODEL_MONITOR_S3_ROOT`)."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlparse

from spark_model_monitor.storage.file_system import join

S3_ROOT_VARIABLE = "MODEL_MONITOR_S3_ROOT"


def has_stand_in() -> bool:
    """Whether a local folder stands in for S3."""
    return bool(os.environ.get(S3_ROOT_VARIABLE))


def resolve_stand_in(path: str) -> str:
    """The location of an S3 path in the folder that stands in for S3 (`MODEL_MONITOR_S3_ROOT`); other paths unchanged."""
    root = os.environ.get(S3_ROOT_VARIABLE)
    parts = urlparse(path)
    # This lets tests and trials use S3 paths without leaving this machine
    if not root or parts.scheme != "s3":
        return path
    return join(str(Path(root).absolute()), parts.netloc, parts.path.lstrip("/"))
