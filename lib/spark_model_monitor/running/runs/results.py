"""The results of a run: a `Baseline` or `Findings`, with their files, and how notebooks show them."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from spark_model_monitor import __version__
from spark_model_monitor.data.reading.data_reader import get_running_session
from spark_model_monitor.data.reading.ledger import Ledger
from spark_model_monitor.documents.alarms import collect_alarms
from spark_model_monitor.documents.check_results import (
    BudgetLedger,
    CheckResult,
    CheckResults,
    Hint,
    Results,
    remove_values,
)
from spark_model_monitor.documents.column_roles import ColumnRoles
from spark_model_monitor.documents.document import Document
from spark_model_monitor.documents.headline import write_headline
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.monitoring_settings import MonitoringConfig
from spark_model_monitor.documents.outcome import (
    FeatureOutcome,
    Outcome,
    find_unsure_features,
    judge_features,
    judge_run,
)
from spark_model_monitor.documents.page import NO_NEIGHBOUR_RUNS, Headline, NeighbourRuns, Page
from spark_model_monitor.documents.run_description import NO_CONTEXT, BaselineReference, RunContext, RunDescription
from spark_model_monitor.errors import MissingDependency, ViolationsFound
from spark_model_monitor.monitors.protocol import (
    NAMED_COLUMNS,
    ColumnLayout,
    Judgement,
    Monitor,
    PublishedMetric,
    RuleOutcomes,
    Sample,
    StoredBaseline,
)
from spark_model_monitor.reports.history import state_files
from spark_model_monitor.reports.outputs.result_tables import SUMMARY, encode_checks, encode_summary
from spark_model_monitor.reports.outputs.run_files import HOUR_FOLDERS, LEDGER, PAGE, Run, publish
from spark_model_monitor.running.runs.pages import create_run_page, insert_folders, render_page
from spark_model_monitor.statistics.states import Requests, RowRuns
from spark_model_monitor.storage import get_current_session, is_session_disabled, using_session

if TYPE_CHECKING:
    import pandas as pd
    import polars
    import pyarrow as pa
    from pyspark.sql import SparkSession

    from spark_model_monitor.data.reading.dataset import Dataset
    from spark_model_monitor.monitors.user_checks.suite import SuiteResults
    from spark_model_monitor.reports.page.page_files import Report

Files: TypeAlias = dict[str, bytes]  # contents by name
DEEQU_CHECKS = "checks_deequ.json"


class TableExports(ABC):
    """Methods that give the table of `to_pandas` in the types of other libraries."""

    @abstractmethod
    def to_pandas(self) -> pd.DataFrame: ...

    def to_arrow(self) -> pa.Table:
        """The table of `to_pandas` as pyarrow's; the names of its rows are the first column.

        Returns
        -------
        pyarrow.Table
        """
        import pyarrow as pa

        table = self.to_pandas()
        if table.index.name is not None:
            table = table.reset_index()
        return pa.Table.from_pylist(_convert_table(table))

    def to_polars(self) -> polars.DataFrame:
        """The table of `to_pandas` as a frame of polars.

        Returns
        -------
        polars.DataFrame

        Raises
        ------
        MissingDependency
            If polars is not installed.
        """
        try:
            import polars
        except ImportError as fault:
            raise MissingDependency("to_polars() needs polars; `pip install polars`, or take to_arrow()") from fault
        return polars.from_arrow(self.to_arrow())


def _convert_table(table: Any) -> list[dict[str, Json]]:
    """The rows with None for missing values; a column of texts and numbers becomes text, because Arrow has no mixed columns."""
    values = table.astype(object).where(table.notna(), None)
    for name in values.columns:
        types = {type(value) for value in values[name] if value is not None}
        if len(types) > 1 and not types <= {int, float}:
            values[name] = [None if value is None else str(value) for value in values[name]]
    return [{str(name): value for name, value in row.items()} for row in values.to_dict("records")]


@dataclass(frozen=True, repr=False)
class Baseline(TableExports):
    """The result of a run on its data: the documents, the state behind them, and the account of the records read.

    Created by `run_baseline`. A notebook shows it as a page.

    Parameters
    ----------
    monitor : Monitor
        The monitor that made the documents.
    state : object
        The state that the documents are computed from; states add.
    metrics : object
        The metrics of the state, in the monitor's own type.
    ledger : Ledger
        How many records were read, kept and refused, and why.
    checks : SuiteResults, optional
        The results of the user's own Deequ checks. None if there were none.
    requests : Requests, optional
        The requests behind captured records. None if nothing is known about them.
    context : RunContext
        The window, the model and the schedule, if they were given.
    runs : sequence of RowRuns
        Runs of neighbouring rows, which show how the parts of the data vary. Empty if they were not computed.
    deequ : str, optional
        The version of Deequ that evaluated the state. None if the state's own formulas did, with the same results.
    judged : RuleOutcomes, optional
        The results of the user's own rules. None if there were none.
    source : callable, optional
        Opens the rows again, for a frame that still exists. None for a stream, which is read once, and after pickling.
    layout : ColumnLayout
        How the columns got their names.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import DataQualityMonitor, run_baseline
    >>> baseline = run_baseline(pd.DataFrame({"items": [1, 3, 2]}), DataQualityMonitor())
    >>> baseline
    <Baseline of 3 rows>
    >>> baseline.statistics.feature("items").numerical_statistics.mean
    2.0
    >>> sorted(baseline.write("items-baseline").digests)
    ['constraints.json', 'ledger.json', 'report.html', 'run.json', 'states/profile.parquet', 'statistics.json', 'summary.parquet']
    """

    monitor: Monitor
    state: Any
    metrics: Any
    ledger: Ledger
    checks: SuiteResults | None = None
    requests: Requests | None = None
    context: RunContext = NO_CONTEXT
    runs: Sequence[RowRuns] = ()
    deequ: str | None = None
    judged: RuleOutcomes | None = None
    source: Callable[[], Dataset] | None = field(default=None, compare=False)
    layout: ColumnLayout = field(default=NAMED_COLUMNS, compare=False)

    @cached_property
    def documents(self) -> tuple[Document, ...]:
        """A description of the data, and constraints on later data; not available for a window."""
        return self.monitor.documents(self.state, self.metrics, self.context)

    @cached_property
    def variation(self) -> Any:
        """How the parts of the data vary. None if it was not computed."""
        if any(run.runs for run in self.runs):
            return self.monitor.variation(self.state, self.runs)
        return None

    def sample(self) -> Sample:
        """The input of a monitor's judgement."""
        return Sample(self.state, self.metrics, self.layout, self.runs, self.judged, self.checks, self.ledger.coverage)

    @cached_property
    def judgement(self) -> Judgement:
        """The monitor's judgement of the data without a baseline."""
        return self.monitor.judge(self.sample(), None)

    @property
    def hints(self) -> tuple[Hint, ...]:
        """What looks wrong with the data."""
        return self.judgement.hints

    def stored_for(self, monitor: Monitor) -> StoredBaseline:
        """The baseline in the form with which a monitor compares later data."""
        if monitor == self.monitor:
            return self._stored
        return self._create_stored(monitor)

    @cached_property
    def _stored(self) -> StoredBaseline:
        return self._create_stored(self.monitor)

    def _create_stored(self, monitor: Monitor) -> StoredBaseline:
        stored: StoredBaseline = monitor.stored_baseline(self.constraints, None, self.state, self.constraints)
        if self.variation is not None:
            stored = stored.with_block_variation(self.variation)
        if self.source is not None:
            stored = stored.with_source(self.source)
        return stored.with_roles(self.layout.roles)

    @property
    def statistics(self) -> Any:
        """statistics.json, which describes the data, for monitors that have it."""
        return self._document(self.monitor.STATISTICS)

    @property
    def constraints(self) -> Any:
        """The constraints on later data."""
        return self._document(self.monitor.CONSTRAINTS)

    @property
    def profile(self) -> Any:
        """The state of a data-quality run: the profile of every feature."""
        return self.state

    def to_pandas(self) -> pd.DataFrame:
        """One row for each feature (type, completeness, distinct values, mean, …) or for each metric,
        in columns with the same names as in `Findings.to_pandas`."""
        import pandas as pd

        table = self.monitor.table(self.documents)
        return pd.DataFrame(table.rows).set_index(table.key)

    def __repr__(self) -> str:
        return f"<Baseline of {self.ledger.kept_rows:,} rows>"

    def _repr_html_(self) -> str:
        table = self.monitor.table(self.documents)
        head = f"<p>{self.ledger.kept_rows:,} rows, {len(table.rows):,} {table.rows_are}</p>"
        return head + self.report().part

    @property
    def body_dict(self) -> dict[str, Json]:
        """The documents as the dictionaries that the service's SDK returns as `body_dict`, by file name without .json."""
        return {document.FILE_NAME.removesuffix(".json"): document.body_dict for document in self.documents}

    def report(self) -> Report:
        """The run as a page for people: `.html`, `.save(path)`; a notebook shows it."""
        from spark_model_monitor.reports.page.page_files import Report

        return Report(self._create_page(self.described("baseline", self.constraints)))

    def _create_page(self, description: RunDescription) -> Page:
        return create_run_page(self.judgement.page(()), description, self.ledger, self.hints)

    def files(self) -> Files:
        """Every file of the run by its name below the output path."""
        files = {**self.files_of_data(), **self.tables(), **self.judgement.files}
        if self.context.report:
            # The run's id is a hash of its files, and must not depend on whether Deequ evaluated the metrics
            description = self.described("baseline", self.constraints).model_copy(update={"deequ": None})
            files |= render_page(self._create_page(description), files)
        return files

    def tables(self, *, hide_values: bool = False) -> Files:
        """The file summary.parquet, by its name."""
        return encode_summary(self.judgement.summary(hide_values=hide_values))

    def files_of_data(self) -> Files:
        """The files that describe the data, without a monitor's judgement."""
        files = {document.FILE_NAME: document.to_json().encode() for document in self.documents}
        files[LEDGER] = _format_json(self.ledger.to_json_dict())
        constraints = getattr(self, "constraints", None)  # an estimate has no constraints
        files[RunDescription.FILE_NAME] = self.described("baseline", constraints).to_json().encode()
        files[state_files.name_state_file(type(self.state))] = state_files.to_parquet(self.state)
        if self.variation is not None:
            files |= state_files.encode_block_variation(self.variation)
        if self.checks is not None:
            files[DEEQU_CHECKS] = _format_json(self.checks.to_json_dict())
        if self.requests is not None:
            files |= state_files.encode_requests(self.requests)
        return files

    def described(
        self,
        job: str,
        constraints: Any,
        violations: int | None = None,
        baseline_run_id: str | None = None,
        outcome: Outcome | None = None,
    ) -> RunDescription:
        """run.json of a job with this data. constraints: what the data was compared with, or what it suggests."""
        return RunDescription(
            job=job,
            analysis_type=self.monitor.ANALYSIS_TYPE.value,
            window=self.context.window,
            model=self.context.model,
            schedule=self.context.schedule,
            baseline_run_id=baseline_run_id,
            product=__version__,
            settings=getattr(constraints, "monitoring_config", None) or MonitoringConfig(),
            rows=self.ledger.kept_rows,
            violations=violations,
            outcome=outcome,
            read_by=self.context.read_by,
            deequ=self.deequ,
            expectations=self.judged.digest if self.judged is not None else None,
            data=self.context.data,
        )

    def write(self, output_path: str | os.PathLike[str], spark: SparkSession | None = None) -> Run:
        """Publish the files of the run.

        Parameters
        ----------
        output_path : path
            The folder for the files: local, or on any file system that the session opens.
        spark : pyspark.sql.SparkSession, optional
            By default the active session; without a session, the path is local, or on S3 by boto3.

        Returns
        -------
        Run
            Its id, its folder, and the sha256 of each file by name.

        Raises
        ------
        OutputFailed
            If the files can't be written; a run that was published there before is then untouched.
        OutputHeld
            If another run holds the folder for longer than ten minutes.
        BadConfiguration
            If a window lies there, whose place the baseline would take.
        """
        files = self.files()
        with using_session(spark or _find_session()):
            # The page that people open also names Deequ's version, which the hashed page doesn't
            shown_pages = {}
            if self.context.report and self.deequ is not None:
                shown_pages = render_page(self.report().page, files)
            return publish(files, os.fspath(output_path), shown=shown_pages)

    def _document(self, kind: type[Document] | None) -> Document:
        """Raises AttributeError if the run has no document of this kind."""
        for document in self.documents:
            if kind is not None and isinstance(document, kind):
                return document
        raise AttributeError(f"a run of {type(self.monitor).__name__} has no such document")


