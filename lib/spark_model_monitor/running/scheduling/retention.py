"""The retention of a schedule's runs (`keep`). Each call that judged a window deletes old windows, some hours at a time.

Age is counted from the newest window, so that a clock that is ahead deletes nothing, and the newest window stays.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from spark_model_monitor.data.records.windows import parse_hour_of_path, parse_time
from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.documents.schedule import Execution, Keep
from spark_model_monitor.errors import NO_DATA, BadConfiguration
from spark_model_monitor.reports.history.baselines import list_hours_from_latest
from spark_model_monitor.reports.history.maintenance import PrunableKind, expire
from spark_model_monitor.reports.outputs.run_files import CURRENT
from spark_model_monitor.running.configuration.offsets import full_hour, read_offset
from spark_model_monitor.running.runtime.status import NO_COMMIT, failed
from spark_model_monitor.running.scheduling.record import MAX_EXECUTIONS, Record, scheduled_times
from spark_model_monitor.storage import get_storage, join
from spark_model_monitor.value_class import value_class

_AGE = re.compile(r"(\d{1,5}) (day|hour)s?")


@value_class
class Retention:
    """What a schedule keeps of its runs: a number of latest windows, or windows, pages and states up to an age. None if all."""

    num_windows: int | None = None
    windows: timedelta | None = None
    pages: timedelta | None = None
    states: timedelta | None = None

    @classmethod
    def read(cls, keep: Keep | None, where: str) -> Retention:
        """The retention of an entry. where: the name of its `keep` in errors. Raises BadConfiguration for an invalid age."""
        if keep is None:
            return KEEP_ALL
        pages = _read_age(keep.pages, f"{where}.pages")
        states = _read_age(keep.states, f"{where}.states")
        if not isinstance(keep.windows, int):
            return cls(None, _read_age(keep.windows, f"{where}.windows"), pages, states)
        # Windows are counted by the record of runs, which has no more than MAX_EXECUTIONS
        if keep.windows > MAX_EXECUTIONS:
            raise BadConfiguration(
                f"{where}.windows is {keep.windows}; it has to be at most {MAX_EXECUTIONS}, or an age, such as '400 days'"
            )
        return cls(keep.windows, None, pages, states)

    def delete_expired(self, folder: str, record: Record, now: datetime) -> None:
        """Delete old windows, pages and states in the hour folders right below a folder. Raises like `expire`."""
        newest = _find_newest_hour(folder, now)
        if newest is None:
            return
        if self.windows is not None:
            expire(PrunableKind.WINDOWS, folder, None, newest - self.windows)
        elif self.num_windows is not None:
            oldest_hour = _find_oldest_kept_hour(record, self.num_windows, now)
            if oldest_hour is not None:
                expire(PrunableKind.WINDOWS, folder, None, min(oldest_hour, newest))
        # The record says up to which hour pages and states are deleted, so that not all windows are searched
        for kind, member, age in (
            (PrunableKind.PAGES, "pages_from", self.pages),
            (PrunableKind.STATES, "states_from", self.states),
        ):
            if age is not None:
                start = parse_time(getattr(record.executions, member) or "")
                record.note_expired(**{member: format_moment(expire(kind, folder, start, newest - age))})


KEEP_ALL = Retention()


def has_window(run: Execution) -> bool:
    """Whether a run judged a window. Runs without a window can be complete, too: if a table has no new commit, or if only other
    models of an endpoint had data.
    """
    messages_without_window = (failed(NO_DATA), NO_COMMIT)
    return run.status.has_completed and not (run.exit_message or "").startswith(messages_without_window)


def _find_newest_hour(folder: str, now: datetime) -> datetime | None:
    """The hour of the newest published window; None if there is none. Hours in the future don't count: a clock was ahead."""
    storage = get_storage(folder)
    if not storage.exists(folder):
        return None
    # Hour folders of failed runs have no commit
    for hour_path in list_hours_from_latest(folder):
        hour = parse_hour_of_path(join(folder + hour_path, ""))
        if hour is not None and hour <= now and storage.exists(join(folder + hour_path, CURRENT)):
            return hour
    return None


def _find_oldest_kept_hour(record: Record, num_windows: int, now: datetime) -> datetime | None:
    """The hour of the oldest of the latest `num_windows` runs; None if there are fewer runs."""
    # Runs that failed don't count: an outage must not delete what was before it
    times = [time for time in scheduled_times(list(filter(has_window, record.read_all()))) if time <= now]
    if len(times) < num_windows:
        return None
    # Hour folders are named by the full hour of that time
    return full_hour(times[-num_windows])


def _read_age(text: str | None, where: str) -> timedelta | None:
    if text is None:
        return None
    # An age is written as 30 days, or as an ISO 8601 duration
    match = _AGE.fullmatch(text)
    age = timedelta(-1)
    if match is not None:
        age = int(match[1]) * (timedelta(days=1) if match[2] == "day" else timedelta(hours=1))
    elif "P" in text:
        age = read_offset(text, where)
    if age < timedelta(0):
        number_hint = ", or a number of runs without quotes, such as 30" if where.endswith("windows") else ""
        raise BadConfiguration(f"{where} is {text!r}; it has to be an age, such as '30 days' or P30D{number_hint}")
    return age
