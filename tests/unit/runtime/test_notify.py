"""What a job tells after a run: who is told when, reruns, failures, and what is required."""

import json
import re
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from tests.servers import http_server

from spark_model_monitor.documents.alarms import group_into_alarms
from spark_model_monitor.documents.alert_files import AlertStatus
from spark_model_monitor.documents.check_results import CheckResult, CheckStatus, Hint, Violation, Violations
from spark_model_monitor.documents.outcome import FeatureOutcome, Outcome
from spark_model_monitor.errors import BadConfiguration, BadInput, SinkFailed
from spark_model_monitor.machine import ProcessIdentity
from spark_model_monitor.monitors.protocol import PublishedMetric
from spark_model_monitor.reports.alerts import read_alerts
from spark_model_monitor.reports.notices import AlertReport
from spark_model_monitor.reports.outputs.run_files import publish
from spark_model_monitor.reports.sinks import Environment
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.inputs.run_inputs import read_ongoing_violations
from spark_model_monitor.running.runtime.publishing import describe_window, make_report, notify, require_sinks
from spark_model_monitor.storage.lease import PREFIX, Holder


def config(folder, *flags, hour=22):
    """The configuration of a monitoring run of one hour."""
    window = ("--start-time", f"2026-01-31T{hour}:00:00Z", "--end-time", f"2026-01-31T{hour + 1}:00:00Z")
    arguments = ("--dataset-source", "x", "--dataset-format", "capture", "--output-path", f"{folder}/2026/01/31/{hour}")
    return build_config("monitor", read_sources((*arguments, *window, *flags), {}), in_container=False)


def findings(violations, records=100, hints=(), unsure=()):
    """What any monitor found, so many violations, as far as telling looks at it. unsure: of which it can't tell."""
    if unsure:
        outcome = Outcome.CANNOT_TELL
    else:
        outcome = Outcome.UNCHANGED
    if violations:
        outcome = Outcome.CHANGED
    unsure_features = []
    for name in unsure:
        feature = FeatureOutcome(name=name, outcome=Outcome.CANNOT_TELL, reason="few rows", advice="more")
        unsure_features.append(feature)
    # A violated check for each name
    names = [f"feature {index}" for index in range(violations)]
    check = {"check": "data_type_check", "status": CheckStatus.VIOLATED, "observed": 0.5, "threshold": 1.0}
    check_results = [CheckResult(feature=name, **check) for name in names]
    reported_violations = []
    for name in names:
        violation = Violation(feature_name=name, constraint_check_type="data_type_check", description="…")
        reported_violations.append(violation)
    # What a run would be
    context = SimpleNamespace(model=None, data="captures", schedule=None)
    stand_in = SimpleNamespace(
        count=violations,
        violations=Violations(violations=tuple(reported_violations)),
        results=group_into_alarms(check_results, {}),
        headline=lambda: None,
        outcome=outcome,
        unsure=tuple(unsure_features),
        new_roles=None,
        current=SimpleNamespace(ledger=SimpleNamespace(kept=records), context=context),
        hints=tuple(Hint(hint="swapped_columns", features=("a", "b"), description=text) for text in hints),
        published=(PublishedMetric("total_number_of_violations", violations, unit="Count"),),
    )
    stand_in.without_values = stand_in  # it has no values
    stand_in.sendable = stand_in
    return stand_in


@pytest.fixture
def telling(tmp_path):
    """`telling(violations, *flags, hour=22)`: one run that tells, in a folder of hours; others are members of Environment."""

    def run(violations, *flags, hour=22, records=100, hints=(), **outside):
        job_config = config(tmp_path, *flags, hour=hour)
        if isinstance(violations, int):
            job_findings = findings(violations, records, hints)
        else:
            job_findings = violations
        published = publish({"checks.json": str(job_findings.count).encode()}, job_config.output_path)
        notify(job_findings, published, job_config, Environment({}, pause=lambda seconds: None, **outside))

    run.folder = tmp_path
    return run


def statuses(server):
    return [json.loads(body)["alert"]["status"] for _, _, body in server.requests]


def test_a_message_is_sent_when_the_alert_changes_and_not_again(telling):
    with http_server(200) as server:
        for hour, violations in ((10, 0), (11, 3), (12, 4), (13, 0), (14, 0)):
            telling(violations, "--sink", f"webhook:{server.url}", hour=hour)

    assert statuses(server) == ["InAlert", "OK"]


