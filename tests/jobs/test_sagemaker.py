"""The SDK's monitors start our jobs: what a notebook sees of one that completes, one that fails, and one that is stopped."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator
from tests.clocks import StoppedClock
from tests.jobs.test_signals import NEVER_BACK
from tests.waiting import wait_for

from spark_model_monitor.errors import BadInput
from spark_model_monitor.integrations.demo.traffic import FAULT, Traffic, write_data_set
from spark_model_monitor.machine import use_machine
from spark_model_monitor.reports.history.decisions import read_decisions
from spark_model_monitor.sagemaker import (
    BiasConfig,
    CronExpressionGenerator,
    DataConfig,
    DatasetFormat,
    DefaultModelMonitor,
    EndpointInput,
    JobFailed,
    ModelBiasMonitor,
    ModelConfig,
    ModelQualityMonitor,
    MonitoringExecution,
    PDPConfig,
    SageMakerClarifyProcessor,
    SHAPConfig,
)
from spark_model_monitor.sagemaker.monitoring_files import locate

pytestmark = pytest.mark.nightly

MODEL = get_session().get_service_model("sagemaker")
CSV = DatasetFormat.csv(header=True)
HOUR = datetime(2026, 3, 4, 20, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The example, with traffic of HOUR and the hour before, all of it with the fault, at half past; a home beside it."""
    folder = tmp_path_factory.mktemp("example")
    traffic = Traffic(hours=2, per_hour=60, start=HOUR - timedelta(hours=1), fault=replace(FAULT, first_hour=0))
    write_data_set(folder, rows=500, traffic=traffic)
    with pytest.MonkeyPatch.context() as patch, use_machine(StoppedClock(HOUR + timedelta(minutes=30))):
        patch.setenv("MODEL_MONITOR_HOME", str(folder / "home"))
        patch.setenv("MODEL_MONITOR_S3_ROOT", str(folder / "s3"))
        yield folder


@pytest.fixture(scope="module")
def monitored(folder):
    """A monitor with a baseline and an hourly schedule, and its first execution."""
    monitor = DefaultModelMonitor(env={"MODEL_MONITOR_COMPAT": "none"})
    monitor.suggest_baseline(str(folder / "baseline.csv"), CSV, output_s3_uri="s3://bucket/baseline", logs=False)
    monitor.create_monitoring_schedule(
        endpoint_input=str(folder / "captures" / "churn"),
        output_s3_uri="s3://bucket/reports",
        monitor_schedule_name="hourly",
        schedule_cron_expression=CronExpressionGenerator.hourly(),
    )
    return monitor, monitor.list_executions()


def find_faults(operation, content):
    return ParamValidator().validate(content, MODEL.operation_model(operation).output_shape).generate_report()


def test_an_execution_and_its_schedule_are_described_as_the_api_describes_them(monitored):
    monitor, [execution] = monitored
    described = execution.describe()
    schedule = monitor.describe_schedule()

    assert find_faults("DescribeProcessingJob", described) == ""
    assert described["ProcessingJobStatus"] == "Completed"
    assert described["ExitMessage"].startswith("CompletedWithViolations: Job completed successfully with ")
    assert find_faults("DescribeMonitoringSchedule", schedule) == ""
    assert schedule["LastMonitoringExecutionSummary"]["MonitoringExecutionStatus"] == "CompletedWithViolations"


def test_reports_lie_in_the_services_layout_in_the_folder_that_stands_in_for_s3(folder, monitored):
    monitor, [execution] = monitored
    scheduled = monitor.describe_schedule()["LastMonitoringExecutionSummary"]["ScheduledTime"]

    hour_folder = Path(folder / "s3/bucket/reports/churn/hourly") / f"{scheduled:%Y/%m/%d/%H}"  # C1.5
    assert json.loads((hour_folder / "constraint_violations.json").read_text()) == (
        execution.constraint_violations().body_dict
    )
    assert execution.output.destination == f"s3://bucket/{hour_folder.relative_to(folder / 's3/bucket')}"
    outputs = execution.describe()["ProcessingOutputConfig"]["Outputs"]
    assert [upload["S3Output"]["S3Uri"] for upload in outputs] == [execution.output.destination]


def test_what_was_run_is_not_run_again_and_is_found_by_its_name(monitored):
    monitor, [execution] = monitored

    [same] = DefaultModelMonitor.attach("hourly").list_executions()
    assert same.job_name == execution.job_name
    by_name = MonitoringExecution.from_processing_name(None, execution.job_name)
    assert by_name.output.destination == execution.output.destination
    assert (
        MonitoringExecution.from_processing_arn(None, execution.arn).statistics().body_dict["dataset"]
        == (monitor.latest_monitoring_statistics().body_dict["dataset"])
    )


