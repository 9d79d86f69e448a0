"""Schedules of the SDK's monitor: what is kept, in the API's own shapes, and what is refused. No job is started."""

import json
import logging
import threading

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from spark_model_monitor.documents.schedule import ExecutionStatus
from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.integrations.imports.descriptions import read_definition
from spark_model_monitor.integrations.imports.jobs import build_jobs
from spark_model_monitor.running.scheduling.due_runs import find_due_runs
from spark_model_monitor.running.scheduling.record import Record, schedule_lock
from spark_model_monitor.running.scheduling.schedules import Recurrence
from spark_model_monitor.sagemaker import (
    BatchTransformInput,
    CronExpressionGenerator,
    DataCaptureConfig,
    DataQualityDistributionConstraints,
    DataQualityMonitoringConfig,
    DefaultModelMonitor,
    EndpointInput,
    ModelBiasMonitor,
    ModelQualityMonitor,
    MonitoringDatasetFormat,
    local_jobs,
)
from spark_model_monitor.sagemaker.executions import build_plan
from spark_model_monitor.sagemaker.local_jobs import EXECUTIONS, SCHEDULES

BASELINE = {"constraints": "s3://bucket/constraints.json", "statistics": "s3://bucket/statistics.json"}
ROLE = "arn:aws:iam::000000000000:role/monitoring"
MODEL = get_session().get_service_model("sagemaker")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MODEL_MONITOR_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MODEL_MONITOR_S3_ROOT", raising=False)
    return tmp_path / "home"


def read_schedule(home, name):
    return json.loads((home / "schedules" / f"{name}.json").read_text())


def variables(home, name):
    """What the monitoring job of a schedule is told."""
    record = read_schedule(home, name)
    [job] = build_jobs(read_definition(record["Definition"]), name, record["CapturePrefix"])
    return job.variables


def faults(operation, content):
    shape = MODEL.operation_model(operation).output_shape
    return ParamValidator().validate(content, shape).generate_report()


def test_a_schedule_is_described_as_the_api_describes_it(home):
    monitor = DefaultModelMonitor(role=ROLE, env={"MODEL_MONITOR_COMPAT": "service"})
    monitor.create_monitoring_schedule(
        endpoint_input="churn",
        monitor_schedule_name="hourly",
        schedule_cron_expression=CronExpressionGenerator.hourly(),
        **BASELINE,
    )

    described = monitor.describe_schedule()
    assert faults("DescribeMonitoringSchedule", described) == ""
    assert faults("DescribeDataQualityJobDefinition", read_schedule(home, "hourly")["Definition"]) == ""
    assert described["MonitoringScheduleStatus"] == "Scheduled"
    assert described["MonitoringScheduleConfig"]["ScheduleConfig"] == {"ScheduleExpression": "cron(0 * ? * * *)"}


def test_what_the_monitor_is_given_reaches_the_job(home, tmp_path, monkeypatch):
    monkeypatch.setenv("sagemaker_endpoint_datacapture_prefix", "s3://bucket/captures")
    monitor = DefaultModelMonitor(env={"MODEL_MONITOR_COMPAT": "service"})
    monitor.create_monitoring_schedule(
        endpoint_input=EndpointInput("churn", "/opt/ml/processing/input", exclude_features_attribute="id"),
        record_preprocessor_script=str(tmp_path / "pre.py"),
        output_s3_uri="s3://bucket/reports",
        monitor_schedule_name="hourly",
        enable_cloudwatch_metrics=False,
        **BASELINE,
    )

    assert variables(home, "hourly") == {
        "analysis_type": "DATA_QUALITY",
        "dataset_source": "s3://bucket/captures/churn",
        "dataset_format": '{"sagemakerCaptureJson": {}}',
        "output_path": "s3://bucket/reports/churn/hourly",  # C1.5
        "baseline_constraints": "s3://bucket/constraints.json",
        "baseline_statistics": "s3://bucket/statistics.json",
        "record_preprocessor_script": str(tmp_path / "pre.py"),
        "sagemaker_endpoint_name": "churn",
        "sagemaker_monitoring_schedule_name": "hourly",
        "exclude_features_attribute": "id",
        "publish_cloudwatch_metrics": "Disabled",
        "MODEL_MONITOR_COMPAT": "service",
    }


