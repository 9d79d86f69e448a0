"""The documents of a run, one click from its task in Airflow's interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from airflow.sdk import BaseOperatorLink

from model_monitor.spark.launch.target import S3_SCHEMES


class DocumentLink(BaseOperatorLink):
    """A link called `label` to the document `file` of the run; empty if the run has none."""

    def __init__(self, label: str, file: str) -> None:
        self._label = label
        self._file = file

    @property
    def name(self) -> str:
        return self._label

    @property
    def xcom_key(self) -> str:
        return f"_link_{self._file}"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Made where the task ran, when it has ended; Airflow keeps it."""
        path = operator.outcome.paths.get(self._file) if operator.outcome else None
        return "" if path is None else address_of(path, operator.output_path, operator.documents_url)


VIOLATIONS = DocumentLink("Violations", "constraint_violations.json")
CHECKS = DocumentLink("Checks", "checks.json")
STATISTICS = DocumentLink("Statistics", "statistics.json")
CONSTRAINTS = DocumentLink("Constraints", "constraints.json")
REPORT = DocumentLink("Report", "report.html")


def address_of(path: str, output_path: str, served_at: str | None = None) -> str:
    """Where a browser finds a file.

    output_path: what lies below it is served at the address `served_at`, if there is one. Without, S3's console has objects, and
    a file of this machine is what it is.
    """
    if served_at is not None:
        return f"{served_at.rstrip('/')}/{quote(path.removeprefix(output_path).lstrip('/'))}"
    parts = urlsplit(path)
    if parts.scheme in S3_SCHEMES:
        query = urlencode({"prefix": parts.path.lstrip("/")})
        return f"https://s3.console.aws.amazon.com/s3/object/{parts.netloc}?{query}"
    return Path(path).absolute().as_uri() if parts.scheme == "" else path
