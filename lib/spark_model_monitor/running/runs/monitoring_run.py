"""The product on one page: data and a monitor give a baseline; later data and that baseline give findings.

    from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring

    baseline = run_baseline(data, DataQualityMonitor())
    findings = run_monitoring(later, DataQualityMonitor(), baseline)
    findings.violations
    findings.write("reports/")

The jobs call the same functions. They don't change the settings of the caller's session.
"""

from __future__ import annotations

import gc
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from spark_model_monitor import errors
from spark_model_monitor.arguments import require_instance
from spark_model_monitor.data.reading.data_reader import Data, DataSource, EngineName, read_data, read_with_options
from spark_model_monitor.data.reading.dataset import Dataset, require_columns
from spark_model_monitor.data.reading.formats import DatasetFormat, ReadOptions
from spark_model_monitor.data.reading.frames import warn_of_nan_texts
from spark_model_monitor.data.reading.ledger import (
    Ledger,
    clear_quarantine,
    describe_first_rejected,
    describe_first_unwritten,
    write_quarantine,
)
from spark_model_monitor.data.reading.listing import report_faulty_files, require_unchanged
from spark_model_monitor.data.records.refusals import MAX_QUARANTINED_SHARE, Refusal, describe_remedy
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.documents.alarms import group_into_alarms
from spark_model_monitor.documents.check_results import Hint, Results, copy_location_without_values
from spark_model_monitor.documents.run_description import NO_CONTEXT, RunContext, find_data_name, format_moment
from spark_model_monitor.monitors.protocol import ColumnLayout, Monitor, ScanRequest, ScanResult, StoredBaseline
from spark_model_monitor.running.runs.results import Baseline, Findings
from spark_model_monitor.statistics.states import Profile
from spark_model_monitor.storage import read_file
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark_model_monitor.documents.alert_files import Decision
    from spark_model_monitor.documents.dqdl import RuleSet
    from spark_model_monitor.documents.rules_file import Expectations
    from spark_model_monitor.monitors.user_checks.check_plan import CheckPlan

log = logging.getLogger(__name__)

Result = TypeVar("Result")

MAX_SCANS = 4  # scans of one data set; each may show further records to refuse
GC_THRESHOLD = 200_000
"""New objects after which Python searches for unreachable cycles. A run creates hundreds of objects per column and keeps them.
With Python's default, 700, the searches would take a fifth of its time and find nothing.
"""


