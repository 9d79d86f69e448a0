"""statistics.json, constraints.json and constraint_violations.json as objects with a `body_dict` and a place."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any, TypeVar

from model_monitor.sagemaker.locations import default_prefix, read_text, write_text
from model_monitor.storage import join

F = TypeVar("F", bound="ModelMonitoringFile")

_SWITCH = {True: "Enabled", False: "Disabled"}


class ModelMonitoringFile:
    """One of the three files. kms_key: what S3 encrypts it with when it is saved."""

    _DEFAULT_NAME = "monitoring.json"

    def __init__(self, body_dict: Any, file_s3_uri: str, kms_key: str | None, sagemaker_session: Any) -> None:
        self.body_dict = body_dict
        self.file_s3_uri = file_s3_uri
        self.kms_key = kms_key
        self.session = sagemaker_session

    def save(self, new_save_location_s3_uri: str | None = None) -> str:
        """Write the body to its place, or to a new one that it keeps; gives the place."""
        if new_save_location_s3_uri is not None:
            self.file_s3_uri = new_save_location_s3_uri
        return write_text(self.file_s3_uri, json.dumps(self.body_dict), self.session, self.kms_key)

    @classmethod
    def _at(cls: type[F], uri: str, kms_key: str | None, session: Any) -> F:
        """The file at `uri`. Raises BadInput if it can't be read."""
        return cls(json.loads(read_text(uri, session)), uri, kms_key, session)

    @classmethod
    def _of_text(cls: type[F], text: str, kms_key: str | None, file_name: str | None, session: Any) -> F:
        """A file with this content, written to a place of its own."""
        place = join(default_prefix(session), "monitoring", str(uuid.uuid4()), file_name or cls._DEFAULT_NAME)
        return cls(json.loads(text), write_text(place, text, session, kms_key), kms_key, session)


class Statistics(ModelMonitoringFile):
    """statistics.json: what the data is like."""

    _DEFAULT_NAME = "statistics.json"

    def __init__(
        self, body_dict: Any, statistics_file_s3_uri: str, kms_key: str | None = None, sagemaker_session: Any = None
    ) -> None:
        super().__init__(body_dict, statistics_file_s3_uri, kms_key, sagemaker_session)

    @classmethod
    def from_s3_uri(
        cls, statistics_file_s3_uri: str, kms_key: str | None = None, sagemaker_session: Any = None
    ) -> Statistics:
        """The file at a URI or path. Raises BadInput if it can't be read."""
        return cls._at(statistics_file_s3_uri, kms_key, sagemaker_session)

    @classmethod
    def from_string(
        cls,
        statistics_file_string: str,
        kms_key: str | None = None,
        file_name: str | None = None,
        sagemaker_session: Any = None,
    ) -> Statistics:
        """A file with this content, written to a place of its own."""
        return cls._of_text(statistics_file_string, kms_key, file_name, sagemaker_session)

    @classmethod
    def from_file_path(
        cls, statistics_file_path: str, kms_key: str | None = None, sagemaker_session: Any = None
    ) -> Statistics:
        """A copy of a local file."""
        path = Path(statistics_file_path)
        return cls._of_text(path.read_text(encoding="utf-8"), kms_key, path.name, sagemaker_session)


class Constraints(ModelMonitoringFile):
    """constraints.json: what later data should be like."""

    _DEFAULT_NAME = "constraints.json"

    def __init__(
        self, body_dict: Any, constraints_file_s3_uri: str, kms_key: str | None = None, sagemaker_session: Any = None
    ) -> None:
        super().__init__(body_dict, constraints_file_s3_uri, kms_key, sagemaker_session)

    @classmethod
    def from_s3_uri(
        cls, constraints_file_s3_uri: str, kms_key: str | None = None, sagemaker_session: Any = None
    ) -> Constraints:
        """The file at a URI or path. Raises BadInput if it can't be read."""
        return cls._at(constraints_file_s3_uri, kms_key, sagemaker_session)

    @classmethod
    def from_string(
        cls,
        constraints_file_string: str,
        kms_key: str | None = None,
        file_name: str | None = None,
        sagemaker_session: Any = None,
    ) -> Constraints:
        """A file with this content, written to a place of its own."""
        return cls._of_text(constraints_file_string, kms_key, file_name, sagemaker_session)

    @classmethod
    def from_file_path(
        cls, constraints_file_path: str, kms_key: str | None = None, sagemaker_session: Any = None
    ) -> Constraints:
        """A copy of a local file."""
        path = Path(constraints_file_path)
        return cls._of_text(path.read_text(encoding="utf-8"), kms_key, path.name, sagemaker_session)

    def set_monitoring(self, enable_monitoring: bool, feature_name: str | None = None) -> None:
        """Switch the checks on or off, of one feature or of all; `save` writes it."""
        if feature_name is None:
            self.body_dict["monitoring_config"]["evaluate_constraints"] = _SWITCH[enable_monitoring]
            return
        for feature in self.body_dict["features"]:
            if feature["name"] == feature_name:
                overrides = feature.get("monitoring_config_overrides") or {}
                feature["monitoring_config_overrides"] = {
                    **overrides,
                    "evaluate_constraints": _SWITCH[enable_monitoring],
                }


class ConstraintViolations(ModelMonitoringFile):
    """constraint_violations.json: what a window did not keep to."""

    _DEFAULT_NAME = "constraint_violations.json"

    def __init__(
        self,
        body_dict: Any,
        constraint_violations_file_s3_uri: str,
        kms_key: str | None = None,
        sagemaker_session: Any = None,
    ) -> None:
        super().__init__(body_dict, constraint_violations_file_s3_uri, kms_key, sagemaker_session)

    @classmethod
    def from_s3_uri(
        cls, constraint_violations_file_s3_uri: str, kms_key: str | None = None, sagemaker_session: Any = None
    ) -> ConstraintViolations:
        """The file at a URI or path. Raises BadInput if it can't be read."""
        return cls._at(constraint_violations_file_s3_uri, kms_key, sagemaker_session)

    @classmethod
    def from_string(
        cls,
        constraint_violations_file_string: str,
        kms_key: str | None = None,
        file_name: str | None = None,
        sagemaker_session: Any = None,
    ) -> ConstraintViolations:
        """A file with this content, written to a place of its own."""
        return cls._of_text(constraint_violations_file_string, kms_key, file_name, sagemaker_session)

    @classmethod
    def from_file_path(
        cls, constraint_violations_file_path: str, kms_key: str | None = None, sagemaker_session: Any = None
    ) -> ConstraintViolations:
        """A copy of a local file."""
        path = Path(constraint_violations_file_path)
        return cls._of_text(path.read_text(encoding="utf-8"), kms_key, path.name, sagemaker_session)
