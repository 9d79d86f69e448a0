"""The commits of a table as windows: each commit is scanned once, and compared with the commits before it.

    message, status = monitor_commits(job, monitor)

The first commits form the baseline. Each of them is compared with the sum of the others by their states, so that no row is
read again; the differences show how much healthy commits vary. A commit that stands out isn't part of the baseline.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cached_property, reduce
from itertools import accumulate, pairwise
from operator import add

import numpy as np

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.reading.formats import DELTA, TableFormat, add_quotes, split_names
from spark_model_monitor.data.reading.ledger import Ledger
from spark_model_monitor.data.reading.versioned_tables import Commit, list_commits
from spark_model_monitor.documents.outcome import Outcome, find_worst_outcome
from spark_model_monitor.documents.page import list_names
from spark_model_monitor.documents.run_description import RunDescription, format_moment
from spark_model_monitor.errors import NO_DATA, BadConfiguration, BadState, NoData, NotRecorded
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.distribution.window_history import (
    BASELINE,
    StatisticsByFeature,
    merge_histories,
)
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.protocol import Monitor, StoredBaseline
from spark_model_monitor.reports.alerts import read_alerts
from spark_model_monitor.reports.history.history_file import MAX_WINDOWS, read_history
from spark_model_monitor.reports.outputs.run_files import read_document, read_intact_run
from spark_model_monitor.running.configuration.contract import JobConfig
from spark_model_monitor.running.inputs import run_inputs
from spark_model_monitor.running.kinds import read_source
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.running.runs.results import Baseline, Findings
from spark_model_monitor.running.runtime.ending import exit_status
from spark_model_monitor.running.runtime.further_outputs import ALERTS, HISTORY, FurtherOutputs
from spark_model_monitor.running.runtime.job import Job
from spark_model_monitor.running.runtime.publishing import add_to_history, notify, publish_findings, write_verdict
from spark_model_monitor.running.runtime.status import NO_COMMIT, ExitStatus
from spark_model_monitor.statistics.states import Profile
from spark_model_monitor.statistics.verdicts.between_window_variance import SCORES, PastWindows
from spark_model_monitor.statistics.verdicts.window_statistics import FIELDS
from spark_model_monitor.storage import join, resolve_path
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

MIN_COMMITS = 9  # commits for a verdict: with fewer, the variation of the others can't show an outlier
MIN_BASELINE_COMMITS = 16
BASELINE_FRACTION = 3
MAX_BASELINE_COMMITS = 64
"""Number of commits in a baseline: all of a table with fewer than twice the minimum, otherwise a third of them, from the minimum
to the maximum. Source: D4.2."""

NUM_LEFT_OUT = (
    2  # the most distant other commits, which the first search for outliers leaves out of a feature's variation
)
# A commit is late after LATE_GAP_MULTIPLE times the longest gap between commits, if at least MIN_GAPS gaps are known
MIN_GAPS = 8
LATE_GAP_MULTIPLE = 2
MAX_LISTED_COMMITS = 5  # commits, or features of a commit, that an exit message names
MIN_DISTINCT_VALUES = 3  # over all commits, in a column that identifies commits because each has a single value
NO_TABLE_ERROR = (
    "each_commit is for the data quality of a table with versions; write --dataset-format delta, or table:NAME"
)
EXCLUDED_OPTION = "exclude_features_attribute"
LEARNT_BASELINE_FOLDER = "_baseline"  # folder below the output of a table, for the baseline of its first commits


@value_class
class _CommitWindow:
    """A scanned commit, with the configuration of its run."""

    commit: Commit
    config: JobConfig
    rows: Baseline


def monitor_commits(job: Job, monitor: Monitor) -> tuple[str, int]:
    """Compare each commit of a table since the last run with the commits before it; returns the exit message and status.

    While a table has few commits, the baseline is recomputed with each new one; the very first commits are not judged.
    Raises BadConfiguration if the data is not a versioned table; NoData if no commit has rows, or if no commit has come for
    a long time; and the errors of a scan.
    """
    config = job.config
    name = _table_name(config)
    if not isinstance(monitor, DataQualityMonitor):
        raise BadConfiguration(NO_TABLE_ERROR)
    engine = job.engine
    commits = list_commits(engine, name)[-MAX_WINDOWS:]
    if not commits:
        raise NoData(f"{NO_DATA}: nothing was written to {name} yet")
    # The table's alerts and history lie above the hour folders of its commits, so any hour leads to them. Commits that they
    # contain are judged already
    any_hour = join(config.output_path, "2000/01/01/00")
    last_time = max((window.time for window in read_alerts(any_hour).windows), default="")
    judged_windows: list[tuple[_CommitWindow, Findings]] = []
    further_outputs = FurtherOutputs()
    learnt_baseline = _read_learnt_baseline(config)
    baseline_end = ""
    if learnt_baseline is not None and learnt_baseline.window is not None:
        baseline_end = learnt_baseline.window.end
    # The baseline of a table with few commits is learnt again with each new commit
    is_young = (
        len(read_history(any_hour).entries) < MIN_BASELINE_COMMITS and format_moment(commits[-1].time) > last_time
    )
    if config.baseline is None and (last_time < baseline_end or is_young):
        # If a run was interrupted after it published the baseline, the same commits are judged again
        if last_time < baseline_end:
            first_commits = [commit for commit in commits if format_moment(commit.time) <= baseline_end]
        else:
            first_commits = commits[: _count_enough_commits(commits)]
        windows = [*_scan_commits(first_commits, commits, engine, config, monitor)]
        if not windows:
            raise NoData(f"{NO_DATA}: no commit of {name} added rows")
        judged_windows += _publish_learnt_baseline(windows, config, monitor, further_outputs)
        last_time = format_moment(first_commits[-1].time)
    # Commits since the last run, each compared with the baseline and the history up to it
    baseline: StoredBaseline | None = None
    learnt_baseline = _read_learnt_baseline(config)
    excluded_names = config.exclude_features_attribute
    if learnt_baseline is not None and learnt_baseline.read_by:
        excluded_names = split_names(learnt_baseline.read_by.get(EXCLUDED_OPTION, "")) or excluded_names
    new_commits = [commit for commit in commits if format_moment(commit.time) > last_time]
    for window in _scan_commits(
        new_commits, commits, engine, config.model_copy(update={EXCLUDED_OPTION: excluded_names}), monitor
    ):
        # Read once, and only if there is a commit to judge
        baseline = baseline or run_inputs.read_baseline(window.config, monitor)
        extended_baseline = run_inputs.add_history(baseline, window.config, monitor)
        judged_windows.append((window, _judge_commit(window, extended_baseline, monitor, further_outputs)))
    # No new commit is an error only after a much longer pause than this table had before
    if not judged_windows:
        _require_fresh(commits, datetime.now(timezone.utc))
    return further_outputs.end(*_format_exit_message(judged_windows, commits, config))


def _table_name(config: JobConfig) -> str:
    """The name of the table, from its format or its folder."""
    if config.dataset_format == DELTA:
        return f"delta.`{resolve_path(config.dataset_source)}`"
    if not isinstance(config.dataset_format, TableFormat):
        raise BadConfiguration(NO_TABLE_ERROR)
    return config.dataset_format.name


def _count_enough_commits(commits: Sequence[Commit]) -> int:
    """How many of the first commits form the baseline."""
    if len(commits) < 2 * MIN_BASELINE_COMMITS:
        return len(commits)
    return min(MAX_BASELINE_COMMITS, max(MIN_BASELINE_COMMITS, len(commits) // BASELINE_FRACTION))


def _baseline_path(config: JobConfig) -> str:
    return config.baseline or join(config.output_path, LEARNT_BASELINE_FOLDER)


def _read_learnt_baseline(config: JobConfig) -> RunDescription | None:
    """The run description of the baseline from a table's own commits; None if there is no such baseline."""
    run = None
    if config.baseline is None:
        run = read_intact_run(_baseline_path(config))
    if run is not None:
        return read_document(run, RunDescription)
    return None


