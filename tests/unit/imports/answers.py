"""Answers of the service's API, as `aws sagemaker describe-…` prints them; names and ids are made up."""

from __future__ import annotations

from typing import Any

ARN = "arn:aws:sagemaker:eu-west-1:000000000000"

RESOURCES = {
    "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 20},
}
OUTPUT = {
    "MonitoringOutputs": [
        {
            "S3Output": {
                "S3Uri": "s3://bucket/reports/",
                "LocalPath": "/opt/ml/processing/output",
                "S3UploadMode": "Continuous",
            }
        }
    ]
}
ENDPOINT_INPUT = {
    "EndpointName": "churn",
    "LocalPath": "/opt/ml/processing/input/endpoint",
    "S3InputMode": "File",
    "S3DataDistributionType": "FullyReplicated",
}


def schedule(kind: str = "DataQuality", **config: Any) -> dict[str, Any]:
    """An answer to DescribeMonitoringSchedule; config: members of MonitoringScheduleConfig beside the usual ones."""
    defaults = {
        "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
        "MonitoringJobDefinitionName": "churn-definition",
        "MonitoringType": kind,
    }
    return {
        "MonitoringScheduleArn": f"{ARN}:monitoring-schedule/churn-hourly",
        "MonitoringScheduleName": "churn-hourly",
        "MonitoringScheduleStatus": "Scheduled",
        "MonitoringType": kind,
        "CreationTime": "2024-03-04T00:00:00.123000+00:00",
        "LastModifiedTime": 1709510400.0,
        "MonitoringScheduleConfig": {**defaults, **config},
    }


def definition(kind: str = "DataQuality", **members: Any) -> dict[str, Any]:
    """An answer to Describe<kind>JobDefinition; members: without the kind in front (`JobInput`, `AppSpecification`)."""
    parts = {
        "AppSpecification": {"ImageUri": "000000000000.dkr.ecr.eu-west-1.amazonaws.com/analyzer"},
        "BaselineConfig": {"ConstraintsResource": {"S3Uri": "s3://bucket/baseline/constraints.json"}},
        "JobInput": {"EndpointInput": ENDPOINT_INPUT},
        "JobOutputConfig": OUTPUT,
        **members,
    }
    return {
        "JobDefinitionArn": f"{ARN}:job-definition/churn-definition",
        "JobDefinitionName": "churn-definition",
        "CreationTime": "2024-03-04T00:00:00Z",
        "JobResources": RESOURCES,
        "RoleArn": "arn:aws:iam::000000000000:role/monitoring",
        "StoppingCondition": {"MaxRuntimeInSeconds": 1800},
        **{f"{kind}{name}": part for name, part in parts.items()},
    }


def endpoint(destination: str | None = "s3://bucket/captures") -> dict[str, Any]:
    """An answer to DescribeEndpoint. destination: where it captures to, None if it does not."""
    capturing = {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 100,
        "DestinationS3Uri": destination,
        "KmsKeyId": "",
    }
    return {
        "EndpointName": "churn",
        "EndpointArn": f"{ARN}:endpoint/churn",
        "EndpointStatus": "InService",
        "CreationTime": "2024-03-04T00:00:00Z",
        "LastModifiedTime": "2024-03-04T00:00:00Z",
        **({"DataCaptureConfig": capturing} if destination else {}),
    }