def test_without_a_word_on_captures_they_lie_where_the_sdk_puts_them(home):
    DefaultModelMonitor().create_monitoring_schedule("churn", monitor_schedule_name="hourly", **BASELINE)

    assert variables(home, "hourly")["dataset_source"] == f"{home}/model-monitor/data-capture/churn"
    assert DataCaptureConfig(enable_capture=True).destination_s3_uri == f"{home}/model-monitor/data-capture"


@pytest.mark.parametrize(
    "endpoint_template", ["{tmp}/captures/churn", "{tmp}/captures/churn/", "s3://bucket/captures/churn"]
)
def test_an_endpoint_may_be_a_path_of_its_captures(home, tmp_path, endpoint_template):
    endpoint = endpoint_template.format(tmp=tmp_path)
    DefaultModelMonitor().create_monitoring_schedule(endpoint, monitor_schedule_name="hourly", **BASELINE)

    job_variables = variables(home, "hourly")
    assert job_variables["dataset_source"] == endpoint.rstrip("/")
    assert job_variables["sagemaker_endpoint_name"] == "churn"


def test_a_batch_transform_is_a_source_as_well(home):
    source = BatchTransformInput("s3://bucket/transforms", "/opt/ml/processing/input", MonitoringDatasetFormat.csv())
    DefaultModelMonitor().create_monitoring_schedule(
        batch_transform_input=source, monitor_schedule_name="daily", **BASELINE
    )

    assert variables(home, "daily")["dataset_source"] == "s3://bucket/transforms/output"
    assert faults("DescribeDataQualityJobDefinition", read_schedule(home, "daily")["Definition"]) == ""


def test_an_update_changes_what_it_is_given_and_nothing_else(home):
    monitor = DefaultModelMonitor(env={"TEAM": "churn"})
    monitor.create_monitoring_schedule("churn", monitor_schedule_name="hourly", **BASELINE)
    before = variables(home, "hourly")

    monitor.update_monitoring_schedule(
        constraints="s3://bucket/tuned.json",
        schedule_cron_expression=CronExpressionGenerator.daily(5),
        instance_type="ml.m5.large",
    )

    assert variables(home, "hourly") == {**before, "baseline_constraints": "s3://bucket/tuned.json"}
    expression = monitor.describe_schedule()["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"]
    assert Recurrence.of(expression) == Recurrence(5, 24)


def test_a_schedule_is_attached_to_by_its_name_and_forgotten_when_it_is_deleted(home):
    monitor = DefaultModelMonitor(role="role", env={"TEAM": "churn"})
    monitor.create_monitoring_schedule("churn", monitor_schedule_name="hourly", **BASELINE)

    attached = DefaultModelMonitor.attach("hourly")
    assert (attached.role, attached.env) == ("role", {"TEAM": "churn"})
    attached.stop_monitoring_schedule()
    assert monitor.describe_schedule()["MonitoringScheduleStatus"] == "Stopped"
    assert monitor.list_executions() == []  # nothing is due of a stopped schedule
    attached.delete_monitoring_schedule()
    with pytest.raises(BadInput, match="none called 'hourly' among the schedules .* there are: none"):
        DefaultModelMonitor.attach("hourly")


def test_names_have_no_case_and_a_baseline_may_be_absent(home):
    monitor = DefaultModelMonitor()
    monitor.create_monitoring_schedule("churn", monitor_schedule_name="Hourly")

    attached = DefaultModelMonitor.attach("hourly")

    assert attached.describe_schedule()["MonitoringScheduleName"] == "Hourly"
    assert read_schedule(home, "Hourly")["Definition"]["DataQualityBaselineConfig"] == {}
    with pytest.raises(BadConfiguration, match="there is a schedule 'HOURLY' already"):
        DefaultModelMonitor().create_monitoring_schedule("churn", monitor_schedule_name="HOURLY")


@pytest.mark.parametrize(
    ("monitor", "argument"),
    [(DefaultModelMonitor, "problem_type"), (ModelBiasMonitor, "problem_type"), (ModelQualityMonitor, "statistics")],
)
def test_an_argument_of_another_monitor_is_refused_as_python_refuses_it(home, monitor, argument):
    for method in (monitor().create_monitoring_schedule, monitor().update_monitoring_schedule):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{argument}'"):
            method("churn", **{argument: "x"})
    assert not (home / "schedules").exists()