def run_baseline(
    data: Data,
    monitor: Monitor,
    *,
    dataset_format: str | DatasetFormat | None = None,
    window: Window | None = None,
    spark: SparkSession | None = None,
    engine: str = "auto",
    checks: str | CheckPlan | None = None,
    max_quarantined_share: float = MAX_QUARANTINED_SHARE,
    output_path: str | None = None,
    context: RunContext | None = None,
) -> Baseline:
    """Profile data and suggest constraints for later data, in one scan for any number of columns.

    Parameters
    ----------
    data : pandas, polars, DuckDB or Spark DataFrame, object with ``__arrow_c_stream__``, path, list of paths or Dataset
        The rows; every column is a feature. A path is a file, a folder of files or a glob, read as the baselining job reads
        it. Lazy data is streamed (`read_data`). In a pandas frame, NaN, None, NaT and NA are missing values, and the index
        is left out.
    monitor : Monitor
        What to monitor: `DataQualityMonitor`, `ModelQualityMonitor` or `BiasMonitor`.
    dataset_format : str or format, optional
        For a path: a format, or a value of `--dataset-format` (`"csv"`, `"csv-without-header"`, `"capture"`, the JSON of the
        service, …). By default the ends of the file names decide: .csv, .jsonl, .json (one object per line), .parquet or
        .orc, also followed by .gz, .bz2 or .zst.
    window : Window, optional
        For a path with captured records: the times to include. By default all times.
    spark : pyspark.sql.SparkSession, optional
        The session that Spark runs in, unless `data` is a Spark frame. By default the active session; if there is none,
        `local_session` starts one, which stays open. The session's settings don't change.
    engine : str, default "auto"
        `"spark"`, `"local"` (processes on this machine, no JVM), or `"auto"`: Spark if a session is active or given, for
        Spark frames and tables, for paths that only Spark opens, and above 1 GB (captures 2, Parquet and CSV 10);
        otherwise local. Both engines write the same bytes.
    checks : str, optional
        Your own Deequ checks, as for `--checks`: a JSON file or `module:function`. They run in the same scan.
    max_quarantined_share : float, default 0.01
        The largest share (0 to 1) of the records that may be refused.
    output_path : str, optional
        The folder whose `quarantine/` gets refused records; without a folder, they are only counted.
    context : RunContext, optional
        What run.json says about the run: window, model, schedule. By default the window.

    Returns
    -------
    Baseline
        The documents, the state behind them, and the account of the records read.

    Raises
    ------
    NoData
        If there are no rows.
    BadInput
        If the data can't be read, or more than `max_quarantined_share` of its records had to be refused.
    BadConfiguration
        If the format can't be recognized, or the checks don't fit the data.
    MissingDependency
        If Java, Spark or Deequ's JAR is absent.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import DataQualityMonitor, run_baseline
    >>> passengers = pd.DataFrame({"age": [22.0, 38.0, None], "cabin": [None, "A12", None]})
    >>> baseline = run_baseline(passengers, DataQualityMonitor())
    >>> baseline.to_pandas()["num_missing"].to_dict()
    {'age': 1, 'cabin': 2}
    """
    _require_types(monitor, window)
    reading = _DataReader(
        data, monitor, dataset_format, window, spark, engine, checks, max_quarantined_share, output_path, context
    )
    # A data set isn't opened again, because its caller owns it. A stream can be read only once
    open_again: Any = nullcontext
    if not isinstance(data, Dataset):
        open_again = partial(read_data, dataset_format=dataset_format, window=window, spark=spark, engine=engine)
    source = None
    if not isinstance(data, Iterator):
        source = DataSource(data, open_again)

    def profile(dataset: Dataset) -> Baseline:
        require_columns(dataset.names)  # in a window, an extra column is a violation
        measures = monitor.plan_scan(ScanRequest(dataset, is_baseline=True))
        scanned, _ = reading.scan(dataset, measures)
        baseline = replace(scanned, source=source, layout=_read_layout(dataset, scanned.ledger))
        baseline.documents  # noqa: B018 -- errors in the documents are raised here
        _log_hints(baseline.hints)
        for violation in (check for check in baseline.judgement.results if check.is_violation):
            log.warning("%s: %s", violation.feature, violation.reason)
        return baseline

    return reading.run(profile)