def test_a_window_that_cannot_tell_is_a_state_of_its_own_and_never_ok(telling):
    with http_server(200) as server:
        unsure_by_hour = {10: (), 11: ("sex",), 12: ("sex",), 13: ()}
        for hour, unsure in unsure_by_hour.items():
            unsure_findings = findings(0, unsure=unsure)
            telling(unsure_findings, "--sink", f"webhook:{server.url}", hour=hour)

    assert statuses(server) == ["CannotTell", "OK"]
    _, _, body = server.requests[0]
    report = json.loads(body)
    assert report["status"] == "Completed"
    assert report["outcome"] == "cannot tell"
    assert report["unsure"]["count"] == 1
    assert report["unsure"]["first"] == [{"name": "sex", "reason": "few rows", "advice": "more"}]
    first, second, *_ = read_alerts(config(telling.folder).output_path).windows
    assert first.outcome is Outcome.UNCHANGED
    assert first.unsure is None
    assert second.outcome is Outcome.CANNOT_TELL
    assert second.unsure == ("sex",)


def test_an_alarm_that_goes_on_is_known_since_its_first_window(telling):
    for hour, violations in ((10, 0), (11, 1), (12, 2)):
        alarm_findings = findings(violations)
        since = read_ongoing_violations(config(telling.folder, hour=hour))
        alarm_findings.results = group_into_alarms(alarm_findings.results, since)
        telling(alarm_findings, hour=hour)

    later, earlier = (read_ongoing_violations(config(telling.folder, hour=hour)) for hour in (13, 11))
    assert later == {"feature 0": "2026-01-31T11:00:00Z", "feature 1": "2026-01-31T12:00:00Z"}  # when these began
    assert earlier == {}


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        # A wrong clock, or a mistyped year
        (timedelta(hours=20), ["InAlert", "OK"]),
        # Folders named by the hours of another zone: the other windows are run again, and are older
        (timedelta(hours=9), []),
    ],
)
def test_a_window_in_the_future_silences_no_alert(telling, ahead, expected):
    now = datetime.now(timezone.utc)
    hour = now + ahead
    folder = f"{telling.folder}/{hour:%Y/%m/%d/%H}"
    times = {"output_path": folder, "start_time": None, "end_time": None}
    job_config = config(telling.folder)
    job_config = job_config.model_copy(update=times)
    published = publish({"checks.json": b"0"}, folder)
    notify(findings(0), published, job_config, Environment({}))

    with http_server(200) as server:
        sink = f"--sink=webhook:{server.url}"
        telling(3, sink, hour=11)
        telling(0, sink, hour=12)
        telling(3, sink, hour=10)

    assert statuses(server) == expected


def test_a_report_has_the_hints_and_none_is_sent_for_them_alone(telling):
    with http_server(200) as server:
        telling(0, "--sink", f"webhook:{server.url}", hour=10, hints=["columns look swapped"])
        telling(1, "--sink", f"webhook:{server.url}", hour=11, hints=["columns look swapped"])

    [report] = [json.loads(body) for _, _, body in server.requests]
    assert report["notices"] == [{"kind": "DataHint", "text": "columns look swapped"}]
    assert "; columns look swapped" in report["text"]


def test_a_rerun_of_the_same_window_tells_nothing_new(telling):
    with http_server(200) as server:
        for _ in range(3):
            telling(3, "--sink", f"webhook:{server.url}")

    assert statuses(server) == ["InAlert"]


def test_every_run_is_reported_if_asked_for(telling):
    with http_server(200) as server:
        for hour, violations in ((10, 0), (11, 3), (12, 4)):
            telling(violations, "--sink", f"webhook:{server.url}", "--set=every=yes", hour=hour)

    assert statuses(server) == ["OK", "InAlert", "InAlert"]


def test_two_of_three_windows_are_waited_for(telling):
    with http_server(200) as server:
        flags = ("--sink", f"webhook:{server.url}", "--set", "datapoints_to_alert=2", "--set", "evaluation_period=3")
        for hour, violations in ((10, 5), (11, 0), (12, 1), (13, 0)):
            telling(violations, *flags, hour=hour)

    assert statuses(server) == ["InAlert", "OK"]
    [first, _] = [json.loads(body) for _, _, body in server.requests]
    assert first["window"]["start"] == "2026-01-31T12:00:00Z"
    assert first["alert"]["violated_windows"] == 2


def test_runs_before_the_sink_was_named_count(telling):
    telling(1, hour=10)
    telling(1, hour=11)
    with http_server(200) as server:
        flags = ("--set", "datapoints_to_alert=3", "--set", "evaluation_period=3")
        telling(1, "--sink", f"webhook:{server.url}", *flags, hour=12)

    assert statuses(server) == ["InAlert"]


def test_what_did_not_arrive_is_reported_by_the_next_run(telling, caplog):
    with http_server(404, 200) as server:
        telling(3, "--sink", f"webhook:{server.url}", hour=10)
        assert "the sink webhook was not notified: 127.0.0.1 answered 404" in caplog.text
        telling(3, "--sink", f"webhook:{server.url}", hour=11)
        telling(3, "--sink", f"webhook:{server.url}", hour=12)

    assert statuses(server) == ["InAlert", "InAlert"]