def test_a_monitor_of_ones_own_keeps_its_own_method(home):
    class Team(DefaultModelMonitor):
        def create_monitoring_schedule(self, endpoint):
            super().create_monitoring_schedule(endpoint, monitor_schedule_name=f"team-{endpoint}", **BASELINE)

    Team().create_monitoring_schedule("churn")

    assert (
        read_schedule(home, "team-churn")["Definition"]["DataQualityJobInput"]["EndpointInput"]["EndpointName"]
        == "churn"
    )


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        pytest.param({}, ValueError, "either batch_transform_input or endpoint_input", id="no input"),
        pytest.param(
            {"endpoint_input": "churn", "schedule_cron_expression": "NOW"},
            ValueError,
            "data_analysis_start_time and data_analysis_end_time are required",
            id="once, without a window",
        ),
        pytest.param(
            {"endpoint_input": "churn", "schedule_cron_expression": "* * * * *"},
            BadConfiguration,
            r"the schedule expression is '\* \* \* \* \*'; the service has",
            id="an expression that the service does not have",
        ),
        pytest.param(
            {"endpoint_input": "churn", "monitor_schedule_name": "../../churn"},
            BadConfiguration,
            r"^'\.\./\.\./churn' is no name among the schedules; write letters",
            id="a name that would be a file elsewhere",
        ),
    ],
)
def test_what_the_sdk_refuses_is_refused_and_leaves_no_schedule(home, options, error, sentence):
    monitor = DefaultModelMonitor()

    with pytest.raises(error, match=sentence):
        monitor.create_monitoring_schedule(**{**BASELINE, **options})
    assert monitor.monitoring_schedule_name is None
    assert not (home / "schedules").exists()


def test_a_schedule_of_one_run_is_due_once():
    monitor = DefaultModelMonitor()
    window = {"data_analysis_start_time": "-PT2H", "data_analysis_end_time": "-PT0H"}
    monitor.create_monitoring_schedule("churn", schedule_cron_expression="NOW", **window, **BASELINE)
    folder = EXECUTIONS.find_path("any").parent
    name = monitor.monitoring_schedule_name
    plan = build_plan(SCHEDULES.read(name))
    record = Record.read(folder, name)

    [time] = find_due_runs(plan, record.executions, local_jobs.now()).times
    record.put(record.begin(time, plan.window(time)), status=ExecutionStatus.FAILED)

    assert find_due_runs(plan, record.executions, local_jobs.now()).times == ()


def test_one_monitor_has_one_schedule_and_a_name_is_taken_once():
    monitor = DefaultModelMonitor()
    monitor.create_monitoring_schedule("churn", monitor_schedule_name="hourly", **BASELINE)

    with pytest.raises(ValueError, match="already used to create"):
        monitor.create_monitoring_schedule("churn", **BASELINE)
    with pytest.raises(BadConfiguration, match="there is a schedule 'hourly' already"):
        DefaultModelMonitor().create_monitoring_schedule("churn", monitor_schedule_name="hourly", **BASELINE)


def test_the_key_of_outputs_encrypts_what_jobs_write_to_s3():
    key = {"MODEL_MONITOR_S3_ENCRYPTION": "SSE-KMS", "MODEL_MONITOR_S3_KMS_KEY": "arn:aws:kms:eu-west-1:1:key/2"}
    monitor = DefaultModelMonitor(output_kms_key="arn:aws:kms:eu-west-1:1:key/2", env={"a": "b"})
    monitor.create_monitoring_schedule("churn", monitor_schedule_name="hourly", **BASELINE)

    assert monitor.env == {"a": "b", **key}
    assert DefaultModelMonitor.attach("hourly").env == monitor.env
    chosen = {"MODEL_MONITOR_S3_ENCRYPTION": "SSE-S3"}
    assert DefaultModelMonitor(output_kms_key="2", env=chosen).env == chosen


def test_what_only_a_managed_service_needs_is_logged_as_without_effect(caplog):
    with caplog.at_level(logging.INFO, "spark_model_monitor"):
        DefaultModelMonitor(role="role", instance_count=2, instance_type="ml.m5.xlarge", volume_size_in_gb=20)

    assert "without effect on jobs of ours: role='role', instance_count=2, instance_type='ml.m5.xlarge'" in caplog.text


def test_a_configuration_that_is_not_valid_is_refused_before_a_job_is_started():
    config = DataQualityMonitoringConfig(DataQualityDistributionConstraints("KolmogorovSmirnov"))

    with pytest.raises(RuntimeError, match="Invalid value for monitoring_config_override"):
        DefaultModelMonitor().suggest_baseline("data.csv", {"csv": {}}, monitoring_config_override=config)


