"""The common interface of all kinds of monitoring: `Monitor` and `Judgement`, a monitor's baseline, and findings. Pure.

Runs, results, baselines and jobs use a monitor only through these classes. To add a kind of monitoring, write a package
with a subclass of each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias

from spark_model_monitor.data.reading.formats import BaselineValues
from spark_model_monitor.data.reading.ledger import Coverage
from spark_model_monitor.data.records.decoded_rows import ColumnMatching
from spark_model_monitor.documents.check_results import (
    LOWER_LIMIT,
    AlarmDetails,
    BudgetLedger,
    CheckDecision,
    CheckNumbers,
    CheckReasons,
    CheckResult,
    CheckStatus,
    DriftEvidence,
    Hint,
    Results,
    RuleDetails,
    Violation,
    Violations,
    remove_values,
)
from spark_model_monitor.documents.column_roles import ColumnRoles
from spark_model_monitor.documents.document import Document
from spark_model_monitor.documents.outcome import group_by
from spark_model_monitor.documents.page import Page
from spark_model_monitor.documents.run_description import NO_CONTEXT, AnalysisType, RunContext
from spark_model_monitor.documents.statistics import RowTable, Summary
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.statistics.states import Requests, RowCounts, RowRuns, State
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from spark_model_monitor.data.reading.dataset import Dataset
    from spark_model_monitor.documents.dqdl import RuleSet
    from spark_model_monitor.documents.rules_file import Expectations
    from spark_model_monitor.monitors.user_checks.check_plan import CheckPlan
    from spark_model_monitor.monitors.user_checks.suite import SuiteResults

    # Code that works with any kind of monitor writes `Monitor` without arguments
    StateT = TypeVar("StateT", default=Any)
    MetricsT = TypeVar("MetricsT", default=Any)
    BaselineT = TypeVar("BaselineT", default=Any)
    MeasuresT = TypeVar("MeasuresT", default=Any)
else:
    from typing import TypeVar

    StateT = TypeVar("StateT")
    MetricsT = TypeVar("MetricsT")
    BaselineT = TypeVar("BaselineT")
    MeasuresT = TypeVar("MeasuresT")

Violated: TypeAlias = "str | tuple[str, str]"
"""A feature with an alarm; or, for an alarm relative to one reference, the reference and the feature."""

StoredStatistics: TypeAlias = "tuple[tuple[str, str, Mapping[str, float]], ...]"
"""The data that a window stores for later ones: reference, feature, and raw statistics relative to the reference."""


@value_class
class StatisticSet:
    """A summary of many numbers for a metrics platform, which can compute their average from it."""

    count: int
    total: float
    minimum: float
    maximum: float


@value_class
class PublishedMetric:
    """What a run publishes under one name: a number, or a summary of many numbers.

    unit: `Count`, `Milliseconds` or `None`, as in CloudWatch. dimensions: in addition to those that all metrics of a run
        have.
    Source: C9.1.
    """

    name: str
    value: float | StatisticSet
    unit: str = "None"
    dimensions: Mapping[str, str] = field(default_factory=dict)


FILE_SHARE_TOLERANCE = 0.1
"""How much a file's share of the rows may differ from its share of the bytes, relative to the latter; rows differ in length."""


@value_class
class ColumnLayout:
    """How the columns of a data set got their names.

    header: the names in the header line of a CSV file, by position; empty without a header.
    by_position: whether records have no names, so that their columns match the baseline's only by position.
    newest: the time of the latest row, if known.
    matched_by, foreign_keys, roles: as in `reading.dataset.Dataset`.
    file_sizes: the size in bytes of each file that was read, by path; empty for data that doesn't come from files.
    """

    header: tuple[str, ...] = ()
    by_position: bool = False
    matched_by: ColumnMatching | None = ColumnMatching.NAME
    newest: datetime | None = None
    file_sizes: Mapping[str, int] = field(default_factory=dict)
    foreign_keys: str = ""
    roles: ColumnRoles | None = None

    @property
    def is_matched(self) -> bool:
        """Whether it is known to which column of the baseline each column corresponds."""
        return self.matched_by is not None

    def find_files(self, share: float, error: float) -> list[str]:
        """The files with about this share of the data each. If several of them have equal sizes, only these.

        error: the relative error that the share may have; it is used only for files of equal size.
        """
        size_of_share = share * sum(self.file_sizes.values())
        tolerance = FILE_SHARE_TOLERANCE * size_of_share
        # Files of equal size may be copies, so their share may be less exact
        tolerance_of_same_size = max(FILE_SHARE_TOLERANCE, error) * size_of_share
        paths_by_size = group_by(sorted(self.file_sizes), self.file_sizes.__getitem__)
        paths = []
        same_size = []
        for size, group in paths_by_size.items():
            distance = abs(size - size_of_share)
            if distance <= tolerance:
                paths += group
            if len(group) > 1 and distance <= tolerance_of_same_size:
                same_size += group
        return same_size or paths


