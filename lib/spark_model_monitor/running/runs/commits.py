"""The commits of a table as windows: each is scanned once, and compared with those before it.

    told = monitor_commits(job, monitor)

The first commits form the baseline. Each is compared with the sum of the others, from their states, without reading a
row again; their differences show how much healthy commits vary. A commit that stands out isn't part of the baseline.
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
from spark_model_monitor.reports.history.variation import MAX_WINDOWS, read_history
from spark_model_monitor.reports.outputs.run_files import read_document, run_before
from spark_model_monitor.running.configuration.contract import JobConfig
from spark_model_monitor.running.inputs import run_inputs
from spark_model_monitor.running.kinds import read_source
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.running.runs.results import Baseline, Findings
from spark_model_monitor.running.runtime.ending import exit_status
from spark_model_monitor.running.runtime.further_outputs import ALERTS, HISTORY, FurtherOutputs
from spark_model_monitor.running.runtime.job import Job
from spark_model_monitor.running.runtime.publishing import notify, put_in_place, remember, write_verdict
from spark_model_monitor.running.runtime.status import NO_COMMIT, ExitStatus
from spark_model_monitor.statistics.states import Profile
from spark_model_monitor.statistics.verdicts.between_window_variance import PastWindows
from spark_model_monitor.statistics.verdicts.window_statistics import FIELDS, SCORES_OF_VALUES
from spark_model_monitor.storage import join, resolve_path
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

MIN_COMMITS = 9
FEWEST = 16
PART = 3
MAX_COMMITS = 64
"""Number of commits in a baseline: with fewer than the least, the eight others can't show an outlier; all commits up to
twice the fewest, above that a third, up to the most. Source: D4.2."""

SET_ASIDE = 2  # number of other commits, the most distant for each feature, left out while looking for outliers
STRAYING = ("missing", *SCORES_OF_VALUES)  # standard normal scores
# a commit is late after twice the longest gap between commits, if this many gaps are known
GAPS = 8
LATE_GAP_MULTIPLE = 2
MAX_LISTED_COMMITS = 5
MIN_VALUES = 3  # of a column with a single value in each commit, and other values in other commits
NO_TABLE = "each_commit is for the data quality of a table with versions; write --dataset-format delta, or table:NAME"
EXCLUDED_OPTION = "exclude_features_attribute"
OWN_BASELINE = "_baseline"  # below the output of a table, whose history has windows only


@value_class
class _Window:
    """A scanned commit. config: the configuration of its run."""

    commit: Commit
    config: JobConfig
    rows: Baseline


def monitor_commits(job: Job, monitor: Monitor) -> tuple[str, int]:
    """Compare each commit of a table since the last run with those before it; returns the exit message and status.

    While few commits are known, the baseline is recomputed with new ones; the very first ones are not judged.
    Raises BadConfiguration if the data is not a versioned table; NoData if no commit has rows, or if none has come for
    long; and what a scan raises.
    """
    config = job.config
    name = _table_name(config)
    if not isinstance(monitor, DataQualityMonitor):
        raise BadConfiguration(NO_TABLE)
    engine = job.engine
    commits = list_commits(engine, name)[-MAX_WINDOWS:]
    if not commits:
        raise NoData(f"{NO_DATA}: nothing was written to {name} yet")
    # Commits are windows of a history; those up to its last one are judged already
    above = join(config.output_path, "2000/01/01/00")
    last = max((window.time for window in read_alerts(above).windows), default="")
    judged_windows: list[tuple[_Window, Findings]] = []
    further_outputs = FurtherOutputs()
    learnt = _read_learnt_baseline(config)
    until = ""
    if learnt is not None and learnt.window is not None:
        until = learnt.window.end
    # A young table learns its baseline from its first commits
    is_young = len(read_history(above).entries) < FEWEST and format_moment(commits[-1].time) > last
    if config.baseline is None and (last < until or is_young):
        # An interrupted run had published the baseline: the same commits are judged again, and no others
        if last < until:
            first = [commit for commit in commits if format_moment(commit.time) <= until]
        else:
            first = commits[: _count_enough_commits(commits)]
        windows = [*_scan_commits(first, commits, engine, config, monitor)]
        if not windows:
            raise NoData(f"{NO_DATA}: no commit of {name} added rows")
        judged_windows += _publish_learnt_baseline(windows, config, monitor, further_outputs)
        last = format_moment(first[-1].time)
    # Commits since the last run, each beside the baseline and the history up to it
    baseline: StoredBaseline | None = None
    learnt = _read_learnt_baseline(config)
    named = ((learnt and learnt.read_by) or {}).get(EXCLUDED_OPTION, "")
    left_out = split_names(named) or config.exclude_features_attribute
    new = [commit for commit in commits if format_moment(commit.time) > last]
    for window in _scan_commits(new, commits, engine, config.model_copy(update={EXCLUDED_OPTION: left_out}), monitor):
        # Read once, and only if there is a commit to judge
        baseline = baseline or run_inputs.read_baseline(window.config, monitor)
        compared = run_inputs.with_history(baseline, window.config, monitor)
        judged_windows.append((window, _judge_commit(window, compared, monitor, further_outputs)))
    # Silence is only an error if it lasts much longer than this table's longest pause
    if not judged_windows:
        _require_fresh(commits, datetime.now(timezone.utc))
    return further_outputs.end(*_format_exit_message(judged_windows, commits, config))


def _table_name(config: JobConfig) -> str:
    """The name of the table, from its format or its folder."""
    if config.dataset_format == DELTA:
        return f"delta.`{resolve_path(config.dataset_source)}`"
    if not isinstance(config.dataset_format, TableFormat):
        raise BadConfiguration(NO_TABLE)
    return config.dataset_format.name


def _count_enough_commits(commits: Sequence[Commit]) -> int:
    """How many of the first commits form the baseline."""
    if len(commits) < 2 * FEWEST:
        return len(commits)
    return min(MAX_COMMITS, max(FEWEST, len(commits) // PART))


def _baseline_path(config: JobConfig) -> str:
    return config.baseline or join(config.output_path, OWN_BASELINE)


def _read_learnt_baseline(config: JobConfig) -> RunDescription | None:
    """The run description of the baseline from a table's own commits; None without one."""
    run = None
    if config.baseline is None:
        run = run_before(_baseline_path(config))
    if run is not None:
        return read_document(run, RunDescription)
    return None


