"""Extends a baseline by the windows before the one that is judged: sums of their states as further references, how their
statistics varied, and what follows the hour of the day or the weekday. Driver only.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow.compute as pc

from spark_model_monitor.documents.run_description import parse_moment
from spark_model_monitor.errors import BadState
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import OF_DISTRIBUTIONS, OF_NUMBERS
from spark_model_monitor.monitors.data_quality.distribution.window_history import BASELINE
from spark_model_monitor.reports.history.history_file import WindowEntry, WindowHistory
from spark_model_monitor.reports.history.state_files import StoredProfile
from spark_model_monitor.statistics.states import FeatureProfile, Profile
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

if TYPE_CHECKING:
    from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline

log = logging.getLogger(__name__)

MAX_SEASONS = 14  # most earlier windows of one season whose states are added: two weeks of days. Source: D4.3
SEARCHED_MULTIPLE = 3  # so many times more windows are searched, as some have an alarm. Source: D4.3
MIN_HOURS_OF_DAY = (
    2  # different hours of the day at which windows end; with fewer, columns can't follow the time of day
)

StateSums: TypeAlias = dict[tuple[str, str], FeatureProfile]  # by reference and feature


def extend_baseline(
    history: WindowHistory, quality_baseline: QualityBaseline, time: str, baseline: str
) -> QualityBaseline:
    """The baseline for the window that ends at `time`, extended by the windows before it. baseline: the baseline's run id."""
    earlier_history = history.select_before(time)
    # For each reference: the sums of the states of its windows, and the statistics relative to these sums
    references = {}
    for reference, names in quality_baseline.compared_references.items():
        profile = sum_windows(earlier_history, reference, time, names)
        if profile is not None:
            references[reference] = profile
    past = {name: earlier_history.select_statistics(name) for name in references}
    seasons: dict[str, Season] = {}
    if quality_baseline.follows_the_clock:
        hours, seasons = choose_seasons(earlier_history, baseline, time, quality_baseline.names)
        references |= hours
    for name, lasting_values in _find_lasting_values(earlier_history, baseline).items():
        seasons[name] = replace(seasons.get(name, Season()), lasting_values=lasting_values)
    # Only windows of this baseline count, because distances from different baselines can't be compared
    past[BASELINE] = earlier_history.select_statistics(BASELINE, baseline)
    moved_references = {name: season.like for name, season in seasons.items() if season.like != CLOCK_DAY}
    past[CLOCK_DAY] = earlier_history.select_statistics(CLOCK_DAY, baseline, moved_references)
    return quality_baseline.with_history(references, past, seasons)


def sum_windows(history: WindowHistory, reference: str, time: str, features: Collection[str]) -> Profile | None:
    """The sums of these features' states over the windows that a reference names for the window that ends at `time`.

    None if states are missing. A window is left out for a feature that had an alarm there which nobody accepted: otherwise a
    repair would look like a change.
    """
    windows, count = _select_windows(reference, history.select_before(time).entries, time)
    # References of several windows leave alarms out; the reference `previous` is the last window even if it had an alarm
    alarmed_rows = history.table.filter(history.is_alarmed).select(["window", "feature"]).to_pylist()
    alarmed = {(row["window"], row["feature"]) for row in alarmed_rows if ":" in reference}
    # By feature: the indices of the windows to add, at most as many as the reference asks for
    indices_by_feature: dict[str, list[int]] = {}
    profiles: dict[int, StoredProfile] = {}
    for index, entry in enumerate(windows):
        profile = history.read_states(entry)
        # A sum without one of its windows would look like a change of volume
        if profile is None:
            return None
        profiles[index] = profile
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
        (reference, name): indices
        for name, indices in indices_by_feature.items()
        if len(indices) >= min_windows and name in profiles[0].names
    }
    # Sketches of numbers are added first: they show which features are texts, and only these need the larger counts of values
    sums = _add_states(profiles, complete, OF_NUMBERS)
    texts = {key: complete[key] for key, profile in sums.items() if not profile.is_numeric}
    sums |= _add_states(profiles, texts, OF_DISTRIBUTIONS)
    if not sums:
        return None
    return Profile(sum(profile.item_count for profile in profiles.values()), tuple(sums.values()))


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


