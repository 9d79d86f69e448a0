"""A captured record as a preprocessing script sees it: the object that `preprocess_handler` gets. Pure.

Scripts that were written for the service run unchanged, so names are the service's.
Source: C8b.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class CapturedHalf:
    """One half of the record: request, reply, transform output or ground truth."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = dict(document)
        self.encoding: str | None = document.get("encoding")
        self.data: str | None = document.get("data")
        self.observedContentType: str | None = document.get("observedContentType")
        self.mode: str | None = document.get("mode")

    def as_dict(self) -> dict[str, Any]:
        return dict(self._document)

    def __str__(self) -> str:
        return json.dumps(self._document, ensure_ascii=False)


class EventMetadata:
    """Who asked and when. event_time: the text of `inferenceTime`; custom_attribute: the list of `customAttributes`."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = dict(document)
        self.event_id: str | None = document.get("eventId")
        self.event_time: str | None = document.get("inferenceTime")
        self.inference_id: str | None = document.get("inferenceId")
        self.custom_attribute: list[str] = list(document.get("customAttributes") or ())

    def as_dict(self) -> dict[str, Any]:
        return dict(self._document)

    def __str__(self) -> str:
        return json.dumps(self._document, ensure_ascii=False)


class EventData:
    """The halves by the names in the file, as scripts of 2019 and 2020 ask for them; None where one was not captured."""

    def __init__(self, halves: Mapping[str, CapturedHalf | None]) -> None:
        self.endpointInput = halves["endpointInput"]
        self.endpointOutput = halves["endpointOutput"]
        self.batchTransformOutput = halves["batchTransformOutput"]


class InferenceRecord:
    """The whole record. Halves are None where they were not captured."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        captured = document.get("captureData") or {}
        halves = {
            name: _half(captured.get(name)) for name in ("endpointInput", "endpointOutput", "batchTransformOutput")
        }
        self.event_dict: dict[str, Any] = dict(document)
        self.event_version: str | None = document.get("eventVersion")
        self.event_metadata = EventMetadata(document.get("eventMetadata") or {})
        self.event_data = EventData(halves)
        self.endpoint_input = halves["endpointInput"]
        self.endpoint_output = halves["endpointOutput"]
        self.batch_transform_output = halves["batchTransformOutput"]
        self.ground_truth = _half(document.get("groundTruthData"))

    def as_dict(self) -> dict[str, Any]:
        return dict(self.event_dict)

    def __str__(self) -> str:
        return json.dumps(self.event_dict, ensure_ascii=False)


def has_known_types(document: Mapping[str, Any]) -> bool:
    """Whether a record's metadata are what a script takes them for: an object, in which attributes are an array."""
    event = document.get("eventMetadata")
    if event is None:
        return True
    return isinstance(event, Mapping) and isinstance(event.get("customAttributes"), (list, type(None)))


def _half(document: object) -> CapturedHalf | None:
    return CapturedHalf(document) if isinstance(document, Mapping) else None
