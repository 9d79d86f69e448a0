"""The inputs and outputs of a schedule, its configuration, and an endpoint's captures, as the SDK spells them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar

from spark_model_monitor.capture import CaptureOptions
from spark_model_monitor.documents.monitoring_settings import CATEGORICAL_DRIFT_METHODS
from spark_model_monitor.integrations.imports.descriptions import ATTRIBUTES, ApiAnswer, ApiMembers
from spark_model_monitor.running.scheduling.schedules import HOURLY, NOW
from spark_model_monitor.sagemaker.monitoring_files import SdkSession, capture_prefix, home, last_capture_destinations
from spark_model_monitor.sagemaker.sdk import make_getattr


class DatasetFormat:
    """What a baseline's data set is, for `suggest_baseline`.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import DatasetFormat
    >>> DatasetFormat.csv(header=True)
    {'csv': {'header': True, 'output_columns_position': 'START'}}
    """

    @staticmethod
    def csv(header: bool = True, output_columns_position: str = "START") -> ApiMembers:
        """CSV; output_columns_position: START or END, where the model's answers stand."""
        return {"csv": {"header": header, "output_columns_position": output_columns_position}}

    @staticmethod
    def json(lines: bool = True) -> ApiMembers:
        """JSON, an object a line or, without `lines`, a document a file."""
        return {"json": {"lines": lines}}

    @staticmethod
    def sagemaker_capture_json() -> ApiMembers:
        """Captured records, both halves."""
        return {"sagemakerCaptureJson": {}}


class MonitoringDatasetFormat:
    """What a batch transform left, for `BatchTransformInput`.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import MonitoringDatasetFormat
    >>> MonitoringDatasetFormat.csv(header=True)
    {'Csv': {'Header': True}}
    """

    @staticmethod
    def csv(header: bool = True) -> ApiMembers:
        """CSV."""
        return {"Csv": {"Header": header}}

    @staticmethod
    def json(lines: bool = True) -> ApiMembers:
        """JSON, an object a line or, without `lines`, a document a file."""
        return {"Json": {"Line": lines}}

    @staticmethod
    def parquet() -> ApiMembers:
        """Parquet."""
        return {"Parquet": {}}


class CronExpressionGenerator:
    """Expressions of schedules.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import CronExpressionGenerator
    >>> CronExpressionGenerator.hourly()
    'cron(0 * ? * * *)'
    """

    @staticmethod
    def hourly() -> str:
        """At every full hour, for the hour before."""
        return HOURLY

    @staticmethod
    def daily(hour: int = 0) -> str:
        """At one hour of the day (UTC), for the 24 hours before."""
        return f"cron(0 {hour} ? * * *)"

    @staticmethod
    def daily_every_x_hours(hour_interval: int, starting_hour: int = 0) -> str:
        """At `starting_hour` (UTC) and every `hour_interval` hours after it until the day ends."""
        return f"cron(0 {starting_hour}/{hour_interval} ? * * *)"

    @staticmethod
    def now() -> str:
        """Once, at once."""
        return NOW


CONTAINER = PurePosixPath("/opt/ml/processing")
"""Mount points in the service's containers. Descriptions have them, but our jobs don't use them."""

_ATTRIBUTES = {
    "destination": "LocalPath",
    "s3_input_mode": "S3InputMode",
    "s3_data_distribution_type": "S3DataDistributionType",
    "start_time_offset": "StartTimeOffset",
    "end_time_offset": "EndTimeOffset",
    **{name: api_name for api_name, name in ATTRIBUTES.items()},
}


@dataclass
class ProcessingInput:
    """One input of a job. s3_input: the same as an object of the SDK's; the rest is accepted, and used by no job of ours.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import ProcessingInput
    >>> ProcessingInput("orders.csv", "/opt/ml/processing/input").source
    'orders.csv'
    """

    source: str = ""
    destination: str = ""
    input_name: str | None = None
    s3_data_type: str = "S3Prefix"
    s3_input_mode: str = "File"
    s3_data_distribution_type: str = "FullyReplicated"
    s3_compression_type: str = "None"
    s3_input: Any = None
    dataset_definition: Any = None
    app_managed: bool = False

    def __post_init__(self) -> None:
        if self.s3_input is not None:
            self.source = self.s3_input.s3_uri
            self.destination = self.s3_input.local_path

    def request(self, number: int = 1) -> ApiMembers:
        """One of the `ProcessingInputs` of the API's processing jobs; without a name it gets its number."""
        s3_input = {
            "S3Uri": self.source,
            "LocalPath": self.destination,
            "S3DataType": self.s3_data_type,
            "S3InputMode": self.s3_input_mode,
        }
        return {"InputName": self.input_name or f"input-{number}", "S3Input": s3_input}


