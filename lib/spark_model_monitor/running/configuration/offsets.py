"""Time spans relative to a run, as the service writes them, and the full hour that they count from."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from pydantic import TypeAdapter, ValidationError

from spark_model_monitor.errors import BadConfiguration

_DURATION = TypeAdapter(timedelta)


def full_hour(time: datetime) -> datetime:
    """The beginning of the hour of a time, UTC."""
    return time.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0)


MAX_OFFSET = timedelta(days=36_525)  # a run's time plus or minus this stays within the range of datetime


def read_offset(text: str, where: str) -> timedelta:
    """The time span of a service's offset: `-PT1H`, `-PT0H`, `-P8D`.

    where: the name of the offset in errors. Raises BadConfiguration for any other text.
    """
    try:
        offset = _DURATION.validate_python(text if "P" in text else "")  # pydantic takes plain numbers for seconds
    except ValidationError:
        raise BadConfiguration(
            f"{where} is {text!r}; it has to be an ISO 8601 duration, such as PT10M, -PT1H or -P1D"
        ) from None
    if abs(offset) > MAX_OFFSET:
        raise BadConfiguration(f"{where} is {text!r}; it has to be at most {MAX_OFFSET.days:,} days, such as -P8D")
    return offset
