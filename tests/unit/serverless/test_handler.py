"""The handler of function services: which schedules an event concerns, what runs, and what the service hears of it."""

import base64
import json
from random import Random
from types import SimpleNamespace

import pandas as pd
import pytest
from tests.unit.records.captured_lines import format_capture
from tests.unit.scheduling.conftest import Schedule, make_time

from spark_model_monitor import DataQualityMonitor, run_baseline
from spark_model_monitor.errors import BadConfiguration, BadInput, OutputHeld
from spark_model_monitor.running.scheduling.record import schedule_lock
from spark_model_monitor.serverless import RunFailed, handle, handler, run_without_spark
from spark_model_monitor.serverless.triggers import Trigger, read_trigger

HOUR_7 = make_time(4, 22, 7)
TIMER = {"source": "aws.events", "detail-type": "Scheduled Event", "time": "2024-03-04T22:07:00Z", "detail": {}}
"""As in EventBridge's guide, "Events from scheduled rules", without what names an account."""


def notification(*keys, bucket="data"):
    """As in S3's guide, "Event message structure": keys are encoded as in an address."""
    descriptions = [{"bucket": {"name": bucket}, "object": {"key": key, "size": 9}} for key in keys]
    return {"Records": [{"eventSource": "aws:s3", "s3": description} for description in descriptions]}


def by_event_bridge(key, bucket="data"):
    """As in S3's guide, "EventBridge event message structure"."""
    detail = {"version": "0", "bucket": {"name": bucket}, "object": {"key": key, "size": 9}, "reason": "PutObject"}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}


@pytest.fixture
def fleet(tmp_path):
    """Two schedules that read captures of one bucket; `fleet(event)` calls the handler."""
    file = tmp_path / "two.fleet.json"
    defaults = {"cron": "0 * * * *", "variables": {"dataset_format": "capture", "output_path": "out/{name}"}}
    schedules = [
        {"name": name, "variables": {"dataset_source": f"s3://data/captures/{name}"}} for name in ("churn", "churn-eu")
    ]
    file.write_text(json.dumps({"defaults": defaults, "entries": schedules}))
    jobs = Schedule(tmp_path).jobs

    def call(event, now=HOUR_7, context=None):
        return handle(event, file, tmp_path / "state", context, launch=jobs, now=lambda: now)

    call.jobs = jobs
    call.folder = tmp_path
    return call


def names(answer):
    return [run["schedule"] for run in answer["runs"]]


@pytest.fixture(autouse=True)
def folder_for_s3(monkeypatch, tmp_path):
    """A folder stands in for S3, in which no captures are yet."""
    monkeypatch.setenv("MODEL_MONITOR_S3_ROOT", str(tmp_path / "s3"))


def test_a_timer_runs_what_is_due_of_every_schedule(fleet):
    answer = fleet(TIMER)

    assert names(answer) == ["churn", "churn-eu"]
    assert answer["runs"][0] == {
        "schedule": "churn",
        "scheduled_time": "2024-03-04T22:00:00Z",
        "status": "Completed",
        "exit_message": "Completed: Job completed successfully with no violations.",
        "output_path": "out/churn/2024/03/04/22",
    }
    json.dumps(answer)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param({"schedule": "churn-eu"}, ["churn-eu"], id="a name"),
        pytest.param(notification("captures/churn/AllTraffic/2024/03/04/22/a.jsonl"), ["churn"], id="S3"),
        pytest.param(notification("captures/churn%2Deu/x+y.jsonl"), ["churn-eu"], id="S3 encodes keys"),
        pytest.param(by_event_bridge("captures/churn/a.jsonl"), ["churn"], id="S3 by EventBridge"),
        pytest.param(by_event_bridge("captures/other/a.jsonl"), [], id="nobody's object"),
        pytest.param(by_event_bridge("captures/churn/a.jsonl", bucket="other"), [], id="another bucket"),
        pytest.param(notification("captures/churn/a", "captures/churn-eu/b"), ["churn", "churn-eu"], id="two objects"),
        pytest.param({}, ["churn", "churn-eu"], id="another service's timer"),
    ],
)
def test_an_event_concerns_the_schedules_that_it_names_or_whose_data_came(fleet, event, expected):
    assert names(fleet(event)) == expected


