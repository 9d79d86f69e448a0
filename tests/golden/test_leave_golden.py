"""`spark-model-monitor leave` of the golden runs: from exported descriptions, and from an account that is only read."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from pathlib import Path

import boto3
import pytest
from botocore.session import get_session
from botocore.stub import Stubber
from botocore.validate import ParamValidator
from tests.golden.exported_answers import (
    convert_to_model_quality,
    describe_definition,
    describe_endpoint,
    describe_endpoint_config,
    describe_schedule,
    list_executions,
    summarize_schedule,
)
from tests.servers import aws_emulator

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.leaving import leaving_command
from spark_model_monitor.integrations.leaving.leaving_command import LeaveRequest, leave
from spark_model_monitor.storage.s3_storage import _client

PRICES = Path(__file__).resolve().parents[2] / "examples" / "leaving" / "prices.json"


def lay_out(golden, bucket):
    """The cookbook's run, where an account would have it: baseline, an hour of captures, and the service's report on it."""
    case = golden / "dq-cookbook"
    files = {
        "baseline/constraints.json": case / "run/baseline-constraints-used.json",
        "baseline/statistics.json": case / "baseline/statistics.json",
        "captures/ep/AllTraffic/2021/05/24/21/a.jsonl": case / "run/capture.reconstructed.jsonl",
        "reports/ep/hourly/2021/05/24/22/constraint_violations.json": case / "run/constraint_violations.json",
        "reports/ep/hourly/2021/05/24/22/statistics.json": case / "run/statistics.json",
    }
    for name, source in files.items():
        (bucket / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, bucket / name)


def export(folder, **answers):
    folder.mkdir(exist_ok=True)
    for name, answer in answers.items():
        (folder / f"{name}.json").write_text(json.dumps(answer, default=str))
    return str(folder)


@pytest.fixture(name="left")
def make_leave(tmp_path, monkeypatch):
    """`left(source, **options)` is the report's JSON, its page and what was printed."""
    monkeypatch.setenv("MODEL_MONITOR_ENGINE", "local")
    monkeypatch.setattr(leaving_command, "make_aws_client", lambda region: pytest.fail("the account was asked"))

    def write_report(source, **options):
        console = StringIO()
        request = LeaveRequest(source, str(tmp_path / "leaving"), **options)
        leave(request, console)
        folder = tmp_path / "leaving"
        report = json.loads((folder / "leaving.json").read_text())
        return report, (folder / "leaving.html").read_text(), console.getvalue()

    return write_report


def test_exported_descriptions_become_one_report(golden, left, tmp_path, monkeypatch):
    monkeypatch.setenv("MODEL_MONITOR_S3_ROOT", str(tmp_path / "s3"))
    lay_out(golden, tmp_path / "s3" / "bucket")
    source = export(
        tmp_path / "exported",
        schedule=describe_schedule(),
        definition=describe_definition(),
        endpoint=describe_endpoint(),
        config=describe_endpoint_config(),
        executions=list_executions(),
        own=describe_schedule("own", definition="own"),
        own_definition=describe_definition("own", image="000000000000.dkr.ecr.eu-west-1.amazonaws.com/my-monitor:3"),
        listed={"MonitoringScheduleSummaries": []},
        other={"Buckets": []},
    )
    (tmp_path / "exported" / "utils.py").write_text("from sagemaker.processing import Processor\n")

    report, page, printed = left(source, prices=str(PRICES), offered=frozenset({"Processor"}))

    assert printed.endswith("leaving.html has all of it, leaving.json beside it the same for programs\n")
    custom, hourly = report["schedules"]
    # 720 runs a month of 15 minutes on 2 instances, at .23 an hour; a failed run doesn't count
    assert (hourly["runs_a_month"], hourly["hours_a_run"], hourly["instance_hours_a_month"]) == (720, 0.25, 360.0)
    assert hourly["money_a_month"] == pytest.approx(360 * 0.23)
    assert report["instance_hours_a_month"] == {"ml.m5.xlarge": 360.0}
    assert hourly["replay"][0] == "1 of 1 window equal"
    [window] = hourly["windows"]
    assert (window["equal"], window["service"], window["differences"]) == (True, True, [])
    assert set(window["published"]) == {"any column", "more than 5 % of columns", "more than 30 % of columns"}
    assert "an image of your own runs other code than ours" in custom["not_moved"]
    assert custom["entries"] == {}
    assert report["remarks"] == [f"no descriptions, left out: 1 file such as {tmp_path}/exported/other.json"]
    assert "+ from spark_model_monitor.sagemaker import Processor" in report["notebooks"]["utils.py"]
    named = "--monitoring-schedule-name hourly"
    assert [(stop["call"], stop["undo"]) for stop in report["stop"]] == [
        (f"aws sagemaker stop-monitoring-schedule {named}", f"aws sagemaker start-monitoring-schedule {named}"),
        (
            f"aws sagemaker delete-monitoring-schedule {named}",
            "can't be undone: its definition is in the export "
            f"({', '.join(f'{source}/{name}.json' for name in ('schedule', 'definition', 'endpoint'))})",
        ),
    ]
    # What nothing here replaces goes on, and so do the captures that the moved job reads
    assert report["stop_captures"] == {}
    assert [sentence.partition(":")[0] for sentence in report["continuing"]] == [
        "schedule own",
        "endpoint ep captures 50 % to s3",
    ]
    assert report["exit_status"] == 0
    for text in ("1 of 2 schedules can be moved", "stop-monitoring-schedule", "ml.m5.xlarge", "2026-11-27, us-east-1"):
        assert text in page