def test_what_was_run_stands_in_the_record_that_run_due_keeps_too_and_is_of_the_hour_of_the_schedules_creation(
    folder, monitored
):
    """As the service's, whose first run comes at the end of that hour."""
    monitor, [execution] = monitored
    [run] = json.loads((folder / "home/executions/hourly.executions.json").read_text())["executions"]
    created = monitor.describe_schedule()["CreationTime"]

    assert (run["status"], run["job"]) == ("CompletedWithViolations", "monitor")
    assert run["processing_job"] == execution.job_name
    assert run["output_path"] == locate(execution.output.destination)
    assert run["start_time"] <= f"{created:%Y-%m-%dT%H:%M:%SZ}" < run["end_time"]


def test_without_records_of_this_hour_the_first_execution_is_of_the_hour_before_and_without_both_there_is_none(folder):
    monitor = DefaultModelMonitor()
    monitor.suggest_baseline(str(folder / "baseline.csv"), CSV, output_s3_uri="s3://bucket/another", logs=False)
    monitor.create_monitoring_schedule(
        endpoint_input=EndpointInput(str(folder / "late" / "churn"), "/opt/ml/processing/input"),
        output_s3_uri="s3://bucket/late",
        monitor_schedule_name="late",
        schedule_cron_expression=CronExpressionGenerator.hourly(),
    )
    (folder / "late" / "churn" / "AllTraffic").mkdir(parents=True)

    before_any = monitor.describe_schedule()
    of_the_hour_before = f"{HOUR - timedelta(hours=1):%Y/%m/%d/%H}"
    hour_folder = folder / "late" / "churn" / "AllTraffic" / of_the_hour_before
    hour_folder.parent.mkdir(parents=True)
    next((folder / "captures" / "churn").glob(f"*/{of_the_hour_before}")).rename(hour_folder)
    described = monitor.describe_schedule()

    assert "LastMonitoringExecutionSummary" not in before_any
    assert described["LastMonitoringExecutionSummary"]["ScheduledTime"] == HOUR


def test_the_planted_fault_is_found_logged_and_an_alert(monitored, capsys):
    monitor, _ = monitored
    violations = monitor.latest_monitoring_constraint_violations().body_dict["violations"]
    [alert], _ = monitor.list_monitoring_alerts()
    monitor.get_latest_execution_logs()

    assert "monthly_charge_eur" in {violation["feature_name"] for violation in violations}
    assert alert.alert_status == "InAlert"
    assert "CompletedWithViolations" in capsys.readouterr().out


def test_a_job_that_fails_is_reported_by_its_own_sentence(folder):
    monitor = DefaultModelMonitor()
    job = monitor.suggest_baseline(str(folder / "nowhere.csv"), CSV, wait=False, job_name="failing")

    with pytest.raises(JobFailed, match="the job failing is Failed: Error: .*there is no such file or directory"):
        job.wait(logs=False)
    described = monitor.describe_latest_baselining_job()
    assert find_faults("DescribeProcessingJob", described) == ""
    assert described["FailureReason"].startswith("AlgorithmError: Error: ")
    with pytest.raises(BadInput, match="statistics.json: can't be read"):
        monitor.baseline_statistics()


def test_a_job_that_is_not_waited_for_is_in_progress_and_can_be_stopped(folder):
    job = DefaultModelMonitor().suggest_baseline(str(folder / "baseline.csv"), CSV, wait=False, job_name="stopped")

    assert job.describe()["ProcessingJobStatus"] == "InProgress"
    job.stop()
    assert job.describe()["ProcessingJobStatus"] == "Stopped"


def test_a_script_that_never_comes_back_is_left_behind_when_its_job_is_stopped(folder):
    begun = folder / "begun"
    (folder / "never_back.py").write_text(NEVER_BACK.replace('"begun"', repr(str(begun))))
    job = DefaultModelMonitor().suggest_baseline(
        str(folder / "baseline.csv"),
        CSV,
        record_preprocessor_script=str(folder / "never_back.py"),
        wait=False,
        job_name="never-back",
    )
    wait_for(begun.exists, "the first record")

    job.stop()

    assert job.describe()["ProcessingJobStatus"] == "Stopped"
    log = (folder / "home" / "jobs" / "never-back.log").read_text()
    assert "ended by signal 15 in the midst of its work" in log