def _scan_commits(
    selected: Sequence[Commit], commits: Sequence[Commit], engine: Engine, config: JobConfig, monitor: Monitor
) -> Iterator[_CommitWindow]:
    """The selected commits that have rows. commits: all commits of the table. config: the job's configuration."""
    # A window lasts from the previous commit to its own; the window of the first commit lasts an hour
    start_by_version = {after.version: before.time for before, after in pairwise(commits)}
    for commit in selected:
        # The version is a part of the path, because two commits may have the same hour
        folder = f"{commit.time:%Y/%m/%d/%H}/v{commit.version}"
        commit_config = config.model_copy(
            update={
                "as_of": commit.version,
                "since": commit.since,
                "start_time": start_by_version.get(commit.version, commit.time - timedelta(hours=1)),
                "end_time": commit.time,
                "scheduled_time": None,
                "baseline": _baseline_path(config),
                "output_path": join(config.output_path, folder),
                "sink": config.sink if commit is commits[-1] else (),  # no messages about old commits
            }
        )
        try:
            with read_source(engine, commit_config) as data:
                share = commit_config.max_quarantined_share
                context = run_inputs.create_run_context(commit_config)
                rows = run_baseline(data, monitor, max_quarantined_share=share, context=context)
        # Deletions and compactions add no rows to judge
        except (NoData, NotRecorded) as reason:
            log.info("version %d: %s", commit.version, reason)
            continue
        yield _CommitWindow(commit, commit_config, rows)