def run_monitoring(
    data: Data | Baseline,
    monitor: Monitor,
    baseline: Baseline | StoredBaseline | None,
    *,
    dataset_format: str | DatasetFormat | None = None,
    window: Window | None = None,
    spark: SparkSession | None = None,
    engine: str = "auto",
    checks: str | CheckPlan | None = None,
    max_quarantined_share: float = MAX_QUARANTINED_SHARE,
    output_path: str | None = None,
    context: RunContext | None = None,
    decisions: Sequence[Decision] = (),
    since: Mapping[str, str] | None = None,
    expectations: str | Mapping[str, Any] | Expectations | RuleSet | None = None,
) -> Findings:
    """Compare data with a baseline, in one scan; captures with a different number of columns need a second scan.

    Parameters
    ----------
    data : pandas, polars, DuckDB or Spark DataFrame, object with ``__arrow_c_stream__``, path, list of paths or Dataset
        The later rows, as in `run_baseline`. Columns are matched by name; columns without names, by position. A `Baseline`
        has been scanned already: no row is read again.
    monitor : Monitor
        The monitor that made the baseline.
    baseline : Baseline or None
        The result of `run_baseline`, or of `read_baseline` for files. None for the very first run, in which nothing is checked.
    dataset_format : str or format, optional
        For a path, as in `run_baseline`. The columns of `"capture"` get the baseline's names by position.
    window : Window, optional
        For a path with captured records: the times to include. By default all times.
    spark : pyspark.sql.SparkSession, optional
        As in `run_baseline`.
    engine : str, default "auto"
        As in `run_baseline`.
    checks : str, optional
        As in `run_baseline`.
    max_quarantined_share : float, default 0.01
        As in `run_baseline`.
    output_path : str, optional
        As in `run_baseline`.
    context : RunContext, optional
        As in `run_baseline`.
    decisions : sequence of Decision, optional
        Alarms that somebody accepted; the same alarms are not violations again.
    since : mapping of str to str, optional
        What was violated in the previous window, and since when, for the text of alarms that continue.
    expectations : str or mapping, optional
        Your own rules: the path of a file as for `--expectations`, or its content. A rule that is not met is a violation, or a
        hint if its level is `warning`. Rules are also judged without a baseline.

    Returns
    -------
    Findings
        The violations, the result of every check, and the window's documents.

    Raises
    ------
    NoData
        If there are no rows.
    BadInput
        If the data can't be read, or more than `max_quarantined_share` of its records had to be refused.
    BadConfiguration
        If the format can't be recognized, or the checks don't fit the data.
    MissingDependency
        If Java, Spark or Deequ's JAR is absent.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
    >>> orders = pd.DataFrame({"country": ["DE", "FR", "DE"] * 20, "items": [1, 3, 2] * 20})
    >>> baseline = run_baseline(orders, DataQualityMonitor())
    >>> findings = run_monitoring(orders.replace("FR", "ES"), DataQualityMonitor(), baseline)
    >>> [violation.feature_name for violation in findings.violations.violations]
    ['country']
    """
    _require_types(monitor, window)
    stored = baseline.stored_for(monitor) if isinstance(baseline, Baseline) else baseline
    if stored is not None and not hasattr(stored, "names"):
        raise TypeError(
            f"the baseline is a {type(stored).__name__}; pass run_baseline(…) of it, or read_baseline of a run"
        )
    period = window or context
    comparison = _Comparison(
        monitor=monitor,
        baseline=stored,
        rules=read_expectations(expectations),
        decisions=decisions,
        violated_since=since or {},
        window_start=period.start if period else None,
        window_end=period.end if period else None,
        output_path=output_path,
    )
    # A scanned baseline has no rows left in which causes could be looked for
    if isinstance(data, Baseline):
        return comparison.judge(replace(data, layout=ColumnLayout(newest=data.ledger.newest)))
    reading = _DataReader(
        data,
        monitor,
        dataset_format,
        window,
        spark,
        engine,
        checks,
        max_quarantined_share,
        output_path,
        context,
        stored,
    )
    return reading.run(partial(comparison.scan_and_judge, reading))


def _require_types(monitor: Monitor, window: Window | None) -> None:
    require_instance("monitor", monitor, Monitor, "one such as DataQualityMonitor()")
    require_instance("window", window, Window | None, "Window(start, end), both with a time zone")