NAMED_COLUMNS = ColumnLayout()  # for columns with their own names


class StoredBaseline(BaselineValues):
    """What a monitor knows about the baseline with which it compares later data: a frozen dataclass with `constraints`."""

    __slots__ = ()

    constraints: Any  # the baseline's constraints on later data
    roles: ColumnRoles | None = None  # roles of captured columns; None if no window has determined them

    @property
    def names(self) -> tuple[str, ...]:
        """The features in the order of the baseline's columns; empty if columns aren't matched by this."""
        return ()

    def drop_features(self, excluded: Collection[str]) -> StoredBaseline:
        """The baseline without these features."""
        raise NotImplementedError

    def with_block_variation(self, parts: Any) -> StoredBaseline:
        """The baseline with the variation between its own blocks (`Monitor.variation`)."""
        return self

    def with_roles(self, roles: ColumnRoles | None) -> StoredBaseline:
        """The baseline with these roles of captured columns, unless its own captures determined them."""
        return self

    def with_source(self, source: Callable[[], Dataset]) -> StoredBaseline:
        """The baseline with a function that opens its rows again, if this kind of baseline has a `source`."""
        if not hasattr(self, "source"):
            return self
        return replace(self, source=source)  # type: ignore[type-var]  # subclasses are dataclasses

    def raw_statistics(
        self,
        state: Any,
        violated: Collection[Violated] | None = None,
        age: timedelta | None = None,
        unsure: Collection[str] = (),
        possibly_changed: Collection[str] = (),
        /,
    ) -> StoredStatistics | None:
        """The raw statistics that a window stores for later ones; None if there are none.

        violated: features with a violation, overall or relative to one reference; None if unknown.
        age: age of the newest row at the end of the window, if known.
        unsure: features for which the checks couldn't tell.
        possibly_changed: those of the unsure features with a change that may be chance.
        """
        return None


@value_class
class Sample(Generic[StateT, MetricsT]):
    """The data of a window, or of a baseline, after the scan.

    metrics: the metrics of the state.
    layout: how its columns got their names.
    runs: runs of neighbouring rows; empty if they were not requested.
    rules: the outcomes of the user's own rules; None without rules.
    checks: the results of the user's own Deequ checks; None without checks.
    coverage: for merged records, how many of their captures have a label; None if unknown.
    """

    state: StateT
    metrics: MetricsT
    layout: ColumnLayout = NAMED_COLUMNS
    runs: Sequence[RowRuns] = ()
    rules: RuleOutcomes | None = None
    checks: SuiteResults | None = None
    coverage: Coverage | None = None

    def without_runs(self) -> Sample[StateT, MetricsT]:
        """The sample without runs of rows. These are large, and not needed once the design effects are known."""
        return replace(self, runs=())