@pytest.mark.parametrize("event", [TIMER, notification("captures/churn/a.jsonl"), {"schedule": "churn"}])
def test_an_event_that_comes_twice_runs_once(fleet, event):
    fleet(event)
    runs = len(fleet.jobs.times)

    assert fleet(event) == {"runs": []}
    assert fleet(event, now=make_time(4, 22, 59)) == {"runs": []}
    assert len(fleet.jobs.times) == runs


def test_a_lost_event_is_made_up_for_by_the_next(fleet):
    fleet({"schedule": "churn"}, now=make_time(4, 20, 5))
    answer = fleet({"schedule": "churn"}, now=make_time(4, 22, 5))

    assert [run["scheduled_time"][11:13] for run in answer["runs"]] == ["21", "22"]


def test_no_window_begins_without_time_for_it(fleet):
    """5 ms are fewer than twice what any window takes, which writes its record several times."""
    fleet({"schedule": "churn"}, now=make_time(4, 18, 5))
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 1)
    answer = fleet({"schedule": "churn"}, now=make_time(4, 22, 5), context=context)

    assert [run["scheduled_time"][11:13] for run in answer["runs"]] == ["19"]
    next_answer = fleet({"schedule": "churn"}, now=make_time(4, 22, 5))
    assert [run["scheduled_time"][11:13] for run in next_answer["runs"]] == ["20", "21", "22"]


def test_a_failed_run_is_an_error_of_the_function_after_all_others(fleet):
    fleet(TIMER, now=make_time(4, 21, 5))
    fleet.jobs.statuses[:] = [255, 0]
    fleet.jobs.message = "Error: no such bucket"
    with pytest.raises(RunFailed, match="churn: Error: no such bucket"):
        fleet(TIMER)

    assert len(fleet.jobs.times) == 4
    assert fleet(TIMER) == {"runs": []}


def test_a_schedule_that_another_call_works_on_is_left_for_the_service_to_try_again(fleet):
    is_refused = pytest.raises(OutputHeld, match="churn: another call is working on it")
    with schedule_lock(fleet.folder / "state", "churn"), is_refused:
        fleet(TIMER)
    assert len(fleet.jobs.times) == 1  # of the other schedule
    assert names(fleet(TIMER)) == ["churn"]


def test_an_unknown_schedule_is_reported_with_the_nearest(fleet):
    with pytest.raises(BadConfiguration, match="'chrun', which is none of the fleet; did you mean 'churn'"):
        fleet({"schedule": "chrun"})


def put_into_queue(*messages):
    return {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(message)} for message in messages]}


def publish(message):
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(message)}}]}


def relay(message):
    """A notification of SNS, as a queue has it."""
    return put_into_queue({"Type": "Notification", "Message": json.dumps(message)})


def encode_message(message):
    return base64.b64encode(json.dumps(message).encode()).decode()


def put_into_stream(message):
    """As in Lambda's guide, "Using AWS Lambda with Amazon Kinesis"."""
    data = encode_message(message)
    return {"Records": [{"eventSource": "aws:kinesis", "kinesis": {"partitionKey": "1", "data": data}}]}


def push(message):
    """As in Pub/Sub's guide, "Push subscriptions"."""
    return {
        "message": {"data": encode_message(message), "messageId": "1"},
        "subscription": "projects/p/subscriptions/s",
    }


def test_messages_of_queues_have_the_events_of_others():
    event = notification("captures/churn/a.jsonl")
    trigger = read_trigger(event)
    # Of SQS, of SNS, of SNS by way of SQS, of Kinesis and of Pub/Sub
    assert read_trigger(put_into_queue(event)) == trigger
    assert read_trigger(publish(event)) == trigger
    assert read_trigger(relay(event)) == trigger
    assert read_trigger(put_into_stream(event)) == trigger
    assert read_trigger(push({"schedule": "churn"})).schedule == "churn"

    # Several messages at once, and a name in one
    several = read_trigger(put_into_queue(event, event))
    assert several.objects == 2 * trigger.objects
    assert read_trigger(relay({"schedule": "churn"})).schedule == "churn"


