"""The data-quality monitor: what it measures, judges, suggests and publishes."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.documents.check_results import (
    QUANTILES,
    BudgetLedger,
    CheckResult,
    CheckStatus,
    Hint,
    Summary,
    SummaryRow,
    Violations,
)
from spark_model_monitor.documents.constraints import Constraints, MonitoringSettings, Verdicts
from spark_model_monitor.documents.document import Document
from spark_model_monitor.documents.expectations import Expectations
from spark_model_monitor.documents.headline import DRIFT
from spark_model_monitor.documents.page import Page
from spark_model_monitor.documents.run_description import NOBODY_SAID, AnalysisType, RunContext
from spark_model_monitor.documents.statistics import Statistics, Table, as_rows
from spark_model_monitor.errors import BadConfiguration, BadState, no_group_column
from spark_model_monitor.monitors.data_quality.baseline.documents import (
    DEFAULT_SETTINGS,
    MAX_DOMAIN_SIZE,
    create_statistics,
    require_features,
    suggest,
)
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.budget import calibrate
from spark_model_monitor.monitors.data_quality.comparison import COLUMNS, PAIRS, Comparison
from spark_model_monitor.monitors.data_quality.distribution.design_effects import window_design_effects
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    from_profile,
)
from spark_model_monitor.monitors.data_quality.distribution.window_history import (
    BASELINE,
    Variation,
    estimate_block_variation,
)
from spark_model_monitor.monitors.data_quality.evaluation import all_hints, check_all, with_impact
from spark_model_monitor.monitors.data_quality.hints import Seen
from spark_model_monitor.monitors.data_quality.report.charts import BINS, Bins, choose_bins
from spark_model_monitor.monitors.data_quality.report.page import create_page
from spark_model_monitor.monitors.data_quality.report.sentences import with_words
from spark_model_monitor.monitors.protocol import (
    Judgement,
    Monitor,
    PublishedMetric,
    Sample,
    Scanned,
    ScanRequest,
    Spread,
    violations_of,
)
from spark_model_monitor.statistics.drift import Ties
from spark_model_monitor.statistics.states import FeatureProfile, Profile, RowRuns, State
from spark_model_monitor.statistics.states.columns import chosen
from spark_model_monitor.statistics.states.profile import FeatureMetrics, Measures, RequiredNumbers, metrics_of
from spark_model_monitor.statistics.states.rows import FEWEST_ROWS, ROWS_OF_A_WINDOW

if TYPE_CHECKING:
    from spark_model_monitor.monitors.user_checks.checks import CheckPlan

LARGEST_VALUE = 2.0**360  # magnitude of the largest number that CloudWatch accepts: the 2.348543e108 of C9.2


def _with_pairs(measures: Measures, known: Profile, outputs: Collection[str]) -> Measures:
    """The measures, with the relations between columns that a baseline counted, except those of model outputs: a
    baseline may hold labels there, whose relation to a score differs from that of predictions.
    """
    states = (feature.states.get(PAIRS) for feature in known.features)
    counted = (what for state in states if state is not None for what in getattr(state, "counts", ()))
    found = tuple(what for what in counted if not {*outputs} & {*json.loads(what)["columns"]})
    if found:
        return replace(measures, pairs=found)
    return measures


def published_metrics(
    profile: Profile, results: Iterable[CheckResult], constraints: Constraints
) -> Iterator[PublishedMetric]:
    """The metrics of every feature whose `emit_metrics` is Enabled, and the number of violations.

    For the number of violations, and for a feature that constraints.json lacks, the file's own `emit_metrics` decides.
    A number that CloudWatch does not accept (NaN, infinite, above 2^360) has no metric. `feature_baseline_drift_…` is
    the distance, or the p-value of ChiSquared, whether it is a violation or not.
    """
    results = list(results)
    distances = {o.feature: o.observed for o in results if o.feature and o.check == DRIFT and o.observed is not None}
    by_default = constraints.monitoring.emit_metrics
    own = {
        feature.name: config.emit_metrics.is_on
        for feature in constraints.features
        for config in feature.overrides.values()  # the last one wins
        if config.emit_metrics is not None
    }
    for feature in profile.features:
        if own.get(feature.name, by_default):
            yield from _feature_metrics(feature, distances)
    if by_default:
        violated = sum(result.status is CheckStatus.VIOLATED for result in results)
        yield PublishedMetric("total_number_of_violations", violated, unit="Count")


def _feature_metrics(feature: FeatureProfile, distances: Mapping[str, float]) -> Iterator[PublishedMetric]:
    name = feature.name
    types = feature.data_types
    moments = feature.moments
    if feature.is_numeric and moments is not None and moments.count:
        numbers = (moments.sum, moments.minimum, moments.maximum)
        if all(map(_is_taken, numbers)):
            yield PublishedMetric(f"feature_data_{name}", Spread(moments.count, *numbers))
    counts: dict[str, float | None] = {
        "non_null": feature.num_present,
        "null": feature.num_missing,
        "estimated_unique_values": feature.distinct.estimate() if feature.distinct else None,
        "fractional_counts": types.fractional,
        "integral_counts": types.integral,
        "string_counts": types.text,
        "boolean_counts": types.boolean,
        "unknown_counts": types.unknown + types.missing,  # Deequ's Unknown: nothing from which to infer a type
    }
    yield from (
        PublishedMetric(f"feature_{kind}_{name}", count, unit="Count")
        for kind, count in counts.items()
        if count is not None
    )
    if types.total:
        yield PublishedMetric(f"feature_completeness_{name}", feature.completeness)
    if name in distances and _is_taken(distances[name]):
        yield PublishedMetric(f"feature_baseline_drift_{name}", distances[name])


def _is_taken(number: float) -> bool:
    """Whether CloudWatch accepts the number."""
    return math.isfinite(number) and abs(number) <= LARGEST_VALUE


# The rows that describe a data-quality run: every feature, in the bins of its baseline.


def summarise(profile: Profile, baseline: Mapping[str, FeatureDistribution] | None, max_domain_size: int) -> Summary:
    """baseline: the distributions that the run was compared with; None for a baseline's own run."""
    now = from_profile(profile)
    before = now if baseline is None else baseline
    bins = {name: found for name, each in before.items() if (found := choose_bins(each)) is not None}
    rows = tuple(_row(feature, now[feature.name], bins.get(feature.name)) for feature in profile.features)
    return Summary(rows, {name: tuple(_list_bin_names(found, max_domain_size)) for name, found in bins.items()})


