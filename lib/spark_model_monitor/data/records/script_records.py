"""The objects that a preprocessor script gets for a captured record, with the names of the service's. Pure; runs on executors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace

from spark_model_monitor.data.records import INDEX_NAMES
from spark_model_monitor.data.records.json_lines import JsonValue


class _RecordPart:
    """A JSON object of a record."""

    def __init__(self, document: Mapping[str, JsonValue]) -> None:
        self._document = dict(document)

    def as_dict(self) -> dict[str, JsonValue]:
        """A copy of the object's members."""
        return dict(self._document)

    def __str__(self) -> str:
        return json.dumps(self._document, ensure_ascii=False)


class CapturedPart(_RecordPart):
    """One half of the record: request, reply, transform output or ground truth."""

    def __init__(self, document: Mapping[str, JsonValue]) -> None:
        super().__init__(document)
        self.encoding: str | None = document.get("encoding")
        self.data: str | None = document.get("data")
        self.observedContentType: str | None = document.get("observedContentType")
        self.mode: str | None = document.get("mode")


class EventMetadata(_RecordPart):
    """Metadata of the request.

    event_time: the text of `inferenceTime`. custom_attribute: the list `customAttributes`; None if it is empty, since
    published scripts check `is not None` before they take the first element.
    """

    def __init__(self, document: Mapping[str, JsonValue]) -> None:
        super().__init__(document)
        self.event_id: str | None = document.get("eventId")
        self.event_time: str | None = document.get("inferenceTime")
        self.inference_id: str | None = document.get("inferenceId")
        self.custom_attribute: list[str] | None = list(document.get("customAttributes") or ()) or None


class InferenceRecord(_RecordPart):
    """The whole record. Halves that were not captured are None.

    event_data: the halves by their names in the file; scripts written in 2019 and 2020 use it.
    """

    def __init__(self, document: Mapping[str, JsonValue]) -> None:
        captured = document.get("captureData") or {}
        halves = {name: _build_part(captured.get(name)) for name in INDEX_NAMES}
        super().__init__(document)
        self.event_dict = self._document
        self.event_version: str | None = document.get("eventVersion")
        self.event_metadata = EventMetadata(document.get("eventMetadata") or {})
        self.event_data = SimpleNamespace(**halves)
        self.endpoint_input = halves["endpointInput"]
        self.endpoint_output = halves["endpointOutput"]
        self.batch_transform_output = halves["batchTransformOutput"]
        self.ground_truth = _build_part(document.get("groundTruthData"))


def has_known_types(document: Mapping[str, JsonValue]) -> bool:
    """Whether a record's metadata has the types that scripts expect: an object, in which attributes are an array."""
    event = document.get("eventMetadata")
    if event is None:
        return True
    return isinstance(event, Mapping) and isinstance(event.get("customAttributes"), (list, type(None)))


def _build_part(document: JsonValue) -> CapturedPart | None:
    if isinstance(document, Mapping):
        return CapturedPart(document)
    return None