def _find_lasting_values(history: WindowHistory, baseline: str) -> dict[str, tuple[str, float, float]]:
    """The text features that, in each window of the last week or longer, had an alarm and values which the baseline lacks.

    By feature: the time since when, the number of rows with such values, and of all rows. The result is a member of `Season`.
    """
    table = history.table.filter(history.match(reference=BASELINE, baseline=baseline))
    # Which rows had an alarm and values that the baseline lacks
    is_new = pc.and_(table["alarmed"], pc.fill_null(pc.greater(table["unseen"], 0), False))
    table = table.append_column("is_new", is_new)
    is_last = pc.equal(table["time"], pc.max(table["time"]))
    lasting_values = {}
    for name in table["feature"].filter(pc.and_(is_new, is_last)).to_pylist():
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
    history: WindowHistory, baseline: str, time: str, names: Collection[str]
) -> tuple[dict[str, Profile], dict[str, Season]]:
    """The references of features that may be seasonal, for the window that ends at `time`.

    history: the windows before this one. names: all features. Returns by reference the sums of the states of earlier windows of
    the same season, and by feature its season.
    """
    end = parse_moment(time)
    # The windows' entries, by the minutes from their end to the end of this window
    windows = {(end - parse_moment(entry.time)) // timedelta(minutes=1): entry for entry in history.entries}
    # If all windows end at the same hour of the day, there is one window a day; then weekdays matter instead of hours
    lookback_minutes = DAYS_BACK * DAY + 60
    hours_of_day = {minutes % DAY for minutes in windows if minutes <= lookback_minutes}
    are_daily = hours_of_day == {0}
    if are_daily:
        lookback_minutes = MAX_WEEKS * WEEK * DAY
    windows = {minutes: entry for minutes, entry in windows.items() if minutes <= lookback_minutes}
    # The features whose history has enough days, and the features that may be seasonal
    past_by_feature = _read_past_hours(history, BASELINE, baseline, windows)
    if are_daily:
        learnt = {name for name, past in past_by_feature.items() if not past.is_new_weekday}
        seasonal = {name: past for name, past in past_by_feature.items() if past.weekdays_differ}
    else:
        learnt = {name for name, past in past_by_feature.items() if not past.is_new}
        seasonal = {name: past for name, past in past_by_feature.items() if past.may_be_seasonal}
    seasons = dict.fromkeys(set(names) - learnt, Season(is_new=True))
    if not seasonal or (len(hours_of_day) < MIN_HOURS_OF_DAY and not are_daily):
        return {}, seasons
    # The sums of the windows of the same season
    if are_daily:
        weekday_distances = _read_past_hours(history, CLOCK_DAY, baseline, windows)
        sums, known_seasons = _find_weekday_seasons(history, seasonal, weekday_distances, windows)
    else:
        past_hours = {reference: _read_past_hours(history, reference, baseline, windows) for reference in CLOCK}
        sums, known_seasons = _find_hour_seasons(history, seasonal, past_hours, windows, end)
        known_seasons = {name: replace(season, is_new=name in seasons) for name, season in known_seasons.items()}
    features_by_reference: dict[str, list[FeatureProfile]] = {}
    for (reference, _), profile in sums.items():
        features_by_reference.setdefault(reference, []).append(profile)
    profiles = {reference: Profile(0, tuple(features)) for reference, features in features_by_reference.items()}
    return profiles, seasons | known_seasons


def _read_past_hours(
    history: WindowHistory, reference: str, baseline: str, windows: Mapping[int, WindowEntry]
) -> dict[str, PastHours]:
    """By feature: the distances of windows from a reference. windows: the windows by their minutes before this window."""
    # The rows of the table with this reference, this baseline and one of these windows
    minutes_by_window = {entry.window: minutes for minutes, entry in windows.items()}
    is_selected = history.match(reference=reference, baseline=baseline)
    is_selected &= history.match_any("window", [*minutes_by_window])
    table = history.table.filter(is_selected).sort_by("feature")
    minutes = np.array([minutes_by_window[window] for window in table["window"].to_pylist()], dtype=np.int64)
    alarmed = table["alarmed"].to_numpy()
    scores = np.nan_to_num(np.column_stack([table[name].to_numpy() for name in SCORES]))
    # The table is sorted by feature, so each feature is a slice of every column
    names, starts = np.unique(np.asarray(table["feature"]).astype(str), return_index=True)
    slices = [np.split(column, starts[1:]) for column in (minutes, alarmed, scores)]
    # strict=False: without features, there is still one empty slice
    return dict(zip(names.tolist(), map(PastHours, *slices), strict=False))


def _find_weekday_seasons(
    history: WindowHistory,
    seasonal: Mapping[str, PastHours],
    weekday_distances: Mapping[str, PastHours],
    windows: Mapping[int, WindowEntry],
) -> tuple[StateSums, dict[str, Season]]:
    """The sums of windows of the same weekday, and the seasons of the features that have them, for data with one window a day.

    seasonal: by feature, the distances of earlier windows from the baseline. weekday_distances: the same from their weekday.
    """
    minutes_back = {}
    for name, past in seasonal.items():
        for reference, minutes in select_weekday_windows(past, weekday_distances.get(name)).items():
            minutes_back[reference, name] = minutes
    sums = _add_windows(history, minutes_back, windows)
    seasons = {}
    for name, past in seasonal.items():
        if (CLOCK_DAY, name) in sums:
            is_learnt = bool(past.find_similar_weeks())
            seasons[name] = Season(learnt=is_learnt, stands_out=is_learnt, is_new=not is_learnt)
    return sums, seasons


def select_weekday_windows(past: PastHours, weekday_distances: PastHours | None) -> dict[str, tuple[int, ...]]:
    """By reference: the windows to compare a feature with if its weekdays differ, each as its minutes before this window.

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


def _find_hour_seasons(
    history: WindowHistory,
    seasonal: Mapping[str, PastHours],
    past_hours: Mapping[str, Mapping[str, PastHours]],
    windows: Mapping[int, WindowEntry],
    end: datetime,
) -> tuple[StateSums, dict[str, Season]]:
    """The same as `_find_weekday_seasons` for several windows a day: the season is the hour of the day.

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
        weeks = past_by_reference.get(CLOCK_WEEK)
        alarmed_minutes = () if weeks is None else weeks.alarmed_backs
        selected = select_hour_windows(reference_hours, end, windows, alarmed_minutes, weekly=past.weekdays_differ)
        # A reference is left out if the feature was different from it at this hour
        for reference, minutes in selected.items():
            if reference == CLOCK_DAY or reference not in different[name]:
                minutes_back[reference, name] = minutes
    sums = _add_windows(history, minutes_back, windows)
    # The time since when a feature has its present values at this hour, and the reference that it resembles
    seasons = {}
    references = {reference for reference, _ in sums}
    starts = {minutes: entry.window.partition("/")[0] for minutes, entry in windows.items()}
    for name, past in seasonal.items():
        if (CLOCK_DAY, name) not in sums:
            continue
        season = past.season(end)
        season = replace(season, since=starts.get(season.back))
        if similar[name] in references:
            season = replace(season, like=similar[name], unlike=different[name])
        seasons[name] = season
    return sums, seasons


def _add_windows(
    history: WindowHistory,
    minutes_back: Mapping[tuple[str, str], Sequence[int]],
    windows: Mapping[int, WindowEntry],
) -> StateSums:
    """The sums of features' states over windows.

    minutes_back: by reference and feature, the windows to add, each as its minutes before this window. windows: all windows, by
    these minutes.
    """
    profiles = {}
    for minutes in windows.keys() & chain.from_iterable(minutes_back.values()):
        profile = history.read_states(windows[minutes])
        if profile is not None:
            profiles[minutes] = profile
    return _add_states(profiles, minutes_back, OF_DISTRIBUTIONS)


def _add_states(
    profiles: Mapping[int, StoredProfile], windows: Mapping[tuple[str, str], Sequence[int]], kinds: Collection[str]
) -> StateSums:
    """By reference and feature: the sum of the feature's states of these kinds over windows.

    profiles: the states of each window. windows: by reference and feature, the windows to add; windows without states are
    skipped, and those with states of another kind left out with a warning.
    """
    # Each file is decoded once, for all features that need it
    names_by_window: dict[int, set[str]] = {}
    for (_, name), feature_windows in windows.items():
        for window in feature_windows:
            names_by_window.setdefault(window, set()).add(name)
    decoded = {window: profile.features(names_by_window.get(window, ()), kinds) for window, profile in profiles.items()}
    sums: StateSums = {}
    for key, feature_windows in windows.items():
        reference, name = key
        for profile in [decoded[window][name] for window in feature_windows if name in decoded.get(window, ())]:
            try:
                sums[key] = sums[key] + profile if key in sums else profile
            except BadState as error:
                log.warning("%s: %s; the window is left out", reference, error)
    return sums
