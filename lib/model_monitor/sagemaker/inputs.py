"""What a schedule reads and where it writes, as the SDK's classes say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from model_monitor.imports.descriptions import ATTRIBUTES

CONTAINER = PurePosixPath("/opt/ml/processing")
"""Where the service mounted things; kept in descriptions, used by no job of ours."""

_ATTRIBUTES = {
    "start_time_offset": "StartTimeOffset",
    "end_time_offset": "EndTimeOffset",
    **{ours: theirs for theirs, ours in ATTRIBUTES.items()},
}


@dataclass
class ProcessingInput:
    """One input of a job."""

    source: str
    destination: str
    input_name: str | None = None


@dataclass
class ProcessingOutput:
    """The place of a job's results."""

    source: str
    destination: str
    output_name: str | None = None


@dataclass(eq=False)
class EndpointInput:
    """The captures of an endpoint.

    endpoint_name: its name below the capture prefix (`locations.capture_prefix`), or a path that holds its captures.
    destination, s3_input_mode, s3_data_distribution_type: accepted, and used by no job of ours.
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
        """The input of an endpoint that may be given by its name alone."""
        return endpoint if isinstance(endpoint, EndpointInput) else cls(endpoint, str(CONTAINER / "input" / "endpoint"))

    def request(self) -> dict[str, Any]:
        """The member `EndpointInput` of the API's job definitions."""
        return {
            "EndpointInput": {
                "EndpointName": self.endpoint_name,
                "LocalPath": self.destination,
                "S3InputMode": self.s3_input_mode,
                "S3DataDistributionType": self.s3_data_distribution_type,
                **_attributes(vars(self)),
            }
        }


@dataclass(eq=False)
class BatchTransformInput:
    """What batch transforms left below a prefix; members as those of `EndpointInput`."""

    data_captured_destination_s3_uri: str
    destination: str
    dataset_format: Mapping[str, Any]
    s3_input_mode: str = "File"
    s3_data_distribution_type: str = "FullyReplicated"
    start_time_offset: str | None = None
    end_time_offset: str | None = None
    features_attribute: str | None = None
    inference_attribute: str | None = None
    probability_attribute: str | None = None
    probability_threshold_attribute: float | str | None = None
    exclude_features_attribute: str | None = None

    def request(self) -> dict[str, Any]:
        """The member `BatchTransformInput` of the API's job definitions."""
        return {
            "BatchTransformInput": {
                "DataCapturedDestinationS3Uri": self.data_captured_destination_s3_uri,
                "LocalPath": self.destination,
                "S3InputMode": self.s3_input_mode,
                "S3DataDistributionType": self.s3_data_distribution_type,
                "DatasetFormat": dict(self.dataset_format),
                **_attributes(vars(self)),
            }
        }


@dataclass(eq=False)
class MonitoringOutput:
    """Where results go. source: the place in the service's container; destination: the place itself."""

    source: str
    destination: str | None = None
    s3_upload_mode: str = "Continuous"

    def request(self) -> dict[str, Any]:
        """One of the `MonitoringOutputs` of the API's job definitions."""
        return {"S3Output": {"S3Uri": self.destination, "LocalPath": self.source, "S3UploadMode": self.s3_upload_mode}}


def _attributes(members: Mapping[str, Any]) -> dict[str, Any]:
    given = {theirs: members[ours] for ours, theirs in _ATTRIBUTES.items() if members[ours] is not None}
    if "ProbabilityAttribute" in given:
        given["ProbabilityAttribute"] = str(given["ProbabilityAttribute"])  # the SDK takes an index, too
    if "ProbabilityThresholdAttribute" in given:
        given["ProbabilityThresholdAttribute"] = float(given["ProbabilityThresholdAttribute"])
    return given
