"""Deequ's metrics for a user's checks: from states where the plan has them, and where it allows that from another scan.

Every analyzer gets a metric, a failed one if need be, so that one that can't be computed fails its own constraint and no
other. Driver only.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from model_monitor.monitors.user_checks.answers import NeedsSecondScan, second_scan_refused
from model_monitor.monitors.user_checks.checks import Analyzer, CheckPlan, Served, Source, quoted
from model_monitor.spark.deequ.states import Evidence
from model_monitor.statistics.states.profile import ColumnType, FeatureProfile, Profile

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType, StructType

log = logging.getLogger(__name__)


class CheckMetrics:
    """The metrics of one run of a plan; `context` is Deequ's AnalyzerContext of all of them after `compute`.

    aliases: names that Deequ knows columns by whose own names it would take for something else (`plain_names`).
    """

    def __init__(self, evidence: Evidence, plan: CheckPlan, aliases: dict[str, str]) -> None:
        self._evidence = evidence
        self._deequ = evidence.deequ
        self._plan = plan
        self._aliases = aliases
        self._sources: dict[str, Source] = {}
        self.context = self._deequ["analyzers.runners.AnalyzerContext"].empty()

    def compute(self, required: Sequence[tuple[Analyzer, Any]], frame: DataFrame | None) -> None:
        """Give every analyzer, described and as a Java object, its metric.

        frame: the data under the user's column names; needed for a second scan only. Grouping analyzers start a small Spark
        job each over their counts by value, a second scan starts what Deequ starts.
        """
        states = self._deequ["analyzers.InMemoryStateProvider"]()
        answered, rescanned = [], []
        for analyzer, java in required:
            served = self._plan.served[analyzer]
            self._sources[java.toString()] = served.source
            if served.source is Source.SECOND_SCAN:
                rescanned.append(java)
                continue
            try:
                state = self._evidence.state_of(served, self._name_in_deequ(served))
            except NeedsSecondScan as reason:
                self._sources[java.toString()] = Source.SECOND_SCAN
                if self._plan.second_scan_allowed:
                    rescanned.append(java)
                else:
                    self._fail(java, second_scan_refused(reason))
                continue
            answered.append(java)
            if state is not None:
                states.persist(java, state)
        self._merge(self._deequ.aggregated(_schema_of(self._evidence.profile, self._aliases), answered, states))
        for java in answered:
            if self.context.metric(java).isEmpty():  # it had no state; Deequ's own scan calls that an empty one
                self._add(java, java.computeMetricFrom(self._deequ.none))
        if rescanned:
            self._scan_again(rescanned, frame)

    def of(self, java: Any) -> Any:
        """Deequ's metric of an analyzer, both Java objects."""
        return self.context.metric(java).get()

    def source_of(self, java: Any) -> str:
        """Where the metric of an analyzer came from, in words."""
        return self._sources[java.toString()].value

    def _name_in_deequ(self, served: Served) -> str:
        columns = served.analyzer.columns
        return self._aliases.get(columns[0], columns[0]) if columns else ""

    def _scan_again(self, analyzers: Sequence[Any], frame: DataFrame | None) -> None:
        """A scan of Deequ's own. If Spark refuses it, its analyzers fail and the others stand."""
        import pyspark.sql.functions as F
        from pyspark.errors import PySparkException

        if frame is None:
            raise ValueError("the plan needs a second scan, so it has to be run with the frame")
        log.info("second scan of the data for %s", ", ".join(java.toString() for java in analyzers))
        if self._aliases:
            frame = frame.select("*", *[F.col(quoted(name)).alias(alias) for name, alias in self._aliases.items()])
        runner = self._deequ["analyzers.runners.AnalysisRunner"].onData(frame._jdf)
        try:
            self._merge(runner.addAnalyzers(self._deequ.sequence(analyzers)).run())
        except PySparkException as error:
            for java in analyzers:
                self._fail(java, str(error).strip().splitlines()[0])

    def _fail(self, java: Any, reason: str) -> None:
        failure = self._deequ["analyzers.runners.MetricCalculationPreconditionException"](reason)
        self._add(java, java.toFailureMetric(failure))

    def _add(self, java: Any, metric: Any) -> None:
        pairs = self._deequ.java("java.util.HashMap")()
        pairs.put(java, metric)
        scala_map = self._deequ.java("org.apache.spark.api.python.PythonUtils").toScalaMap(pairs)
        self._merge(self._deequ["analyzers.runners.AnalyzerContext"](scala_map))

    def _merge(self, context: Any) -> None:
        self.context = getattr(self.context, "$plus$plus")(context)


def _schema_of(profile: Profile, aliases: dict[str, str]) -> StructType:
    """The profile's columns with types that say to Deequ's preconditions which are numeric, and which are nested."""
    from pyspark.sql.types import StructField, StructType

    return StructType(
        [
            StructField(name, _type_of(feature))
            for feature in profile.features
            for name in filter(None, [feature.name, aliases.get(feature.name)])
        ]
    )


def _type_of(feature: FeatureProfile) -> DataType:
    from pyspark.sql import types as T

    numeric = (ColumnType.INTEGRAL, ColumnType.FRACTIONAL)
    if feature.is_numeric or feature.column_type in numeric:
        return T.DoubleType()
    others: dict[ColumnType, DataType] = {
        ColumnType.BOOLEAN: T.BooleanType(),
        ColumnType.DATE: T.DateType(),
        ColumnType.TIMESTAMP: T.TimestampType(),
        ColumnType.VECTOR: T.ArrayType(T.DoubleType()),
        ColumnType.NESTED: T.ArrayType(T.StringType()),
    }
    return others.get(feature.column_type, T.StringType())
