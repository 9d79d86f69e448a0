"""checks.json as tests read it: with complete entries."""

from __future__ import annotations

from pathlib import Path

from spark_model_monitor.documents.check_results import CheckResults
from spark_model_monitor.documents.json_text import Json


def read_checks(source: Path | str | bytes) -> dict[str, Json]:
    """The content of a checks.json: of the file at a path, or the text itself."""
    if isinstance(source, Path):
        source = source.read_bytes()
    return CheckResults.from_json(source).plain()