def _scan_commits(
    some: Sequence[Commit], commits: Sequence[Commit], engine: Engine, config: JobConfig, monitor: Monitor
) -> Iterator[_Window]:
    """The given commits that have rows. commits: all commits of the table. config: the job's."""
    # A window lasts from the commit before up to its own; the very first one gets an hour
    began = {after.version: before.time for before, after in pairwise(commits)}
    for commit in some:
        # Two commits of an hour have folders of their own
        folder = f"{commit.time:%Y/%m/%d/%H}/v{commit.version}"
        commit_config = config.model_copy(
            update={
                "as_of": commit.version,
                "since": commit.since,
                "start_time": began.get(commit.version, commit.time - timedelta(hours=1)),
                "end_time": commit.time,
                "scheduled_time": None,
                "baseline": _baseline_path(config),
                "output_path": join(config.output_path, folder),
                "sink": config.sink if commit is commits[-1] else (),  # nobody is notified of old commits
            }
        )
        try:
            with read_source(engine, commit_config) as data:
                share = commit_config.max_quarantined_share
                context = run_inputs.run_context(commit_config)
                rows = run_baseline(data, monitor, max_quarantined_share=share, context=context)
        # Deletions and compactions add no rows, and there is nothing to judge
        except (NoData, NotRecorded) as nothing:
            log.info("version %d: %s", commit.version, nothing)
            continue
        yield _Window(commit, commit_config, rows)


def _judge_commit(
    window: _Window, baseline: StoredBaseline | None, monitor: Monitor, further_outputs: FurtherOutputs
) -> Findings:
    """The verdict on a commit, published and added to the history. further_outputs: of all commits."""
    config = window.config
    decisions = run_inputs.decisions_for(config)
    since = run_inputs.violated_since(config)
    findings = run_monitoring(
        window.rows, monitor, baseline, context=run_inputs.run_context(config), decisions=decisions, since=since
    )
    reference = run_inputs.reference_to_baseline(config, monitor)
    run = put_in_place(findings, config, reference)
    commit_outputs = FurtherOutputs()
    commit_outputs.write(ALERTS, lambda: notify(findings, run, config))
    commit_outputs.write(HISTORY, lambda: remember(findings, run, config, reference))
    commit_outputs.note(config.output_path)
    log.info("%s", write_verdict(findings, run, config))
    further_outputs.failures.update(commit_outputs.failures)
    return findings


