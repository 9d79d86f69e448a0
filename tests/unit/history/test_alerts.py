"""Alerts: n of the last m windows, transitions, reruns, and the file that keeps them."""

import json

import pytest

from spark_model_monitor.documents.alert_files import Alerts, AlertStatus, MonitoredWindow
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.reports.alerts import (
    MAX_MISSED_CHANGES,
    AlertRule,
    is_due,
    read_alerts,
    read_destinations,
    record_delivery,
    record_window,
    resolve_alerts_path,
    write_alerts,
)

OK = "OK"
IN_ALERT = "InAlert"
CANNOT_TELL = "CannotTell"
UNSURE = "unsure"


def hour(number, violations):
    """The window of the hour `number` of a day. violations: UNSURE if there are none, and nobody can tell."""
    name = f"2026-01-31T{number:02}:00:00Z"
    count = violations
    outcome = Outcome.CHANGED
    if violations == UNSURE:
        count = 0
        outcome = Outcome.CANNOT_TELL
    elif not violations:
        outcome = Outcome.UNCHANGED
    return MonitoredWindow(window=name, time=name, violations=count, run_id=f"run{number}", outcome=outcome)


ONE_OF_ONE = AlertRule()


def after(counts, *, rule=ONE_OF_ONE):
    """The alerts after windows with these counts of violations, hour by hour."""
    alerts = Alerts()
    for number, violations in enumerate(counts):
        alerts = record_window(alerts, hour(number, violations), rule)
    return alerts


def states(counts, rule):
    """The status after each window."""
    return [after(counts[: end + 1], rule=rule).status.value for end in range(len(counts))]


@pytest.mark.parametrize(
    ("datapoints", "period", "counts", "expected"),
    [
        pytest.param(1, 1, [0, 3, 0], [OK, IN_ALERT, OK], id="1 of 1 follows each window"),
        pytest.param(2, 3, [1, 0, 1, 0, 0], [OK, OK, IN_ALERT, OK, OK], id="2 of 3"),
        pytest.param(3, 3, [1, 1, 1, 1, 0], [OK, OK, IN_ALERT, IN_ALERT, OK], id="3 in a row"),
        # C10e: also while fewer than m executions exist
        pytest.param(2, 5, [1, 1], [OK, IN_ALERT], id="before the period is full"),
        pytest.param(1, 3, [9, 0, 0, 0], [IN_ALERT, IN_ALERT, IN_ALERT, OK], id="1 of 3 lasts three windows"),
        pytest.param(1, 1, [0, UNSURE, 0], [OK, CANNOT_TELL, OK], id="a window that can't tell is not OK"),
        pytest.param(1, 1, [1, UNSURE, 1], [IN_ALERT, CANNOT_TELL, IN_ALERT], id="nor is it the end of a change"),
        pytest.param(1, 2, [1, UNSURE, UNSURE], [IN_ALERT, IN_ALERT, CANNOT_TELL], id="an alert goes before"),
    ],
)
def test_n_of_the_last_m_windows_make_an_alert(datapoints, period, counts, expected):
    assert states(counts, AlertRule(datapoints, period)) == expected


def test_transitions_are_kept_with_the_window_that_made_them():
    transitions = after([0, 2, 2, 0]).transitions

    assert [(transition.window, transition.status.value) for transition in transitions] == [
        ("2026-01-31T01:00:00Z", IN_ALERT),
        ("2026-01-31T03:00:00Z", OK),
    ]


def test_a_rerun_of_a_window_replaces_it():
    alerts = after([0, 2])

    assert record_window(alerts, hour(1, 2), AlertRule()) == alerts
    mended = record_window(alerts, hour(1, 0), AlertRule())
    assert [window.violations for window in mended.windows] == [0, 0]
    assert mended.status is AlertStatus.OK


def test_an_older_window_that_comes_late_takes_its_place_in_time():
    alerts = after([0, 0, 0, 0, 0])
    late = record_window(
        alerts, hour(2, 9).model_copy(update={"time": "2026-01-30T12:00:00Z", "window": "late"}), AlertRule()
    )

    assert late.windows[0].window == "late"
    assert late.status is AlertStatus.OK  # the last window has none


def test_no_more_is_kept_than_the_longest_period_needs():
    alerts = Alerts()
    for number in range(250):
        window = MonitoredWindow(window=str(number), time=f"{number:05}", violations=number % 2, run_id="r")
        alerts = record_window(alerts, window, AlertRule())

    assert len(alerts.windows) == 100
    assert len(alerts.transitions) == 100
    assert alerts.windows[-1].window == "249"


FIRST, SECOND, SERIES = read_destinations("webhook:http://127.0.0.1/1,webhook:http://127.0.0.1/2,cloudwatch")


def test_a_sink_that_was_never_reported_anything_thinks_that_all_is_well():
    alerts = after([2])
    window = alerts.windows[-1]

    assert alerts.find_last_status(FIRST.key) is AlertStatus.OK
    alert = record_delivery(alerts, window, AlertStatus.OK, [FIRST])
    assert alert.find_last_status(FIRST.key) is AlertStatus.IN_ALERT
    assert alert.find_last_status(SECOND.key) is AlertStatus.OK
    assert len(record_delivery(alert, window, AlertStatus.OK, [FIRST, SECOND]).notifications) == 2


