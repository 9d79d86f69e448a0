"""Run by the SDK's interpreter, not by the product's: a run's files on S3 by the objects that notebooks have of it.

    python sdk_reader.py REPORT BASELINE

REPORT, BASELINE: S3 URIs of our jobs' outputs. Prints what the SDK understood of them, as JSON. The service's answers, that
there was an execution and where its files are, are stubs that botocore checks against the service's own model.
"""

import json
import sys
from datetime import datetime, timezone

import boto3
from botocore.stub import Stubber
from sagemaker import Session
from sagemaker.model_monitor import Constraints, DefaultModelMonitor, Statistics

ARN = "arn:aws:sagemaker:us-east-1:123456789012:processing-job/churn-20260131"
TIME = datetime(2026, 1, 31, 23, tzinfo=timezone.utc)

EXECUTION = {
    "MonitoringScheduleName": "churn",
    "ScheduledTime": TIME,
    "CreationTime": TIME,
    "LastModifiedTime": TIME,
    "MonitoringExecutionStatus": "CompletedWithViolations",
    "ProcessingJobArn": ARN,
}


def job(report):
    """The execution's processing job, which left its files at `report`."""
    output = {"S3Uri": report, "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    instance = {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}
    return {
        "ProcessingJobName": "churn-20260131",
        "ProcessingJobArn": ARN,
        "ProcessingJobStatus": "Completed",
        "ProcessingResources": {"ClusterConfig": instance},
        "ProcessingInputs": [],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "result", "S3Output": output}]},
        "AppSpecification": {"ImageUri": "image"},
        "CreationTime": TIME,
    }


def main(report, baseline):
    client = boto3.client("sagemaker")
    session = Session(boto_session=boto3.Session(), sagemaker_client=client)
    monitor = DefaultModelMonitor(role="arn:aws:iam::123456789012:role/monitoring", sagemaker_session=session)
    monitor.monitoring_schedule_name = "churn"
    with Stubber(client) as stub:
        for _ in range(2):
            stub.add_response("list_monitoring_executions", {"MonitoringExecutionSummaries": [EXECUTION]})
            stub.add_response("describe_processing_job", job(report))
        latest_statistics = monitor.latest_monitoring_statistics()
        latest_violations = monitor.latest_monitoring_constraint_violations()
        stub.assert_no_pending_responses()
    statistics = Statistics.from_s3_uri(f"{baseline}/statistics.json", sagemaker_session=session)
    constraints = Constraints.from_s3_uri(f"{baseline}/constraints.json", sagemaker_session=session)
    understood = {
        "latest_statistics": latest_statistics.body_dict,
        "latest_violations": latest_violations.body_dict,
        "baseline_statistics": statistics.body_dict,
        "suggested_constraints": constraints.body_dict,
    }
    print(json.dumps(understood))


if __name__ == "__main__":
    main(*sys.argv[1:])