def _row(feature: FeatureProfile, found: FeatureDistribution, bins: Bins | None) -> SummaryRow:
    moments = feature.moments if feature.is_numeric else None
    has_numbers = moments is not None and moments.count > 0
    shares = bins.shares(found) if bins is not None else None
    cdf = None
    if found.numbers is not None:
        cdf = found.numbers.step_cdf()
    return SummaryRow(
        feature.name,
        kind="number" if feature.is_numeric else "category",
        present=feature.num_present,
        missing=feature.num_missing,
        distinct=None if feature.distinct is None else min(round(feature.distinct.estimate()), feature.num_present),
        mean=_finite(moments.average) if moments is not None and has_numbers else None,
        sd=_finite(moments.standard_deviation) if moments is not None and has_numbers else None,
        min=moments.minimum if moments is not None and has_numbers else None,
        max=moments.maximum if moments is not None and has_numbers else None,
        quantiles=cdf.quantiles(QUANTILES) if cdf is not None and cdf.total else None,
        shares=None if shares is None else shares.tolist(),
    )


def _list_bin_names(bins: Bins, max_domain_size: int) -> Iterator[float | str]:
    if bins.ends is not None:
        return iter(bins.ends)
    listed = len(bins.names) <= max_domain_size
    return (name if listed else f"value {place}" for place, name in enumerate(bins.names[:BINS], start=1))