def test_without_a_report_nothing_is_called_equal_and_captures_of_another_time_are_named(
    golden, left, tmp_path, monkeypatch
):
    monkeypatch.setenv("MODEL_MONITOR_S3_ROOT", str(tmp_path / "s3"))
    bucket = tmp_path / "s3" / "bucket"
    lay_out(golden, bucket)
    shutil.rmtree(bucket / "reports")
    # Captures of the 24th among those of the 26th
    captures = bucket / "captures/ep/AllTraffic/2021/05"
    shutil.copytree(captures / "24/21", captures / "26/05")
    source = export(
        tmp_path / "exported",
        schedule=describe_schedule(),
        definition=describe_definition(),
        endpoint=describe_endpoint(),
    )

    report, page, printed = left(source)

    assert "1 of 1 schedule can be moved; no report of the service to compare with." in printed
    [hourly] = report["schedules"]
    [sentence] = hourly["replay"]
    assert sentence.startswith("no report of the service to compare with (")
    assert sentence.endswith("; --compat service stands for it")
    in_time, of_another_day = hourly["windows"]
    assert in_time["equal"] is of_another_day["equal"] is in_time["failure"] is None
    assert in_time["service"] is True  # as in the service's own report, which is not here
    assert of_another_day["service"] is of_another_day["ours"] is None
    assert of_another_day["failure"].endswith("lie outside the window")
    assert "18 lie outside the window" in page


def test_a_misspelt_member_of_constraints_is_named_once(golden, left, tmp_path, monkeypatch):
    monkeypatch.setenv("MODEL_MONITOR_S3_ROOT", str(tmp_path / "s3"))
    lay_out(golden, tmp_path / "s3" / "bucket")
    path = tmp_path / "s3" / "bucket" / "baseline" / "constraints.json"
    path.write_text(path.read_text().replace('"emit_metrics"', '"emit_metricss"'))
    source = export(
        tmp_path / "exported",
        schedule=describe_schedule(),
        definition=describe_definition(),
        endpoint=describe_endpoint(),
    )

    report, page, _ = left(source)

    sentence = (
        "of constraints.json nothing reads: monitoring_config.emit_metricss is unknown; did you mean emit_metrics?"
    )
    assert report["schedules"][0]["replay"].count(sentence) == 1
    assert "emit_metricss" in page


