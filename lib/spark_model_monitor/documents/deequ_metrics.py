"""The file of Deequ's FileSystemMetricsRepository: the metrics of many data sets, each with a date and tags. Pure.

Source: AnalysisResultSerde of Deequ 2.1.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from spark_model_monitor.documents.check_results import join_name
from spark_model_monitor.documents.document import Section
from spark_model_monitor.errors import BadDocument

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MAX_TIME = 253_402_300_799_999  # the end of the year 9999, in milliseconds
MAX_FAULTS = 3  # maximum number of faults that an error names

WHOLE_DATA_SET = "*"
"""The instance of metrics that don't belong to a column."""


class DeequSection(Section, strict=True, alias_generator=to_camel):
    """An object in the file; its members are written as `dataSetDate`."""


class DoubleMetric(DeequSection):
    metric_name: Literal["DoubleMetric"]
    name: str
    instance: str
    value: float


class KeyedDoubleMetric(DeequSection):
    """Several numbers, such as quantiles. value: absent if Deequ couldn't compute them."""

    metric_name: Literal["KeyedDoubleMetric"]
    name: str
    instance: str
    value: Mapping[str, float] = Field(default_factory=dict)


class DistributionMetric(DeequSection):
    """A distribution; it is not read."""

    metric_name: Literal["HistogramMetric", "HistogramBinnedMetric", "KLLMetric"]


class MetricAnalyzer(DeequSection):
    """The analyzer that computed a metric. Its members distinguish metrics with the same name and column."""

    quantile: float | None = None
    pattern: str | None = None
    where: str | None = None


class AnalyzerMetric(DeequSection):
    """A metric with its analyzer."""

    analyzer: MetricAnalyzer
    metric: Annotated[DoubleMetric | KeyedDoubleMetric | DistributionMetric, Field(discriminator="metric_name")]

    def list_numbers(self) -> Iterator[tuple[str, float]]:
        """Yield names such as `amount (Mean)` with their numbers; nothing for a distribution."""
        metric = self.metric
        if isinstance(metric, DoubleMetric):
            yield self._format_name(metric.name, metric.instance), metric.value
        elif isinstance(metric, KeyedDoubleMetric):
            for key, number in metric.value.items():
                yield self._format_name(f"{metric.name} {key}", metric.instance), number

    def _format_name(self, name: str, instance: str) -> str:
        full_name = name
        # The name of ApproxQuantile contains the quantile, the name of ExactQuantile doesn't
        if self.analyzer.quantile is not None and not name.endswith(f"-{self.analyzer.quantile}"):
            full_name += f" {self.analyzer.quantile}"
        if self.analyzer.pattern is not None:
            full_name += f" {self.analyzer.pattern}"
        if self.analyzer.where is not None:
            full_name += f" where {self.analyzer.where}"
        if instance == WHOLE_DATA_SET:
            return full_name
        return join_name(instance, full_name)


class AnalyzerContext(DeequSection):
    metric_map: tuple[AnalyzerMetric, ...]


class ResultKey(DeequSection):
    """The key of a data set. data_set_date: milliseconds since 1970."""

    data_set_date: int = Field(ge=0, le=MAX_TIME)
    tags: Mapping[str, str] = Field(default_factory=dict)


class AnalysisResult(DeequSection):
    """The metrics of one data set."""

    result_key: ResultKey
    analyzer_context: AnalyzerContext

    @property
    def tags(self) -> Mapping[str, str]:
        return self.result_key.tags

    @property
    def time(self) -> datetime:
        return EPOCH + timedelta(milliseconds=self.result_key.data_set_date)

    def collect_numbers(self) -> dict[str, float]:
        """All metrics that are numbers, sorted by name, because Deequ's order is that of a hash table."""
        number_by_name: dict[str, float] = {}
        for metric in self.analyzer_context.metric_map:
            number_by_name.update(metric.list_numbers())
        return dict(sorted(number_by_name.items()))


_RESULTS = TypeAdapter(tuple[AnalysisResult, ...])


def parse_analysis_results(content: bytes, where: str) -> tuple[AnalysisResult, ...]:
    """The data sets in a repository's file. where: the file's path.

    Raises BadDocument that names the positions of the faults.
    """
    try:
        # Without our strict reader, because Deequ writes NaN and infinities as bare words
        return _RESULTS.validate_json(content)
    except ValidationError as fault:
        faults = []
        for error in fault.errors(include_input=False)[:MAX_FAULTS]:
            member = ".".join(map(str, error["loc"]))
            faults.append(": ".join(filter(None, (member, error["msg"]))))
        raise BadDocument(f"{where}: is no file of Deequ's metrics repository: {'; '.join(faults)}") from None