@pytest.mark.parametrize(
    ("heard", "traffic", "every", "due"),
    [
        ([], AlertStatus.OK, False, {FIRST, SECOND, SERIES}),
        ([FIRST], AlertStatus.OK, False, {SECOND, SERIES}),
        ([FIRST, SECOND, SERIES], AlertStatus.OK, False, set()),
        ([FIRST, SECOND, SERIES], AlertStatus.OK, True, {FIRST, SECOND}),  # CloudWatch would add the numbers up
        ([FIRST, SECOND, SERIES], AlertStatus.IN_ALERT, False, {FIRST, SECOND}),
    ],
)
def test_a_message_is_due_until_it_arrived_and_numbers_are_due_once(heard, traffic, every, due):
    alerts = after([2])
    window = alerts.windows[-1]
    noted = record_delivery(alerts, window, AlertStatus.OK, heard)

    due_targets = {to for to in (FIRST, SECOND, SERIES) if is_due(to, noted, noted.windows[-1], traffic, every=every)}

    assert due_targets == due


@pytest.mark.parametrize(("run_id", "is_due_again"), [("run0", False), ("another", True)])
def test_numbers_of_a_window_are_due_again_if_another_run_replaces_its_run(run_id, is_due_again):
    alerts = after([2])
    delivered = record_delivery(alerts, alerts.windows[-1], AlertStatus.OK, [SERIES])
    window = hour(0, 2).model_copy(update={"run_id": run_id})
    repeated = record_window(delivered, window, ONE_OF_ONE)

    assert is_due(SERIES, repeated, repeated.windows[-1], AlertStatus.OK, every=False) is is_due_again


def test_an_alert_that_came_and_went_while_a_sink_failed_is_due_until_it_is_reported():
    alerts = after([0, 2])
    missed = record_delivery(alerts, alerts.windows[-1], AlertStatus.OK, [SECOND], [FIRST, SERIES])
    healthy = record_window(missed, hour(2, 0), ONE_OF_ONE)
    rerun = healthy.windows[1]
    newest = healthy.windows[-1]

    assert healthy.find_last_status(FIRST.key) is healthy.status
    assert [(missed.window, missed.status.value) for missed in healthy.find_missed(FIRST.key)] == [
        (rerun.window, IN_ALERT)
    ]
    assert healthy.find_missed(SERIES.key) == ()
    assert is_due(FIRST, healthy, newest, AlertStatus.OK, every=False)
    assert not is_due(FIRST, healthy, rerun, AlertStatus.OK, every=False)

    delivered = record_delivery(healthy, newest, AlertStatus.OK, [FIRST, SECOND])
    assert not is_due(FIRST, delivered, newest, AlertStatus.OK, every=False)
    assert delivered.find_missed(FIRST.key) == ()


def test_what_a_sink_missed_is_kept_once_a_change_and_not_for_ever():
    alerts = after([2, 0] * MAX_MISSED_CHANGES)
    for window in (*alerts.windows, alerts.windows[-1]):
        status = IN_ALERT if window.violations else "OK"
        at_the_time = alerts.model_copy(update={"status": AlertStatus(status)})
        alerts = record_delivery(at_the_time, window, AlertStatus.OK, [], [FIRST])

    assert [missed.window for missed in alerts.find_missed(FIRST.key)] == [
        window.window for window in alerts.windows[-MAX_MISSED_CHANGES:]
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)], ids=["as they came", "run again", "made up for"])
def test_a_window_that_changed_nothing_is_not_missed(order):
    alerts = after([2, 2, 2])
    for index in order:
        alerts = record_delivery(alerts, alerts.windows[index], AlertStatus.OK, [], [FIRST])

    assert [missed.window for missed in alerts.find_missed(FIRST.key)] == [alerts.windows[0].window]


@pytest.mark.parametrize(
    ("output_path", "expected"),
    [
        ("reports", "reports/_alerts.json"),
        ("s3a://bucket/reports/2026/01/31/22", "s3a://bucket/reports/_alerts.json"),
        ("reports/2026/01/31/22/", "reports/_alerts.json"),
        ("reports/2026", "reports/2026/_alerts.json"),
    ],
)
def test_the_file_lies_beside_the_runs(output_path, expected):
    assert resolve_alerts_path(output_path) == expected


def test_the_file_is_read_back_by_the_next_hour(tmp_path):
    before = after([0, 2])
    alerts = record_delivery(before, before.windows[-1], AlertStatus.OK, [FIRST])
    write_alerts(alerts, f"{tmp_path}/2026/01/31/01")

    assert read_alerts(f"{tmp_path}/2026/01/31/02") == alerts
    assert json.loads((tmp_path / "_alerts.json").read_text())["status"] == "InAlert"


def test_without_a_file_there_is_no_history(tmp_path):
    assert read_alerts(str(tmp_path)) == Alerts()


@pytest.mark.parametrize("content", ["{", "[]", '{"status": "Perhaps"}', '{"windows": 3}'])
def test_a_file_that_cannot_be_understood_begins_anew_with_a_warning(tmp_path, caplog, content):
    (tmp_path / "_alerts.json").write_text(content)

    assert read_alerts(str(tmp_path)) == Alerts()
    assert "the history of windows begins anew" in caplog.text


def after_windows(*windows):
    alerts = Alerts()
    for number, members in enumerate(windows):
        window = hour(number, members.pop("violations", 0)).model_copy(update=members)
        alerts = record_window(alerts, window, AlertRule())
    return alerts


def test_what_comes_again_at_its_hour_is_no_news_and_ends_no_alert():
    facts = {"violations": 2}
    recurring_facts = {"violations": 2, "recurring": True}
    calm = {}
    statuses = [
        transition.status.value
        for transition in after_windows(dict(facts), calm, dict(recurring_facts), calm).transitions
    ]
    assert statuses == [IN_ALERT, OK]
    assert after_windows(dict(facts), dict(recurring_facts), dict(recurring_facts)).status is AlertStatus.IN_ALERT
    assert after_windows(calm, dict(recurring_facts)).status is AlertStatus.OK
