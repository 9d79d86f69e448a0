"""How the data has varied so far: reads and writes `history.parquet` of the monitored windows.

The file has the raw statistics of each feature, one row per window and reference. For runs in hour folders it lies above these
folders, like their alerts; for any other output path it lies in that path. It keeps the last `MAX_WINDOWS` windows. A rerun
replaces the rows of its window. Layout: docs/reference/formats.md. This module runs on the driver only.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cached_property, lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.documents.run_description import parse_moment
from spark_model_monitor.errors import BadState
from spark_model_monitor.monitors.data_quality.distribution.window_history import (
    ACCEPTED,
    BASELINE,
    CANNOT_TELL,
    OUTCOME,
    POSSIBLE_CHANGE,
    UNCHANGED,
    WINDOW,
    StatisticsByFeature,
)
from spark_model_monitor.monitors.data_quality.messages import NUMBER_OF_ROWS
from spark_model_monitor.reports.alerts import find_series_folder
from spark_model_monitor.reports.history.state_files import (
    PROFILE,
    STATISTICS_COLUMNS,
    StoredProfile,
    encode_statistics_table,
    read_table,
    split_by_feature,
)
from spark_model_monitor.reports.outputs.run_files import NameKind, is_valid_name
from spark_model_monitor.statistics import Flags
from spark_model_monitor.statistics.states import FeatureProfile
from spark_model_monitor.statistics.verdicts.between_window_variance import MIN_WINDOWS
from spark_model_monitor.storage import join, read_if_exists, write_file
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

HISTORY = "history.parquet"

MAX_WINDOWS = 336  # most windows in the file: two weeks of hours. Source: D4.2
MAX_EXAMPLES = 32
"""The first windows of a baseline, from which a feature's variation is learnt. Later windows are not learnt from, so that a
lasting change doesn't become normal. Source: D4.2; Montgomery 2013, "Statistical quality control", phases I and II.
"""

_TEXTS = ("window", "time", "run_id", "folder", "reference", "baseline")
_HISTORY = pa.schema(
    [
        *((name, pa.string()) for name in _TEXTS),
        ("alarmed", pa.bool_()),
        (OUTCOME, pa.string()),
        (POSSIBLE_CHANGE, pa.bool_()),
        *STATISTICS_COLUMNS,
    ]
)
_REQUIRED_COLUMNS = (*_TEXTS, "alarmed", "feature", "rows")  # columns without nulls


@dataclass(frozen=True, slots=True, order=True)
class WindowEntry:
    """A monitored window.

    Attributes
    ----------
    time: The end of the window.
    window: The name of the window: its start and end.
    run_id: The id of its run.
    folder: The folder of its run, relative to the history's folder.
    baseline: The run id of the baseline that it was compared with; empty without one.
    alarmed: Whether it had violations that nobody accepted.
    """

    time: str
    window: str
    run_id: str
    folder: str
    baseline: str = ""
    alarmed: bool = False


@value_class(slots=False)
class WindowHistory:
    """The monitored windows so far.

    folder: the folder of the file. table: a row for each feature of each window and reference, with the columns of `_HISTORY`.
    """

    folder: str
    table: pa.Table = field(default_factory=_HISTORY.empty_table)

    @cached_property
    def entries(self) -> list[WindowEntry]:
        """All windows, in order of time."""
        # A window has a row for each feature and reference; it had an alarm if one of these rows had one
        names = ["time", "window", "run_id", "folder", "baseline"]
        rows = self.table.group_by(names).aggregate([("alarmed", "max")]).to_pylist()
        return sorted(WindowEntry(alarmed=row.pop("alarmed_max"), **row) for row in rows)

    @property
    def is_alarmed(self) -> Flags:
        """Which rows had an alarm that nobody accepted."""
        return np.asarray(self.table["alarmed"])

    @property
    def is_normal(self) -> Flags:
        """Which rows had no alarm, not even one that a person accepted."""
        is_accepted: Flags = pc.equal(self.table[OUTCOME].fill_null(UNCHANGED), ACCEPTED).to_numpy()
        return ~(self.is_alarmed | is_accepted)

    def select_before(self, time: str) -> WindowHistory:
        """The windows that ended before a time."""
        # The window is usually the newest; then the table needn't be copied
        if not self.table.num_rows or pc.max(self.table["time"]).as_py() < time:
            return self
        return replace(self, table=self.table.filter(pc.less(self.table["time"], time)))

    def select_statistics(
        self,
        reference: str,
        baseline: str | None = None,
        other_references: Mapping[str, str] | None = None,
    ) -> StatisticsByFeature:
        """The raw statistics relative to a reference, in windows without an alarm; relative to the baseline, in examples only.

        baseline: a baseline's run id; only windows that were compared with this baseline count. other_references: by feature, a
        second reference; its statistics of a window replace the statistics of `reference` for the same window.
        """
        is_selected = self.match(reference=reference, baseline=baseline)
        # For each feature, the statistics relative to the other reference replace those of the same windows
        for name, other_reference in (other_references or {}).items():
            is_feature = self.match(feature=name, baseline=baseline)
            is_other = is_feature & self.match(reference=other_reference)
            is_replaced = is_feature & self.match_any("window", self.table["window"].filter(is_other))
            is_selected = (is_selected & ~is_replaced) | is_other
        table = self.table.filter(is_selected & self.is_normal)
        if reference == BASELINE:
            table = table.filter(_are_examples(table))
        return split_by_feature(table)

    def rows(self, name: str = NUMBER_OF_ROWS) -> list[tuple[datetime, float, float]]:
        """For each window: its end, its number of rows and, if `name` is `NEWEST_ROW`, the age of its newest row in minutes.
        Windows in which this number was an alarm are left out.
        """
        # Accepted windows are included: their number of rows can be expected again
        table = self.table.filter(self.match(feature=name, reference=WINDOW) & ~self.is_alarmed)
        times = map(parse_moment, table["time"].to_pylist())
        ages = table["far"].fill_null(0.0).to_pylist()
        return list(zip(times, table["rows"].to_pylist(), ages, strict=True))

    def with_window(
        self, entry: WindowEntry, statistics: Iterable[tuple[str, str, Mapping[str, float]]]
    ) -> WindowHistory:
        """The history with a window, whose earlier rows are replaced. statistics: tuples of a reference, a feature and its raw
        statistics. These say whether the feature had an alarm, if that differs from the window.
        """
        members = asdict(entry)
        rows = [{**members, "reference": reference, "feature": name, **raw} for reference, name, raw in statistics]
        # A window that runs again must not count twice
        table = self.table.filter(pc.not_equal(self.table["window"], entry.window))
        if rows:
            table = pa.concat_tables([table, pa.Table.from_pylist(rows, schema=_HISTORY)])
        return replace(self, table=table)._drop_old_windows()

    def mark_accepted(self, window: str, features: Iterable[str] = ()) -> WindowHistory:
        """The history in which a window, or some features of it, count as without an alarm."""
        is_accepted = self.match(window=window)
        names = [*features]
        if names:
            is_accepted &= self.match_any("feature", names)
        # Only windows without a change become examples: an accepted change as an example would make the opposite change normal
        accepted_outcome = pc.if_else(self.is_normal, UNCHANGED, ACCEPTED)
        outcome = pc.if_else(is_accepted, accepted_outcome, self.table[OUTCOME])
        table = self.table
        for name, values in (("alarmed", pa.array(self.is_alarmed & ~is_accepted)), (OUTCOME, outcome)):
            table = table.set_column(table.schema.get_field_index(name), name, values)
        return replace(self, table=table)

    def read_first_windows(self, baseline: str, names: Collection[str]) -> list[dict[str, FeatureProfile]]:
        """The states of columns in the first `MIN_WINDOWS` windows that had no alarm and were compared with the baseline."""
        windows: list[dict[str, FeatureProfile]] = []
        for window_entry in self.entries:
            # A window with an accepted alarm counts as a window without an alarm; a window whose states are gone is skipped
            if len(windows) < MIN_WINDOWS and window_entry.baseline == baseline and not window_entry.alarmed:
                profile = self.read_states(window_entry)
                if profile is not None:
                    windows.append(profile.features(names))
        return windows

    def read_states(self, entry: WindowEntry) -> StoredProfile | None:
        """The states of a window; None if their file is gone."""
        path = join(self.folder, entry.folder, PROFILE)
        # Somebody else may have written the history's file, so a path that leads out of its folder is not read
        if not is_valid_name(entry.folder, NameKind.BELOW):
            return None
        content = read_if_exists(path)
        if content is None:
            log.warning("%s: is gone, and with it the window %s", path, entry.window)
            return None
        return StoredProfile.read(content, path)

    def _drop_old_windows(self) -> WindowHistory:
        """The history with the last `MAX_WINDOWS` windows and the examples of their baseline only, in order of time."""
        history = replace(self, table=self.table.sort_by([("time", "ascending"), ("reference", "ascending")]))
        windows = self.entries
        if len(windows) <= MAX_WINDOWS:
            return history
        # Examples are kept however old they are, because normal variation is learnt from them
        is_kept = history.match_any("window", [entry.window for entry in windows[-MAX_WINDOWS:]])
        may_be_example = history.match(baseline=windows[-1].baseline, reference=BASELINE) & history.is_normal
        is_kept[may_be_example] |= _are_examples(history.table.filter(may_be_example))
        return replace(history, table=history.table.filter(is_kept))

    def match(self, **values: str | None) -> Flags:
        """Which rows have these values. values: by column; None allows any value."""
        # A row matches if all of its columns do
        is_match = np.ones(self.table.num_rows, bool)
        for column, value in values.items():
            if value is not None:
                is_match &= pc.equal(self.table[column], value).to_numpy()
        return is_match

    def match_any(self, column: str, values: Sequence[str] | pa.ChunkedArray) -> Flags:
        """Which rows have one of these values in a column."""
        return np.array(pc.is_in(self.table[column], pa.array(values, pa.string())))


def _are_examples(table: pa.Table) -> Flags:
    """Which rows are examples of how their feature varies: its first `MAX_EXAMPLES` rows without a visible change.

    table: rows that are normal, relative to one baseline, in order of time.
    """
    features = np.asarray(table["feature"].combine_chunks().dictionary_encode().indices)
    # An uncertain row shows a possible change unless its outcome says otherwise. If one uncertain row of a feature shows a
    # possible change, none of the feature's uncertain rows is an example: the others alone would vary too little
    is_unsure = pc.equal(table[OUTCOME].fill_null(UNCHANGED), CANNOT_TELL).to_numpy()
    is_doubted = is_unsure & table[POSSIBLE_CHANGE].fill_null(True).to_numpy()
    is_doubted = is_unsure & np.isin(features, features[is_doubted])
    # The rank of each row among the rows of its feature
    judged_rows = np.flatnonzero(~is_doubted)
    order = judged_rows[np.argsort(features[judged_rows], kind="stable")]
    counts = np.bincount(features[order])
    ranks = np.arange(len(order)) - np.repeat(counts.cumsum() - counts, counts)
    is_first = np.zeros(len(table), bool)
    is_first[order[ranks < MAX_EXAMPLES]] = True
    return is_first


def read_history(output_path: str) -> WindowHistory:
    """The history of the runs that `output_path` belongs to; it is empty if the file is absent or, with a warning, damaged."""
    folder = find_series_folder(output_path)
    path = join(folder, HISTORY)
    content = read_if_exists(path)
    if content is not None:
        try:
            return WindowHistory(folder, _decode_windows(content, path))
        except BadState as error:
            log.warning(
                "%s; the history of windows begins anew; merge-states --history makes it of their states", error
            )
    return WindowHistory(folder)


@lru_cache(1)  # a run reads the history twice: to compare its window with it, and to add the window to it
def _decode_windows(content: bytes, path: str) -> pa.Table:
    table = read_table(content, path, _HISTORY, complete=_REQUIRED_COLUMNS)
    try:
        # Times are checked here once, so that later steps can rely on them
        for time in table["time"].unique().to_pylist():
            parse_moment(time)
    except ValueError as error:
        raise BadState(f"{path}: has a window at a time that is none of ours") from error
    return table


def write_history(history: WindowHistory) -> None:
    """Store the history next to the runs.

    Raises OutputFailed if it can't be written.
    """
    write_file(join(history.folder, HISTORY), encode_statistics_table(history.table))