def _judge_commit(
    window: _CommitWindow, baseline: StoredBaseline | None, monitor: Monitor, further_outputs: FurtherOutputs
) -> Findings:
    """The verdict on a commit, published and added to the history. further_outputs: gets the failures of this commit."""
    config = window.config
    decisions = run_inputs.read_run_decisions(config)
    since = run_inputs.read_ongoing_violations(config)
    findings = run_monitoring(
        window.rows, monitor, baseline, context=run_inputs.create_run_context(config), decisions=decisions, since=since
    )
    reference = run_inputs.find_baseline_reference(config, monitor)
    run = publish_findings(findings, config, reference)
    commit_outputs = FurtherOutputs()
    commit_outputs.write(ALERTS, lambda: notify(findings, run, config))
    commit_outputs.write(HISTORY, lambda: add_to_history(findings, run, config, reference))
    commit_outputs.note(config.output_path)
    log.info("%s", write_verdict(findings, run, config))
    further_outputs.failures.update(commit_outputs.failures)
    return findings


def _publish_learnt_baseline(
    windows: Sequence[_CommitWindow], config: JobConfig, monitor: DataQualityMonitor, further_outputs: FurtherOutputs
) -> Iterator[tuple[_CommitWindow, Findings]]:
    """Publish the baseline, and the verdict on each of its commits compared with the others."""
    context = replace(windows[-1].rows.context, start=windows[0].config.start_time)
    if names := _find_identifying_columns([window.rows.state for window in windows]):
        log.info("%s: another value in each commit, so left out", ", ".join(names))
        excluded_text = ",".join(map(add_quotes, [*config.exclude_features_attribute, *names]))
        context = replace(context, read_by={**(context.read_by or {}), EXCLUDED_OPTION: excluded_text})
        windows = [replace(window, rows=_drop_features(window.rows, names)) for window in windows]
    # The baseline is the sum of the commits without outliers, such as a broken load
    learnt_commits = _select_similar_commits({index: window.rows for index, window in enumerate(windows)}, monitor)
    accepted_rows = sum(windows[commit].rows.ledger.kept for commit in learnt_commits.commits)
    total = learnt_commits.total
    baseline = Baseline(
        monitor, total, monitor.metrics(total), Ledger((), accepted_rows, accepted_rows), context=context
    )
    baseline.write(_baseline_path(config))
    for index, window in enumerate(windows):
        # Each commit is compared with the others, without itself
        other_commits = None
        if len(windows) >= MIN_COMMITS:
            other_commits = learnt_commits.build_baseline(index)
        end = window.config.end_time
        if other_commits is not None and end is not None:
            earlier = read_history(window.config.output_path).select_before(format_moment(end)).rows()
            other_commits = other_commits.with_volume(end, earlier, window.config.start_time)
        yield window, _judge_commit(window, other_commits, monitor, further_outputs)


