"""The data-quality monitor: what it measures, judges, suggests and publishes."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from spark_model_monitor.arguments import require_choice, require_count, require_instance, require_names
from spark_model_monitor.data.reading.dataset import Dataset, require_group_column
from spark_model_monitor.documents.check_results import BudgetLedger, CheckResult, Hint, Results, Violations
from spark_model_monitor.documents.column_roles import ColumnRoles
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings, Verdicts
from spark_model_monitor.documents.page import Page
from spark_model_monitor.documents.rules_file import Expectations
from spark_model_monitor.documents.run_description import NO_CONTEXT, AnalysisType, RunContext
from spark_model_monitor.documents.statistics import RowTable, Statistics, Summary, as_rows
from spark_model_monitor.errors import BadConfiguration, BadState
from spark_model_monitor.monitors.data_quality.baseline.documents import (
    DEFAULT_SETTINGS,
    MAX_DOMAIN_SIZE,
    create_statistics,
    require_features,
    suggest_constraints,
)
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.baseline_comparison import COLUMNS, PAIRS, WindowComparison
from spark_model_monitor.monitors.data_quality.budget import calibrate
from spark_model_monitor.monitors.data_quality.distribution.design_effects import estimate_window_design_effects
from spark_model_monitor.monitors.data_quality.distribution.window_history import (
    Variation,
    estimate_block_variation,
    find_longest_standstills,
)
from spark_model_monitor.monitors.data_quality.evaluation import (
    add_impact,
    check_all,
    collect_hints,
    list_unmet_requests,
)
from spark_model_monitor.monitors.data_quality.feature_numbers import published_metrics, summarize_features
from spark_model_monitor.monitors.data_quality.hints import ObservedData
from spark_model_monitor.monitors.data_quality.label_column import ProfileSample, find_roles, leave_out_label
from spark_model_monitor.monitors.data_quality.report.feature_page import create_page
from spark_model_monitor.monitors.data_quality.report.service_format import (
    close_buckets_as_service,
    sort_buckets_as_service,
    sort_domains_as_service,
    use_words_of_service,
)
from spark_model_monitor.monitors.protocol import (
    Judgement,
    Monitor,
    PublishedMetric,
    ScanRequest,
    ScanResult,
    create_violations,
)
from spark_model_monitor.statistics.states import Profile, RowRuns, State
from spark_model_monitor.statistics.states.profile import FeatureMetrics, Measures, RequiredNumbers, compute_metrics
from spark_model_monitor.statistics.states.row_counts import MIN_ROWS, WINDOW_RUN_ROWS
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.documents.dqdl import RuleSet
    from spark_model_monitor.monitors.user_checks.check_plan import CheckPlan


def _request_baseline_relations(measures: Measures, baseline: Profile, outputs: Collection[str]) -> Measures:
    """The measures, with the relations between columns that a baseline counted, except those of model outputs: a
    baseline may hold labels there, whose relation to a score differs from that of predictions.
    """
    relations: list[str] = []
    for feature in baseline.features:
        state = feature.states.get(PAIRS)
        # Each relation is its own key, written as JSON
        relations.extend(
            relation for relation in getattr(state, "counts", ()) if not {*outputs} & {*json.loads(relation)["columns"]}
        )
    return replace(measures, pairs=tuple(relations))


MAX_FEATURES_WITH_SKETCHES = 300
"""With more features, statistics.json leaves out the sketches unless requested: those of 200 features are 42 MB (P19)."""


@value_class(slots=False)
class DataQualityJudgement(Judgement[QualityBaseline]):
    """The verdicts of a data-quality monitor on a sample's features.

    comparison: the sample compared with the baseline; None without a baseline. new_roles: the roles of captured columns that
    this sample fixed. row_ids: the ids of rows behind violations that `find_causes` kept, by feature.
    """

    monitor: DataQualityMonitor
    sample: ProfileSample
    baseline: QualityBaseline | None
    comparison: WindowComparison | None
    new_roles: ColumnRoles | None = None
    row_ids: dict[str, list[str]] = field(default_factory=dict, compare=False)

    @classmethod
    def of(
        cls, monitor: DataQualityMonitor, sample: ProfileSample, baseline: QualityBaseline | None
    ) -> DataQualityJudgement:
        if baseline is None:
            return cls(monitor, sample.without_runs(), None, None)
        sample = replace(sample, state=baseline.read(sample.state))
        new_roles = None
        if not monitor.exact_columns:
            if baseline.roles is None:
                new_roles = find_roles(baseline, sample)
            baseline = baseline.with_roles(new_roles)
            sample = leave_out_label(sample, baseline.roles)
        unfit_features = baseline.get_variation().unfit
        effects = estimate_window_design_effects(sample.state, sample.runs, baseline.profile, unfit_features)
        comparison = WindowComparison(
            baseline,
            sample.state,
            is_matched=sample.layout.is_matched and not monitor.exact_columns,
            foreign_keys=sample.layout.foreign_keys,
            as_service=monitor.as_service,
            volume=baseline.volume and replace(baseline.volume, newest=sample.layout.newest),
            design_effects=effects,
            standstills=find_longest_standstills(sample.state, sample.runs),
        )
        comparison.calibration = calibrate(comparison)
        return cls(monitor, sample.without_runs(), baseline, comparison, new_roles)

    @cached_property
    def results(self) -> Results:
        """The result of every check, then of the user's own rules and Deequ checks."""
        rule_results, _ = self._user_rules
        if self.baseline is None or self.comparison is None:
            return (*rule_results,)
        check_results = check_all(self.comparison)
        if self.monitor.as_service:
            check_results = use_words_of_service(check_results, self.baseline.constraints)
        # A request that can't be met gets a result; captures have their own times, so they need no time column
        time_column = None
        if self.sample.layout.newest is None:
            time_column = self.monitor.time_column
        unmet_requests = list_unmet_requests(
            self.comparison, wants_relations=bool(self.monitor.pairs), time_column=time_column
        )
        return (*add_impact(check_results, self.baseline.attributions), *unmet_requests, *rule_results)

    @cached_property
    def _user_rules(self) -> tuple[Sequence[CheckResult], Sequence[Hint]]:
        """The results and hints of the user's own rules and Deequ checks."""
        check_results: list[CheckResult] = []
        rule_hints: list[Hint] = []
        if self.monitor.as_service:
            return check_results, rule_hints
        sample = self.sample
        if sample.rules is not None:
            check_results += sample.rules.results
            rule_hints += sample.rules.hints
        if sample.checks is not None:
            from spark_model_monitor.monitors.user_checks.suite import convert_to_results

            deequ_results, deequ_hints = convert_to_results(sample.checks)
            check_results += deequ_results
            rule_hints += deequ_hints
        return check_results, rule_hints

    @property
    def budget(self) -> BudgetLedger | None:
        if self.comparison is None or self.comparison.calibration is None:
            return None
        return self.comparison.calibration.ledger

    @cached_property
    def hints(self) -> tuple[Hint, ...]:
        """What looks wrong with the data; no hints when replaying the service."""
        if self.monitor.as_service:
            return ()
        profile = self.monitor.interpret_state(self.sample.state)
        if self.comparison is not None:
            profile = self.comparison.current_profile
        _, all_hints = self._user_rules
        changed_features = {check_result.feature for check_result in self.results if check_result.is_violation}
        observed = ObservedData(profile, self.sample.layout, self.comparison, changed_features)
        return (*all_hints, *collect_hints(observed))

    def write_sentences(self, results: Results, /, *, hide_values: bool = False) -> Results:
        if self.baseline is None:
            return results
        hides_values = hide_values or self.monitor.hide_values
        # Most windows have no violation, and don't need to import the sentences
        if not any(check_result.is_violated for check_result in results):
            return super().write_sentences(results, hide_values=hides_values)
        from spark_model_monitor.monitors.data_quality.report.sentences import add_sentences

        return add_sentences(
            results,
            self.sample.state,
            self.baseline,
            max_domain_size=self.monitor.max_domain_size,
            hide_values=hides_values,
        )

    def find_causes(self, results: Results, dataset: Dataset, output_path: str | None) -> Results:
        monitor = self.monitor
        is_wanted = (
            monitor.find_causes
            and not monitor.as_service
            and any(check_result.is_violation for check_result in results)
        )
        if self.baseline is None or not is_wanted:
            return results
        from spark_model_monitor.monitors.data_quality.causes.contributing_segments import Examples, find_causes

        examples = None
        if output_path is not None:
            examples = Examples(output_path, monitor.keep_examples, monitor.id_column, self.row_ids)
        return find_causes(
            results,
            self.sample.state,
            self.baseline,
            dataset,
            examples,
            monitor.time_column,
            hide_values=monitor.hide_values,
        )

    def page(self, results: Results, /, *, hide_values: bool = False) -> Page:
        return create_page(
            self.sample.state,
            results,
            self.baseline,
            max_domain_size=self.monitor.max_domain_size,
            hide_values=hide_values or self.monitor.hide_values,
            row_ids=self.row_ids,
        )

    def published_metrics(self, results: Results, constraints: Constraints) -> tuple[PublishedMetric, ...]:
        return tuple(published_metrics(self.sample.state, results, constraints))

    def summary(self, *, hide_values: bool = False) -> Summary:
        # No value is listed where values are hidden
        max_domain_size = self.monitor.max_domain_size
        if hide_values or self.monitor.hide_values:
            max_domain_size = 0
        distributions = None
        if self.baseline is not None:
            distributions = self.baseline.distributions
        return summarize_features(self.sample.state, distributions, max_domain_size)


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

    ANALYSIS_TYPE = AnalysisType.DATA_QUALITY
    NAMESPACE = "data-metrics"
    STATE = Profile
    CONSTRAINTS = Constraints
    STATISTICS = Statistics

    settings: MonitoringSettings = DEFAULT_SETTINGS
    with_sketches: bool | None = None
    max_domain_size: int = MAX_DOMAIN_SIZE
    accept_exponents: bool = True
    as_service: bool = False
    columns: str = "name"
    predictions: tuple[str, ...] = ()
    hide_values: bool = False
    time_column: str | None = None
    find_causes: bool = True
    pairs: bool | None = None
    keep_examples: int = 0
    id_column: str | None = None

    def __post_init__(self) -> None:
        require_instance("settings", self.settings, MonitoringSettings, "MonitoringSettings(…)")
        require_choice("columns", self.columns, COLUMNS)
        require_names("predictions", self.predictions)
        require_count("max_domain_size", self.max_domain_size)
        require_count("keep_examples", self.keep_examples)

    @property
    def exact_columns(self) -> bool:
        return self.as_service or self.columns == "exact"

    def measures(self) -> Measures:
        """The profile of every feature."""
        return Measures(
            self.accept_exponents,
            required_numbers=self.required_numbers,
            run_rows=0 if self.as_service else WINDOW_RUN_ROWS,
            time_column=self.time_column,
            value_by_value=self.as_service,
        )

    @property
    def segments(self) -> tuple[str, ...]:
        """The requested segments, and in addition the hours of the time column."""
        segments = self.settings.segments
        if not segments or self.time_column is None:
            return segments
        from spark_model_monitor.statistics.states.segments import BY_HOUR

        # The time column itself has too many values for segments
        other_segments = [cut for cut in segments if cut != self.time_column]
        return tuple(dict.fromkeys([*other_segments, self.time_column + BY_HOUR]))

    @property
    def required_numbers(self) -> RequiredNumbers:
        """Which text columns count as columns of numbers if no baseline says so."""
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
        # Rules of the baseline's constraints, and of this run
        baseline = request.baseline
        rules = Expectations()
        baseline_names: tuple[str, ...] = ()
        if baseline is not None:
            measures = self._plan_comparison(measures, baseline, names)
            rules = baseline.constraints.all_expectations
            baseline_names = baseline.names
        rule_set: RuleSet | None = None
        if isinstance(request.rules, Expectations):
            rules = rules.merge_rules(request.rules)
        else:
            rule_set = request.rules
        if rules.is_empty and rule_set is None:
            return measures
        from spark_model_monitor.monitors.data_quality.expectations import plan_rules

        plan = plan_rules(rules, rule_set, request.dataset, baseline_names, request.window_end)
        return replace(measures, expected=plan)

    def _plan_baseline(self) -> Measures:
        """The measures of a baseline: also runs of rows, which show how much the data varies, and the requested segments."""
        measures = replace(self.measures(), group_column=self.settings.group_column)
        if self.as_service:
            return measures
        return replace(measures, run_rows=MIN_ROWS, segments=self.segments, finds_pairs=bool(self.pairs))

    def _plan_comparison(self, measures: Measures, baseline: QualityBaseline, names: Sequence[str]) -> Measures:
        """The measures of a window: also the groups of rows, the segments and the column relations of its baseline."""
        measures = replace(measures, required_numbers=baseline.required_numbers)
        group = baseline.monitoring.group_column
        if group in names:
            measures = replace(measures, group_column=group)
        elif group not in baseline.names:  # a lost column is reported
            require_group_column(group, names)
        if baseline.profile is None:
            return measures
        if baseline.monitoring.segments:
            from spark_model_monitor.monitors.data_quality.checks.drift.segment_shares import add_baseline_segments

            measures = add_baseline_segments(measures, baseline, names)
        if self.pairs is not False:
            measures = _request_baseline_relations(measures, baseline.profile, baseline.outputs)
        return measures

    def variation(self, profile: Profile, runs: Sequence[RowRuns]) -> Variation:
        if len(runs) > len(profile.features):
            from spark_model_monitor.statistics.states.segments import iterate_segments

            profile = replace(profile, features=(*profile.features, *iterate_segments(profile.features)))
        return estimate_block_variation(profile, runs, is_ordered_by_time=self.time_column is not None)

    def scan(self, measures: Measures, dataset: Dataset, checks: CheckPlan | None) -> ScanResult:
        from spark_model_monitor.monitors.data_quality.feature_scan import scan_data_set

        return scan_data_set(measures, dataset, checks)

    def metrics(self, profile: Profile) -> Mapping[str, FeatureMetrics]:
        return compute_metrics(profile)

    def documents(
        self, profile: Profile, metrics: Mapping[str, FeatureMetrics], context: RunContext = NO_CONTEXT
    ) -> tuple[Statistics, Constraints]:
        return self.statistics(profile, metrics), self.constraints(profile)

    def statistics(self, profile: Profile, metrics: Mapping[str, FeatureMetrics]) -> Statistics:
        with_sketches = self.with_sketches
        if with_sketches is None:
            with_sketches = len(profile.features) <= MAX_FEATURES_WITH_SKETCHES
        statistics = create_statistics(
            profile, metrics, with_sketches=with_sketches, max_domain_size=self.max_domain_size
        )
        if not self.as_service:
            return statistics
        return close_buckets_as_service(sort_buckets_as_service(statistics), profile)

    def constraints(self, profile: Profile) -> Constraints:
        settings = replace(self.settings, segments=self.segments)
        if self.as_service:
            settings = replace(settings, verdicts=Verdicts.NONE)
        constraints = suggest_constraints(
            profile, settings, max_domain_size=self.max_domain_size, predictions=self.predictions
        )
        if not self.as_service:
            return constraints
        return sort_domains_as_service(constraints)

    def stored_baseline(
        self,
        constraints: Constraints,
        statistics: Statistics | None,
        state: State | None,
        suggested: Constraints | None = None,
    ) -> QualityBaseline:
        if state is not None and not isinstance(state, Profile):
            raise BadState(f"the baseline's states are of kind {state.KIND!r}; name a baseline of the data's quality")
        baseline = QualityBaseline.from_documents(constraints, statistics, state, as_service=self.as_service)
        if any(settings.comparators for settings in baseline.settings.values()):
            from spark_model_monitor.monitors.data_quality.checks.drift.comparators import find_unfit_comparators

            BadConfiguration.raise_for(find_unfit_comparators(constraints, as_service=self.as_service))
        return baseline

    def judge(self, sample: ProfileSample, baseline: QualityBaseline | None) -> DataQualityJudgement:
        return DataQualityJudgement.of(self, sample, baseline)

    def violations(self, results: Results) -> Violations:
        return create_violations(results)

    def table(self, documents: tuple[Statistics, Constraints]) -> RowTable:
        return RowTable("features", "feature", tuple(as_rows(documents[0])))