def test_the_test_event_of_a_new_queue_is_no_timer():
    event = {"Event": "s3:TestEvent"}
    event["Bucket"] = "b"
    assert read_trigger(put_into_queue(event)).objects == ("s3://b/",)


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ("22:00", "the event is a str; write an S3 event"),
        ({"schedule": 7}, "the event's schedule is a int"),
        ({"Records": 7}, "the event's Records is a int"),
        ({"Records": [7]}, "no bucket.name and object.key"),
        ({"Records": [{"eventSource": "aws:sqs", "body": "x"}]}, "a message of the event is no JSON"),
        ({"message": {"data": "%"}}, "a message of the event is no JSON"),
        ({"message": {"data": None}}, "a message of the event is no JSON"),
        ({"Type": "Notification"}, "a message of the event is no JSON"),
        (put_into_queue({"schedule": "a"}, {"schedule": "b"}), "several schedules; give the queue a batch size of 1"),
        ({"source": "aws.s3", "detail": {}}, "no bucket.name and object.key"),
        ({"source": "aws.s3"}, "no bucket.name and object.key"),
        ({"source": "aws.s3", "detail": {"bucket": {"name": 7}, "object": {"key": "a"}}}, "no bucket.name"),
    ],
)
def test_an_event_that_is_none_is_reported(event, sentence):
    with pytest.raises(BadInput, match=sentence):
        read_trigger(event)


def test_a_timer_concerns_no_object():
    assert read_trigger(TIMER) == Trigger()


def test_the_function_says_which_variables_it_lacks(monkeypatch):
    monkeypatch.setenv("MODEL_MONITOR_FLEET", "fleet.yaml")
    monkeypatch.delenv("MODEL_MONITOR_STATE", raising=False)
    with pytest.raises(BadConfiguration, match="variable MODEL_MONITOR_STATE is missing"):
        handler(TIMER)


TIME = "2024-03-04T21:10:00Z"


def test_a_window_is_monitored_in_this_very_process(schedule):
    """Ages of 200 and more where the baseline has 20 to 69 are a violation; the process is left as it was."""
    # A baseline, and captures of the hour before this one
    ages = Random(1).choices(range(20, 70), k=500)
    frame = pd.DataFrame({"score": [0.5] * 300, "age": ages[:300]})
    baseline = run_baseline(frame, DataQualityMonitor())
    baseline.write(str(schedule.folder / "baseline"))
    hour = schedule.folder / "captures" / "churn" / "AllTraffic" / "2024" / "03" / "04" / "21"
    hour.mkdir(parents=True)
    lines = [format_capture(str(200 + age), "0.5", str(row), TIME) for row, age in enumerate(ages[300:])]
    (hour / "a.jsonl").write_text("".join(lines))
    schedule.env_file(
        "churn.env",
        dataset_source="captures",
        dataset_format="capture",
        output_path=str(schedule.folder / "reports"),
        MODEL_MONITOR_BASELINE="baseline",
    )
    answer = handle({}, schedule.file, schedule.folder / "state", now=lambda: HOUR_7)

    [run] = answer["runs"]
    assert run["status"] == "CompletedWithViolations"
    assert run["exit_message"].startswith("CompletedWithViolations: ")
    report_file = schedule.folder / "reports/2024/03/04/22/constraint_violations.json"
    violations = json.loads(report_file.read_text())["violations"]
    assert {violation["feature_name"] for violation in violations} == {"age"}
    # The second call finds the run in the record
    assert handle({}, schedule.file, schedule.folder / "state", now=lambda: HOUR_7) == {"runs": []}


def test_options_of_spark_are_refused(schedule):
    schedule.write(spark_options=["--master", "yarn"])
    command = schedule.plan.command(schedule.plan.entry.jobs[0], make_time(4, 22))
    with pytest.raises(BadConfiguration, match="spark_options has --master; a function has no Spark"):
        run_without_spark(command, lambda **members: None)