def _publish_learnt_baseline(
    windows: Sequence[_Window], config: JobConfig, monitor: DataQualityMonitor, further_outputs: FurtherOutputs
) -> Iterator[tuple[_Window, Findings]]:
    """Publish the baseline, and the verdict on each of its commits compared with the others."""
    context = replace(windows[-1].rows.context, start=windows[0].config.start_time)
    if names := _find_identifying_columns([window.rows.state for window in windows]):
        log.info("%s: another value in each commit, so left out", ", ".join(names))
        left_out = ",".join(map(add_quotes, [*config.exclude_features_attribute, *names]))
        context = replace(context, read_by={**(context.read_by or {}), EXCLUDED_OPTION: left_out})
        windows = [replace(window, rows=_drop_features(window.rows, names)) for window in windows]
    # A broken load among the first commits must not become the norm
    learnt_commits = _select_alike_commits({number: window.rows for number, window in enumerate(windows)}, monitor)
    # The sum of the commits that are alike is the baseline
    accepted = sum(windows[commit].rows.ledger.kept for commit in learnt_commits.commits)
    total = learnt_commits.total
    baseline = Baseline(monitor, total, monitor.metrics(total), Ledger((), accepted, accepted), context=context)
    baseline.write(_baseline_path(config))
    for number, window in enumerate(windows):
        # Each commit is judged beside the others, never beside itself
        other_commits = None
        if len(windows) >= MIN_COMMITS:
            other_commits = learnt_commits.build_baseline(number)
        end = window.config.end_time
        if other_commits is not None and end is not None:
            earlier = read_history(window.config.output_path).select_before(format_moment(end)).rows()
            other_commits = other_commits.with_volume(end, earlier, window.config.start_time)
        yield window, _judge_commit(window, other_commits, monitor, further_outputs)


def _find_identifying_columns(profiles: Sequence[Profile]) -> list[str]:
    """The columns that identify commits, as partitions, keys and times do: each commit has a single value, or a mean
    that is never below the mean of the commit before.
    """
    by_name = [profile.by_name for profile in profiles]
    identifying = []
    # The columns of the newest schema first
    names = dict.fromkeys(name for features in reversed(by_name) for name in features)
    for name in names:
        features = [
            features_by_name[name]
            for features_by_name in by_name
            if name in features_by_name and features_by_name[name].num_present
        ]
        # One value in each commit, or values that rise from commit to commit
        single = all(feature.distinct is not None and round(feature.distinct.estimate()) == 1 for feature in features)
        means = [feature.moments.average for feature in features if feature.moments and feature.moments.count]
        rises = len(means) == len(features) and all(mean <= next_mean for mean, next_mean in pairwise(means))
        texts = {tuple(feature.exact_domain or ()) for feature in features}
        if len(features) >= MIN_COMMITS and ((rises and means[0] < means[-1]) or (single and len(texts) >= MIN_VALUES)):
            identifying.append(name)
    return identifying


def _drop_features(rows: Baseline, names: Sequence[str]) -> Baseline:
    kept_indexes = [index for index, feature in enumerate(rows.state.features) if feature.name not in names]
    features, runs = (
        tuple(members[index] for index in kept_indexes) if members else ()
        for members in (rows.state.features, rows.runs)
    )
    return replace(rows, state=replace(rows.state, features=features), runs=runs)


def _select_alike_commits(commits: Mapping[int, Baseline], monitor: DataQualityMonitor) -> _BaselineCommits:
    """The commits that don't stand out: first compared with the others without the most distant ones, since one outlier
    hides another, then again with all that remain, so that no healthy commit is lost.
    """
    fitting = _BaselineCommits(_select_most_common_schema(commits), monitor)
    suspects = [commit for commit in fitting.commits if fitting.has_odd(commit, aside=SET_ASIDE)]
    left = {number: each for number, each in fitting.commits.items() if number not in suspects}
    # If most stand out, they differ from each other, and none of them is the odd one
    if len(left) < len(suspects):
        return fitting
    once_more = _BaselineCommits(left, monitor)
    back = {suspect: commits[suspect] for suspect in suspects if not once_more.has_odd(suspect, rows=commits[suspect])}
    if back:
        return _BaselineCommits(dict(sorted({**left, **back}.items())), monitor)
    return once_more


