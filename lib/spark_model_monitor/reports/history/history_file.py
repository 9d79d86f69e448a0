"""How the data has varied so far: reads and writes `history.parquet` of the monitored windows.

The file has the raw statistics of each feature, one row per window and reference. For runs in hour folders it lies above these
folders, like their alerts; for any other output path it lies in that path. It keeps the last `MAX_WINDOWS` windows. A rerun
replaces the rows of its window. Layout: docs/reference/formats.md. This module runs on the driver only.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.documents.run_description import parse_moment
from spark_model_monitor.errors import BadState
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import OF_DISTRIBUTIONS, OF_NUMBERS
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
from spark_model_monitor.statistics.states import FeatureProfile, Profile
from spark_model_monitor.statistics.verdicts.between_window_variance import MIN_WINDOWS
from spark_model_monitor.statistics.verdicts.seasonality import (
    CLOCK,
    CLOCK_DAY,
    CLOCK_WEEK,
    DAY,
    DAYS_BACK,
    MAX_WEEKS,
    SCORES,
    WEEK,
    PastHours,
    Season,
    compare_with_hour,
    select_hour_windows,
)
from spark_model_monitor.storage import join, read_if_exists, write_file
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline

log = logging.getLogger(__name__)

HISTORY = "history.parquet"

MAX_WINDOWS = 336  # most windows in the file: two weeks of hours. Source: D4.2
MAX_EXAMPLES = 32
"""The first windows of a baseline, from which a feature's variation is learnt. Later windows are not learnt from, so that a
lasting change doesn't become normal. Source: D4.2; Montgomery 2013, "Statistical quality control", phases I and II.
"""
MIN_HOURS_OF_DAY = (
    2  # different hours of the day at which windows end; with fewer, columns can't follow the time of day
)
MAX_SEASONS = 14  # most earlier windows of one season whose states are added: two weeks of days. Source: D4.3
SEARCHED_MULTIPLE = 3  # so many times more windows are searched, as some have an alarm. Source: D4.3

_HISTORY = pa.schema(
    [
        *((name, pa.string()) for name in ("window", "time", "run_id", "folder", "reference", "baseline")),
        ("alarmed", pa.bool_()),
        (OUTCOME, pa.string()),
        (POSSIBLE_CHANGE, pa.bool_()),
        *STATISTICS_COLUMNS,
    ]
)


_REQUIRED_COLUMNS = (*_HISTORY.names[: _HISTORY.names.index(OUTCOME)], "feature", "rows")  # columns without nulls


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
    table: pa.Table

    @cached_property
    def entries(self) -> list[WindowEntry]:
        """All windows, in order of time."""
        if not self.table.num_rows:
            return []
        # A window has a row for each feature and reference; it had an alarm if one of these rows had one
        names = list(WindowEntry.__dataclass_fields__)
        table = self.table.group_by(names[:-1]).aggregate([("alarmed", "max")])
        table = table.rename_columns([name.removesuffix("_max") for name in table.column_names])
        return sorted(WindowEntry(**row) for row in table.select(names).to_pylist())

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
        is_selected = self._match(reference=reference, baseline=baseline)
        # For each feature, the statistics relative to the other reference replace those of the same windows
        for name, other_reference in (other_references or {}).items():
            is_feature = self._match(feature=name, baseline=baseline)
            is_other = is_feature & self._match(reference=other_reference)
            is_replaced = is_feature & self._match_any("window", self.table["window"].filter(is_other))
            is_selected = (is_selected & ~is_replaced) | is_other
        table = self.table.filter(is_selected & ~self.is_alarmed & ~_are_accepted(self.table))
        if reference == BASELINE:
            table = table.filter(_are_examples(table))
        return split_by_feature(table)

    def rows(self, name: str = NUMBER_OF_ROWS) -> list[tuple[datetime, float, float]]:
        """For each window: its end, its number of rows and, if `name` is `NEWEST_ROW`, the age of its newest row in minutes.
        Windows in which this number was an alarm are left out.
        """
        # Accepted windows are included: their number of rows can be expected again
        table = self.table.filter(self._match(feature=name, reference=WINDOW) & ~self.is_alarmed)
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
        is_accepted = self._match(window=window)
        names = [*features]
        if names:
            is_accepted = is_accepted & self._match_any("feature", names)
        # Only windows without a change become examples: an accepted change as an example would make the opposite change normal
        is_change = self.is_alarmed | _are_accepted(self.table)
        accepted_outcome = pc.if_else(is_change, ACCEPTED, UNCHANGED)
        outcome = pc.if_else(is_accepted, accepted_outcome, self.table[OUTCOME])
        alarmed = pa.array(self.is_alarmed & ~is_accepted)
        table = self.table.set_column(self.table.schema.get_field_index("alarmed"), "alarmed", alarmed)
        table = table.set_column(table.schema.get_field_index(OUTCOME), OUTCOME, outcome)
        return replace(self, table=table)

    def read_first_windows(self, baseline: str, names: Collection[str]) -> list[dict[str, FeatureProfile]]:
        """The states of columns in the first `MIN_WINDOWS` windows that had no alarm and were compared with the baseline."""
        windows: list[dict[str, FeatureProfile]] = []
        for window_entry in self.entries:
            # A window with an accepted alarm counts as a window without an alarm; a window whose states are gone is skipped
            if len(windows) < MIN_WINDOWS and window_entry.baseline == baseline and not window_entry.alarmed:
                profile = self._read_profile(window_entry)
                if profile is not None:
                    windows.append(profile.features(names))
        return windows

    def extend_baseline(self, quality_baseline: QualityBaseline, time: str, baseline: str) -> QualityBaseline:
        """The baseline for the window that ends at `time`, extended by the windows before it. baseline: the baseline's run id."""
        earlier_history = self.select_before(time)
        # For each reference: the sums of the states of its windows, and the statistics relative to these sums
        references = {}
        for reference, names in quality_baseline.compared_references.items():
            profile = earlier_history.sum_windows(reference, time, names)
            if profile is not None:
                references[reference] = profile
        past = {name: earlier_history.select_statistics(name) for name in references}
        hours: dict[str, Profile] = {}
        seasons: dict[str, Season] = {}
        if quality_baseline.follows_the_clock:
            hours, seasons = earlier_history.choose_seasons(baseline, time, quality_baseline.names)
        for name, lasting_values in earlier_history.find_lasting_values(baseline).items():
            seasons[name] = replace(seasons.get(name, Season()), lasting_values=lasting_values)
        # Only windows of this baseline count, because distances from different baselines can't be compared
        past[BASELINE] = earlier_history.select_statistics(BASELINE, baseline)
        moved_references = {name: season.like for name, season in seasons.items() if season.like != CLOCK_DAY}
        past[CLOCK_DAY] = earlier_history.select_statistics(CLOCK_DAY, baseline, moved_references)
        return quality_baseline.with_history({**references, **hours}, past, seasons)

    def find_lasting_values(self, baseline: str) -> dict[str, tuple[str, float, float]]:
        """The text features that, in each window of the last week or longer, had an alarm and values which the baseline lacks.

        By feature: the time since when, the number of rows with such values, and of all rows. The result is a member of `Season`.
        """
        table = self.table.filter(self._match(reference=BASELINE, baseline=baseline))
        # Which rows had an alarm and values that the baseline lacks
        is_new = pc.and_(table["alarmed"], pc.fill_null(pc.greater(table["unseen"], 0), False))
        table = table.append_column("is_new", is_new)
        is_last = pc.equal(table["time"], pc.max(table["time"]))
        lasting_values = {}
        for name in table["feature"].filter(pc.and_(table["is_new"], is_last)).to_pylist():
            # The windows after the last one without such values
            windows = table.filter(pc.equal(table["feature"], name)).sort_by("time")
            first = int(np.flatnonzero(~np.append(False, windows["is_new"].to_numpy()))[-1])
            windows = windows.slice(first)
            since = windows["window"][0].as_py().partition("/")[0]
            if parse_moment(windows["time"][-1].as_py()) - parse_moment(since) >= timedelta(days=WEEK):
                rows = windows["rows"].to_numpy()
                new_rows = float(rows @ windows["unseen"].to_numpy())
                lasting_values[name] = since, new_rows, float(rows.sum())
        return lasting_values

    def choose_seasons(
        self, baseline: str, time: str, names: Collection[str]
    ) -> tuple[dict[str, Profile], dict[str, Season]]:
        """The references of features that may be seasonal, for the window that ends at `time`.

        names: all features. Returns by reference the sums of the states of earlier windows of the same season, and by feature its
        season.
        """
        end = parse_moment(time)
        # The windows' entries, by the minutes from their end to the end of this window
        windows = {}
        for entry in self.select_before(time).entries:
            windows[(end - parse_moment(entry.time)) // timedelta(minutes=1)] = entry
        # If all windows end at the same hour of the day, there is one window a day; then weekdays matter instead of hours
        lookback_minutes = DAYS_BACK * DAY + 60
        hours_of_day = {minutes % DAY for minutes in windows if minutes <= lookback_minutes}
        are_daily = hours_of_day == {0}
        if are_daily:
            lookback_minutes = MAX_WEEKS * WEEK * DAY
        windows = {minutes: entry for minutes, entry in windows.items() if minutes <= lookback_minutes}
        # The distance of each feature from the baseline in those windows
        past_by_feature = self._read_past_hours(BASELINE, baseline, windows)
        # The features whose history has enough days, and the features that may be seasonal
        if are_daily:
            learnt = {name for name, past in past_by_feature.items() if not past.is_new_weekday}
            seasonal = {name: past for name, past in past_by_feature.items() if past.weekdays_differ}
        else:
            learnt = {name for name, past in past_by_feature.items() if not past.is_new}
            seasonal = {name: past for name, past in past_by_feature.items() if past.may_be_seasonal}
        new_names = set(names) - learnt
        seasons = dict.fromkeys(new_names, Season(is_new=True))
        if not seasonal or (len(hours_of_day) < MIN_HOURS_OF_DAY and not are_daily):
            return {}, seasons
        # The distance of each feature from the seasonal references in those windows
        past_hours = {reference: self._read_past_hours(reference, baseline, windows) for reference in CLOCK}
        if are_daily:
            weekdays = past_hours[CLOCK_DAY]
            minutes_back = {name: select_weekday_windows(past, weekdays.get(name)) for name, past in seasonal.items()}
            sums = self._add_windows(minutes_back, windows)
            # Only features that have states in such windows get a season
            known_seasons = {}
            for name in [feature.name for feature in sums.get(CLOCK_DAY, ())]:
                is_learnt = bool(seasonal[name].find_similar_weeks())
                known_seasons[name] = Season(learnt=is_learnt, stands_out=is_learnt, is_new=not is_learnt)
        else:
            past_hours[BASELINE] = past_by_feature
            sums, known_seasons = self._sum_hours_of_day(seasonal, past_hours, windows, end)
            known_seasons = {name: replace(season, is_new=name in new_names) for name, season in known_seasons.items()}
        profiles = {reference: Profile(0, tuple(features)) for reference, features in sums.items()}
        return profiles, seasons | known_seasons

    def _sum_hours_of_day(
        self,
        seasonal: Mapping[str, PastHours],
        past_hours: Mapping[str, Mapping[str, PastHours]],
        windows: Mapping[int, WindowEntry],
        end: datetime,
    ) -> tuple[dict[str, list[FeatureProfile]], dict[str, Season]]:
        """The results of `choose_seasons` if there are several windows a day: the season is the hour of the day.

        past_hours: by reference and feature, the distances of earlier windows.
        """
        minutes_back = {}
        similar: dict[str, str] = {}
        different: dict[str, frozenset[str]] = {}
        for name, past in seasonal.items():
            # The windows that the feature is compared with
            past_by_reference = {
                reference: by_feature[name] for reference, by_feature in past_hours.items() if name in by_feature
            }
            similar[name], different[name], reference_hours = compare_with_hour(past_by_reference, end)
            weeks = past_hours[CLOCK_WEEK].get(name)
            alarmed_minutes = () if weeks is None else weeks.alarmed_backs
            selected = select_hour_windows(reference_hours, end, windows, alarmed_minutes, weekly=past.weekdays_differ)
            # A reference is left out if the feature was different from it at this hour
            minutes_back[name] = {
                reference: minutes
                for reference, minutes in selected.items()
                if reference == CLOCK_DAY or reference not in different[name]
            }
        sums = self._add_windows(minutes_back, windows)
        # The time since when a feature has its present values at this hour, and the reference that it resembles
        seasons = {}
        starts = {minutes: entry.window.partition("/")[0] for minutes, entry in windows.items()}
        for name in [feature.name for feature in sums.get(CLOCK_DAY, ())]:
            season = seasonal[name].season(end)
            season = replace(season, since=starts.get(season.back))
            if similar[name] in sums:
                season = replace(season, like=similar[name], unlike=different[name])
            seasons[name] = season
        return sums, seasons

    def _add_windows(
        self, minutes_back: Mapping[str, Mapping[str, tuple[int, ...]]], windows: Mapping[int, WindowEntry]
    ) -> dict[str, list[FeatureProfile]]:
        """By reference: the sums of features' states over windows.

        minutes_back: by feature and reference, the windows to add, each as its minutes before this window. windows: all windows,
        by these minutes.
        """
        # Each window's file is read once, even if several features use it
        used_minutes: set[int] = set()
        for by_reference in minutes_back.values():
            used_minutes.update(*by_reference.values())
        profiles = {}
        for minutes_before in used_minutes.intersection(windows):
            stored_profile = self._read_profile(windows[minutes_before])
            if stored_profile is not None:
                profiles[minutes_before] = stored_profile.features(minutes_back, OF_DISTRIBUTIONS)
        sums: dict[str, list[FeatureProfile]] = {}
        for name, by_reference in minutes_back.items():
            for reference, minutes in by_reference.items():
                window_profiles = [profiles[before][name] for before in minutes if name in profiles.get(before, ())]
                total = _add_profiles(window_profiles[:MAX_SEASONS], reference)
                if total is not None:
                    sums.setdefault(reference, []).append(total)
        return sums

    def _read_past_hours(
        self, reference: str, baseline: str, windows: Mapping[int, WindowEntry]
    ) -> dict[str, PastHours]:
        """By feature: the distances of windows from a reference. windows: the windows by their minutes before this window."""
        # The rows of the table with this reference, this baseline and one of these windows
        minutes_by_window = {entry.window: minutes for minutes, entry in windows.items()}
        is_selected = self._match(reference=reference, baseline=baseline) & self._match_any(
            "window", [*minutes_by_window]
        )
        table = self.table.filter(is_selected).sort_by("feature")
        minutes = np.array([minutes_by_window[window] for window in table["window"].to_pylist()], dtype=np.int64)
        alarmed = table["alarmed"].to_numpy()
        scores = np.nan_to_num(np.column_stack([table[name].to_numpy() for name in SCORES]))
        # The table is sorted by feature, so each feature is a slice of every column
        names, counts = np.unique(table["feature"].to_numpy(zero_copy_only=False).astype(str), return_counts=True)
        past_hours = {}
        start = 0
        for name, count in zip(names.tolist(), counts.tolist(), strict=True):
            rows = slice(start, start + count)
            past_hours[name] = PastHours(minutes[rows], alarmed[rows], scores[rows])
            start += count
        return past_hours

    def sum_windows(self, reference: str, time: str, features: Collection[str]) -> Profile | None:
        """The sums of these features' states over the windows that a reference names for the window that ends at `time`.

        None if states are missing. A window is left out for a feature that had an alarm there which nobody accepted: otherwise a
        repair would look like a change.
        """
        windows, count = _select_windows(reference, self.select_before(time).entries, time)
        # References of several windows leave alarms out; the reference `previous` is the last window even if it had an alarm
        alarmed_rows = self.table.filter(self.is_alarmed).select(["window", "feature"]).to_pylist()
        alarmed = {(row["window"], row["feature"]) for row in alarmed_rows if ":" in reference}
        # By feature: the indices of the windows to add, at most as many as the reference asks for
        indices_by_feature: dict[str, list[int]] = {}
        profiles: list[StoredProfile] = []
        for index, entry in enumerate(windows):
            profile = self._read_profile(entry)
            # A sum without one of its windows would look like a change of volume
            if profile is None:
                return None
            profiles.append(profile)
            for name in [name for name in profile.names if name in features]:
                indices = indices_by_feature.setdefault(name, [])
                if len(indices) < count and (entry.window, name) not in alarmed:
                    indices.append(index)
            # Once all features have enough windows, older windows needn't be read
            if all(len(indices) == count for indices in indices_by_feature.values()):
                break
        # `previous:8` needs all eight windows; a season may have fewer windows at first
        min_windows = count if reference.startswith("previous") else 1
        complete = {
            name: indices
            for name, indices in indices_by_feature.items()
            if len(indices) >= min_windows and name in profiles[0].names
        }
        # Sketches of numbers are added first: they show which features are texts, and only these need the larger counts of values
        sums = _add_states(profiles, complete, OF_NUMBERS, reference)
        texts = {name: indices for name, indices in complete.items() if name in sums and not sums[name].is_numeric}
        sums |= _add_states(profiles, texts, OF_DISTRIBUTIONS, reference)
        if not sums:
            return None
        return Profile(sum(profile.item_count for profile in profiles), tuple(sums.values()))

    def _read_profile(self, entry: WindowEntry) -> StoredProfile | None:
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
        is_kept = history._match_any("window", [entry.window for entry in windows[-MAX_WINDOWS:]])
        may_be_example = history._match(baseline=windows[-1].baseline, reference=BASELINE) & ~history.is_alarmed
        is_kept[may_be_example] |= _are_examples(history.table.filter(may_be_example))
        return replace(history, table=history.table.filter(is_kept))

    @property
    def is_alarmed(self) -> Flags:
        """Which rows had an alarm that nobody accepted."""
        is_alarmed: Flags = self.table["alarmed"].to_numpy()
        return is_alarmed

    def _match(self, **values: str | None) -> Flags:
        """Which rows have these values. values: by column; None allows any value."""
        # A row matches if all of its columns do
        is_match = np.ones(self.table.num_rows, bool)
        for column, value in values.items():
            if value is not None:
                is_match &= pc.equal(self.table[column], value).to_numpy()
        return is_match

    def _match_any(self, column: str, values: Sequence[str] | pa.ChunkedArray) -> Flags:
        """Which rows have one of these values in a column."""
        return np.array(pc.is_in(self.table[column], pa.array(values, pa.string())))


def _are_accepted(table: pa.Table) -> Flags:
    """Which rows had an alarm that a person accepted."""
    is_accepted: Flags = pc.equal(table[OUTCOME].fill_null(UNCHANGED), ACCEPTED).to_numpy()
    return is_accepted


def _are_examples(table: pa.Table) -> Flags:
    """Which rows are examples of how their feature varies: its first `MAX_EXAMPLES` rows without a visible change.

    table: rows without an alarm, relative to one baseline, in order of time.
    """
    features = table["feature"].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    # An uncertain row shows a possible change unless its outcome says otherwise. If one uncertain row of a feature shows a
    # possible change, none of the feature's uncertain rows is an example: the others alone would vary too little
    is_unsure = pc.equal(table[OUTCOME].fill_null(UNCHANGED), CANNOT_TELL).to_numpy()
    is_doubted = is_unsure & table[POSSIBLE_CHANGE].fill_null(True).to_numpy()
    is_doubted = is_unsure & np.isin(features, features[is_doubted])
    is_accepted = _are_accepted(table)
    # The rank of each row among the rows of its feature
    judged_rows = np.flatnonzero(~is_doubted & ~is_accepted)
    order = judged_rows[np.argsort(features[judged_rows], kind="stable")]
    counts = np.bincount(features[order])
    ranks = np.arange(len(order)) - np.repeat(counts.cumsum() - counts, counts)
    is_first = np.zeros(len(table), bool)
    is_first[order[ranks < MAX_EXAMPLES]] = True
    return is_first


def create_history(folder: str) -> WindowHistory:
    """A history without windows."""
    return WindowHistory(folder, _HISTORY.empty_table())


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
    return create_history(folder)


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


def select_weekday_windows(past: PastHours, weekday_distances: PastHours | None) -> dict[str, tuple[int, ...]]:
    """By reference: the windows to compare a feature with if its weekdays differ, each as its minutes before this window.
    For data with one window a day.

    `CLOCK_DAY`: the same weekday in the weeks in which it was similar; if no such week is known, in the last two weeks.
    `CLOCK_WEEK`: days off, which a holiday may resemble, without days that had an alarm when compared with their weekday.
    past: the distances of earlier windows from the baseline.
    """
    alarmed_minutes = set()
    if weekday_distances is not None:
        alarmed_minutes = weekday_distances.alarmed_backs
    weeks = past.find_similar_weeks() or (1, 2)
    free_days = tuple(minutes for minutes in past.find_free_days() if minutes not in alarmed_minutes)
    return {CLOCK_DAY: tuple(WEEK * DAY * week for week in weeks), CLOCK_WEEK: free_days}


def _select_windows(reference: str, entries: list[WindowEntry], time: str) -> tuple[list[WindowEntry], int]:
    """The windows that a reference may use for the window that ends at `time`, the latest first; and how many it uses at most.

    There are no windows if they would be too few. `previous` is the window right before, even if it had an alarm.
    """
    kind, _, number = reference.partition(":")
    count = int(number or 1)
    # More windows than needed are selected, because windows with an alarm are left out later
    if kind == "previous":
        if len(entries) < count:
            return [], count
        num_searched = SEARCHED_MULTIPLE * count if number else 1
        return entries[::-1][:num_searched], count
    # A season is a number of steps; a step is the shortest time between two windows
    by_time = {parse_moment(entry.time): entry for entry in entries}
    times = [*sorted(by_time), parse_moment(time)]
    step = min((later - earlier for earlier, later in pairwise(times)), default=timedelta(0))
    # Windows that don't exist are skipped; a window that rounding gives twice is used once
    seasons = range(1, MAX_SEASONS + 1)
    earlier_times = dict.fromkeys(times[-1] - season * count * step for season in seasons)
    return [by_time[time_before] for time_before in earlier_times if time_before in by_time], MAX_SEASONS


def _add_states(
    profiles: Sequence[StoredProfile],
    indices_by_feature: Mapping[str, Sequence[int]],
    kinds: Collection[str],
    reference: str,
) -> dict[str, FeatureProfile]:
    """By feature: the sum of its states of these kinds over its windows, whose indices among the profiles are given."""
    # Each file is decoded once, for all features that need it
    names_by_index: dict[int, set[str]] = {}
    for name, indices in indices_by_feature.items():
        for index in indices:
            names_by_index.setdefault(index, set()).add(name)
    decoded = {index: profiles[index].features(names, kinds) for index, names in names_by_index.items()}
    sums = {}
    for name, indices in indices_by_feature.items():
        total = _add_profiles([decoded[index][name] for index in indices], reference)
        if total is not None:
            sums[name] = total
    return sums


def _add_profiles(profiles: list[FeatureProfile], reference: str) -> FeatureProfile | None:
    """The sum of a feature's states over windows; a state of another kind is left out with a warning."""
    total: FeatureProfile | None = None
    for profile in profiles:
        try:
            total = profile if total is None else total + profile
        except BadState as error:
            log.warning("%s: %s; the window is left out", reference, error)
    return total