def test_an_alert_that_came_and_went_while_the_sink_failed_is_reported_by_the_run_that_reaches_it(telling):
    with http_server(404, 200) as server:
        for hour, violations in ((10, 3), (11, 0), (12, 0)):
            telling(violations, "--sink", f"webhook:{server.url}", hour=hour)

    assert statuses(server) == ["InAlert", "OK"]
    [notice] = json.loads(server.requests[-1][2])["notices"]
    window = "2026-01-31T10:00:00Z/2026-01-31T11:00:00Z"
    assert notice == {"kind": "Missed", "text": f"not notified in time: InAlert after {window}, 3 violations"}


def test_series_of_numbers_have_a_point_for_every_run(telling):
    path = telling.folder / "churn.prom"
    telling(3, "--sink", f"prometheus:{path}", hour=10)
    first = path.read_text()
    telling(0, "--sink", f"prometheus:{path}", hour=11)

    assert re.search(r'^model_monitor_metric\{.*"total_number_of_violations".*\} 3\.0$', first, re.MULTILINE)
    assert re.search(r'^model_monitor_metric\{.*"total_number_of_violations".*\} 0\.0$', path.read_text(), re.MULTILINE)


class Recorder:
    """Stands for a client of CloudWatch; points: numbers of violations."""

    def __init__(self):
        self.points = []

    def put_metric_data(self, **request):
        sent = {metric["MetricName"]: metric["Value"] for metric in request["MetricData"]}
        self.points.append(sent["total_number_of_violations"])


def test_a_rerun_adds_no_second_point_where_points_add_up(telling):
    recorder = Recorder()
    for hour, violations in ((10, 3), (10, 3), (10, 2), (11, 0), (11, 0)):
        telling(violations, "--sink", "cloudwatch", hour=hour, aws=lambda service, region: recorder)

    assert recorder.points == [3.0, 2.0, 0.0]  # a rerun that found something else is another run


def test_the_report_names_five_violations_and_where_the_files_stay(telling):
    with http_server(200) as server:
        telling(9, "--sink", f"webhook:{server.url}", "--set", "sagemaker_endpoint_name=churn")

    [(_, _, body)] = server.requests
    document = json.loads(body)
    assert document["violations"]["count"] == 9
    assert [violation["feature_name"] for violation in document["violations"]["worst"]] == [
        f"feature {index}" for index in range(5)
    ]
    output = f"{telling.folder}/2026/01/31/22"
    assert document["paths"]["output"] == output
    assert document["paths"]["checks"] == f"{output}/_runs/{document['run_id']}/checks.json"


def notices(server):
    return [[notice["kind"] for notice in json.loads(body)["notices"]] for _, _, body in server.requests]


def test_traffic_that_fell_is_reported_once_and_again_when_it_is_back(telling):
    with http_server(200) as server:
        flags = ("--sink", f"webhook:{server.url}", "--set", "min_traffic=0.5")
        for hour, records in ((10, 100), (11, 90), (12, 110), (13, 49), (14, 48), (15, 95)):
            telling(0, *flags, hour=hour, records=records)

    assert notices(server) == [["TrafficFell"], ["TrafficIsBack"]]
    first = json.loads(server.requests[0][2])
    assert first["text"].endswith("; traffic fell: 49 records where 100 are usual")
    assert first["status"] == "Completed"


def test_traffic_is_not_looked_at_unless_it_is_asked_for(telling):
    with http_server(200) as server:
        for hour, records in ((10, 100), (11, 100), (12, 100), (13, 1)):
            telling(0, "--sink", f"webhook:{server.url}", hour=hour, records=records)

    assert server.requests == []


def test_a_scheduled_time_is_the_window_that_is_reported(tmp_path):
    """C6.2b and C10b: the run of 23:00 looks at the hour before."""
    flags = ("--dataset-source", "x", "--dataset-format", "capture", "--output-path", str(tmp_path))
    job_config = build_config(
        "monitor",
        read_sources(
            (*flags, "--scheduled-time", "2026-01-31T23:10:00Z", "--set", "sagemaker_endpoint_name=churn"), {}
        ),
        in_container=False,
    )
    now = datetime(2026, 2, 1, tzinfo=timezone.utc)
    run = publish({"checks.json": b""}, str(tmp_path))

    assert describe_window(findings(0), run, job_config, now).window == "2026-01-31T22:00:00Z/2026-01-31T23:00:00Z"
    report = make_report(findings(0), run, job_config, now, AlertReport(AlertStatus.OK))
    assert (report.run.start, report.run.end) == (
        datetime(2026, 1, 31, 22, tzinfo=timezone.utc),
        datetime(2026, 1, 31, 23, tzinfo=timezone.utc),
    )
    assert {metric["Timestamp"] for metric in report.metrics} == {"2026-01-31T22:00:00Z"}


