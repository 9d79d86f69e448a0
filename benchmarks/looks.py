"""Looks every five minutes at an hour beside the one verdict at its end: delay, power, and false alarms.

python benchmarks/looks.py [--quick]

Hours of 600 rows; a fault begins seven minutes past. Looks have a part of the budget of one hour, and the hour's own verdict the
rest; beside them is an hour that is looked at once with all of its budget. Both see the same rows. What the split costs shows
in a change that is found in some of the hours.
"""

from __future__ import annotations

import logging
import statistics
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
from side_by_side import is_quick_run

from spark_model_monitor import Baseline, DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.running.runs.looks import budget_share_of_look, count_looks
from spark_model_monitor.statistics.verdicts.expected_row_count import RowCountHistory

ROWS = 600
MINUTES = 60
EVERY = 5
BEGINS = 7
# hours for what the split costs, times the others; what looks might have had
SPLIT = 10
LARGER = 0.25
HOUR = timedelta(hours=1)
NOON = datetime(2026, 3, 4, 12, tzinfo=timezone.utc)
# what is left of it; hours before; how they vary
TRAFFIC = (0.3, 0.5, 0.7, 1.0)
EARLIER = 7 * 24
BUSIER = 0.05
Rows = pd.DataFrame


def hour(rng: np.random.Generator, rows: int = ROWS) -> Rows:
    return pd.DataFrame(
        {
            **{f"number_{number}": rng.normal(50, 10, rows) for number in range(4)},
            "amount": rng.gamma(3, 20, rows),
            "country": rng.choice(["DE", "FR", "US"], rows, p=[0.5, 0.3, 0.2]),
        }
    )


def in_cents(rows: Rows) -> Rows:
    return rows.assign(amount=rows.amount * 100)


def half_a_deviation(rows: Rows) -> Rows:
    return rows.assign(number_0=rows.number_0 + 5)


def a_fifth_of_a_deviation(rows: Rows) -> Rows:
    return rows.assign(number_0=rows.number_0 + 2)


def a_quarter_missing(rows: Rows) -> Rows:
    return rows.assign(number_1=rows.number_1.where(np.arange(len(rows)) % 4 > 0))


def a_new_category(rows: Rows) -> Rows:
    return rows.assign(country=np.where(np.arange(len(rows)) % 5 == 0, "XX", rows.country))


def healthy(rows: Rows) -> Rows:
    return rows


FAULTS: tuple[Callable[[Rows], Rows], ...] = (
    *(in_cents, half_a_deviation, a_quarter_missing, a_new_category),
    healthy,
)