@dataclass
class ProcessingOutput:
    """The place of a job's results. s3_output: the same by the names of the SDK's third version.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import ProcessingOutput
    >>> ProcessingOutput("/opt/ml/processing/output", "baseline").destination
    'baseline'
    """

    source: str = ""
    destination: str = ""
    output_name: str | None = None
    s3_upload_mode: str = "EndOfJob"
    app_managed: bool = False
    feature_store_output: Any = None

    def request(self) -> ApiMembers:
        """One of the `Outputs` of the API's processing jobs."""
        s3_output = {"S3Uri": self.destination, "LocalPath": self.source, "S3UploadMode": self.s3_upload_mode}
        return {"OutputName": self.output_name, "S3Output": s3_output}

    @property
    def s3_output(self) -> S3Output:
        return S3Output(self.destination, self.source)


@dataclass
class S3Output:
    """Where results go, and where the service's container had them."""

    s3_uri: str
    local_path: str
    s3_upload_mode: str = "EndOfJob"


@dataclass
class NetworkConfig:
    """The network of the service's jobs: accepted, and without effect.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import NetworkConfig
    >>> config = NetworkConfig(enable_network_isolation=True)
    """

    enable_network_isolation: bool | None = None
    security_group_ids: list[str] | None = None
    subnets: list[str] | None = None
    encrypt_inter_container_traffic: bool | None = None


@dataclass(eq=False)
class EndpointInput:
    """The captures of an endpoint.

    endpoint_name: its name below the capture prefix (`monitoring_files.capture_prefix`), or a path that holds its captures.
    destination, s3_input_mode, s3_data_distribution_type: accepted, and used by no job of ours.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import EndpointInput
    >>> EndpointInput("churn", "/opt/ml/processing/input").endpoint_name
    'churn'
    """

    endpoint_name: str
    destination: str
    s3_input_mode: str = "File"
    s3_data_distribution_type: str = "FullyReplicated"
    start_time_offset: str | None = None
    end_time_offset: str | None = None
    features_attribute: str | None = None
    inference_attribute: str | None = None
    probability_attribute: str | int | None = None
    probability_threshold_attribute: float | None = None
    exclude_features_attribute: str | None = None

    @classmethod
    def named(cls, endpoint: str | EndpointInput) -> EndpointInput:
        """The input of an endpoint. endpoint: the input itself, or the endpoint's name."""
        if isinstance(endpoint, EndpointInput):
            return endpoint
        return cls(endpoint, str(CONTAINER / "input" / "endpoint"))

    def request(self) -> ApiMembers:
        """The member `EndpointInput` of the API's job definitions."""
        return {"EndpointInput": {"EndpointName": self.endpoint_name, **_convert_attributes(vars(self))}}


@dataclass(eq=False)
class BatchTransformInput:
    """What batch transforms left below a prefix; members as those of `EndpointInput`.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import BatchTransformInput, MonitoringDatasetFormat
    >>> data = BatchTransformInput("transformed", "/opt/ml/processing/input", MonitoringDatasetFormat.csv())
    """

    data_captured_destination_s3_uri: str
    destination: str
    dataset_format: ApiAnswer
    s3_input_mode: str = "File"
    s3_data_distribution_type: str = "FullyReplicated"
    start_time_offset: str | None = None
    end_time_offset: str | None = None
    features_attribute: str | None = None
    inference_attribute: str | None = None
    probability_attribute: str | None = None
    probability_threshold_attribute: float | str | None = None
    exclude_features_attribute: str | None = None

    def request(self) -> ApiMembers:
        """The member `BatchTransformInput` of the API's job definitions."""
        return {
            "BatchTransformInput": {
                "DataCapturedDestinationS3Uri": self.data_captured_destination_s3_uri,
                "DatasetFormat": dict(self.dataset_format),
                **_convert_attributes(vars(self)),
            }
        }


@dataclass(eq=False)
class MonitoringOutput:
    """Where results go. source: the place in the service's container; destination: the place itself.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import MonitoringOutput
    >>> MonitoringOutput("/opt/ml/processing/output", "reports").destination
    'reports'
    """

    source: str
    destination: str | None = None
    s3_upload_mode: str = "Continuous"

    def request(self) -> ApiMembers:
        """One of the `MonitoringOutputs` of the API's job definitions."""
        return {"S3Output": {"S3Uri": self.destination, "LocalPath": self.source, "S3UploadMode": self.s3_upload_mode}}


def _convert_attributes(members: ApiAnswer) -> ApiMembers:
    attributes = {api_name: members[name] for name, api_name in _ATTRIBUTES.items() if members[name] is not None}
    if "ProbabilityAttribute" in attributes:
        attributes["ProbabilityAttribute"] = str(attributes["ProbabilityAttribute"])  # the SDK accepts an index, too
    # The API has a number here, while notebooks often pass a text
    if "ProbabilityThresholdAttribute" in attributes:
        attributes["ProbabilityThresholdAttribute"] = float(attributes["ProbabilityThresholdAttribute"])
    return attributes


