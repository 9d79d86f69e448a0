"""analysis.json as flat rows, for people. Pure."""

from __future__ import annotations

from model_monitor.documents.attribution_report import AttributionReport
from model_monitor.documents.tables import Table


def table_of(report: AttributionReport) -> Table:
    """One row for each feature and output, in the document's order."""
    rows = tuple(
        {"feature": feature, "label": output, "value": value}
        for output, values in report.values.items()
        for feature, value in values.items()
    )
    return Table("attributions", "feature", rows)
