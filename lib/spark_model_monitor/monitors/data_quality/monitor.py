"""The data-quality monitor: what it measures, judges, suggests and publishes."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

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
from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.documents.statistics import Statistics, Table, as_rows
from spark_model_monitor.errors import BadConfiguration, BadState, no_group_column
from spark_model_monitor.monitors.data_quality.comparison import COLUMNS, PAIRS, Comparison, QualityBaseline
from spark_model_monitor.monitors.data_quality.design_effects import window_design_effects
from spark_model_monitor.monitors.data_quality.distributions import (
    BASELINE,
    FeatureDistribution,
    Variation,
    from_profile,
    of_parts,
)
from spark_model_monitor.monitors.data_quality.documents import (
    DEFAULT_SETTINGS,
    MAX_DOMAIN_SIZE,
    require_features,
    statistics_of,
    suggest,
)
from spark_model_monitor.monitors.data_quality.evaluation import all_hints, check_all, ledger_of, with_impact
from spark_model_monitor.monitors.data_quality.hints import Seen
from spark_model_monitor.monitors.data_quality.page import page_of
from spark_model_monitor.monitors.data_quality.pictures import BINS, Bins, bins_of
from spark_model_monitor.monitors.data_quality.words import with_words
from spark_model_monitor.monitors.protocol import (
    TOLD,
    Judged,
    Layout,
    Monitor,
    PublishedMetric,
    Scanned,
    Spread,
    violations_of,
)
from spark_model_monitor.statistics.drift import Ties
from spark_model_monitor.statistics.states import FeatureProfile, Profile, RowRuns, State
from spark_model_monitor.statistics.states.columns import chosen
from spark_model_monitor.statistics.states.profile import FeatureMetrics, Measures, RequiredNumbers, metrics_of
from spark_model_monitor.statistics.states.rows import FEWEST_ROWS, ROWS_OF_A_WINDOW

if TYPE_CHECKING:
    from datetime import datetime

    from spark_model_monitor.monitors.user_checks.checks import CheckPlan
    from spark_model_monitor.monitors.user_checks.suite import SuiteResults

LARGEST_VALUE = 2.0**360  # magnitude of the largest number that CloudWatch accepts: the 2.348543e108 of C9.2


def _with_pairs(measures: Measures, known: Profile, outputs: Collection[str]) -> Measures:
    """The measures, with the relations between columns that a baseline counted, except those of model outputs: a
    baseline may hold labels there, whose relation to a score differs from that of predictions.
    """
    states = (each.states.get(PAIRS) for each in known.features)
    counted = (what for state in states if state is not None for what in getattr(state, "counts", ()))
    found = tuple(what for what in counted if not {*outputs} & {*json.loads(what)["columns"]})
    return replace(measures, pairs=found) if found else measures


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
            yield from _of_feature(feature, distances)
    if by_default:
        violated = sum(result.status is CheckStatus.VIOLATED for result in results)
        yield PublishedMetric("total_number_of_violations", violated, unit="Count")


def _of_feature(feature: FeatureProfile, distances: Mapping[str, float]) -> Iterator[PublishedMetric]:
    name, types, moments = feature.name, feature.data_types, feature.moments
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


def summary_of(profile: Profile, baseline: Mapping[str, FeatureDistribution] | None, max_domain_size: int) -> Summary:
    """baseline: the distributions that the run was compared with; None for a baseline's own run."""
    now = from_profile(profile)
    before = now if baseline is None else baseline
    bins = {name: found for name, each in before.items() if (found := bins_of(each)) is not None}
    rows = tuple(_row(feature, now[feature.name], bins.get(feature.name)) for feature in profile.features)
    return Summary(rows, {name: tuple(_names_of(found, max_domain_size)) for name, found in bins.items()})


def _row(feature: FeatureProfile, found: FeatureDistribution, bins: Bins | None) -> SummaryRow:
    moments = feature.moments if feature.is_numeric else None
    has_numbers = moments is not None and moments.count > 0
    shares = bins.shares(found) if bins is not None else None
    cdf = found.numbers.step_cdf() if found.numbers is not None else None
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


def _names_of(bins: Bins, max_domain_size: int) -> Iterator[float | str]:
    if bins.ends is not None:
        return iter(bins.ends)
    listed = len(bins.names) <= max_domain_size
    return (name if listed else f"value {place}" for place, name in enumerate(bins.names[:BINS], start=1))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


# The data-quality monitor: what it measures, judges and suggests.


MOST_FEATURES_WITH_SKETCHES = 300
"""With more features, statistics.json leaves out the sketches unless requested: 200 of them are 42 MB of text (P19)."""