def test_a_model_quality_schedule_merges_the_labels_and_holds_the_metrics_against_the_baseline(folder):
    monitor = ModelQualityMonitor()
    monitor.suggest_baseline(
        str(folder / "baseline.csv"),
        CSV,
        "BinaryClassification",
        probability_attribute="churn_probability",
        probability_threshold_attribute=0.5,
        ground_truth_attribute="churned",
        output_s3_uri="s3://bucket/scores",
        wait=True,
    )
    suggested = monitor.suggested_constraints().body_dict["binary_classification_constraints"]
    assert {"recall", "precision", "auc", "f1"} <= set(suggested)  # C5.2
    monitor.create_monitoring_schedule(
        endpoint_input=EndpointInput(
            str(folder / "captures" / "churn"), "/opt/ml/processing/input", probability_attribute="1"
        ),
        ground_truth_input=str(folder / "ground-truth"),
        problem_type="BinaryClassification",
        output_s3_uri="s3://bucket/reports",
        monitor_schedule_name="hourly-quality",
        schedule_cron_expression=CronExpressionGenerator.hourly(),
    )

    [execution] = monitor.list_executions()

    described = execution.describe()
    assert described["ProcessingJobStatus"] == "Completed", described
    assert execution.job_name.startswith("model-quality-monitoring-")  # C1.5
    merged = list((folder / "s3/bucket/reports/merge/churn").rglob("*.jsonl"))
    assert merged
    left = sorted(str(path) for path in (folder / "s3/bucket/reports/merge").rglob("*") if path.is_file())
    assert left[-1].endswith(".jsonl")  # what a notebook reads as `merged[-1]`
    assert {Path(path).name for path in left} <= {merged[0].name, "_coverage.json"}
    assert list((folder / "home/jobs").glob("groundtruth-merge-*.merge/ledger.json"))
    assert "binary_classification_metrics" in monitor.latest_monitoring_statistics().body_dict


def test_alarms_of_an_execution_are_accepted(monitored):
    _, [execution] = monitored

    decision = execution.accept(["monthly_charge_eur"], by="anna")

    assert {alarm.feature for alarm in decision.alarms} == {"monthly_charge_eur"}
    assert [decision.by for decision in read_decisions(locate(execution.output.destination))] == ["anna"]


def test_the_bias_monitor_makes_a_baseline(folder):
    people = "".join(
        f"{'FM'[row % 2]},{('no', 'yes')[row // 2 % 2]},{('no', 'yes')[row // 4 % 2]}\n" for row in range(80)
    )
    (folder / "people.csv").write_text(f"sex,bought,predicted\n{people}")
    data = DataConfig(str(folder / "people.csv"), str(folder / "bias"), label="bought", predicted_label="predicted")
    monitor = ModelBiasMonitor()
    monitor.suggest_baseline(data, BiasConfig(["yes"], "sex", ["F"]), None, wait=True)

    facet = monitor.suggested_constraints().body_dict["post_training_bias_metrics"]["facets"]["sex"][0]
    assert facet["value_or_threshold"] == "F"
    assert [metric["name"] for metric in facet["metrics"]][:3] == ["AD", "CDDPL", "DAR"]


def test_the_call_of_a_notebook_explains_a_model_and_how_it_depends_on_a_feature(folder, monkeypatch):
    """By hand: each row is as far from the baseline's row as its terms are."""
    monkeypatch.chdir(folder)
    (folder / "scoring.py").write_text("def score(frame):\n    return frame['age'] / 100 + frame['visits'] / 50\n")
    rows = [(30 + row, row % 5, row % 2) for row in range(40)]
    lines = "".join(f"{age},{visits},{bought}\n" for age, visits, bought in rows)
    (folder / "visits.csv").write_text(f"age,visits,bought\n{lines}")

    # What the notebook has
    headers = ["age", "visits", "bought"]
    data = DataConfig("visits.csv", str(folder / "shap"), label="bought", headers=headers, dataset_type="text/csv")
    shap = SHAPConfig(baseline=[[30, 0]], num_samples=100, agg_method="mean_abs")
    model = ModelConfig(model_name="scoring:score", instance_type="ml.m5.xlarge", instance_count=1)
    processor = SageMakerClarifyProcessor("role", 1, "ml.m5.xlarge")
    job = processor.run_explainability(data, model, [shap, PDPConfig(["age"], 4)])

    assert job.describe()["ProcessingJobStatus"] == "Completed"
    explanations = json.loads((folder / "shap" / "analysis.json").read_text())["explanations"]
    expected = {"age": 19.5 / 100, "visits": 2 / 50}
    assert explanations["kernel_shap"]["label0"]["global_shap_values"] == pytest.approx(expected, abs=1e-9)
    assert [dependence["feature_name"] for dependence in explanations["pdp"]] == ["age"]
    assert (folder / "shap" / "explanations_shap" / "out.csv").exists()
