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
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from spark_model_monitor.data.reading.data import Data, EngineName, read_data
from spark_model_monitor.data.reading.dataset import Dataset, require_columns
from spark_model_monitor.data.reading.formats import DatasetFormat
from spark_model_monitor.data.reading.ledger import Ledger, clear_quarantine, write_quarantine
from spark_model_monitor.data.reading.listing import faulty_files_named, require_unchanged
from spark_model_monitor.data.records.refusals import Refusal, remedy
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.documents.check_results import Hint, in_alarms
from spark_model_monitor.documents.run_description import NOBODY_SAID, RunContext, moment
from spark_model_monitor.errors import (
    NO_DATA,
    SCRIPT_FAILED,
    BadConfiguration,
    BadInput,
    MissingDependency,
    MonitorError,
    NeedsSpark,
    NoData,
    ScriptFailed,
)
from spark_model_monitor.monitors.protocol import Layout, Monitor, Scanned, StoredBaseline
from spark_model_monitor.running.runs.pages import warn_of_nan_texts
from spark_model_monitor.running.runs.results import Baseline, Findings
from spark_model_monitor.statistics.states import Profile
from spark_model_monitor.storage import storage_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark_model_monitor.documents.alerts import Decision
    from spark_model_monitor.documents.expectations import Expectations
    from spark_model_monitor.monitors.user_checks.checks import CheckPlan

log = logging.getLogger(__name__)

Result = TypeVar("Result")

MAX_QUARANTINED_SHARE = 0.01  # the largest share of the records read that may be refused before a run fails (C11b)


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
    run = _Run(data, monitor, dataset_format, window, checks, max_quarantined_share, output_path, context)
    again = partial(read_data, dataset_format=dataset_format, window=window, spark=spark, engine=engine)
    read: Any = nullcontext if isinstance(data, Dataset) else again  # the caller owns a data set and releases it
    source = None if isinstance(data, Iterator) else _Source(data, read)

    def profiled(dataset: Dataset) -> Baseline:
        require_columns(dataset.names)  # in a window, an extra column is a violation
        baseline = replace(run.profiled(dataset, monitor.measures_of_baseline())[0], source=source)
        baseline.documents  # noqa: B018 -- what is wrong with them is said here
        judgement = monitor.judge(baseline.sample(_layout(dataset, baseline.ledger)), None)
        baseline.hints.extend(_log_hints(judgement.hints))
        for broken in (each for each in judgement.results if each.is_violation):
            log.warning("%s: %s", broken.feature, broken.reason)
        return baseline

    return run.on_an_engine(profiled, spark, engine)


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
    expectations: str | Mapping[str, Any] | Expectations | None = None,
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
    known = _known(monitor, baseline) if isinstance(baseline, Baseline) else baseline
    if known is not None and not hasattr(known, "names"):
        raise TypeError(
            f"the baseline is a {type(known).__name__}; pass run_baseline(…) of it, or read_baseline of a run"
        )
    end = window.end if window is not None else context.end if context is not None else None
    rules = read_expectations(expectations)

    def compared(dataset: Dataset) -> Findings:
        matched = dataset if known is None else dataset.matching(known.names, exact=monitor.exact_columns)
        measures = monitor.expecting(monitor.measures(), rules, matched, known, end)
        current, as_read = run.profiled(matched, measures)
        return judged(current, dataset, as_read)

    def judged(current: Baseline, dataset: Dataset | None, as_read: Dataset | None) -> Findings:
        if known is not None and (matched_by := current.ledger.matched_by):
            log.info(
                "%s records: columns matched with the baseline's by %s", f"{current.ledger.kept:,}", matched_by.value
            )
        judgement = monitor.judge(current.sample(_layout(dataset, current.ledger)), known)
        current = replace(current, runs=())
        results = judgement.results
        if decisions:
            from spark_model_monitor.documents.alerts import accepted

            results = accepted(results, decisions)
        results = in_alarms(judgement.write_sentences(results), since or {})
        if as_read is not None:
            results = judgement.find_causes(results, as_read, output_path)
        hints = judgement.hints
        if since:
            from spark_model_monitor.documents.alerts import ended

            began = window.start if window is not None else context.start if context is not None else None
            hints = (*ended(results, since, moment(began) if began is not None else None), *hints)
        return Findings(
            violations=monitor.violations(results),
            results=results,
            current=current,
            constraints=current.constraints if known is None else known.constraints,
            hints=_log_hints(hints),
            known=judgement.baseline,
            judgement=judgement,
        )

    if isinstance(data, Baseline):
        return judged(data, None, None)
    run = _Run(data, monitor, dataset_format, window, checks, max_quarantined_share, output_path, context, known)
    return run.on_an_engine(compared, spark, engine)


