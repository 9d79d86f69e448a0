"""statistics.json of the data-quality jobs: the statistics of each feature, also as flat rows; requests.json; and the
rows of summary.parquet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import Enum
from typing import Any, TypeVar

from spark_model_monitor.documents.document import (
    Count,
    DataText,
    Document,
    Name,
    Number,
    Section,
    Share,
    SketchLevel,
    UndefinableNumber,
)
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadDocument, suggest_names
from spark_model_monitor.statistics.drift import NumericDistribution
from spark_model_monitor.value_class import value_class


class InferredType(Enum):
    """The type that a feature's values appear to have (C4.2). UNKNOWN: there was no value."""

    INTEGRAL = "Integral"
    FRACTIONAL = "Fractional"
    STRING = "String"
    UNKNOWN = "Unknown"

    @property
    def is_numeric(self) -> bool:
        return self in (InferredType.INTEGRAL, InferredType.FRACTIONAL)


class Dataset(Section):
    """A data set. item_count: the number of rows."""

    item_count: Count


class Common(Section):
    """The numbers of rows with and without a value; their sum is the data set's item_count."""

    num_present: Count
    num_missing: Count

    @property
    def completeness(self) -> float | None:
        """The share of rows with a value; None if there are no rows."""
        rows = self.num_present + self.num_missing
        # Without rows, a column is neither complete nor incomplete
        if rows:
            return self.num_present / rows
        return None


class Bucket(Section):
    """A range of values from lower_bound (included) to upper_bound (excluded, but included in the last bucket).

    count: the difference of two ranks in the KLL sketch, which is an estimate for large data (G5).
    """

    lower_bound: Number
    upper_bound: Number
    count: Number


class SketchParameters(Section):
    """The sketch's parameters, with KLL's names. c: factor by which capacities shrink per level; k: the largest capacity."""

    c: Number
    k: Number


class Sketch(Section):
    """A KLL sketch. data: its levels; a value in level i stands for 2^i values (C4.1).

    A level may be given as a numpy array; it is stored as a tuple.
    """

    parameters: SketchParameters
    # The weight of a level follows from its position, so an empty level has to be kept
    data: tuple[SketchLevel, ...]


class Kll(Section):
    """Buckets and sketch of a numeric feature. sketch: None if sketches are omitted from the document."""

    buckets: tuple[Bucket, ...]
    sketch: Sketch | None = None


class CategoryBucket(Section):
    """One value of a feature and the exact number of its rows."""

    value: DataText
    count: Count


class Categorical(Section):
    """Every value of a feature with few distinct values."""

    buckets: tuple[CategoryBucket, ...]


class Distribution(Section):
    """The distribution of a feature. kll: for numbers. categorical: for texts of low cardinality."""

    kll: Kll | None = None
    categorical: Categorical | None = None


# Written as null for a column without values
class NumericalStatistics(Section, nullable=("mean", "sum", "std_dev", "min", "max")):
    """Statistics of numbers.

    std_dev: population standard deviation. approximate_num_distinct_values, completeness: None in files before 2024.
        num_not_numeric: number of present cells that aren't numbers, None if there are none; not in the service.
    """

    common: Common
    mean: UndefinableNumber = None
    sum: UndefinableNumber = None
    std_dev: UndefinableNumber = None
    min: UndefinableNumber = None
    max: UndefinableNumber = None
    approximate_num_distinct_values: Count | None = None
    completeness: Share | None = None
    # Absent if 0, so that the file is equal to the service's
    num_not_numeric: Count | None = None
    distribution: Distribution | None = None


class StringStatistics(Section):
    """Statistics of texts. distinct_count: approximate, a double in the files. completeness: None in files before 2024."""

    common: Common
    # A double, because it is the estimate of a sketch
    distinct_count: Number | None = None
    completeness: Share | None = None
    distribution: Distribution | None = None


class VectorStatistics(Section):
    """Statistics of a feature whose values are lists of numbers. The service has none.

    num_elements: number of elements in all present vectors, including num_null_elements and num_nan_elements;
    shortest, longest: lengths of vectors, None if there are no vectors.
    """

    common: Common
    completeness: Share | None = None
    num_elements: Count
    num_null_elements: Count
    num_nan_elements: Count
    shortest: Count | None = None
    longest: Count | None = None


class FeatureStatistics(Section):
    """One feature, with at most one of the kinds of statistics; without any if nothing is known (C11.29)."""

    name: Name
    inferred_type: InferredType
    numerical_statistics: NumericalStatistics | None = None
    string_statistics: StringStatistics | None = None
    vector_statistics: VectorStatistics | None = None

    @property
    def common(self) -> Common | None:
        """The numbers of present and missing rows, from the statistics that the feature has."""
        statistics = self.numerical_statistics or self.string_statistics or self.vector_statistics
        if statistics:
            return statistics.common
        return None

    @property
    def completeness(self) -> float | None:
        """The share of rows with a value: as stated in the file, or else from `common`; None if neither exists."""
        statistics = self.numerical_statistics or self.string_statistics or self.vector_statistics
        if statistics is None:
            return None
        if statistics.completeness is None:
            return statistics.common.completeness
        return statistics.completeness

    @property
    def num_others(self) -> int:
        """The number of present cells in a numeric feature that aren't numbers."""
        if self.numerical_statistics:
            return self.numerical_statistics.num_not_numeric or 0
        return 0

    @property
    def distribution(self) -> Distribution | None:
        statistics = self.numerical_statistics or self.string_statistics
        if statistics:
            return statistics.distribution
        return None

    @property
    def num_distinct(self) -> int | None:
        """The approximate number of distinct values; None if the file doesn't state it."""
        if self.numerical_statistics:
            return self.numerical_statistics.approximate_num_distinct_values
        # For texts it is a double under another name
        if self.string_statistics and self.string_statistics.distinct_count is not None:
            return round(self.string_statistics.distinct_count)
        return None