@dataclass(frozen=True, repr=False)
class Findings(TableExports):
    """The result of a monitoring run: the violations, the result of every check, and the window's documents.

    Created by `run_monitoring`. A notebook shows it as a page.

    Parameters
    ----------
    violations : Document
        constraint_violations.json; its member `violations` lists the violations.
    results : tuple of CheckResult
        Every check with its numbers, violated or not.
    current : Baseline
        The window's own documents and state; its constraints are what this window would suggest as a baseline.
    constraints : Document
        The constraints that the window was compared with.
    hints : tuple of Hint
        What looks wrong but breaks no constraint, such as two swapped columns.
    judgement : Judgement
        What the monitor says of the window: the source of the report, and of the budget.
    unnamed : tuple of CheckResult, optional
        The results without values of the data, in the same order. By default the results without the members that have some.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
    >>> orders = pd.DataFrame({"country": ["DE", "FR", "DE"] * 20})
    >>> baseline = run_baseline(orders, DataQualityMonitor())
    >>> findings = run_monitoring(orders.replace("FR", "ES"), DataQualityMonitor(), baseline)
    >>> findings
    <Findings: 60 records, 1 violation>
    >>> findings.to_pandas().query("status == 'violated'")[["feature", "check"]].values.tolist()
    [['country', 'categorical_values_check']]
    """

    violations: Any
    results: Results
    current: Baseline
    constraints: Any
    hints: tuple[Hint, ...] = ()
    judgement: Judgement = field(kw_only=True)
    unnamed: Results | None = field(default=None, kw_only=True)

    @cached_property
    def without_values(self) -> Findings:
        """The same findings without any value of the data: for the log, the exit message, and whatever is sent."""
        # Results without sentences of their own lose the members that have values
        unnamed_results = self.unnamed
        if unnamed_results is None:
            unnamed_results = tuple(map(remove_values, self.results))
        return replace(
            self,
            results=unnamed_results,
            violations=self.current.monitor.violations(unnamed_results),
            unnamed=unnamed_results,
        )

    def page_without_values(self) -> bytes:
        """The page as HTML without any value of the data."""
        return self.without_values.report().html.encode()

    @property
    def sendable(self) -> Findings:
        """The findings for sinks, JUnit files and result tables; with values of the data only if `RunContext.sends_values`."""
        if self.current.context.sends_values:
            return self
        return self.without_values

    @property
    def baseline(self) -> StoredBaseline | None:
        """The baseline that the window was compared with. None for the very first run."""
        return self.judgement.baseline

    @property
    def new_roles(self) -> ColumnRoles | None:
        """The roles of captured columns, if this window is the first one that shows them."""
        return self.judgement.new_roles

    @property
    def budget(self) -> BudgetLedger | None:
        """How the checks share the false-alarm budget. None if chance is not allowed for."""
        return self.judgement.budget

    @cached_property
    def published(self) -> tuple[PublishedMetric, ...]:
        """The numbers for a metrics platform."""
        metrics = self.judgement.published_metrics(self.results, self.constraints)
        if self.current.requests is None:
            return metrics
        return metrics + state_files.create_request_metrics(state_files.request_statistics(self.current.requests))

    @property
    def count(self) -> int:
        """Number of violations."""
        return len(self.violations.violations)

    @cached_property
    def outcome(self) -> Outcome | None:
        """Changed, cannot tell, or unchanged; None if nothing was judged."""
        return judge_run(self.results)

    @cached_property
    def unsure(self) -> tuple[FeatureOutcome, ...]:
        """The features or metrics for which the data can't tell whether they changed, with the reason and what to do."""
        return find_unsure_features(self.results)

    def to_pandas(self) -> pd.DataFrame:
        """One row for each check of each feature: status, observed number, threshold, counts, formula, reason; for
        violations also the alarm, its text, and since when; for bias also the group and the stage."""
        import pandas as pd

        # Members that only some monitors have, in the order of their first use
        further_names = dict.fromkeys(name for result in self.results for name in result.model_extra or {})
        columns = [*(name for name in CheckResult.model_fields if name != "description"), *further_names]
        rows = [{name: getattr(result, name, None) for name in columns} for result in self.results]
        table = pd.DataFrame(rows, columns=columns)
        return table.assign(status=[result.status.value for result in self.results])

    def raise_for_violations(self, *, cannot_tell: bool = False) -> None:
        """Raise an error if there are violations, for tests and for the gates of a build.

        Parameters
        ----------
        cannot_tell : bool, default False
            Whether to raise it also if the data can't tell whether something changed, or if nothing was judged, as without a
            baseline.

        Raises
        ------
        ViolationsFound
            If there are any. The text has one line per alarm, then one per feature for which the data can't tell. It names values
            of the data; the text of `Findings.without_values` doesn't, for logs that are stored.
        """
        lines = [f"  {alarm.sentence()}" for alarm in collect_alarms(self.results)]
        if cannot_tell:
            if self.outcome is None:
                lines.append(f"  cannot tell: {self.summary()}")
            lines.extend(
                f"  cannot tell: {feature.name}, {feature.reason}; to find out: {feature.advice}"
                for feature in self.unsure
            )
        if self.count or (cannot_tell and lines):
            raise ViolationsFound("\n".join([f"{self._format_counts()}:", *lines]))

    def __repr__(self) -> str:
        return f"<Findings: {self._format_counts()}>"

    def _format_counts(self) -> str:
        counts = f"{self.current.ledger.kept:,} records, {self.count:,} violation{'' if self.count == 1 else 's'}"
        if self.outcome is Outcome.CANNOT_TELL:
            return f"{counts}, cannot tell"
        return counts

    def __str__(self) -> str:
        """The sentence of the page, and each change, in at most 20 lines."""
        return self.text().rstrip("\n")

    def text(self, *, width: int | None = None, is_coloured: bool = False) -> str:
        """The sentence of the page, and each change, in at most 20 lines.

        Parameters
        ----------
        width : int, optional
            Characters of a line. By default the sentence is not wrapped.
        is_coloured : bool, default False
            Whether to mark lines by a terminal's colours.
        """
        from spark_model_monitor.reports.outputs.findings_text import write_findings

        window = self.current.context.window
        return write_findings(self.headline(), self.results, window, width=width, is_coloured=is_coloured)

    def _repr_html_(self) -> str:
        return f"<p>{self._format_counts()}</p>" + self.report().part

    @property
    def body_dict(self) -> dict[str, Json]:
        """The violations as the dictionary that the service's SDK returns as `body_dict`."""
        body: dict[str, Json] = self.violations.body_dict
        return body

    def report(self) -> Report:
        """The run as a page for people: `.html`, `.save(path)`; a notebook shows it."""
        from spark_model_monitor.reports.page.page_files import Report

        return Report(self._create_page(self._describe_run(None), NO_NEIGHBOUR_RUNS))

    def _describe_run(self, baseline: BaselineReference | None) -> RunDescription:
        run_id = baseline.run_id if baseline is not None else None
        description = self.current.described("monitor", self.constraints, self.count, run_id, self.outcome)
        return description.model_copy(update={"baseline": baseline})

    def _create_page(
        self, description: RunDescription, neighbours: NeighbourRuns, baseline: BaselineReference | None = None
    ) -> Page:
        page, headline = self._judgement_page
        ledger = self.current.ledger
        return create_run_page(
            page, description, ledger, self.hints, self.results, headline, self.budget, neighbours, baseline
        )

    @cached_property
    def _judgement_page(self) -> tuple[Page, Headline]:
        """What all pages of the run show, with or without neighbours; computing it is the costly part."""
        names_no_values = self.unnamed is self.results
        return self.judgement.page(self.results, hide_values=names_no_values), self.headline()

    def headline(self) -> Headline:
        """What changed, since when, by how much."""
        outputs: frozenset[str] = getattr(self.baseline, "outputs", frozenset())
        return write_headline(self.results, self.current.context.window, outputs, self.hints)

    def summary(self) -> str:
        """The first sentence of pages, mails and the log: what changed, since when, by how much, or that nothing did."""
        return self.headline().text

    def files(self, *, omit_empty: bool = False, baseline: BaselineReference | None = None) -> Files:
        """Every file of the run by its name relative to the output path.

        omit_empty: leave out the file of violations if there are none. baseline: the location to record.
        """
        checks = CheckResults(
            outcome=self.outcome,
            outcomes=judge_features(self.results) or None,
            budget=self.budget,
            checks=self.results,
            hints=self.hints or None,
        )
        description = self._describe_run(baseline)
        files = {**self.current.files_of_data(), CheckResults.FILE_NAME: checks.to_json().encode()}
        files[description.FILE_NAME] = description.to_json().encode()
        files |= self.tables()
        files |= self.judgement.files
        # The service writes no file of violations if a window has no violations
        if self.count or not omit_empty:
            files[self.violations.FILE_NAME] = self.sendable.violations.to_json().encode()
        if self.current.context.report:
            # The run's id is a hash of its files, and must not depend on whether Deequ evaluated the metrics
            page = self._create_page(description.model_copy(update={"deequ": None}), NO_NEIGHBOUR_RUNS, baseline)
            files |= render_page(page, files)
        return files

    def tables(self, *, hide_values: bool = False) -> Files:
        """The files summary.parquet and checks.parquet, by their names."""
        findings = self
        if hide_values:
            findings = self.without_values
        summary = self.judgement.summary(hide_values=hide_values)
        return encode_summary(summary, findings.results) | encode_checks(findings.results)

    def write(
        self,
        output_path: str | os.PathLike[str],
        spark: SparkSession | None = None,
        *,
        omit_empty: bool = False,
        baseline: BaselineReference | None = None,
    ) -> Run:
        """Publish the files of the run.

        Parameters
        ----------
        output_path : path
            The folder for the files: local, or on any file system that the session opens.
        spark : pyspark.sql.SparkSession, optional
            By default the active session; without a session, the path is local, or on S3 by boto3.
        omit_empty : bool, default False
            Write no file of violations if there are none.
        baseline : BaselineReference, optional
            The location of the baseline, which is recorded.

        Returns
        -------
        Run
            Its id, its folder, and the sha256 of each file by name.

        Raises
        ------
        OutputFailed
            If the files can't be written; a run that was published there before is then untouched.
        OutputHeld
            If another run holds the folder for longer than ten minutes.
        BadConfiguration
            If a baseline lies there, whose place the window would take.
        """
        # The files of the run, which are the same wherever it is published
        path = os.fspath(output_path).rstrip("/")
        description = self._describe_run(baseline)
        files = self.files(omit_empty=omit_empty, baseline=baseline)
        with using_session(spark or _find_session()):
            shown_pages = {}
            if self.current.context.report:
                neighbours = _read_neighbours(path, description, files[SUMMARY])
                # Links to neighbouring windows and their charts change with time, so they are not part of the digest
                if neighbours != NO_NEIGHBOUR_RUNS or description.deequ:
                    shown_pages = render_page(self._create_page(description, neighbours, baseline), files)
                # The folder, which the commands on the page name, isn't part of the digest either
                html = shown_pages.get(PAGE, files[PAGE]).decode()
                shown_pages[PAGE] = insert_folders(
                    html, path, baseline, has_window=description.window is not None
                ).encode()
            # Only in hour folders the files of a window stay at one path, which the history can name
            in_place = HOUR_FOLDERS.match(path) is not None
            return publish(files, path, shown=shown_pages, in_place=in_place)


def _find_session() -> SparkSession | None:
    """The session that opens paths: the session of `using_session`, otherwise the running session. None in a job that reads
    without Spark, which opens paths by the storage of this process.
    """
    if is_session_disabled():
        return None
    return get_current_session() or get_running_session()


def _format_json(document: Mapping[str, Json]) -> bytes:
    """Indented JSON with each item of a list on one line: a ledger may list ten thousand files."""
    members = ",\n".join(f"  {json.dumps(name)}: {_format_member(value)}" for name, value in document.items())
    return f"{{\n{members}\n}}\n".encode()


def _format_member(value: Json) -> str:
    # Only a list gets several lines, one for each item
    if isinstance(value, list) and value:
        items = ",\n    ".join(json.dumps(item, ensure_ascii=False) for item in value)
        return f"[\n    {items}\n  ]"
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n  ")


def _read_neighbours(path: str, description: RunDescription, summary: bytes) -> NeighbourRuns:
    # Only windows have neighbours in time
    if description.window is None:
        return NO_NEIGHBOUR_RUNS
    from spark_model_monitor.reports.history_page.over_time import read_neighbour_runs

    return read_neighbour_runs(path, description, summary)