class DataCaptureConfig:
    """What of the requests is captured, and where to. Your own endpoint reads it from here (`spark_model_monitor.capture`).

    sampling_percentage: 0 to 100. capture_options: REQUEST, RESPONSE or both. kms_key_id: kept, not used.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import DataCaptureConfig
    >>> DataCaptureConfig(True, destination_s3_uri="s3://bucket/captures").sampling_percentage
    20
    """

    API_MAPPING: ClassVar[dict[str, str]] = {"REQUEST": "Input", "RESPONSE": "Output"}

    def __init__(
        self,
        enable_capture: bool,
        sampling_percentage: int = 20,
        destination_s3_uri: str | None = None,
        kms_key_id: str | None = None,
        capture_options: Sequence[str] | None = None,
        csv_content_types: Sequence[str] | None = None,
        json_content_types: Sequence[str] | None = None,
        sagemaker_session: SdkSession = None,
    ) -> None:
        self.enable_capture = enable_capture
        self.sampling_percentage = sampling_percentage
        # Remembered, so that a schedule created later finds the captures without being told
        if destination_s3_uri is not None:
            last_capture_destinations[home()] = destination_s3_uri.rstrip("/")
        self.destination_s3_uri = destination_s3_uri or capture_prefix({}, sagemaker_session)
        self.kms_key_id = kms_key_id
        self.capture_options = capture_options or ["REQUEST", "RESPONSE"]
        self.csv_content_types = csv_content_types or ["text/csv"]
        self.json_content_types = json_content_types or ["application/json"]

    def _to_request_dict(self) -> ApiMembers:
        """What the SDK's own `Model.deploy` tells the API; its name is the SDK's."""
        types = {"CsvContentTypes": self.csv_content_types, "JsonContentTypes": self.json_content_types}
        modes = [self.API_MAPPING.get(option.upper(), option) for option in self.capture_options]
        request = {
            "EnableCapture": self.enable_capture,
            "InitialSamplingPercentage": self.sampling_percentage,
            "DestinationS3Uri": self.destination_s3_uri,
            "CaptureOptions": [{"CaptureMode": mode} for mode in modes],
            "CaptureContentTypeHeader": types,
        }
        # The API refuses null for a key, so the member is left out
        if self.kms_key_id is not None:
            request["KmsKeyId"] = self.kms_key_id
        return request

    def options(self, endpoint: str, variant: str = "AllTraffic") -> CaptureOptions:
        """Ours: what a `spark_model_monitor.capture.CaptureWriter` is made with, `enable_capture` among it.

        Raises ValueError if an option can't be.
        """
        return CaptureOptions(
            endpoint=endpoint,
            variant=variant,
            enable_capture=self.enable_capture,
            sampling_percentage=self.sampling_percentage,
            capture_options=self.capture_options,
            csv_content_types=self.csv_content_types,
            json_content_types=self.json_content_types,
        )


@dataclass(eq=False)
class DataQualityDistributionConstraints:
    """The part about distributions. categorical_drift_method: LInfinity or ChiSquared, or one of ours (docs/drift.md).

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import DataQualityDistributionConstraints
    >>> DataQualityDistributionConstraints("ChiSquared").categorical_drift_method
    'ChiSquared'
    """

    categorical_drift_method: str | None = None

    @staticmethod
    def valid_distribution_constraints(distribution_constraints: DataQualityDistributionConstraints | None) -> bool:
        """Whether they can be used; None can."""
        return not distribution_constraints or DataQualityDistributionConstraints.valid_categorical_drift_method(
            distribution_constraints.categorical_drift_method
        )

    @staticmethod
    def valid_categorical_drift_method(categorical_drift_method: str | None) -> bool:
        """Whether there is such a method; None means the default one."""
        return not categorical_drift_method or categorical_drift_method in CATEGORICAL_DRIFT_METHODS


@dataclass(eq=False)
class DataQualityMonitoringConfig:
    """What replaces the suggested configuration.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import DataQualityDistributionConstraints, DataQualityMonitoringConfig
    >>> config = DataQualityMonitoringConfig(DataQualityDistributionConstraints("ChiSquared"))
    """

    distribution_constraints: DataQualityDistributionConstraints | None = None

    @staticmethod
    def valid_monitoring_config(monitoring_config: DataQualityMonitoringConfig | None) -> bool:
        """Whether it can be used; None can."""
        return not monitoring_config or DataQualityDistributionConstraints.valid_distribution_constraints(
            monitoring_config.distribution_constraints
        )


__getattr__ = make_getattr("inputs")
