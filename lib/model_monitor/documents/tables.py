"""Documents as flat rows, for people: notebooks (`pandas.DataFrame(rows)`), terminals, the README's short table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from model_monitor.documents.statistics import Distribution, Statistics
from model_monitor.statistics.drift import NumericDistribution

QUARTILES = {"p25": 0.25, "median": 0.5, "p75": 0.75}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that all have the same keys. rows_are: what one row stands for, in the plural. key: whose values name the rows."""

    rows_are: str
    key: str
    rows: tuple[dict[str, Any], ...]


def as_rows(statistics: Statistics) -> list[dict[str, Any]]:
    """One row for each feature, in the document's order, all with the same keys; None where the document is silent.

    completeness: a share; distinct: approximate; mean, std_dev (population form), min, p25, median, p75 (of the sketch), max: of
    numeric features only, and so are the column metrics behind them, if the document has some.
    """
    further = dict.fromkeys(name for feature in statistics.features for name in feature.column_metrics or {})
    rows = []
    for feature in statistics.features:
        common, numbers = feature.common, feature.numerical_statistics
        rows.append(
            {
                "feature": feature.name,
                "inferred_type": feature.inferred_type.value,
                "num_present": common and common.num_present,
                "num_missing": common and common.num_missing,
                "completeness": feature.completeness,
                "distinct": feature.num_distinct,
                "mean": numbers and numbers.mean,
                "std_dev": numbers and numbers.std_dev,
                "min": numbers and numbers.min,
                **dict(zip(QUARTILES, _quartiles(feature.distribution), strict=True)),
                "max": numbers and numbers.max,
                **further,
                **(feature.column_metrics or {}),
            }
        )
    return rows


def _quartiles(distribution: Distribution | None) -> Sequence[float | None]:
    sketch = distribution.kll.sketch if distribution and distribution.kll else None
    cdf = NumericDistribution(sketch.data).step_cdf() if sketch else None
    return cdf.quantiles(tuple(QUARTILES.values())) if cdf and cdf.total else [None] * len(QUARTILES)
