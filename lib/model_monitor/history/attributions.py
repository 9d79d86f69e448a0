"""What share each feature has in what moves a model, as an explainability run left it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from model_monitor.documents.clarify import AttributionReport
from model_monitor.outputs.files import file_at
from model_monitor.storage import storage_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def shares_at(path: str, spark: SparkSession | None = None) -> Mapping[str, float]:
    """The shares by feature. path: an analysis.json, the output path of a run that has one, or a folder of promoted ones.

    Raises BadInput if it can't be read, BadDocument if it holds no attributions.
    """
    file = path if path.endswith(".json") else file_at(path, AttributionReport.FILE_NAME, spark)
    return AttributionReport.from_json(storage_of(file, spark).read(file), file).shares