def _find_identifying_columns(profiles: Sequence[Profile]) -> list[str]:
    """The columns that identify commits, such as partitions, keys and times: each commit has a single value, or a mean that is
    never below the mean of the commit before.
    """
    by_name = [profile.by_name for profile in profiles]
    identifying_names = []
    # The columns of the newest schema first
    names = dict.fromkeys(name for features in reversed(by_name) for name in features)
    for name in names:
        features = [
            features_by_name[name]
            for features_by_name in by_name
            if name in features_by_name and features_by_name[name].num_present
        ]
        # One value in each commit, or values that rise from commit to commit
        has_single_values = all(
            feature.distinct is not None and round(feature.distinct.estimate()) == 1 for feature in features
        )
        means = [feature.moments.average for feature in features if feature.moments and feature.moments.count]
        rises = len(means) == len(features) and all(mean <= next_mean for mean, next_mean in pairwise(means))
        texts = {tuple(feature.exact_domain or ()) for feature in features}
        identifies = (rises and means[0] < means[-1]) or (has_single_values and len(texts) >= MIN_DISTINCT_VALUES)
        if identifies and len(features) >= MIN_COMMITS:
            identifying_names.append(name)
    return identifying_names


def _drop_features(rows: Baseline, names: Sequence[str]) -> Baseline:
    kept_indexes = [index for index, feature in enumerate(rows.state.features) if feature.name not in names]
    features = tuple(rows.state.features[index] for index in kept_indexes)
    runs = tuple(rows.runs[index] for index in kept_indexes if rows.runs)
    return replace(rows, state=replace(rows.state, features=features), runs=runs)


def _select_similar_commits(commits: Mapping[int, Baseline], monitor: DataQualityMonitor) -> _BaselineCommits:
    """The commits without outliers, in two rounds.

    In the first one each commit is compared with the others without the most distant ones, because one outlier can hide
    another. In the second one the suspects are compared with all that remain, so that no healthy commit is lost.
    """
    candidates = _BaselineCommits(_select_most_common_schema(commits), monitor)
    suspects = [index for index in candidates.commits if candidates.is_outlier(index, num_left_out=NUM_LEFT_OUT)]
    remaining = {index: commit for index, commit in candidates.commits.items() if index not in suspects}
    # If most commits stand out, they all differ from each other, and none of them is an outlier
    if len(remaining) < len(suspects):
        return candidates
    without_suspects = _BaselineCommits(remaining, monitor)
    healthy = [index for index in suspects if not without_suspects.is_outlier(index, rows=commits[index])]
    if not healthy:
        return without_suspects
    return _BaselineCommits({index: commits[index] for index in sorted([*remaining, *healthy])}, monitor)


def _select_most_common_schema(commits: Mapping[int, Baseline]) -> dict[int, Baseline]:
    """The commits with the schema that most commits have; of equally common schemas, the older one. A new schema in a few
    commits is a change that is reported, even if all later commits have it."""
    schemas: list[dict[int, Baseline]] = []
    for index, commit in commits.items():
        for schema in schemas:
            first = next(iter(schema.values()))
            if _can_be_added(commit.state, first.state):
                schema[index] = commit
                break
        else:
            schemas.append({index: commit})
    return max(schemas, key=len)


def _can_be_added(profile: Profile, next_profile: Profile) -> bool:
    try:
        return bool((profile + next_profile).features)
    except BadState:
        return False