def _finite(number: float) -> float | None:
    if math.isfinite(number):
        return number
    return None


# The data-quality monitor: what it measures, judges and suggests.


MOST_FEATURES_WITH_SKETCHES = 300
"""With more features, statistics.json leaves out the sketches unless requested: 200 of them are 42 MB of text (P19)."""


ProfileSample: TypeAlias = Sample[Profile, Mapping[str, FeatureMetrics]]


@dataclass(frozen=True)
class DataQualityJudgement(Judgement[QualityBaseline]):
    """What a data-quality monitor says of a sample's features. comparison: with the baseline; None without one. row_ids:
    of the rows behind violations that `find_causes` kept, by feature.
    """

    monitor: DataQualityMonitor
    sample: ProfileSample
    baseline: QualityBaseline | None
    comparison: Comparison | None
    row_ids: dict[str, list[str]] = field(default_factory=dict, compare=False)

    @classmethod
    def of(
        cls, monitor: DataQualityMonitor, sample: ProfileSample, baseline: QualityBaseline | None
    ) -> DataQualityJudgement:
        if baseline is None:
            return cls(monitor, sample.without_runs(), None, None)
        if BASELINE in baseline.history:
            unfit_features = baseline.history[BASELINE].unfit
        else:
            unfit_features = {}
        effects = window_design_effects(sample.state, sample.runs, baseline.profile, unfit_features)
        if monitor.as_service:
            profile = sample.state
        else:
            profile = baseline.required_numbers.read(sample.state)
        comparison = Comparison(
            baseline,
            profile,
            is_matched=sample.layout.is_matched and not monitor.exact_columns,
            ties=Ties.LOST if monitor.as_service else Ties.SUMMED,
            exact_classes=monitor.as_service,
            volume=baseline.volume and replace(baseline.volume, newest=sample.layout.newest),
            design_effects=effects,
        )
        comparison.calibration = calibrate(comparison)
        return cls(monitor, sample.without_runs(), baseline, comparison)

    @cached_property
    def results(self) -> tuple[CheckResult, ...]:
        """The result of every check, then of the user's own rules and Deequ checks."""
        own_results, _ = self._own_rules
        if self.baseline is None or self.comparison is None:
            return (*own_results,)
        check_results = check_all(self.comparison)
        if self.monitor.as_service:
            from spark_model_monitor.monitors.data_quality.report.service_format import use_words_of_service

            check_results = use_words_of_service(check_results, self.baseline.constraints)
        return (*with_impact(check_results, self.baseline.attributions), *own_results)

    @cached_property
    def _own_rules(self) -> tuple[Sequence[CheckResult], Sequence[Hint]]:
        """The results and hints of the user's own rules and Deequ checks."""
        rules = self.sample.rules
        checks = self.sample.checks
        if self.monitor.as_service:
            return (), ()
        if rules is not None:
            rule_results = rules.results
            rule_hints = rules.hints
        else:
            rule_results = ()
            rule_hints = ()
        if checks is None:
            return rule_results, rule_hints
        from spark_model_monitor.monitors.user_checks.suite import convert_to_results

        deequ_results, deequ_hints = convert_to_results(checks)
        return (*rule_results, *deequ_results), (*rule_hints, *deequ_hints)

    @property
    def budget(self) -> BudgetLedger | None:
        calibration = None
        if self.comparison is not None:
            calibration = self.comparison.calibration
        if calibration is not None:
            return calibration.ledger
        return None

    @cached_property
    def hints(self) -> tuple[Hint, ...]:
        """What looks wrong with the data; no hints when replaying the service."""
        if self.monitor.as_service:
            return ()
        layout = self.sample.layout
        profile = self.monitor.interpret_state(self.sample.state)
        if self.comparison is not None:
            profile = self.comparison.current
        _, own_hints = self._own_rules
        return (*all_hints(Seen(profile, layout, self.comparison)), *own_hints)

    def write_sentences(
        self, results: tuple[CheckResult, ...], /, *, hide_values: bool = False
    ) -> tuple[CheckResult, ...]:
        if self.baseline is None:
            return results
        size = self.monitor.max_domain_size
        hide = hide_values or self.monitor.hide_values
        return with_words(results, self.sample.state, self.baseline, max_domain_size=size, hide_values=hide)

    def find_causes(
        self, results: tuple[CheckResult, ...], dataset: Dataset, output_path: str | None
    ) -> tuple[CheckResult, ...]:
        monitor = self.monitor
        is_wanted = monitor.find_causes and not monitor.as_service and any(each.is_violation for each in results)
        if self.baseline is None or not is_wanted:
            return results
        from spark_model_monitor.monitors.data_quality.causes.contributing_segments import (
            Examples,
            find_causes,
        )

        examples = None
        if output_path is not None:
            examples = Examples(output_path, monitor.keep_examples, monitor.id_column, self.row_ids)
        profile = self.sample.state
        time = monitor.time_column
        hide = monitor.hide_values
        return find_causes(results, profile, self.baseline, dataset, examples, time, hide_values=hide)

    def page(self, results: tuple[CheckResult, ...], /, *, hide_values: bool = False) -> Page:
        return create_page(
            self.sample.state,
            results,
            self.baseline,
            max_domain_size=self.monitor.max_domain_size,
            hide_values=hide_values or self.monitor.hide_values,
            row_ids=self.row_ids,
        )

    def published_metrics(
        self, results: tuple[CheckResult, ...], constraints: Constraints
    ) -> tuple[PublishedMetric, ...]:
        return tuple(published_metrics(self.sample.state, results, constraints))

    def summary(self, *, hide_values: bool = False) -> Summary:
        if hide_values or self.monitor.hide_values:
            size = 0
        else:
            size = self.monitor.max_domain_size
        distributions = None
        if self.baseline is not None:
            distributions = self.baseline.distributions
        return summarise(self.sample.state, distributions, size)