def test_a_required_sink_that_fails_fails_the_run_after_all_were_reported(telling):
    with http_server(404) as broken, http_server(200) as healthy:
        flags = ("--sink", f"webhook:{broken.url}", "--sink", f"webhook:{healthy.url}", "--set=sink_required=yes")
        with pytest.raises(SinkFailed, match="answered 404"):
            telling(3, *flags)

    assert statuses(healthy) == ["InAlert"]


def test_a_history_that_cannot_be_kept_fails_the_run_after_sinks_were_reported(telling):
    (telling.folder / "_alerts.json").mkdir()
    with http_server(200) as server, pytest.raises(SinkFailed, match="the history of alerts: "):
        telling(3, "--sink", f"webhook:{server.url}")

    assert statuses(server) == ["InAlert"]


def test_a_history_that_cannot_be_read_now_is_not_written_over(telling, monkeypatch):
    telling(3, hour=10)
    file = telling.folder / "_alerts.json"
    before = file.read_bytes()

    def failing(*words):
        raise BadInput("can't be read (Input/output error)")

    monkeypatch.setattr("spark_model_monitor.running.runtime.publishing.read_alerts", failing)
    with http_server(200) as server, pytest.raises(SinkFailed, match="the history of alerts: "):
        telling(3, "--sink", f"webhook:{server.url}", hour=11)

    assert statuses(server) == ["InAlert"]
    assert file.read_bytes() == before


def test_a_history_that_another_run_holds_is_not_written_over(telling):
    telling(3, hour=10)
    file = telling.folder / "_alerts.json"
    before = file.read_bytes()
    holder = Holder("20260131T000000", "elsewhere", ProcessIdentity("another boot", 1, 0), "2026-01-31T00:00:00Z")
    (telling.folder / f"{PREFIX}{holder.run}").write_bytes(holder.to_json())

    with http_server(200) as server:
        for hour, violations in ((11, 0), (12, 3)):
            with pytest.raises(SinkFailed, match="the history of alerts: .* another run is writing there"):
                telling(violations, "--sink", f"webhook:{server.url}", "--set", "lease_wait=PT0S", hour=hour)

    assert statuses(server) == ["InAlert"]
    assert file.read_bytes() == before


def test_a_rerun_writes_the_same_bytes(telling):
    telling(3)
    first = (telling.folder / "_alerts.json").read_bytes()
    telling(3)

    assert (telling.folder / "_alerts.json").read_bytes() == first


def test_what_sinks_lack_is_reported_before_anything_is_read(tmp_path):
    job_config = config(tmp_path, "--sink", "email:a@example.org,email:b@example.org,webhook:https://a.example")
    with pytest.raises(BadConfiguration) as caught:
        require_sinks(job_config, Environment({}))

    assert str(caught.value).splitlines() == [  # once for both
        "MODEL_MONITOR_SMTP_HOST is not set; write the mail server's name, or NAME:PORT",
        "MODEL_MONITOR_SMTP_FROM is not set; write the address that the mail comes from",
    ]


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        pytest.param(["--sink", "webhook:x"], "--sink names the sink webhook with a target that is no URL", id="sink"),
        pytest.param(
            ["--set", "datapoints_to_alert=0"], "--set datapoints_to_alert is '0'; it has to be a whole number", id="0"
        ),
        pytest.param(["--set", "evaluation_period=101"], "has to be a whole number from 1 to 100", id="101"),
        pytest.param(
            ["--set", "datapoints_to_alert=3", "--set", "evaluation_period=2"],
            "--set evaluation_period is 2, and datapoints_to_alert 3: there could be no alert; write 3 or more",
            id="3 of 2",
        ),
    ],
)
def test_a_wrong_flag_is_reported_with_what_to_write(tmp_path, flags, sentence):
    with pytest.raises(BadConfiguration) as caught:
        config(tmp_path, *flags)

    assert sentence in str(caught.value)


def test_a_repeated_flag_adds_a_sink_and_the_variable_takes_several(tmp_path):
    flags = config(tmp_path, "--sink", "cloudwatch", "--sink=email:a@example.org")
    required = {"dataset_source": "x", "dataset_format": "capture", "output_path": "out"}
    variables = {**required, "MODEL_MONITOR_SINK": "cloudwatch,email:a@example.org"}
    by_variable = build_config("monitor", read_sources((), variables), in_container=False)

    assert flags.sink == by_variable.sink
    assert [destination.name for destination in flags.sink] == ["cloudwatch", "email"]


def test_secrets_are_no_unknown_variables(tmp_path):
    secrets = {"MODEL_MONITOR_WEBHOOK_SECRET": "s", "MODEL_MONITOR_SMTP_PASSWORD": "s", "MODEL_MONITOR_SMTP_HOST": "h"}

    assert read_sources((), secrets).doubtful == ()
