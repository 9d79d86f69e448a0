"""A page in the hands of somebody at a keyboard: shown in a notebook, saved where it is asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass

from model_monitor.documents.page import Page
from model_monitor.outputs.report.html import html_of, part_of
from model_monitor.storage import storage_of


@dataclass(frozen=True, repr=False)
class Report:
    """A run's report, which a notebook shows. Made by `Findings.report` and `Baseline.report`."""

    page: Page

    @property
    def html(self) -> str:
        """One HTML file that asks for nothing else."""
        return html_of(self.page)

    @property
    def size(self) -> int:
        """Bytes of the HTML file."""
        return len(self.html.encode())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the HTML file. Raises OutputFailed if it can't be written; a file that was there is then untouched."""
        storage_of(os.fspath(path)).write(os.fspath(path), self.html.encode())

    def __repr__(self) -> str:
        return f"<Report: {self.page.title}, {self.size:,} bytes>"

    @property
    def part(self) -> str:
        """What stands among other things, such as a notebook's."""
        return part_of(self.page)

    def _repr_html_(self) -> str:
        return self.part