@pytest.mark.parametrize("method", [None, "LInfinity", "ChiSquared", "psi"])
def test_a_drift_method_of_the_service_or_of_ours_is_valid(method):
    config = DataQualityMonitoringConfig(DataQualityDistributionConstraints(method))

    assert DataQualityMonitoringConfig.valid_monitoring_config(config)


def test_run_baseline_is_for_other_monitors_as_in_the_sdk():
    with pytest.raises(NotImplementedError, match="Please use suggest_baseline"):
        DefaultModelMonitor().run_baseline()


@pytest.mark.parametrize(
    "method", ["describe_schedule", "list_executions", "stop_monitoring_schedule", "delete_monitoring_schedule"]
)
def test_without_a_schedule_the_sentence_says_how_to_get_one(method):
    with pytest.raises(BadConfiguration, match="create one by create_monitoring_schedule, or attach to one"):
        getattr(DefaultModelMonitor(), method)()


@pytest.mark.parametrize("method", ["baseline_statistics", "suggested_constraints", "describe_latest_baselining_job"])
def test_without_a_baseline_the_sentence_says_how_to_get_one(method):
    with pytest.raises(BadConfiguration, match="start one by suggest_baseline"):
        getattr(DefaultModelMonitor(), method)()


def test_an_alert_has_the_schedules_name_and_a_rule_that_reaches_the_jobs(home):
    monitor = DefaultModelMonitor()
    assert monitor.list_monitoring_alerts() == ([], None)
    monitor.create_monitoring_schedule("churn", monitor_schedule_name="hourly", **BASELINE)

    monitor.update_monitoring_alert("hourly", data_points_to_alert=2, evaluation_period=3)

    job_variables = variables(home, "hourly")
    assert (job_variables["MODEL_MONITOR_DATAPOINTS_TO_ALERT"], job_variables["MODEL_MONITOR_EVALUATION_PERIOD"]) == (
        "2",
        "3",
    )
    [alert], _ = monitor.list_monitoring_alerts()
    assert (alert.alert_name, alert.alert_status) == ("hourly", "OK")
    assert (alert.data_points_to_alert, alert.evaluation_period) == (2, 3)
    with pytest.raises(BadConfiguration, match="there is no alert 'other'; it is called 'hourly'"):
        monitor.update_monitoring_alert("other", 1, 1)
    with pytest.raises(ValueError, match="Got no alert property to update"):
        monitor.update_monitoring_alert("hourly", None, None)


def test_the_history_of_an_alert_is_that_of_the_jobs_beside_their_runs(home):
    monitor = DefaultModelMonitor()
    monitor.create_monitoring_schedule("churn", monitor_schedule_name="hourly", **BASELINE)
    runs = home / "model-monitor/monitoring/hourly/results/churn/hourly"
    transitions = [
        {"time": f"2024-03-04T{hour}:00:00Z", "window": str(hour), "status": status}
        for hour, status in ((10, "InAlert"), (12, "OK"), (15, "InAlert"))
    ]
    runs.mkdir(parents=True)
    (runs / "_alerts.json").write_text(
        json.dumps(
            {"version": 0.0, "status": "InAlert", "windows": [], "transitions": transitions, "notifications": []}
        )
    )

    history, _ = monitor.list_monitoring_alert_history()
    assert [(alert_change.creation_time.hour, alert_change.alert_status) for alert_change in history] == [
        (15, "InAlert"),
        (12, "OK"),
        (10, "InAlert"),
    ]
    later, _ = monitor.list_monitoring_alert_history(
        sort_order="Ascending", status_equals="InAlert", creation_time_after="2024-03-04T11:00:00Z"
    )
    assert [alert_change.creation_time.hour for alert_change in later] == [15]
    assert monitor.list_monitoring_alerts()[0][0].alert_status == "InAlert"


def test_what_another_process_is_running_is_not_run_again(home):
    """A lock of another thread stands for one of another process."""
    monitor = DefaultModelMonitor()
    monitor.create_monitoring_schedule("churn", monitor_schedule_name="hourly", **BASELINE)
    began = threading.Event()
    is_requested = threading.Event()

    def running():
        with schedule_lock(home / "executions", "hourly") as is_valid_name:
            assert is_valid_name
            began.set()
            is_requested.wait()

    other_process = threading.Thread(target=running)
    other_process.start()
    began.wait()
    try:
        assert monitor.list_executions() == []
    finally:
        is_requested.set()
        other_process.join()
    assert list((home / "jobs").glob("*")) == []