class _Source:
    """Opens a baseline's rows again while the caller keeps them. It isn't pickled: the rows are personal data.

    Raises NoData if the frame is gone.
    """

    def __init__(self, data: Data, read: Callable[[Data], Dataset]) -> None:
        self._read = read
        if isinstance(data, Dataset):
            has_rows = not data.listing.path
        else:  # a Spark frame has no rows of its own
            has_rows = hasattr(data, "__len__") and not isinstance(data, str | list | tuple)
        self._data: Callable[[], Data | None] = lambda: data
        if has_rows:
            with suppress(TypeError):
                self._data = weakref.ref(data)

    def __call__(self) -> Dataset:
        data = self._data()
        if data is None:
            raise NoData("the frame that the baseline was made from is not stored")
        return self._read(data)

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        return type(None), ()


YOUNG = 200_000  # objects: a run makes hundreds per column, which stay; a search for cycles takes a fifth of it


@contextmanager
def _uncollected() -> Iterator[None]:
    """Makes garbage collection rare in this context; keeps a limit of the user's that is higher, or 0 for never."""
    before = gc.get_threshold()
    if 0 < before[0] < YOUNG:
        gc.set_threshold(YOUNG, *before[1:])
    try:
        yield
    finally:
        if gc.get_threshold()[0] == YOUNG:
            gc.set_threshold(*before)


MOST_SCANS = 4  # of one data set: the refusals found by one scan may reveal more


@dataclass(frozen=True)
class _Run:
    """The parameters of `run_baseline`. known: the baseline, which names columns without names."""

    data: Data
    monitor: Monitor
    dataset_format: str | DatasetFormat | None
    window: Window | None
    checks: str | CheckPlan | None
    max_quarantined_share: float
    output_path: str | None
    context: RunContext | None
    known: StoredBaseline | None = None

    def __post_init__(self) -> None:
        if isinstance(self.monitor, type):
            raise TypeError(f"the monitor is a class; write {self.monitor.__name__}(…)")

    def on_an_engine(self, run: Callable[[Dataset], Result], spark: SparkSession | None, engine: str) -> Result:
        """The result of `run` for the data set; on Spark if that turns out to be needed and no engine was requested."""
        try:
            return self._of_data_set(run, spark, engine)
        except NeedsSpark as fault:
            if engine != EngineName.AUTO or isinstance(self.data, (Dataset, Iterator)):  # a stream can be read once
                raise
            log.info("%s", fault)
            return self._of_data_set(run, spark, EngineName.SPARK)

    def _of_data_set(self, run: Callable[[Dataset], Result], spark: SparkSession | None, engine: str) -> Result:
        """Releases the resources of reading afterwards, unless the data set is the caller's."""
        names = self.known.names if self.known is not None else ()
        dataset = read_data(
            *(self.data, self.dataset_format), names=names or None, window=self.window, spark=spark, engine=engine
        )
        with nullcontext() if dataset is self.data else dataset, _uncollected():
            return run(dataset)

    def profiled(self, dataset: Dataset, measures: Any) -> tuple[Baseline, Dataset]:
        """The profiled data set, and the data set in the form in which its records had to be read."""
        checks = _planned(self.checks, dataset) if isinstance(self.checks, str) else self.checks
        found, ledger, dataset = self._read(dataset, measures, checks)
        if dataset.is_frame and isinstance(found.state, Profile):
            warn_of_nan_texts(found.state)
        window = self.window
        context = self.context or (NOBODY_SAID if window is None else RunContext(window.start, window.end))
        return _described(self.monitor, found, ledger, context), dataset

    def _read(
        self, dataset: Dataset, measures: Any, checks: CheckPlan | None, scans: int = MOST_SCANS
    ) -> tuple[Scanned, Ledger, Dataset]:
        """The scan of a data set, the ledger of its records, of which enough were accepted, and the data set in the
        form in which it was read last. scans: how many are left.
        """
        with faulty_files_named(dataset.engine, dataset.listing):
            found = self.monitor.scan(measures, dataset, checks)
        require_unchanged(dataset.engine, dataset.listing, may_grow=not dataset.by_columns)
        columns = dataset.column_count(found.rows)
        reread = dataset.with_column_count(columns)
        if reread is not dataset:
            without = ", without the Deequ checks" if checks else ""
            log.warning(
                "most records have %d columns, not %s; scanning again%s", columns, dataset.record_cells, without
            )
            return self._read(reread, measures, None, scans)
        dataset.require_one_layout(found.rows)
        fewer = self.monitor.refusing(found, dataset, self.known) if scans > 1 else None
        if fewer is not None:
            log.warning("some records have values that this monitor can't use; scanning again without them")
            return self._read(fewer, measures, checks, scans - 1)
        ledger = dataset.ledger(found.rows)
        quarantine = _put_aside(dataset, ledger, self.output_path) if self.output_path else None
        _require_enough(ledger, self.max_quarantined_share, quarantine)
        return found, ledger, dataset