@value_class
class _DataReader:
    """How a run reads its data: the arguments that `run_baseline` and `run_monitoring` share, and describe.

    baseline: what the data is compared with; columns without names get the names of its columns.
    """

    data: Data
    monitor: Monitor
    dataset_format: str | DatasetFormat | None
    window: Window | None
    spark: SparkSession | None
    engine: str
    checks: str | CheckPlan | None
    max_quarantined_share: float
    output_path: str | None
    context: RunContext | None
    baseline: StoredBaseline | None = None

    def run(self, process: Callable[[Dataset], Result]) -> Result:
        """The result of `process` for the data set; on Spark if the data needs Spark and no engine was requested."""
        try:
            return self._run_on(self.engine, process)
        except errors.NeedsSpark as fault:
            # A stream is partly consumed by now, and can't be started again on Spark
            is_read_once = isinstance(self.data, (Dataset, Iterator))
            if self.engine != EngineName.AUTO or is_read_once:
                raise
            log.info("%s", fault)
            return self._run_on(EngineName.SPARK, process)

    def _run_on(self, engine: str, process: Callable[[Dataset], Result]) -> Result:
        """The result of `process` on this engine. Releases the data set afterwards, unless it is the caller's."""
        options = ReadOptions(window=self.window)
        if self.baseline is not None:
            options = replace(options, names=self.baseline.names or None, values=self.baseline)
        dataset = read_with_options(self.data, self.dataset_format, options, spark=self.spark, engine=engine)
        with nullcontext() if dataset is self.data else dataset, _rare_garbage_collection():
            return process(dataset)

    def scan(self, dataset: Dataset, measures: Any) -> tuple[Baseline, Dataset]:
        """The profile of a data set, and the data set in the form in which it was finally read."""
        checks = self.checks
        if isinstance(checks, str):
            from spark_model_monitor.monitors.user_checks.check_loading import load_planned_checks

            checks = load_planned_checks(checks, dataset)
        scan_result, ledger, dataset = self._scan_until_read(dataset, measures, checks)
        if dataset.is_frame and isinstance(scan_result.state, Profile):
            warn_of_nan_texts(scan_result.state)
        context = self.context
        if context is None:
            context = RunContext(self.window.start, self.window.end) if self.window else NO_CONTEXT
        if context.data is None and dataset.listing.path:
            context = replace(context, data=find_data_name(dataset.listing.path))
        return _create_baseline(self.monitor, scan_result, ledger, context), dataset

    def _scan_until_read(
        self, dataset: Dataset, measures: Any, checks: CheckPlan | None, scans: int = MAX_SCANS
    ) -> tuple[ScanResult, Ledger, Dataset]:
        """The last scan of a data set, the ledger of its records, and the data set in the form in which it was read then.

        scans: the number of scans that are left. Raises BadInput or NoData if too few records were accepted.
        """
        # Errors of a reader don't name the file that they are about
        with report_faulty_files(dataset.engine, dataset.listing):
            scan_result = self.monitor.scan(measures, dataset, checks)
        require_unchanged(dataset.engine, dataset.listing, may_grow=not dataset.by_columns)
        # The number of columns was guessed from the first records; the scan counted all of them
        columns = dataset.column_count(scan_result.rows)
        resized_dataset = dataset.read_with_columns(columns)
        if resized_dataset is not dataset:
            checks_note = ", without the Deequ checks" if checks else ""
            log.warning(
                "most records have %d columns, not %s; scanning again%s", columns, dataset.record_cells, checks_note
            )
            return self._scan_until_read(resized_dataset, measures, None, scans)
        dataset.require_one_layout(scan_result.rows)
        # A scan shows which records the monitor can't use, and the next scan leaves them out
        usable_dataset = None
        if scans > 1:
            usable_dataset = self.monitor.reject_unusable(scan_result, dataset, self.baseline)
        if usable_dataset is not None:
            log.warning("some records have values that this monitor can't use; scanning again without them")
            return self._scan_until_read(usable_dataset, measures, checks, scans - 1)
        ledger = dataset.ledger(scan_result.rows)
        quarantine = ""
        if self.output_path:
            quarantine = _quarantine(dataset, ledger, self.output_path)
        elif ledger.quarantined_share > self.max_quarantined_share and dataset.has_lines:
            quarantine = describe_first_unwritten(dataset)
        if not ledger.read and dataset.time_column:
            advice = f"look at the times of {dataset.time_column!r}, and write a window of them, by --start-time and --end-time"
            raise errors.NoData(f"{errors.NO_DATA}: no row is in the window; {advice}")
        _require_enough(ledger, self.max_quarantined_share, quarantine)
        return scan_result, ledger, dataset


@contextmanager
def _rare_garbage_collection() -> Iterator[None]:
    """Makes garbage collection rare in this context; a higher threshold of the user, or 0 for never, is kept."""
    thresholds = gc.get_threshold()
    if 0 < thresholds[0] < GC_THRESHOLD:
        gc.set_threshold(GC_THRESHOLD, *thresholds[1:])
    try:
        yield
    finally:
        if gc.get_threshold()[0] == GC_THRESHOLD:
            gc.set_threshold(*thresholds)


def _create_baseline(monitor: Monitor, scan_result: ScanResult, ledger: Ledger, context: RunContext) -> Baseline:
    """The result of a scan as a baseline, with everything computed from it."""
    # An engine's own metrics, such as Deequ's, replace the monitor's
    metrics = scan_result.metrics() if scan_result.metrics else monitor.metrics(scan_result.state)
    checks = scan_result.checks() if scan_result.checks else None
    rule_results = scan_result.judged() if scan_result.judged else None
    return Baseline(
        monitor,
        scan_result.state,
        metrics,
        ledger,
        checks,
        requests=scan_result.requests,
        context=context,
        runs=scan_result.runs,
        deequ=scan_result.deequ,
        judged=rule_results,
    )


