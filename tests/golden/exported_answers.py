"""Answers of the API about one endpoint and its schedules, as boto3 and the command line of AWS give them."""

from __future__ import annotations

ARN = "arn:aws:sagemaker:eu-west-1:000000000000"
ROLE = "arn:aws:iam::000000000000:role/monitoring"
IMAGE = "468650794304.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-model-monitor-analyzer"
TIMES = {"CreationTime": "2021-05-24T20:00:00Z", "LastModifiedTime": "2021-05-24T20:00:00Z"}


def describe_schedule(name="hourly", status="Scheduled", definition="definition", kind="DataQuality"):
    return {
        "MonitoringScheduleArn": f"{ARN}:monitoring-schedule/{name}",
        "MonitoringScheduleName": name,
        "MonitoringScheduleStatus": status,
        "MonitoringType": kind,
        **TIMES,
        "MonitoringScheduleConfig": {
            "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
            "MonitoringJobDefinitionName": definition,
            "MonitoringType": kind,
        },
    }


def describe_definition(name="definition", image=IMAGE):
    cluster = {"InstanceCount": 2, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 20}
    endpoint_input = {"EndpointName": "ep", "LocalPath": "/opt/ml/processing/input/endpoint"}
    location = {"S3Uri": "s3://bucket/reports", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    return {
        "JobDefinitionArn": f"{ARN}:data-quality-job-definition/{name}",
        "JobDefinitionName": name,
        "CreationTime": TIMES["CreationTime"],
        "RoleArn": ROLE,
        "JobResources": {"ClusterConfig": cluster},
        "DataQualityAppSpecification": {"ImageUri": image},
        "DataQualityBaselineConfig": {
            "ConstraintsResource": {"S3Uri": "s3://bucket/baseline/constraints.json"},
            "StatisticsResource": {"S3Uri": "s3://bucket/baseline/statistics.json"},
        },
        "DataQualityJobInput": {"EndpointInput": endpoint_input},
        "DataQualityJobOutputConfig": {"MonitoringOutputs": [{"S3Output": location}]},
    }


def describe_endpoint():
    capture = {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 50,
        "DestinationS3Uri": "s3://bucket/captures",
        "KmsKeyId": "key",
    }
    return {
        "EndpointName": "ep",
        "EndpointArn": f"{ARN}:endpoint/ep",
        "EndpointConfigName": "ep-config",
        "EndpointStatus": "InService",
        **TIMES,
        "DataCaptureConfig": capture,
    }


def describe_endpoint_config():
    return {
        "EndpointConfigName": "ep-config",
        "EndpointConfigArn": f"{ARN}:endpoint-config/ep-config",
        "CreationTime": TIMES["CreationTime"],
        "ProductionVariants": [
            {"VariantName": "AllTraffic", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        ],
        "DataCaptureConfig": {
            "EnableCapture": True,
            "InitialSamplingPercentage": 50,
            "DestinationS3Uri": "s3://bucket/captures",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        },
    }


def list_executions(name="hourly"):
    """Two runs, of 10 and of 20 minutes, and one that failed."""
    summaries = []
    for hour, minutes, status in (
        ("22", "10", "Completed"),
        ("23", "20", "CompletedWithViolations"),
        ("20", "59", "Failed"),
    ):
        began = f"2021-05-24T{hour}:00:00Z"
        summary = {"MonitoringScheduleName": name, "MonitoringExecutionStatus": status}
        summary |= {"ScheduledTime": began, "CreationTime": began}
        summary["LastModifiedTime"] = f"2021-05-24T{hour}:{minutes}:00Z"
        summaries.append(summary)
    return {"MonitoringExecutionSummaries": summaries}


def summarize_schedule(name):
    description = describe_schedule(name)
    members = ("MonitoringScheduleArn", "MonitoringScheduleName", "MonitoringScheduleStatus", *TIMES)
    return {member: description[member] for member in members}


def convert_definition(definition, kind):
    """The same definition of another kind."""
    return {name.replace("DataQuality", kind): part for name, part in definition.items()}


def convert_to_model_quality(definition):
    """The same definition of model quality, whose labels are a prefix of their own."""
    members = convert_definition(definition, "ModelQuality")
    members["ModelQualityAppSpecification"] |= {"ProblemType": "BinaryClassification"}
    members["ModelQualityJobInput"]["EndpointInput"] |= {
        "ProbabilityAttribute": "0",
        "ProbabilityThresholdAttribute": 0.5,
    }
    members["ModelQualityJobInput"]["GroundTruthS3Input"] = {"S3Uri": "s3://bucket/labels"}
    members["ModelQualityBaselineConfig"].pop("StatisticsResource")
    return members