def read_expectations(given: str | Mapping[str, Any] | Expectations | None) -> Expectations | None:
    """The rules from a file or a value. Raises BadConfiguration for an unreadable file, or for invalid rules."""
    if given is None or (not isinstance(given, str | os.PathLike | Mapping)):
        return given
    from spark_model_monitor.documents.expectations import Expectations, expectations_of

    try:
        if isinstance(given, Mapping):
            return Expectations.from_json(json.dumps(given), "expectations")
        path = os.fspath(given)
        return expectations_of(storage_of(path).read(path), path)
    except MissingDependency:
        raise
    except (MonitorError, OSError, TypeError) as fault:
        raise BadConfiguration(f"--expectations: {fault}") from fault


def _layout(dataset: Dataset | None, ledger: Ledger) -> Layout:
    if dataset is None:  # the rows were scanned before, and their columns have names
        return Layout(newest=ledger.newest)
    matched_by = ledger.matched_by
    by_position = matched_by is not None and matched_by.may_be_by_position
    sizes = {file.path: file.size_bytes for file in ledger.files}
    return Layout(dataset.header, by_position, matched_by is not None, ledger.newest, dataset.inputs_fit, sizes)


def _known(monitor: Monitor, baseline: Baseline) -> StoredBaseline:
    """The monitor's form of a new baseline, with the constraints as they were suggested. It is kept for the next window
    with the same monitor.
    """
    for by, known in baseline.known:
        if by == monitor:
            return known
    found: StoredBaseline = monitor.known(baseline.constraints, None, baseline.state, baseline.constraints)
    found = found.with_parts(baseline.variation) if baseline.variation is not None else found
    found = found.with_source(baseline.source) if baseline.source is not None else found
    baseline.known[:] = [(monitor, found)]
    return found


def _planned(checks: str, dataset: Dataset) -> CheckPlan:
    from spark_model_monitor.monitors.user_checks.loading import planned_checks

    return planned_checks(checks, dataset)


def _described(monitor: Monitor, found: Scanned, ledger: Ledger, context: RunContext) -> Baseline:
    """The result of a scan as a baseline, with everything computed from it."""
    metrics = found.metrics() if found.metrics else monitor.metrics(found.state)
    checks = found.checks() if found.checks else None
    judged = found.judged() if found.judged else None
    return Baseline(
        monitor,
        found.state,
        metrics,
        ledger,
        checks,
        requests=found.requests,
        context=context,
        runs=found.runs,
        deequ=found.deequ,
        judged=judged,
    )


def _log_hints(hints: tuple[Hint, ...]) -> tuple[Hint, ...]:
    """The same hints, once they are logged."""
    for hint in hints:
        log.warning("%s", hint.description)
    return hints


def _put_aside(dataset: Dataset, ledger: Ledger, output_path: str) -> str | None:
    """The folder with the refused records; None if there are none, or none that are lines of text."""
    if ledger.quarantined and dataset.has_lines:
        return write_quarantine(dataset, output_path, only_long_lines=set(ledger.refused) == {Refusal.TOO_LONG.text})
    clear_quarantine(dataset.engine, output_path)
    return None


def _require_enough(ledger: Ledger, max_quarantined_share: float, quarantine: str | None) -> None:
    """A run rests on the accepted records, and is valid only if few were refused."""
    reasons = ", ".join(f"{reason}: {count:,}" for reason, count in ledger.refused.items())
    where = f"; they are in {quarantine}" if quarantine else ""
    if ledger.quarantined_share > max_quarantined_share:
        sentence = (
            f"{ledger.quarantined:,} of {ledger.read:,} records were refused ({reasons}), more than the allowed share of "
            f"{max_quarantined_share}{where}; {remedy(ledger.refused)}, or allow more with --max-quarantined-share"
        )
        if Refusal.SCRIPT_ERROR.text in ledger.refused:
            raise ScriptFailed(f"{SCRIPT_FAILED} {sentence}")
        raise BadInput(sentence)
    if ledger.quarantined:
        log.warning("refused %s of %s records (%s)%s", f"{ledger.quarantined:,}", f"{ledger.read:,}", reasons, where)
    if not ledger.kept:
        of = f" in {ledger.files[0].path}" if len(ledger.files) == 1 else ""
        outside = f"; {ledger.outside_window:,} lie outside the window" if ledger.outside_window else ""
        raise NoData(f"{NO_DATA}: no record is left of {ledger.read:,}{of}{outside}")
