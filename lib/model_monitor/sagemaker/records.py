"""What is known of schedules and jobs between calls and between processes: a JSON file for each, in the home folder.

Contents are those that the service's API gives: times are ISO texts in the files and datetimes outside.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from model_monitor.errors import BadInput
from model_monitor.sagemaker.locations import home
from model_monitor.storage import LocalStorage

SCHEDULES, JOBS = "schedules", "jobs"

_OF_A_TIME = "Time"  # how the API's members that are times end
_AS_GIVEN = ("DataAnalysisStartTime", "DataAnalysisEndTime")
"""… but for these, which may be a time or how long before the run."""


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(timezone.utc)


def path_of(kind: str, name: str, suffix: str = ".json") -> Path:
    """The file of one record."""
    return home() / kind / f"{name}{suffix}"


def exists(kind: str, name: str) -> bool:
    """Whether there is such a record."""
    return path_of(kind, name).is_file()


def read(kind: str, name: str) -> dict[str, Any]:
    """A record.

    Raises BadInput with those that there are if there is none of this name.
    """
    if not exists(kind, name):
        there = ", ".join(sorted(path.stem for path in path_of(kind, name).parent.glob("*.json"))) or "none"
        raise BadInput(f"there is none called {name!r} among the {kind} of {home()}; there are: {there}")
    content: dict[str, Any] = json.loads(path_of(kind, name).read_text(encoding="utf-8"), object_hook=_with_times)
    return content


def write(kind: str, name: str, content: Mapping[str, Any]) -> None:
    """Put a record in place.

    Raises OutputFailed if it can't be written.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, default=datetime.isoformat)
    LocalStorage().write(str(path_of(kind, name)), f"{text}\n".encode())


def delete(kind: str, name: str) -> None:
    """Remove a record; nothing happens if there is none."""
    path_of(kind, name).unlink(missing_ok=True)


def _with_times(members: dict[str, Any]) -> dict[str, Any]:
    times = {name for name, value in members.items() if _is_time(name, value)}
    return {name: datetime.fromisoformat(value) if name in times else value for name, value in members.items()}


def _is_time(name: str, value: Any) -> bool:
    return name.endswith(_OF_A_TIME) and name not in _AS_GIVEN and isinstance(value, str)