def _quarantine(dataset: Dataset, ledger: Ledger, output_path: str) -> str:
    """Writes the refused records; returns where they are and what is wrong with the first one, as a part of a sentence.

    The text is empty if no record was refused, or if the records aren't lines.
    """
    if ledger.quarantined and dataset.has_lines:
        folder = write_quarantine(dataset, output_path, only_long_lines=set(ledger.refused) == {Refusal.TOO_LONG.text})
        storage = dataset.engine.storage(folder)
        first = describe_first_rejected(storage, folder, separator=dataset.separator, width=len(dataset.names))
        return f"; they are in {folder}{first}"
    clear_quarantine(dataset.engine, output_path)
    return ""


def _require_enough(ledger: Ledger, max_quarantined_share: float, where: str) -> None:
    """Raises BadInput or ScriptFailed if too many records were refused, NoData if none was accepted.

    where: the location of the refused records, as a part of a sentence.
    """
    reasons = ", ".join(f"{reason}: {count:,}" for reason, count in ledger.refused.items())
    if ledger.quarantined_share > max_quarantined_share:
        sentence = (
            f"{ledger.quarantined:,} of {ledger.read:,} records were refused ({reasons}), more than the allowed share of "
            f"{max_quarantined_share}{where}; {describe_remedy(ledger.refused)}, or allow more with --max-quarantined-share"
        )
        # A failing script has an exit status of its own, because its author has to act
        if Refusal.SCRIPT_ERROR.text in ledger.refused:
            raise errors.ScriptFailed(f"{errors.SCRIPT_FAILED} {sentence}")
        raise errors.BadInput(sentence)
    for reason, count in ledger.not_in_log.items():
        log.warning(f"left out {count:,} of {ledger.read:,} records of the log: {reason}")
    if ledger.quarantined:
        log.warning(f"refused {ledger.quarantined:,} of {ledger.read:,} records ({reasons}){where}")
    # Checked last: if many were refused, that is the reason to report
    if not ledger.kept:
        in_file = ""
        if len(ledger.files) == 1:
            in_file = f" in {ledger.files[0].path}"
        outside = ""
        if ledger.outside_window:
            outside = f"; {ledger.outside_window:,} lie outside the window"
        raise errors.NoData(f"{errors.NO_DATA}: no record is left of {ledger.read:,}{in_file}{outside}")