class Judgement(ABC, Generic[BaselineT]):
    """A monitor's results for a sample: for a window compared with its baseline, or for a baseline alone.

    A run creates it by `Monitor.judge`. Methods with a parameter `results` take this object's results, possibly changed in
    the meantime, for example because people have accepted some.
    """

    __slots__ = ()

    baseline: BaselineT | None
    """The baseline, adapted to the sample; None without one."""

    new_roles: ColumnRoles | None = None
    """The roles of captured columns, if the sample is the first one that shows them."""

    @property
    @abstractmethod
    def results(self) -> Results:
        """The result of every check."""

    @property
    def budget(self) -> BudgetLedger | None:
        """How the checks share the false-alarm budget; None if false alarms are not controlled."""
        return None

    @property
    def hints(self) -> tuple[Hint, ...]:
        """Things that look wrong in the data but that no check is about."""
        return ()

    def write_sentences(self, results: Results, /, *, hide_values: bool = False) -> Results:
        """The results, in which violations have descriptions. hide_values: without any value of the data, because they
        are sent elsewhere.
        """
        if hide_values:
            return tuple(map(remove_values, results))
        return results

    def find_causes(self, results: Results, dataset: Dataset, output_path: str | None, /) -> Results:
        """The results, in which violations have the origin of their rows. dataset: the sample's rows, which are read again."""
        return results

    @abstractmethod
    def page(self, results: Results, /, *, hide_values: bool = False) -> Page:
        """The report of a run; its last section explains how to read it. hide_values: without names of categories."""

    @abstractmethod
    def summary(self, *, hide_values: bool = False) -> Summary:
        """A summary of every feature or metric. hide_values: without names of categories and segments."""

    @abstractmethod
    def published_metrics(self, results: Results, constraints: Any, /) -> tuple[PublishedMetric, ...]:
        """The numbers for a metrics platform. constraints: those with which the sample was compared."""

    @property
    def files(self) -> Mapping[str, bytes]:
        """Further files of a run: contents by file name, relative to the output path."""
        return {}


@value_class
class ScanRequest(Generic[BaselineT]):
    """The purpose of a scan.

    dataset: the rows.
    baseline: the baseline with which they will be compared; None without one.
    rules: the user's own rules, in addition to those of the baseline.
    window_end: the end of the window, if known.
    is_baseline: whether the scan makes a baseline.
    """

    dataset: Dataset
    baseline: BaselineT | None = None
    rules: Expectations | RuleSet | None = None
    window_end: datetime | None = None
    is_baseline: bool = False


class Monitor(ABC, Generic[StateT, MetricsT, BaselineT, MeasuresT]):
    """One kind of monitoring: states -> metrics -> documents, and results compared with a baseline. All methods are pure.

    A subclass keeps the defaults of methods that it doesn't need.
    """

    __slots__ = ()

    ANALYSIS_TYPE: ClassVar[AnalysisType]  # the name of this kind of monitoring in a configuration
    NAMESPACE: ClassVar[str]  # the last part of the service's namespace for its metrics (C9.2)
    STATE: ClassVar[Any]  # the type of state that its scan computes and its runs store
    BASELINE_STATE: ClassVar[Any] = None  # the type of its baselines' state, if it is another one
    CONSTRAINTS: ClassVar[type[Document]]  # the document with constraints on later data
    STATISTICS: ClassVar[type[Document] | None] = None
    """A document that a baseline may have in addition to the constraints."""
    FINDS_STATISTICS: ClassVar[bool] = False
    """Whether statistics in the same folder are read even if only the constraints are given."""

    @property
    def exact_columns(self) -> bool:
        """Whether columns with other names are matched by position, and nothing is judged if the number of columns differs."""
        return False

    @abstractmethod
    def plan_scan(self, request: ScanRequest[BaselineT], /) -> MeasuresT:
        """What a scan has to compute.

        Raises BadConfiguration for rules that don't fit the data, or this kind of monitor.
        """

    @abstractmethod
    def scan(self, measures: MeasuresT, dataset: Dataset, checks: CheckPlan | None, /) -> ScanResult:
        """Compute the states for these measures from a data set in one scan, together with the user's own checks."""

    def read_outcomes(self, data: Dataset, **columns: Any) -> Dataset:
        """The rows of a baseline that is read again. columns: the columns of its outcomes, which only some kinds of
        monitoring have.
        """
        return data

    def interpret_state(self, state: StateT, /) -> StateT:
        """The sum of stored states in the form that a scan of all their rows would give."""
        return state

    def reject_unusable(self, scanned: ScanResult, dataset: Dataset, baseline: BaselineT | None, /) -> Dataset | None:
        """The data set without records that the scan has shown to be unusable; None if there are no such records."""
        return None

    @abstractmethod
    def metrics(self, state: StateT, /) -> MetricsT:
        """The metrics of a state."""

    @abstractmethod
    def documents(self, state: StateT, metrics: MetricsT, context: RunContext = NO_CONTEXT, /) -> tuple[Document, ...]:
        """The documents of a run without its verdicts: a description of the data, and constraints on later data.

        context: the times of the run, for documents that state them.
        """

    def variation(self, state: StateT, runs: Sequence[RowRuns], /) -> Any:
        """How the blocks of a baseline vary. runs: runs of its rows, for every feature. None if the blocks show nothing."""
        return None

    @abstractmethod
    def stored_baseline(
        self, constraints: Any, statistics: Any, state: State | None, suggested: Any = None, /
    ) -> BaselineT:
        """The baseline from its documents (CONSTRAINTS; STATISTICS or None) and its state, if there is one.

        suggested: the constraints as the baseline's run wrote them, before any edits; None if unknown.
        Raises BadState if the state is from another kind of monitor.
        """

    @abstractmethod
    def judge(self, sample: Sample[StateT, MetricsT], baseline: BaselineT | None, /) -> Judgement[BaselineT]:
        """The results for a sample compared with a baseline, or for the sample alone if there is no baseline."""

    @abstractmethod
    def violations(self, results: Results, /) -> Any:
        """The document with the violations among the results; its member `violations` has them."""

    @abstractmethod
    def table(self, documents: Any, /) -> RowTable:
        """The documents as a table for people: one row for each feature or metric."""