def _select_most_common_schema(commits: Mapping[int, Baseline]) -> dict[int, Baseline]:
    """The commits with the columns that most commits have; of schemas as common, the older one's. A new schema in a few
    commits is a change for people to look at, however new it is."""
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
    """Commits that are compared with each other, by position."""

    commits: Mapping[int, Baseline]
    monitor: DataQualityMonitor

    @cached_property
    def total(self) -> Profile:
        states: list[Profile] = [commit.state for commit in self.commits.values()]
        return reduce(add, states)

    @cached_property
    def others(self) -> Mapping[int, QualityBaseline]:
        """For each commit, the others combined."""
        states = [commit.state for commit in self.commits.values()]
        # Sums up to and from each commit: n additions instead of n²
        before = list(accumulate(states, add))
        after = list(accumulate(reversed(states), add))[::-1]
        baselines = {}
        for index, number in enumerate(self.commits):
            neighbours = [*before[index - 1 : index][:1], *after[index + 1 : index + 2]]
            if neighbours:
                baselines[number] = self._make_baseline(reduce(add, neighbours))
        return baselines

    @cached_property
    def raw(self) -> Mapping[int, StatisticsByFeature]:
        """The raw statistics of each commit compared with the others."""
        statistics_by_commit = {
            number: baseline.raw_statistics(self.commits[number].state) for number, baseline in self.others.items()
        }
        return {
            number: {
                name: PastWindows({key: np.array([raw.get(key, np.nan)], float) for key in FIELDS})
                for table_side, name, raw in raw_statistics
                if table_side == BASELINE
            }
            for number, raw_statistics in statistics_by_commit.items()
        }

    def build_baseline(self, number: int, aside: int = 0) -> QualityBaseline | None:
        """The others as a baseline, with their variation; None if there are none. aside: how many of the most distant
        ones are left out of the variation, by feature.
        """
        if number in self.commits:
            baseline = self.others.get(number)
        else:
            baseline = self._make_baseline(self.total)
        if baseline is None:
            return None
        # A commit's own statistics would make it look usual
        past: StatisticsByFeature = reduce(
            merge_histories, (raw for other_number, raw in self.raw.items() if other_number != number), {}
        )
        return baseline.with_history(
            {}, {BASELINE: {name: _drop_most_distant(raw, aside) for name, raw in past.items()}}
        )

    def has_odd(self, number: int, *, aside: int = 0, rows: Baseline | None = None) -> bool:
        """Whether this commit, or another one's rows, violates the constraints that the others suggest."""
        baseline = self.build_baseline(number, aside)
        rows = rows or self.commits[number]
        if baseline is None:
            return False
        judgement = self.monitor.judge(rows.sample(), baseline)
        return any(check_result.is_violated for check_result in judgement.results)

    def _make_baseline(self, profile: Profile) -> QualityBaseline:
        constraints = self.monitor.constraints(profile)
        return self.monitor.stored_baseline(constraints, None, profile, constraints)


def _drop_most_distant(raw: PastWindows, aside: int) -> PastWindows:
    """Raw statistics without this many of the most distant windows."""
    if not aside:
        return raw
    # shape (statistics, windows); a missing score counts as 0, not distant
    scores = np.abs(np.array([raw[name] for name in STRAYING]))
    furthest = np.argsort(np.nan_to_num(scores).max(axis=0), kind="stable")[: -aside or None]
    return PastWindows({name: values[np.sort(furthest)] for name, values in raw.items()})


def _require_fresh(commits: Sequence[Commit], now: datetime) -> None:
    gaps = [after.time - before.time for before, after in pairwise(commits)]
    if len(gaps) >= GAPS and now - commits[-1].time > LATE_GAP_MULTIPLE * max(gaps):
        raise NoData(
            f"{NO_DATA}: no commit has come since {format_moment(commits[-1].time)}; the longest gap before was {max(gaps)}"
        )


def _format_exit_message(
    judged_windows: Sequence[tuple[_Window, Findings]], commits: Sequence[Commit], config: JobConfig
) -> tuple[str, int]:
    if not judged_windows:
        return f"{NO_COMMIT} version {commits[-1].version}.", ExitStatus.COMPLETED
    # The message is one line of a table: it names the first few commits, and counts the others
    odd = [(window.commit, findings) for window, findings in judged_windows if findings.count]
    named_commits = [
        f"{format_moment(commit.time)} ({', '.join(_list_changed_features(findings))})" for commit, findings in odd
    ]
    counted = f"{len(judged_windows)} commit{'s' if len(judged_windows) > 1 else ''}, {len(odd)} with violations"
    outcomes = [findings.outcome for _, findings in judged_windows]
    unsure = outcomes.count(Outcome.CANNOT_TELL)
    if unsure:
        counted += f", {unsure} that can't tell"
    # The worst commit decides the status of the whole run
    status = exit_status(find_worst_outcome(outcomes), config.fails_on)
    if not odd:
        learning = ""
        if len(judged_windows) < MIN_COMMITS and judged_windows[0][1].baseline is None:
            learning = f"; verdicts begin with {MIN_COMMITS}"
        return f"Completed: {counted}{learning}.", status
    return f"CompletedWithViolations: {counted}: {list_names(named_commits, MAX_LISTED_COMMITS)}.", status


def _list_changed_features(findings: Findings) -> list[str]:
    """The features with violations, or the check if the violation has no feature."""
    violated = [check_result for check_result in findings.results if check_result.is_violated]
    return list(dict.fromkeys(check_result.feature or check_result.check for check_result in violated))[
        :MAX_LISTED_COMMITS
    ]