@dataclass(frozen=True, slots=True)
class DataQualityMonitor(Monitor[Profile, Mapping[str, FeatureMetrics], QualityBaseline, Measures]):
    """Monitors data quality: types, completeness, domains, distributions.

    Parameters
    ----------
    settings : MonitoringSettings, optional
        The `monitoring_config` of a suggested baseline: thresholds and methods. By default verdicts on suggested limits allow
        for noise; with `as_service`, they don't.
    with_sketches : bool, optional
        Whether statistics.json holds the KLL sketches. By default yes, up to 300 features.
    max_domain_size : int
        Maximum number of distinct values of a text feature that get a list (domain).
    accept_exponents : bool, default True
        Whether text such as `1e-5` counts as a number.
    as_service : bool, default False
        Check like the service: exact type classes, and its distance, which loses ties. Categories are listed in its order.
    window_rows : int, optional
        Deprecated, without effect: suggested limits have no margin that depends on it.
    column_metrics : tuple of str, optional
        Names of further metrics for numeric features, such as `skewness`; statistics.json then shows them.
    columns : {"name", "exact"}
        `name`: a column that only one side has is a violation, and the others are judged. `exact`, as in the service and with
        `as_service`: with a different number of columns, nothing is judged; names that differ are matched by position.
    predictions : tuple of str, optional
        Features with the model's output: their drift is a family of its own, with its own part of the budget.
    hide_values : bool, default False
        Whether alarms leave out the names of categories.
    time_column : str, optional
        The column with the time of each row (ISO 8601, times or numbers): neighbours in time show how a baseline varies. By
        default neighbours in the data's order do.
    find_causes : bool, default True
        Whether data with an alarm is read again to find the segment of the change, and its files, times or clients.
    keep_examples : int, default 0
        Number of row ids in examples.parquet for each violated feature, if `find_causes` is on.
    id_column : str, optional
        The column with the row ids. By default the ids of captured events.
    pairs : bool, optional
        Whether to look for relations between columns in a baseline, and to judge them in a window. By default a baseline has
        none, and a window is judged by the relations in its baseline.

    Examples
    --------
    >>> from spark_model_monitor import DataQualityMonitor, MonitoringSettings
    >>> DataQualityMonitor(settings=MonitoringSettings(comparison_threshold=0.2)).settings.comparison_threshold
    0.2
    """

    ANALYSIS_TYPE: ClassVar[AnalysisType] = AnalysisType.DATA_QUALITY
    NAMESPACE: ClassVar[str] = "data-metrics"
    STATE: ClassVar[type[State]] = Profile
    CONSTRAINTS: ClassVar[type[Document]] = Constraints
    STATISTICS: ClassVar[type[Document] | None] = Statistics

    settings: MonitoringSettings = DEFAULT_SETTINGS
    with_sketches: bool | None = None
    max_domain_size: int = MAX_DOMAIN_SIZE
    accept_exponents: bool = True
    as_service: bool = False
    window_rows: int | None = None
    column_metrics: tuple[str, ...] = ()
    columns: str = "name"
    predictions: tuple[str, ...] = ()
    hide_values: bool = False
    time_column: str | None = None
    find_causes: bool = True
    pairs: bool | None = None
    keep_examples: int = 0
    id_column: str | None = None

    def __post_init__(self) -> None:
        if self.columns not in COLUMNS:
            raise BadConfiguration(f"columns is {self.columns!r}; it is one of: {', '.join(COLUMNS)}")
        if self.window_rows is not None:
            warnings.warn("window_rows has no effect on data quality", DeprecationWarning, stacklevel=3)

    @property
    def exact_columns(self) -> bool:
        return self.as_service or self.columns == "exact"

    def measures(self) -> Measures:
        """The profile of every feature, with the chosen column metrics. Raises BadConfiguration for an unknown name."""
        return Measures(
            self.accept_exponents,
            required_numbers=self.required_numbers,
            column_metrics=chosen(self.column_metrics),
            run_rows=0 if self.as_service else ROWS_OF_A_WINDOW,
            time_column=self.time_column,
            value_by_value=self.as_service,
        )

    @property
    def required_numbers(self) -> RequiredNumbers:
        """Which text columns are columns of numbers, without a baseline that says so."""
        if self.as_service:
            return RequiredNumbers()
        return RequiredNumbers.from_threshold(self.settings.datatype_check_threshold)

    def interpret_state(self, profile: Profile) -> Profile:
        return self.required_numbers.read(profile)

    def plan_scan(self, request: ScanRequest[QualityBaseline]) -> Measures:
        if request.is_baseline:
            return self._plan_baseline()
        measures = self.measures()
        names = request.dataset.names
        require_features(self.predictions, names)
        if self.as_service:
            if request.rules is not None:
                raise BadConfiguration("the service has no expectations; leave out them, or --compat service")
            return measures
        baseline = request.baseline
        if baseline is not None:
            measures = self._plan_comparison(measures, baseline, names)
        if baseline is not None:
            rules = baseline.constraints.all_expectations
        else:
            rules = Expectations()
        if request.rules is not None:
            rules = rules.beside(request.rules)
        if rules.is_empty:
            return measures
        from spark_model_monitor.monitors.data_quality.expectations import planned

        baseline_names = baseline.names if baseline is not None else ()
        return replace(measures, expected=planned(rules, request.dataset, baseline_names, request.window_end))

    def _plan_baseline(self) -> Measures:
        """With runs of rows, which show how much the data varies, in the requested segments."""
        if self.as_service:
            return replace(self.measures(), run_rows=0, group_column=self.settings.group_column)
        return replace(
            self.measures(),
            run_rows=FEWEST_ROWS,
            segments=self.settings.segments,
            finds_pairs=bool(self.pairs),
            group_column=self.settings.group_column,
        )

    def _plan_comparison(self, measures: Measures, baseline: QualityBaseline, names: Sequence[str]) -> Measures:
        """With what the baseline has: its groups of rows, its segments, its relations between columns."""
        measures = replace(measures, required_numbers=baseline.required_numbers)
        group = baseline.monitoring.group_column
        if group is not None:
            if group not in names and group not in baseline.names:
                raise no_group_column(group, names)
            is_lost = group not in names  # a lost column is reported
            measures = replace(measures, group_column=None if is_lost else group)
        if baseline.profile is None:
            return measures
        if baseline.monitoring.segments:
            from spark_model_monitor.monitors.data_quality.checks.drift.segments import as_cut

            measures = as_cut(measures, baseline, names)
        if self.pairs is not False:
            measures = _with_pairs(measures, baseline.profile, baseline.outputs)
        return measures

    def variation(self, profile: Profile, runs: Sequence[RowRuns]) -> Variation:
        if len(runs) > len(profile.features):
            from spark_model_monitor.statistics.states.segments import in_segments

            profile = replace(profile, features=(*profile.features, *in_segments(profile.features)))
        return estimate_block_variation(profile, runs, are_by_time=self.time_column is not None)

    def scan(self, measures: Measures, dataset: Dataset, checks: CheckPlan | None) -> Scanned:
        from spark_model_monitor.monitors.data_quality.scan import scan_data_set

        return scan_data_set(measures, dataset, checks)

    def metrics(self, profile: Profile) -> Mapping[str, FeatureMetrics]:
        return metrics_of(profile)

    def documents(
        self, profile: Profile, metrics: Mapping[str, FeatureMetrics], context: RunContext = NOBODY_SAID
    ) -> tuple[Statistics, Constraints]:
        return self.statistics(profile, metrics), self.constraints(profile)

    def statistics(self, profile: Profile, metrics: Mapping[str, FeatureMetrics]) -> Statistics:
        few = len(profile.features) <= MOST_FEATURES_WITH_SKETCHES
        if self.with_sketches is None:
            with_sketches = few
        else:
            with_sketches = self.with_sketches
        statistics = create_statistics(
            profile, metrics, with_sketches=with_sketches, max_domain_size=self.max_domain_size
        )
        if not self.as_service:
            return statistics
        from spark_model_monitor.monitors.data_quality.report.service_format import (
            close_buckets_as_service,
            listed_as_service,
        )

        return close_buckets_as_service(listed_as_service(statistics), profile)

    def constraints(self, profile: Profile) -> Constraints:
        if self.as_service:
            settings = replace(self.settings, verdicts=Verdicts.NONE)
        else:
            settings = self.settings
        constraints = suggest(profile, settings, max_domain_size=self.max_domain_size, predictions=self.predictions)
        if not self.as_service:
            return constraints
        from spark_model_monitor.monitors.data_quality.report.service_format import listed_as_service

        return listed_as_service(constraints)

    def stored_baseline(
        self,
        constraints: Constraints,
        statistics: Statistics | None,
        state: State | None,
        suggested: Constraints | None = None,
    ) -> QualityBaseline:
        if state is not None and not isinstance(state, Profile):
            raise BadState(f"the baseline's states are of kind {state.KIND!r}; name a baseline of the data's quality")
        baseline = QualityBaseline.from_documents(
            constraints, statistics, state, suggested, exact_classes=self.as_service
        )
        if any(settings.comparators for settings in baseline.settings.values()):
            from spark_model_monitor.monitors.data_quality.checks.drift.comparators import unfit_comparators

            faults = [*unfit_comparators(constraints, as_service=self.as_service)]
            if faults:
                raise BadConfiguration.gathered(faults)
        return baseline

    def judge(self, sample: ProfileSample, baseline: QualityBaseline | None) -> DataQualityJudgement:
        return DataQualityJudgement.of(self, sample, baseline)

    def violations(self, results: tuple[CheckResult, ...]) -> Violations:
        return violations_of(results)

    def table(self, documents: tuple[Statistics, Constraints]) -> Table:
        return Table("features", "feature", tuple(as_rows(documents[0])))