def test_what_is_written_for_other_programs_is_what_they_take(golden, left, tmp_path, monkeypatch):
    monkeypatch.setenv("MODEL_MONITOR_S3_ROOT", str(tmp_path / "nothing"))
    # The team's own middleware has begun to write
    (tmp_path / "own/ep/AllTraffic").mkdir(parents=True)
    (tmp_path / "own/ep/AllTraffic/a.jsonl").touch()
    source = export(
        tmp_path / "exported",
        schedule=describe_schedule(),
        definition=describe_definition(),
        endpoint=describe_endpoint(),
        config=describe_endpoint_config(),
    )

    report, page, printed = left(source, captures=str(tmp_path / "own"))

    # A replay that failed is told by page, headline and exit status, and nothing is counted
    [hourly] = report["schedules"]
    assert report["exit_status"] == 255
    assert report["alarms"] == {}
    assert f"hourly was not replayed: {hourly['not_replayed']}" in printed
    assert "No window was judged." in page
    assert report["stop"] == []
    assert "Only when your own middleware writes to " in page
    capture_calls = report["stop_captures"][f"{tmp_path}/own/ep"]
    update = "aws sagemaker update-endpoint --endpoint-name ep --endpoint-config-name"
    assert [(call["call"], call["undo"]) for call in capture_calls[1:]] == [
        (f"{update} ep-config-without-capture", f"{update} ep-config")
    ]
    assert hourly["instance_hours_a_month"] is hourly["money_a_month"] is None  # nothing says how long a run takes
    assert "own/ep" in hourly["not_replayed"]
    folder = tmp_path / "leaving"
    assert hourly["entries"]["cron"].startswith("10 * * * * spark-model-monitor run-due --schedule ")
    assert (folder / "schedules" / "hourly_dag.py").is_file()
    requests = {
        ("scheduler", "CreateSchedule"): folder / "schedules" / "hourly.eventbridge.json",
        ("sagemaker", "CreateEndpointConfig"): folder / "ep-config-without-capture.json",
    }
    for (service, operation), path in requests.items():
        shape = get_session().get_service_model(service).operation_model(operation).input_shape
        request = json.loads(path.read_text())
        assert ParamValidator().validate(request, shape).generate_report() == ""
        assert "DataCaptureConfig" not in request


@pytest.mark.parametrize("is_allowed", [False, True])
def test_a_script_of_the_account_runs_here_only_if_a_person_allows_it(golden, left, tmp_path, monkeypatch, is_allowed):
    monkeypatch.setenv("MODEL_MONITOR_S3_ROOT", str(tmp_path / "s3"))
    bucket = tmp_path / "s3" / "bucket"
    lay_out(golden, bucket)
    script = bucket / "keep_all.py"
    script.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef preprocess_handler(record):\n    return record\n")
    definition = describe_definition()
    definition["DataQualityAppSpecification"] |= {"RecordPreprocessorSourceUri": "s3://bucket/keep_all.py"}
    source = export(
        tmp_path / "exported", schedule=describe_schedule(), definition=definition, endpoint=describe_endpoint()
    )

    report, _, _ = left(source, run_scripts=is_allowed)

    assert (tmp_path / "ran").exists() is is_allowed
    not_replayed = report["schedules"][0]["not_replayed"]
    if is_allowed:
        assert not_replayed is None
    else:
        assert not_replayed.startswith(f"its script would run here: its definition has {script}; read ")
        assert report["exit_status"] == 0
        assert not_replayed.endswith("hourly.env, then write --run-scripts")


def test_what_a_definition_sets_of_this_package_takes_no_effect_unless_a_person_allows_it(left, tmp_path, monkeypatch):
    monkeypatch.setenv("MODEL_MONITOR_S3_ROOT", str(tmp_path / "s3"))
    (tmp_path / "s3/bucket/captures/ep/AllTraffic/2021/05/24/21").mkdir(parents=True)
    definition = describe_definition()
    sends = {"MODEL_MONITOR_SINK": "webhook:https://collector.invalid/", "publish_cloudwatch_metrics": "Enabled"}
    definition["DataQualityAppSpecification"] |= {"Environment": sends}
    source = export(
        tmp_path / "exported", schedule=describe_schedule(), definition=definition, endpoint=describe_endpoint()
    )

    report, _, _ = left(source)

    not_replayed = report["schedules"][0]["not_replayed"]
    assert not_replayed.startswith("its script would run here: its definition has MODEL_MONITOR_SINK; read ")