def reject_rules(monitor: Monitor, rules: Expectations | RuleSet | None) -> None:
    """Raise BadConfiguration if there are rules of the user and this monitor doesn't support any."""
    if rules is not None:
        raise BadConfiguration(
            f"expectations are of data quality, not of {monitor.ANALYSIS_TYPE.value}; leave them out"
        )


# What a check of any monitor found: a status with the numbers behind it


NO_VALUES = "no value is present in the current data"
TOO_LARGE = "some values are too large to compute with"


@value_class(slots=False)
class Finding(RuleDetails, AlarmDetails, CheckReasons, DriftEvidence, CheckNumbers, CheckDecision):
    """The result of a check, without its subject. It stores only the members that are given, because most aren't."""

    status: CheckStatus = CheckStatus.PASSED

    if not TYPE_CHECKING:

        def __init__(self, status=CheckStatus.PASSED, **members):
            self.__dict__.update(status=status, **members)

    def copy_with(self, **members: Any) -> Finding:
        """The finding with some other members."""
        # A window creates hundreds of findings, so members are copied only once
        changed = Finding.__new__(Finding)
        changed.__dict__.update(self.__dict__)
        changed.__dict__.update(members)
        return changed

    @classmethod
    def not_judged(cls, threshold: float | None, reason: str | None) -> Finding:
        return cls(CheckStatus.NOT_JUDGED, threshold=threshold, reason=reason)

    def as_cannot_tell(self, reason: str, advice: str | None, *, is_change_seen: bool = False) -> Finding:
        """The finding as `cannot tell`: a change that matters may have been missed. advice: what to do about it.
        is_change_seen: whether there is a change that may be chance; also true if the finding was violated.
        """
        is_change = is_change_seen or self.is_violated
        return self.copy_with(
            status=CheckStatus.CANNOT_TELL,
            reason=reason,
            advice=advice,
            possible_change=is_change or None,
            description=None,
        )

    def without_test(self) -> Finding:
        """The finding without the numbers of a test or a limit, which did not decide, as in a sample too small for any."""
        return self.copy_with(decided_by=None, statistic=None, p=None, level=None, limit=None)

    def mark_violated(self, description: str) -> Finding:
        """The finding as a violation. description: what is wrong, as people read it."""
        return self.copy_with(status=CheckStatus.VIOLATED, description=description)

    def mark_passed(self) -> Finding:
        """The finding as one that passed after all."""
        return self.copy_with(status=CheckStatus.PASSED, description=None)

    def mark_unmet(self, reason: str, change: str, sentence: str) -> Finding:
        """The finding as the violation of a user's rule. change: words that follow the name of the subject."""
        return self.mark_violated(f"Expectation is not met: {sentence}").copy_with(reason=reason, change=change)

    def result(self, check: str, **whose: str | None) -> CheckResult:
        """The entry in checks.json. whose: members that give the subject of the check, such as `feature` or `metric`."""
        members = {name: value for name, value in self.__dict__.items() if value is not None}
        try:
            return CheckResult.model_validate({**whose, "check": check, "threshold": None, **members})
        except ValueError:
            # JSON has no infinity and no NaN, so a finding with such numbers loses them and its verdict
            endless: dict[str, Any] = {name: None for name, value in members.items() if not _is_finite(value)}
            if not endless:
                raise
            return self.without_verdict(TOO_LARGE).copy_with(**endless).result(check, **whose)

    def without_verdict(self, reason: str, hour: str | None = None) -> Finding:
        """The finding without a verdict."""
        return self.copy_with(
            status=CheckStatus.NOT_JUDGED,
            decided_by=None,
            reason=reason,
            hour=hour or self.hour,
            advice=None,
            possible_change=None,
            description=None,
        )

    def defer_to(self, violated: str | None) -> Finding:
        """The finding; not judged if it is violated and another check or column already reports the same change as a
        violation.
        """
        if violated is None or not self.is_violated:
            return self
        return self.without_verdict(f"{violated} is violated, and this is the same change")