@dataclass(frozen=True, slots=True)
class DataQualityMonitor(Monitor):
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

    def read(self, profile: Profile) -> Profile:
        return self.required_numbers.read(profile)

    def expecting(
        self,
        measures: Measures,
        expectations: Expectations | None,
        dataset: Dataset,
        known: QualityBaseline | None,
        end: datetime | None,
    ) -> Measures:
        require_features(self.predictions, dataset.names)
        if self.as_service:
            if expectations is not None:
                raise BadConfiguration("the service has no expectations; leave out them, or --compat service")
            return measures
        if known is not None:
            measures = replace(measures, required_numbers=known.required_numbers)
        if known is not None and (group := known.monitoring.group_column) is not None:
            if group not in dataset.names and group not in known.names:
                raise no_group_column(group, dataset.names)
            measures = replace(
                measures, group_column=group if group in dataset.names else None
            )  # a lost group column is reported
        if known is not None and known.profile is not None and known.monitoring.segments:
            from spark_model_monitor.monitors.data_quality.segments import as_cut

            measures = as_cut(measures, known, dataset.names)
        if self.pairs is not False and known is not None and known.profile is not None:
            measures = _with_pairs(measures, known.profile, known.outputs)
        own = known.constraints.all_expectations if known is not None else Expectations()
        rules = own if expectations is None else own.beside(expectations)
        if rules.is_empty:
            return measures
        from spark_model_monitor.monitors.data_quality.expectations import planned

        return replace(measures, expected=planned(rules, dataset, known.names if known is not None else (), end))

    def answered(
        self, judged: Judged | None, checks: SuiteResults | None
    ) -> tuple[Sequence[CheckResult], Sequence[Hint]]:
        if self.as_service:
            return (), ()
        results, hints = (judged.results, judged.hints) if judged is not None else ((), ())
        if checks is None:
            return results, hints
        from spark_model_monitor.monitors.user_checks.suite import answers_of

        of_checks, hinted = answers_of(checks)
        return (*results, *of_checks), (*hints, *hinted)

    def measures_of_baseline(self) -> Measures:
        """The same, plus runs of rows, which show how much the data varies, in the requested segments."""
        segments = () if self.as_service else self.settings.segments
        pairs = bool(self.pairs) and not self.as_service
        rows = 0 if self.as_service else FEWEST_ROWS
        group = self.settings.group_column
        return replace(self.measures(), run_rows=rows, segments=segments, finds_pairs=pairs, group_column=group)

    def variation(self, profile: Profile, runs: Sequence[RowRuns]) -> Variation:
        if len(runs) > len(profile.features):
            from spark_model_monitor.statistics.states.segments import in_segments

            profile = replace(profile, features=(*profile.features, *in_segments(profile.features)))
        return of_parts(profile, runs, are_by_time=self.time_column is not None)

    def grouped(self, known: QualityBaseline, profile: Profile, runs: Sequence[RowRuns]) -> QualityBaseline:
        unfit_features = known.history[BASELINE].unfit if BASELINE in known.history else {}
        return known.with_design_effects(window_design_effects(profile, runs, known.profile, unfit_features))

    def scan(self, measures: Any, dataset: Dataset, checks: CheckPlan | None) -> Scanned:
        from spark_model_monitor.monitors.data_quality.scan import scanned

        return scanned(measures, dataset, checks)

    def metrics(self, profile: Profile) -> Mapping[str, FeatureMetrics]:
        return metrics_of(profile)

    def documents(self, profile: Profile, metrics: Mapping[str, FeatureMetrics]) -> tuple[Statistics, Constraints]:
        return self.statistics(profile, metrics), self.constraints(profile)

    def statistics(self, profile: Profile, metrics: Mapping[str, FeatureMetrics]) -> Statistics:
        few = len(profile.features) <= MOST_FEATURES_WITH_SKETCHES
        with_sketches = few if self.with_sketches is None else self.with_sketches
        found = statistics_of(profile, metrics, with_sketches=with_sketches, max_domain_size=self.max_domain_size)
        if not self.as_service:
            return found
        from spark_model_monitor.monitors.data_quality.as_service import close_buckets_as_service, listed_as_service

        return close_buckets_as_service(listed_as_service(found), profile)

    def constraints(self, profile: Profile) -> Constraints:
        settings = replace(self.settings, verdicts=Verdicts.NONE) if self.as_service else self.settings
        constraints = suggest(profile, settings, max_domain_size=self.max_domain_size, predictions=self.predictions)
        if not self.as_service:
            return constraints
        from spark_model_monitor.monitors.data_quality.as_service import listed_as_service

        return listed_as_service(constraints)

    def known(
        self,
        constraints: Constraints,
        statistics: Statistics | None,
        state: State | None,
        suggested: Constraints | None = None,
    ) -> QualityBaseline:
        if state is not None and not isinstance(state, Profile):
            raise BadState(f"the baseline's states are of kind {state.KIND!r}; name a baseline of the data's quality")
        found = QualityBaseline.made_of(constraints, statistics, state, suggested, exact_classes=self.as_service)
        if any(each.comparators for each in found.settings.values()):
            from spark_model_monitor.monitors.data_quality.comparators import unfit_comparators

            if faults := [*unfit_comparators(constraints, as_service=self.as_service)]:
                raise BadConfiguration.gathered(faults)
        return found

    def check(
        self, profile: Profile, metrics: Mapping[str, FeatureMetrics], known: QualityBaseline, layout: Layout = TOLD
    ) -> tuple[CheckResult, ...]:
        results = check_all(self._comparison(profile, known, layout))
        if self.as_service:
            from spark_model_monitor.monitors.data_quality.as_service import use_words_of_service

            results = use_words_of_service(results, known.constraints)
        return with_impact(results, known.attributions)

    def budget(self, profile: Profile, known: QualityBaseline) -> BudgetLedger | None:
        return ledger_of(self._comparison(profile, known))

    def hints(self, profile: Profile, layout: Layout, known: QualityBaseline | None) -> tuple[Hint, ...]:
        """What looks wrong with the data; no hints when replaying the service."""
        if self.as_service:
            return ()
        if known is None:
            return all_hints(Seen(self.read(profile), layout))
        comparison = self._comparison(profile, known, layout)
        return all_hints(Seen(comparison.current, layout, comparison))

    def _comparison(self, profile: Profile, known: QualityBaseline, layout: Layout = TOLD) -> Comparison:
        """Window and baseline side by side; the checks, the budget and the hints of one window share it."""
        if not self.as_service:
            profile = known.required_numbers.read(profile)
        is_matched, as_service = layout.is_matched and not self.exact_columns, self.as_service
        volume = known.volume and replace(known.volume, newest=layout.newest)
        for each in known.beside:
            is_same = each.current is profile and (each.is_matched, each.exact_classes) == (is_matched, as_service)
            if is_same and (each.volume == volume or layout is TOLD):
                return each
            each.__dict__.pop("features", None)  # break the reference cycle: the window can go
        known.beside[:] = [
            Comparison(
                known.constraints,
                profile,
                known.distributions,
                is_matched=is_matched,
                ties=Ties.LOST if as_service else Ties.SUMMED,
                exact_classes=as_service,
                suggested_limits=known.suggested_limits,
                before=known.profile,
                references=known.references,
                history=known.history,
                volume=volume,
                design_effects=known.design_effects,
                seasons=known.seasons,
                settings=known.settings,
                kept=known.kept,
            )
        ]
        known.beside[0].__dict__["monitoring"] = known.monitoring  # computed once for all windows
        return known.beside[0]

    def in_words(
        self, results: tuple[CheckResult, ...], profile: Profile, known: QualityBaseline
    ) -> tuple[CheckResult, ...]:
        size, hide = self.max_domain_size, self.hide_values
        return with_words(results, profile, known, max_domain_size=size, hide_values=hide)

    def pinned_down(
        self,
        results: tuple[CheckResult, ...],
        profile: Profile,
        known: QualityBaseline,
        data: Dataset,
        path: str | None,
    ) -> tuple[CheckResult, ...]:
        if self.as_service or not self.find_causes or not any(each.is_violation for each in results):
            return results
        from spark_model_monitor.monitors.data_quality.causes import Examples, pinned_down

        examples = Examples(path, self.keep_examples, self.id_column) if path is not None else None
        return pinned_down(results, profile, known, data, examples, self.time_column, hide_values=self.hide_values)

    def violations(self, results: tuple[CheckResult, ...]) -> Violations:
        return violations_of(results)

    def published(
        self,
        profile: Profile,
        metrics: Mapping[str, FeatureMetrics],
        results: tuple[CheckResult, ...],
        constraints: Constraints,
    ) -> tuple[PublishedMetric, ...]:
        return tuple(published_metrics(profile, results, constraints))

    def page(
        self, _: object, results: tuple[CheckResult, ...], profile: Profile, known: QualityBaseline | None
    ) -> Page:
        size, hide = self.max_domain_size, self.hide_values
        return page_of(profile, results, known, max_domain_size=size, hide_values=hide)

    def summary(self, profile: Profile, _: object, known: QualityBaseline | None) -> Summary:
        size = 0 if self.hide_values else self.max_domain_size
        return summary_of(profile, known.distributions if known is not None else None, size)

    def table(self, documents: tuple[Statistics, Constraints]) -> Table:
        return Table("features", "feature", tuple(as_rows(documents[0])))
