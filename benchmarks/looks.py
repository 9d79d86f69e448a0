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
from datetime import timedelta

import numpy as np
import pandas as pd
from side_by_side import quick_asked

from model_monitor import Baseline, DataQualityMonitor, run_baseline, run_monitoring
from model_monitor.running.runs.looks import looks_of, share_of_look

ROWS, MINUTES, EVERY, BEGINS = 600, 60, 5, 7
SPLIT, LARGER = 10, 0.25  # hours for what the split costs, times the others; what looks might have had
HOUR = timedelta(hours=1)
Rows = pd.DataFrame


def hour(rng: np.random.Generator, rows: int = ROWS) -> Rows:
    return pd.DataFrame(
        {
            **{f"number_{place}": rng.normal(50, 10, rows) for place in range(4)},
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
    quick = quick_asked(__doc__)
    hours = 10 if quick else 40
    logging.disable(logging.CRITICAL)
    rng = np.random.default_rng(11)
    monitor = DataQualityMonitor(window_rows=ROWS // (MINUTES // EVERY))
    baseline = run_baseline(hour(rng, 20_000), monitor, engine="local")
    known = monitor.known(baseline.constraints, None, baseline.state, baseline.constraints).with_parts(
        baseline.variation
    )

    def alarms(rows: Rows | Baseline, share: float) -> bool:
        config = known.constraints.monitoring_config
        budget = known.constraints.monitoring.false_alarm_budget * share
        own = known.constraints.model_copy(
            update={"monitoring_config": config.model_copy(update={"false_alarm_budget": budget})}
        )
        return run_monitoring(rows, monitor, replace(known, constraints=own), engine="local").count > 0

    def first_look(rows: Rows) -> int | None:
        """The minute of the first look that alarms, each of which scans what came since the one before."""
        state = None
        for end in range(EVERY, MINUTES, EVERY):
            since = ROWS * (end - EVERY) // MINUTES
            part = run_baseline(rows[since : ROWS * end // MINUTES].reset_index(drop=True), monitor, engine="local")
            state = part.state if state is None else state + part.state
            if alarms(replace(part, state=state, metrics=monitor.metrics(state)), of_look):
                return end
        return None

    every = timedelta(minutes=EVERY)
    of_look, of_hour = (share_of_look(HOUR, every, is_last=is_last) for is_last in (False, True))
    looks = looks_of(HOUR, every)
    print(
        f"{hours} hours of {ROWS} rows, a fault from minute {BEGINS}; {looks} looks have {of_look:.2%} of the budget each, "
        f"together {looks * of_look:.0%}, the hour {of_hour:.0%}"
    )
    for fault in FAULTS:
        delays, once, late = [], 0, 0
        for _ in range(hours):
            rows, at = hour(rng), ROWS * BEGINS // MINUTES
            seen = pd.concat([rows[:at], fault(rows[at:].reset_index(drop=True))], ignore_index=True)
            first = first_look(seen)
            late += first is None and alarms(seen, of_hour)
            once += alarms(seen, 1.0)
            delays += [first - BEGINS] if first is not None else []
        took = f"median {statistics.median(delays):.0f} minutes after it" if delays else "none"
        print(
            f"{fault.__name__:22}: looks {len(delays)} ({took}), then the hour {late}, together {len(delays) + late}; "
            f"the hour alone {once} ({MINUTES - BEGINS} minutes after it)"
        )
    found = dict.fromkeys((1.0, of_hour, 1 - LARGER), 0)
    for _ in range(SPLIT * hours):
        part = run_baseline(a_fifth_of_a_deviation(hour(rng)), monitor, engine="local")
        for share in found:
            found[share] += alarms(part, share)
    said = ", ".join(f"{count} with {share:.0%} of the budget" for share, count in found.items())
    print(f"what the split costs: a fifth of a deviation in {SPLIT * hours} whole hours is found in {said}")


if __name__ == "__main__":
    main()