@pytest.fixture(name="account")
def serve_account(golden, tmp_path, monkeypatch):
    """A client for an account whose bucket is moto's and whose schedules are a stub's; any other call is an error."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    lay_out(golden, tmp_path / "bucket")
    with aws_emulator() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        _client.cache_clear()
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="bucket")
        for path in (tmp_path / "bucket").rglob("*.json*"):
            s3.upload_file(str(path), "bucket", str(path.relative_to(tmp_path / "bucket")))
        client = boto3.client("sagemaker")
        with Stubber(client) as stubber:
            named = {"MonitoringScheduleName": "hourly"}
            first = {"MonitoringScheduleSummaries": [summarize_schedule("hourly")], "NextToken": "more"}
            stubber.add_response("list_monitoring_schedules", first, {})
            stubber.add_response("describe_monitoring_schedule", describe_schedule(), named)
            described = {"JobDefinitionName": "definition"}
            stubber.add_response("describe_data_quality_job_definition", describe_definition(), described)
            stubber.add_response("describe_endpoint", describe_endpoint(), {"EndpointName": "ep"})
            stubber.add_response("list_monitoring_executions", list_executions(), named)
            stubber.add_response(
                "list_monitoring_schedules", {"MonitoringScheduleSummaries": []}, {"NextToken": "more"}
            )
            stubber.add_response(
                "describe_endpoint_config", describe_endpoint_config(), {"EndpointConfigName": "ep-config"}
            )
            yield client
            stubber.assert_no_pending_responses()
    _client.cache_clear()


def test_an_account_is_read_and_nothing_in_it_is_changed(account, left, tmp_path, monkeypatch):
    monkeypatch.setattr(leaving_command, "make_aws_client", lambda region: account)
    s3 = boto3.client("s3")
    before = [stored["Key"] for stored in s3.list_objects_v2(Bucket="bucket")["Contents"]]

    report, _, _ = left("account")

    [hourly] = report["schedules"]
    assert (hourly["not_replayed"], hourly["not_moved"]) == (None, None)
    assert hourly["replay"][0] == "1 of 1 window equal"
    assert report["windows"]["equal"] == report["windows"]["compared"] == 1
    assert [stored["Key"] for stored in s3.list_objects_v2(Bucket="bucket")["Contents"]] == before
    assert (tmp_path / "leaving/s3/bucket/captures/ep/AllTraffic/2021/05/24/21/a.jsonl").is_file()


@pytest.mark.parametrize(
    ("source", "reason"),
    [("nowhere", "nowhere is no folder; name one with the JSON"), (".", "there is no schedule among the descriptions")],
)
def test_a_source_without_schedules_is_refused(left, tmp_path, monkeypatch, source, reason):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadConfiguration, match=reason):
        left(source)


def test_a_schedule_of_model_quality_is_replayed_on_its_merged_labels(golden, jobs_here, left, tmp_path, monkeypatch):
    """The golden run of churn, in which the service found recall, precision and accuracy below the baseline."""
    monkeypatch.setenv("MODEL_MONITOR_S3_ROOT", str(tmp_path / "s3"))
    # A baseline of the case's own input
    case = golden / "mq-churn-binary"
    bucket = tmp_path / "s3" / "bucket"
    flags = ("--analysis-type", "MODEL_QUALITY", "--problem-type", "BinaryClassification", "--dataset-format", "csv")
    columns = ("--inference-attribute", "prediction", "--probability-attribute", "probability")
    assert (
        jobs_here(
            *("baseline", *flags, *columns, "--ground-truth-attribute", "label"),
            *("--dataset-source", case / "input.csv", "--output-path", bucket / "baseline"),
        ).status
        == 0
    )
    # Its captures and labels where a schedule looks for them
    for name, file in (("captures/ep/AllTraffic", "capture"), ("labels", "ground-truth")):
        folder = bucket / name / "2022/04/18/00"
        folder.mkdir(parents=True)
        shutil.copy(case / "run1-goldmermaid" / f"{file}.reconstructed.jsonl", folder / "a.jsonl")
    described = describe_schedule()
    described["MonitoringType"] = described["MonitoringScheduleConfig"]["MonitoringType"] = "ModelQuality"
    source = export(
        tmp_path / "exported",
        schedule=described,
        definition=convert_to_model_quality(describe_definition()),
        endpoint=describe_endpoint(),
    )

    report, _, _ = left(source)

    [hourly] = report["schedules"]
    assert hourly["not_replayed"] is None
    [window] = hourly["windows"]
    assert (window["service"], window["equal"], window["published"]) == (True, None, {})