class Statistics(Document, file="statistics.json", meant="statistics.json of a data-quality baseline"):
    """statistics.json of a data-quality job; features in the data's column order."""

    version: Number = 0.0
    dataset: Dataset
    features: tuple[FeatureStatistics, ...]

    def feature(self, name: str) -> FeatureStatistics:
        """The statistics of the feature called `name`. Raises BadDocument if there is none."""
        return find_feature(self.FILE_NAME, self.features, name)


NamedItem = TypeVar("NamedItem", bound=Any)  # anything with a `name`


def find_feature(file: str, features: Sequence[NamedItem], name: str) -> NamedItem:
    """The feature called `name` in a file. Raises BadDocument with the nearest names if there is none."""
    for feature in features:
        if feature.name == name:
            return feature
    # A data set may have thousands of features, so the error names only the nearest
    hint = suggest_names(name, (feature.name for feature in features), "name one that it has", max_names=3)
    raise BadDocument(f"{file} has no feature {name!r} among its {len(features)}; {hint}")


class LatencyStatistics(Section):
    """Milliseconds from the arrival of a request to the last byte of its answer; None without requests.

    p50, p95, p99: quantiles of the sketch. rank_error: the largest error of their ranks, as a share of all requests.
    """

    p50: UndefinableNumber = None
    p95: UndefinableNumber = None
    p99: UndefinableNumber = None
    mean: UndefinableNumber = None
    max: UndefinableNumber = None
    # 0.01 means that p95 lies between the true p94 and p96
    rank_error: Number = 0.0


class RequestStatistics(Document, file="requests.json", meant="requests.json of a run"):
    """requests.json.

    requests: number of captured requests.
    estimated_requests: number of all requests, estimated from the capture percentage.
    success_share: share of captured requests with a status below 400.
    client_errors, server_errors: numbers of statuses 400 to 499, and from 500 on.
    """

    version: Number = 0.0
    requests: Count
    # If 20 % are captured, this is five times `requests`
    estimated_requests: Number
    success_share: Share
    client_errors: Count
    server_errors: Count
    statuses: dict[str, Count]
    latency_ms: LatencyStatistics


QUARTILES = {"p25": 0.25, "median": 0.5, "p75": 0.75}


@value_class
class RowTable:
    """Rows with the same keys. rows_are: what a row stands for, in the plural. key: the key whose values name the rows."""

    rows_are: str
    key: str
    rows: tuple[dict[str, Json], ...]


def as_rows(statistics: Statistics) -> list[dict[str, Json]]:
    """One row per feature, in the document's order, all with the same keys; None if the document has no value.

    completeness: a share; distinct: approximate; mean, std_dev (population form), min, p25, median, p75 (from the
    sketch) and max: only for numeric features.
    """
    rows = []
    for feature in statistics.features:
        # Texts have no statistics of numbers, and unknown features none at all, so their members are None
        counts = dict(feature.common or {})
        numbers = dict(feature.numerical_statistics or {})
        quartiles = _compute_quartiles(feature.distribution)
        rows.append(
            {
                "feature": feature.name,
                "inferred_type": feature.inferred_type.value,
                "num_present": counts.get("num_present"),
                "num_missing": counts.get("num_missing"),
                "completeness": feature.completeness,
                "distinct": feature.num_distinct,
                "mean": numbers.get("mean"),
                "std_dev": numbers.get("std_dev"),
                "min": numbers.get("min"),
                **dict(zip(QUARTILES, quartiles, strict=True)),
                "max": numbers.get("max"),
            }
        )
    return rows


def _compute_quartiles(distribution: Distribution | None) -> Sequence[float | None]:
    # Quantiles come from the sketch, because the document has no others; an empty sketch has none
    if distribution and distribution.kll and distribution.kll.sketch:
        cdf = NumericDistribution(distribution.kll.sketch.data).cdf
        if cdf.total:
            return cdf.quantiles(tuple(QUARTILES.values()))
    return [None] * len(QUARTILES)


QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)

Bins = Mapping[str, Sequence[Any]]
"""By feature, the bins in which the baseline's shares are counted: the edges of 20 bins of equal width, or the most
frequent values.
"""


@value_class
class SummaryRow:
    """One row of a summary: a feature, a metric, a metric of a group, or a feature's attribution.

    part: the metric's group as `facet=value`, or the output; else empty.
    kind: `number`, `category`, `metric`, `bias` or `attribution`.
    quantiles: the quantiles at `QUANTILES`; None if unknown.
    shares: the shares in the baseline's bins; None if unknown.
    value, low, high: a metric's value and the ends of its interval.
    """

    name: str
    part: str = ""
    kind: str = "metric"
    present: int | None = None
    missing: int | None = None
    distinct: int | None = None
    mean: float | None = None
    sd: float | None = None
    min: float | None = None
    max: float | None = None
    quantiles: Sequence[float] | None = None
    shares: Sequence[float] | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None


@value_class
class Summary:
    """The summary of a run. bins: the baseline's bins; the run's own bins if there is no baseline."""

    rows: tuple[SummaryRow, ...] = ()
    bins: Bins = field(default_factory=dict)
