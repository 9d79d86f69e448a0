"""checks.json as tests read it."""

from __future__ import annotations

import json
from pathlib import Path

from spark_model_monitor.documents.json_text import Json


def read_checks(source: Path | str | bytes) -> dict[str, Json]:
    """The content of a checks.json: of the file at a path, or the text itself."""
    if isinstance(source, Path):
        source = source.read_bytes()
    return json.loads(source)