@value_class(slots=False)
class _BaselineCommits:
    """Commits that are compared with each other, by number."""

    commits: Mapping[int, Baseline]
    monitor: DataQualityMonitor

    @cached_property
    def total(self) -> Profile:
        states: list[Profile] = [commit.state for commit in self.commits.values()]
        return reduce(add, states)

    @cached_property
    def leave_one_out_baselines(self) -> Mapping[int, QualityBaseline]:
        """For each commit, a baseline of the sum of the others; none if there is only one commit."""
        states = [commit.state for commit in self.commits.values()]
        # Sums up to and from each commit: n additions instead of n²
        before = list(accumulate(states, add))
        after = list(accumulate(reversed(states), add))[::-1]
        baselines = {}
        for position, index in enumerate(self.commits):
            # The sum of the commits before this one, and the sum of those after it
            partial_sums = before[:position][-1:] + after[position + 1 :][:1]
            if partial_sums:
                baselines[index] = self._make_baseline(reduce(add, partial_sums))
        return baselines

    @cached_property
    def statistics(self) -> Mapping[int, StatisticsByFeature]:
        """The statistics of each commit compared with the others."""
        statistics_by_commit = {}
        for index, baseline in self.leave_one_out_baselines.items():
            statistics: dict[str, PastWindows] = {}
            for reference, name, values in baseline.raw_statistics(self.commits[index].state):
                if reference == BASELINE:
                    statistics[name] = PastWindows({key: np.array([values.get(key, np.nan)], float) for key in FIELDS})
            statistics_by_commit[index] = statistics
        return statistics_by_commit

    def build_baseline(self, index: int, num_left_out: int = 0) -> QualityBaseline | None:
        """The other commits as a baseline, with their variation; None if there are no others. num_left_out: how many of the
        most distant commits are left out of the variation, by feature.
        """
        if index in self.commits:
            baseline = self.leave_one_out_baselines.get(index)
        else:
            baseline = self._make_baseline(self.total)
        if baseline is None:
            return None
        history: StatisticsByFeature = {}
        for other_index, statistics in self.statistics.items():
            # Without the commit itself, whose statistics would make it look usual
            if other_index != index:
                history = merge_histories(history, statistics)
        history = {name: _drop_most_distant(windows, num_left_out) for name, windows in history.items()}
        return baseline.with_history({}, {BASELINE: history})

    def is_outlier(self, index: int, *, num_left_out: int = 0, rows: Baseline | None = None) -> bool:
        """Whether this commit violates the constraints that the others suggest. rows: its rows, if it isn't one of `commits`."""
        baseline = self.build_baseline(index, num_left_out)
        rows = rows or self.commits[index]
        if baseline is None:
            return False
        judgement = self.monitor.judge(rows.sample(), baseline)
        return any(check_result.is_violated for check_result in judgement.results)

    def _make_baseline(self, profile: Profile) -> QualityBaseline:
        constraints = self.monitor.constraints(profile)
        return self.monitor.stored_baseline(constraints, None, profile, constraints)


def _drop_most_distant(windows: PastWindows, count: int) -> PastWindows:
    """The statistics of windows without this many of the most distant ones."""
    if not count:
        return windows
    # Shape (statistics, windows); a missing score counts as 0
    scores = np.abs(np.array([windows[name] for name in SCORES]))
    nearest = np.argsort(np.nan_to_num(scores).max(axis=0), kind="stable")[:-count]
    return PastWindows({name: values[np.sort(nearest)] for name, values in windows.items()})


def _require_fresh(commits: Sequence[Commit], now: datetime) -> None:
    gaps = [after.time - before.time for before, after in pairwise(commits)]
    if len(gaps) >= MIN_GAPS and now - commits[-1].time > LATE_GAP_MULTIPLE * max(gaps):
        raise NoData(
            f"{NO_DATA}: no commit has come since {format_moment(commits[-1].time)}; the longest gap before was {max(gaps)}"
        )


def _format_exit_message(
    judged_windows: Sequence[tuple[_CommitWindow, Findings]], commits: Sequence[Commit], config: JobConfig
) -> tuple[str, int]:
    if not judged_windows:
        return f"{NO_COMMIT} version {commits[-1].version}.", ExitStatus.COMPLETED
    # The message is one line of a table: it names the first few commits, and counts the others
    violated = [(window.commit, findings) for window, findings in judged_windows if findings.count]
    named_commits = [
        f"{format_moment(commit.time)} ({', '.join(_list_changed_features(findings))})" for commit, findings in violated
    ]
    counts = f"{len(judged_windows)} commit{'s' if len(judged_windows) > 1 else ''}, {len(violated)} with violations"
    outcomes = [findings.outcome for _, findings in judged_windows]
    num_unsure = outcomes.count(Outcome.CANNOT_TELL)
    if num_unsure:
        counts += f", {num_unsure} that can't tell"
    # The worst commit decides the status of the whole run
    status = exit_status(find_worst_outcome(outcomes), config.fails_on)
    if not violated:
        learning = ""
        if len(judged_windows) < MIN_COMMITS and judged_windows[0][1].baseline is None:
            learning = f"; verdicts begin with {MIN_COMMITS}"
        return f"Completed: {counts}{learning}.", status
    return f"CompletedWithViolations: {counts}: {list_names(named_commits, MAX_LISTED_COMMITS)}.", status


def _list_changed_features(findings: Findings) -> list[str]:
    """The features with violations, or the check if the violation has no feature."""
    violated = [check_result for check_result in findings.results if check_result.is_violated]
    return list(dict.fromkeys(check_result.feature or check_result.check for check_result in violated))[
        :MAX_LISTED_COMMITS
    ]