@value_class
class _Comparison:
    """The comparison of a window with its baseline, from the scan to the findings.

    Attributes
    ----------
    rules: The user's own rules.
    decisions: Alarms that somebody accepted.
    violated_since: What was violated in the previous window, and since when.
    window_start, window_end: None if they are unknown.
    output_path: As in `run_monitoring`.
    """

    monitor: Monitor
    baseline: StoredBaseline | None
    rules: Expectations | RuleSet | None
    decisions: Sequence[Decision]
    violated_since: Mapping[str, str]
    window_start: datetime | None
    window_end: datetime | None
    output_path: str | None

    def scan_and_judge(self, reading: _DataReader, dataset: Dataset) -> Findings:
        matched_dataset = dataset
        if self.baseline is not None:
            names = self.baseline.names
            # A column from partition folders exists only if the whole table is read. A window or a baseline that is a single
            # partition lacks it
            folders = dataset.listing.partition_names & ({*names} ^ {*dataset.names})
            if folders and not self.monitor.exact_columns:
                log.info("not compared, as folders' names on one side alone: %s", ", ".join(sorted(folders)))
                dataset = dataset.drop_features(folders)
                comparison = replace(self, baseline=self.baseline.drop_features(folders))
                return comparison.scan_and_judge(reading, dataset)
            # Columns get the baseline's order and names; the others are judged as missing or extra
            matched_dataset = dataset.match_with(names, exact=self.monitor.exact_columns)
        measures = self.monitor.plan_scan(ScanRequest(matched_dataset, self.baseline, self.rules, self.window_end))
        current, scanned_dataset = reading.scan(matched_dataset, measures)
        layout = replace(_read_layout(dataset, current.ledger), foreign_keys=scanned_dataset.foreign_keys)
        return self.judge(replace(current, layout=layout), scanned_dataset)

    def judge(self, current: Baseline, scanned_dataset: Dataset | None = None) -> Findings:
        """The findings for a scanned window. scanned_dataset: its rows, as they were finally read; None if they are gone."""
        matched_by = current.ledger.matched_by
        if self.baseline is not None and matched_by:
            records = f"{current.ledger.kept:,}"
            log.info("%s records: columns matched with the baseline's by %s", records, matched_by.value)
        judgement = self.monitor.judge(current.sample(), self.baseline)
        # Accepted alarms are removed first, because sentences name the remaining alarms
        remaining_results = judgement.results
        if self.decisions:
            from spark_model_monitor.documents.alert_files import apply_decisions

            remaining_results = apply_decisions(remaining_results, self.decisions)
        alarm_results = group_into_alarms(judgement.write_sentences(remaining_results), self.violated_since)
        # Causes are looked for in the window's rows, which can be read only now
        check_results = alarm_results
        if scanned_dataset is not None:
            check_results = judgement.find_causes(alarm_results, scanned_dataset, self.output_path)
        # The same results without values of the data, for logs, sinks and tables
        results_without_values = group_into_alarms(
            judgement.write_sentences(remaining_results, hide_values=True), self.violated_since
        )
        results_without_values = tuple(
            map(copy_location_without_values, results_without_values, alarm_results, check_results)
        )
        hints = (*self._collect_ended_alarms(check_results), *judgement.hints)
        _log_hints(hints)
        return Findings(
            violations=self.monitor.violations(check_results),
            results=check_results,
            current=replace(current, runs=()),
            constraints=current.constraints if self.baseline is None else self.baseline.constraints,
            hints=hints,
            judgement=judgement,
            unnamed=results_without_values,
        )

    def _collect_ended_alarms(self, check_results: Results) -> Iterable[Hint]:
        if not self.violated_since:
            return ()
        from spark_model_monitor.documents.alert_files import report_ended_alarms

        start = None
        if self.window_start is not None:
            start = format_moment(self.window_start)
        return report_ended_alarms(check_results, self.violated_since, start)


def read_expectations(
    source: str | Mapping[str, Any] | Expectations | RuleSet | None, *, skip_unsupported: bool = False
) -> Expectations | RuleSet | None:
    """The user's rules, from a file (its name shows whether it has our format, DQDL or a data contract) or from a mapping.

    skip_unsupported: skip rules that can't be evaluated.

    Raises BadConfiguration for an unreadable file, or for invalid rules.
    """
    if source is None or (not isinstance(source, str | os.PathLike | Mapping)):
        return source
    from spark_model_monitor.documents.data_contract import is_contract, parse_contract
    from spark_model_monitor.documents.rules_file import Expectations, parse_expectations

    try:
        # A mapping is parsed like a file, so that errors read the same
        if isinstance(source, Mapping):
            return Expectations.from_json(json.dumps(source), "expectations")
        path = os.fspath(source)
        if path.lower().endswith(".dqdl"):
            from spark_model_monitor.documents.dqdl_parser import parse_rule_set

            return parse_rule_set(read_file(path), path, skip_unsupported=skip_unsupported)
        # The name of a table may follow the name of its contract
        contract, _, table = path.partition("#")
        if is_contract(contract):
            content = read_file(contract)
            return parse_contract(content, contract, table, skip_unsupported=skip_unsupported)
        return parse_expectations(read_file(path), path)
    except errors.MissingDependency:
        raise
    except (errors.MonitorError, OSError, TypeError) as fault:
        raise errors.BadConfiguration(f"--expectations: {fault}") from fault


def _read_layout(dataset: Dataset, ledger: Ledger) -> ColumnLayout:
    matched_by = ledger.matched_by
    by_position = matched_by is not None and matched_by.may_be_by_position
    sizes = {file.path: file.size_bytes for file in ledger.files}
    return ColumnLayout(dataset.header, by_position, matched_by, ledger.newest, sizes, roles=dataset.roles)


def _log_hints(hints: Iterable[Hint]) -> None:
    for hint in hints:
        log.warning("%s", hint.description)