def _is_finite(value: object) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or isfinite(value)


def judge_share(
    matching: int,
    total: int,
    threshold: float,
    *,
    formula: str,
    description: Callable[[float], str],
    no_values: str = NO_VALUES,
) -> Finding:
    """Violated if the share of matching values among `total` is below the threshold; not judged if there are no values.

    description: returns the text of a violation for a share.
    """
    if not total:
        return Finding.not_judged(threshold, no_values)
    share = matching / total
    finding = Finding(
        threshold=threshold,
        observed=share,
        m=total,
        formula=formula,
        decided_by=LOWER_LIMIT,
        limit=threshold,
    )
    if share < threshold:
        return finding.mark_violated(description(share))
    return finding


def count_violations(results: Iterable[CheckResult]) -> PublishedMetric:
    """The number of violations, which every kind of monitoring publishes. Source: C9.2."""
    return PublishedMetric("total_number_of_violations", sum(1 for _ in select_violations(results)), "Count")


def select_violations(results: Iterable[CheckResult]) -> Iterator[CheckResult]:
    """Yield the results that are violations, in their order."""
    return (result for result in results if result.is_violation)


def create_violations(results: Iterable[CheckResult], displayed_names: Mapping[str, str] | None = None) -> Violations:
    """The violations among the results, in their order. displayed_names: names in the file for metrics whose names differ
    there.
    """
    names = displayed_names or {}
    violations = tuple(
        Violation(
            feature_name=result.feature,
            constraint_check_type=result.check,
            description=result.description or "",
            metric_name=names.get(result.metric or "", result.metric),
        )
        for result in select_violations(results)
    )
    return Violations(violations=violations)


@value_class
class RuleOutcomes:
    """The outcomes of a user's own rules.

    results: results of rules with severity `error`.
    hints: hints for rules with severity `warning` that aren't met.
    digest: identifies the rules.
    """

    results: Results = ()
    hints: tuple[Hint, ...] = ()
    digest: str | None = None


@value_class
class ScanResult:
    """The result of one scan: the state of the accepted rows, and the counts of all rows.

    metrics: computes the metrics of the state if the engine has its own; None: the monitor computes them.
    checks: computes the results of the user's checks; None without checks.
    judged: computes the outcomes of the user's rules, once it is known that enough rows were accepted; None without rules.
    requests: the requests behind captured records; None if unknown.
    runs: runs of neighbouring rows of every column, if requested.
    deequ: the version of Deequ that computed the metrics and results.
    """

    state: Any
    rows: RowCounts
    metrics: Callable[[], Any] | None = None
    checks: Callable[[], SuiteResults] | None = None
    requests: Requests | None = None
    runs: Sequence[RowRuns] = ()
    deequ: str | None = None
    judged: Callable[[], RuleOutcomes] | None = None
