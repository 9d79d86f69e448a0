"""`--look-every`: an hour of captures is judged before it is over, each record scanned once, at the hour's budget."""

from __future__ import annotations

import json
import runpy
from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from tests.entries import read_checks
from tests.unit.records.captured_lines import format_capture

from spark_model_monitor import DataQualityMonitor, read_state, run_baseline
from spark_model_monitor.documents.alert_files import Alerts
from spark_model_monitor.monitors.data_quality.distribution.window_history import WINDOW
from spark_model_monitor.monitors.data_quality.messages import NEWEST_ROW, NUMBER_OF_ROWS
from spark_model_monitor.reports.history.variation import WindowEntry, create_history, write_history
from spark_model_monitor.running.product_layout import Layout
from spark_model_monitor.running.runs.looks import budget_share_of_look

HOUR = datetime(2026, 3, 4, 14, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


def amounts(rng, rows):
    return rng.gamma(3, 20, rows)


class Hours:
    """Captures of two hours, a baseline, and the looks at the second of them."""

    def __init__(self, folder) -> None:
        self.folder, self.rng = folder, np.random.default_rng(1)
        rows = pd.DataFrame({"score": self.rng.random(4_000), "amount": amounts(self.rng, 4_000)})
        run_baseline(rows, DataQualityMonitor(), engine="local").write(folder / "baseline")

    def write(self, fault_from=60, each_minute=20, minutes=60) -> None:
        """A minute's records lie in a file of their own. fault_from: the minute from which on amounts are in cents."""
        hour_folder = self.folder / f"captures/{HOUR:%Y/%m/%d/%H}"
        hour_folder.mkdir(parents=True)
        for minute in range(minutes):
            lines = []
            for amount in amounts(self.rng, each_minute) * (100 if minute >= fault_from else 1):
                lines.append(format_capture(str(amount), str(self.rng.random()), "1", HOUR + minute * MINUTE))
            (hour_folder / f"{minute:02}.jsonl").write_text("".join(lines))

    def remember(self, rows, windows=30) -> None:
        """Earlier hours of so many rows, the newest of which came seconds before their ends."""
        history = create_history(str(self.folder / "out"))
        for number in range(1, windows + 1):
            time = f"{HOUR - (number - 1) * 60 * MINUTE:%Y-%m-%dT%H:%M:%SZ}"
            noise = float(self.rng.exponential())
            found = [(WINDOW, NUMBER_OF_ROWS, {"rows": rows + noise, "alarmed": False})]
            found.append((WINDOW, NEWEST_ROW, {"rows": rows, "far": noise / 10, "alarmed": False}))
            history = history.with_window(WindowEntry(time, time, f"{number}", "x/_runs/1", "b", False), found)
        write_history(history)

    def violated(self):
        """The checks that the last look found violated."""
        checks = read_checks(self.output / "_look" / "checks.json")["checks"]
        return [check["check"] for check in checks if check["status"] == "violated"]

    @property
    def output(self):
        return self.folder / "out" / f"{HOUR + 60 * MINUTE:%Y/%m/%d/%H}"

    def run(self, minute=None):
        """How many violations a look up to a minute found, or the run of the whole hour."""
        main = runpy.run_path(str(Layout.here().jobs / "monitor.py"))["main"]
        options = {
            "dataset-source": self.folder / "captures",
            "dataset-format": "capture",
            "baseline": self.folder / "baseline",
            "output-path": self.output,
            "start-time": f"{HOUR:%Y-%m-%dT%H:%M:%SZ}",
            "end-time": f"{HOUR + 60 * MINUTE:%Y-%m-%dT%H:%M:%SZ}",
            "look-every": "PT5M",
            "engine": "local",
        }
        if minute is not None:
            options["look-until"] = f"{HOUR + minute * MINUTE:%Y-%m-%dT%H:%M:%SZ}"
        status = main(["--no-report", *(f"--{name}={text}" for name, text in options.items())])
        assert status == 0, (self.output / "message").read_text()
        if minute is None:
            report_folder = self.output
        else:
            report_folder = self.output / "_look"
        return len(json.loads((report_folder / "constraint_violations.json").read_text())["violations"])

    def alerts(self):
        path = self.folder / "out" / Alerts.FILE_NAME
        if path.exists():
            return [
                (window.window, window.violations > 0)
                for window in Alerts.from_json(path.read_bytes(), "alerts").windows
            ]
        return []


@pytest.fixture
def hours(tmp_path):
    return Hours(tmp_path)


@pytest.mark.long
def test_a_fault_at_seven_minutes_past_is_an_alert_before_the_hour_is_over_and_stays_one_alert(hours):
    hours.write(fault_from=7)
    violation_counts = {minute: hours.run(minute) for minute in (5, 10, 15)}

    assert (violation_counts[5], violation_counts[15] > 0) == (0, True)
    hour = "2026-03-04T14:00:00Z/2026-03-04T15:00:00Z"
    assert hours.alerts() == [(hour, True)]
    assert read_state(str(hours.output / "_look")).item_count == 15 * 20  # records before a quarter past
    assert not (hours.folder / "out" / "history.parquet").exists()
    hours.run()
    assert hours.alerts() == [(hour, True)]


@pytest.mark.long
def test_looks_scan_what_came_since_the_one_before(hours):
    hours.write()
    assert hours.run(10) == 0
    for file in (hours.folder / "captures").rglob("0?.jsonl"):  # of the first ten minutes
        file.unlink()

    assert hours.run(30) == 0
    assert read_state(str(hours.output / "_look")).item_count == 30 * 20
    assert hours.alerts() == []


def test_a_look_at_what_was_looked_at_says_what_that_look_found(hours):
    hours.write(fault_from=3, minutes=11)
    count = hours.run(10)
    message = (hours.output / "message").read_text()
    second_count = hours.run(10)

    assert count == second_count > 0
    assert message.startswith("CompletedWithViolations: ")
    assert (hours.output / "message").read_text() == message


def test_a_look_without_anything_new_says_so(hours):
    hours.write()
    hours.run(10)
    before = (hours.output / "_look" / "_current.json").read_bytes()

    assert hours.run(10) == 0
    assert (hours.output / "_look" / "_current.json").read_bytes() == before


def test_traffic_that_stops_at_seven_minutes_past_is_seen_by_a_look_that_finds_nothing_new(hours):
    hours.write(minutes=7)
    hours.remember(1_200, windows=48)

    assert [hours.run(minute) for minute in (5, 10)] == [0, 0]  # three minutes of sixty are no time
    assert (hours.run(40), hours.violated()) == (1, ["freshness_check"])
    assert read_state(str(hours.output / "_look")).item_count == 7 * 20


def test_more_rows_than_an_hour_has_are_seen_before_it_is_over_and_fewer_are_not(hours):
    hours.write()
    hours.remember(300)

    assert hours.run(10) == 0  # 200 rows so far
    assert (hours.run(25), hours.violated()) == (1, ["row_count_check"])  # 500


def test_fewer_rows_than_earlier_hours_had_by_then_are_seen_before_the_hour_is_over(hours):
    """Half of the traffic goes away, and what comes is fresh. What is usual by then is learnt from looks at earlier hours."""
    hours.write(each_minute=10)
    hours.remember(1_200, windows=48)
    of_looks = {
        f"{HOUR - (number - 1) * 60 * MINUTE:%Y-%m-%dT%H:%M:%SZ}": 600 + int(hours.rng.integers(-40, 40))
        for number in range(1, 49)
    }
    counts = hours.folder / "out" / "_looks.json"
    counts.write_text(json.dumps({"PT1800S": of_looks}))

    assert hours.run(25) == 0  # of which nobody knows what is usual
    assert (hours.run(30), hours.violated()) == (1, ["row_count_check"])
    stored_counts = json.loads(counts.read_text())
    assert stored_counts == {
        "PT1500S": {"2026-03-04T15:00:00Z": 250},
        "PT1800S": {**of_looks, "2026-03-04T15:00:00Z": 300},
    }


@pytest.mark.parametrize(
    "content", ["no JSON", '["a"]', '{"PT1800S": {"today": 1}}', '{"PT1800S": {"2026-03-04T14:00:00Z": "x"}}']
)
def test_counts_that_nobody_can_read_begin_anew(hours, content):
    hours.write()
    hours.remember(1_200)
    (hours.folder / "out" / "_looks.json").write_text(content)

    assert hours.run(30) == 0
    stored_counts = json.loads((hours.folder / "out" / "_looks.json").read_text())
    assert stored_counts == {"PT1800S": {"2026-03-04T15:00:00Z": 600}}


@pytest.mark.parametrize("minutes", [1, 5, 7, 30, 59, 60, 90])
def test_all_looks_of_an_hour_have_its_budget_together(minutes):
    hour = 60 * MINUTE
    every = minutes * MINUTE
    times = [look_number * every for look_number in range(1, 61) if look_number * every < hour]
    spent = sum(budget_share_of_look(hour, every, is_last=False) for _ in times) + budget_share_of_look(
        hour, every, is_last=True
    )
    assert spent == pytest.approx(1.0)
