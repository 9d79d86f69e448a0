"""analysis.json as flat rows, for people. Pure."""

from __future__ import annotations

from model_monitor.documents.clarify import BiasReport
from model_monitor.documents.tables import Table


def table_of(report: BiasReport) -> Table:
    """One row for each metric of each group, in the document's order."""
    rows = tuple(
        {
            "metric": metric.name,
            "feature": facet,
            "facet_value": group.value_or_threshold,
            "value": metric.value,
            "error": metric.error,
            "description": metric.description,
        }
        for part in report.parts
        for facet, groups in part.facets.items()
        for group in groups
        for metric in group.metrics
    )
    return Table("metrics", "metric", rows)