def main() -> None:
    quick = is_quick_run(__doc__)
    hours = 10 if quick else 40
    logging.disable(logging.CRITICAL)
    rng = np.random.default_rng(11)
    monitor = DataQualityMonitor()
    baseline = run_baseline(hour(rng, 20_000), monitor, engine="local")
    stored_baseline = monitor.stored_baseline(
        baseline.constraints, None, baseline.state, baseline.constraints
    ).with_parts(baseline.variation)

    def alarms(rows: Rows | Baseline, share: float, volume: RowCountHistory | None = None) -> bool:
        config = stored_baseline.constraints.monitoring_config
        budget = stored_baseline.constraints.monitoring.false_alarm_budget * share
        constraints = stored_baseline.constraints.model_copy(
            update={"monitoring_config": config.model_copy(update={"false_alarm_budget": budget})}
        )
        return (
            run_monitoring(
                rows, monitor, replace(stored_baseline, constraints=constraints, volume=volume), engine="local"
            ).count
            > 0
        )

    def first_look(rows: Rows) -> int | None:
        """The minute of the first look that alarms, each of which scans what came since the one before."""
        state = None
        for end in range(EVERY, MINUTES, EVERY):
            since = ROWS * (end - EVERY) // MINUTES
            part = run_baseline(rows[since : ROWS * end // MINUTES].reset_index(drop=True), monitor, engine="local")
            if state is None:
                state = part.state
            else:
                state = state + part.state
            if alarms(replace(part, state=state, metrics=monitor.metrics(state)), of_look):
                return end
        return None

    every = timedelta(minutes=EVERY)
    of_look, of_hour = (budget_share_of_look(HOUR, every, is_last=is_last) for is_last in (False, True))
    looks = count_looks(HOUR, every)
    print(
        f"{hours} hours of {ROWS} rows, a fault from minute {BEGINS}; {looks} looks have {of_look:.2%} of the budget each, "
        f"together {looks * of_look:.0%}, the hour {of_hour:.0%}"
    )
    for fault in FAULTS:
        delays = []
        alarms_once = 0
        late = 0
        for _ in range(hours):
            rows = hour(rng)
            begin = ROWS * BEGINS // MINUTES
            faulty = pd.concat([rows[:begin], fault(rows[begin:].reset_index(drop=True))], ignore_index=True)
            first = first_look(faulty)
            late += first is None and alarms(faulty, of_hour)
            alarms_once += alarms(faulty, 1.0)
            delays += [first - BEGINS] if first is not None else []
        print(f"{fault.__name__:22}: {_format_delays(delays, late, alarms_once)}")
    for left in TRAFFIC:
        print(
            f"{left:.0%} of the traffic from minute {BEGINS} on: {_fewer_rows(rng, hours, left, of_look, of_hour, alarms)}"
        )
    alarm_counts = dict.fromkeys((1.0, of_hour, 1 - LARGER), 0)
    for _ in range(SPLIT * hours):
        part = run_baseline(a_fifth_of_a_deviation(hour(rng)), monitor, engine="local")
        for share in alarm_counts:
            alarm_counts[share] += alarms(part, share)
    text = ", ".join(f"{count} with {share:.0%} of the budget" for share, count in alarm_counts.items())
    print(f"what the split costs: a fifth of a deviation in {SPLIT * hours} whole hours is found in {text}")


def _fewer_rows(
    rng: np.random.Generator, hours: int, left: float, of_look: float, of_hour: float, alarms: Callable[..., bool]
) -> str:
    """What looks and then the hour see of fewer rows, beside a week of hours whose traffic varies by a twentieth."""

    def minutes(share: float) -> np.ndarray:
        traffic = ROWS / MINUTES * rng.lognormal(0, BUSIER)
        return rng.poisson(np.where(np.arange(MINUTES) < BEGINS, traffic, traffic * share)).cumsum()

    delays = []
    late = 0
    alarms_once = 0
    for _ in range(hours):
        past = np.array([minutes(1.0) for _ in range(EARLIER)])
        now = minutes(left)
        ends = [NOON - hours_ago * HOUR for hours_ago in range(EARLIER, 0, -1)]

        def volume(
            minute: int, now: np.ndarray = now, past: np.ndarray = past, ends: list[datetime] = ends
        ) -> RowCountHistory:
            counts = [
                [(end, float(rows), 0.0) for end, rows in zip(ends, past[:, minute_of_look - 1], strict=True)]
                for minute_of_look in (minute, MINUTES)
            ]
            until = None
            if minute != MINUTES:
                until = NOON - HOUR + timedelta(minutes=minute)
            return RowCountHistory(NOON, counts[1], NOON - HOUR, until=until, by_then=counts[0] if until else ())

        def sees(minute: int, share: float, now: np.ndarray = now) -> bool:
            return alarms(hour(rng, int(now[minute - 1])), share, volume(minute))

        first = next((minute for minute in range(EVERY, MINUTES, EVERY) if sees(minute, of_look)), None)
        alarms_of_hour = [sees(MINUTES, share) for share in (of_hour, 1.0)]
        late = late + (first is None and alarms_of_hour[0])
        alarms_once = alarms_once + alarms_of_hour[1]
        delays += [first - BEGINS] if first is not None else []
    return _format_delays(delays, late, alarms_once)


def _format_delays(delays: list[int], late: int, alarms_once: int) -> str:
    if delays:
        took = f"median {statistics.median(delays):.0f} minutes after it"
    else:
        took = "none"
    return (
        f"looks {len(delays)} ({took}), then the hour {late}, together {len(delays) + late}; "
        f"the hour alone {alarms_once} ({MINUTES - BEGINS} minutes after it)"
    )


if __name__ == "__main__":
    main()
