"""How an endpoint captures, as the SDK's class says it; an endpoint of one's own reads it from here (`model_monitor.capture`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from model_monitor.capture import CaptureOptions
from model_monitor.sagemaker.locations import capture_prefix


class DataCaptureConfig:
    """What of the requests is captured, and where to.

    sampling_percentage: 0 to 100. capture_options: REQUEST, RESPONSE or both. kms_key_id: kept, not used.
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
        sagemaker_session: Any = None,
    ) -> None:
        self.enable_capture = enable_capture
        self.sampling_percentage = sampling_percentage
        self.destination_s3_uri = destination_s3_uri or capture_prefix({}, sagemaker_session)
        self.kms_key_id = kms_key_id
        self.capture_options = capture_options or ["REQUEST", "RESPONSE"]
        self.csv_content_types = csv_content_types or ["text/csv"]
        self.json_content_types = json_content_types or ["application/json"]

    def options(self, endpoint: str, variant: str = "AllTraffic") -> CaptureOptions:
        """Ours: what a `CaptureWriter` is made with, `enable_capture` among it. Raises ValueError if an option can't be."""
        return CaptureOptions(
            endpoint=endpoint,
            variant=variant,
            enable_capture=self.enable_capture,
            sampling_percentage=self.sampling_percentage,
            capture_options=self.capture_options,
            csv_content_types=self.csv_content_types,
            json_content_types=self.json_content_types,
        )
