"""The files of a report: `<name>.html`, and if asked for `<name>.ipynb` and, with the extra `report`, `<name>.pdf`."""

from __future__ import annotations

import logging

from model_monitor.documents.page import Page
from model_monitor.outputs.report.html import html_of

log = logging.getLogger(__name__)


def report_files(page: Page) -> dict[str, bytes]:
    """Every file of a report by its name."""
    files = {f"{page.name}.html": html_of(page).encode()}
    if page.html_only:
        return files
    from model_monitor.outputs.report import pdf
    from model_monitor.outputs.report.notebook import notebook_of

    files[f"{page.name}.ipynb"] = notebook_of(page).encode()
    if pdf.is_available():
        files[f"{page.name}.pdf"] = pdf.pdf_of(page)
    else:
        log.info("%s.pdf is left out: install its libraries by pip install 'spark-model-monitor[report]'", page.name)
    return files
