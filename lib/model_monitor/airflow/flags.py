"""What a job is told, as the texts of its flags, and what a DAG run looks at: its data interval, or the time before it. Pure."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from model_monitor.data.records.windows import Window, duration
from model_monitor.errors import BadConfiguration
from model_monitor.running.configuration.command_line import option_names

AN_HOUR = timedelta(hours=1)


def window_of(context: Mapping[str, Any], *, length: timedelta = AN_HOUR, lag: timedelta = timedelta(0)) -> Window:
    """The window of a DAG run, UTC.

    context: Airflow's, of the task. length: of the window of a run whose interval has none; it ends at the full hour. lag: by
    how much the window lies before the interval, for labels that come late.

    Raises BadConfiguration if the run has no time at all.
    """
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if start is None or end is None or not start < end:
        end = _utc(end or _time_of_run(context)).replace(minute=0, second=0, microsecond=0)
        start = end - length
    return Window(_utc(start) - lag, _utc(end) - lag)


def scheduled_time_of(window: Window, lag: timedelta = timedelta(0)) -> datetime:
    """The time that the run of a window is called by, in folders: the end of its interval.

    Source: C1.5, where the folder of a report is the hour at which its run was scheduled.
    """
    return window.end + lag


def _time_of_run(context: Mapping[str, Any]) -> datetime:
    run = context.get("dag_run")
    time = context.get("logical_date") or getattr(run, "run_after", None)
    if time is None:
        raise BadConfiguration("the DAG run has neither a data interval nor a time; trigger it with a logical date")
    moment: datetime = time
    return moment


def _utc(time: datetime) -> datetime:
    """A plain datetime: Airflow's own are pendulum's, whose sums are something else at a change of the clocks."""
    return datetime.fromtimestamp(time.timestamp(), tz=timezone.utc)


# What a job is told, as the texts of its flags.


SECRETS = {"sink": "MODEL_MONITOR_SINK"}
"""Options whose text may hold a secret, with the variables that say the same: everybody on a machine sees the arguments of its
programs. Where the job's environment can be set they go that way."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def texts_of(flags: Mapping[str, Any]) -> dict[str, str]:
    """Each option's text: numbers and paths as they are, True as true, lists with commas, times and durations in ISO 8601,
    mappings as JSON. None and blank texts are left out: they mean that the option is not given.
    """
    texts = {name: _text(value) for name, value in flags.items() if value is not None}
    return {name: text for name, text in texts.items() if text.strip()}


def words_of(texts: Mapping[str, str]) -> list[str]:
    """The flags of a command line: `--dataset-source=…`."""
    return [f"--{name.replace('_', '-')}={text}" for name, text in texts.items()]


def without_secrets(texts: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The flags that may stand in a command line, and the variables for the others."""
    plain = {name: text for name, text in texts.items() if name not in SECRETS}
    return plain, {variable: texts[name] for name, variable in SECRETS.items() if name in texts}


def require_free(flags: Mapping[str, Any], taken: Mapping[str, str]) -> None:
    """Let `flags` pass that are options of the jobs, and say nothing that the task says itself.

    taken: option -> the argument of the operator that it is said by. Raises BadConfiguration with a line for each that can't be.
    """
    faults = []
    for name in flags:
        if _NAME.fullmatch(str(name)) is None:
            likely = str(name).lstrip("-").replace("-", "_")
            faults.append(f"flags has {name!r}; write the option as docs/jobs.md has it, with underscores: {likely!r}")
        elif name in taken:
            faults.append(f"flags has {name!r}, which the task says by {taken[name]}; write that instead")
        elif name not in option_names():
            near = [f"did you mean {each!r}?" for each in difflib.get_close_matches(name, option_names(), n=1)]
            faults.append(
                f"flags has {name!r}, which is no option of the jobs; {(*near, 'docs/jobs.md lists them')[0]}"
            )
    if faults:
        raise BadConfiguration.gathered(faults)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, timedelta):
        return duration(value)
    if isinstance(value, Mapping):
        return json.dumps(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ",".join(map(_text, value))
    return str(value)


def moment(time: datetime) -> str:
    """A time as jobs take it, `2026-01-31T22:00:00Z`."""
    return time.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
