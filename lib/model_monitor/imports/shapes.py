"""What a description of the service's API has to look like: botocore's own model of it decides. Needs botocore, no network.

A member that the model does not know is no fault: the API grows. It is left out and listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model_monitor.errors import BadDocument, MissingDependency
from model_monitor.imports.descriptions import MONITORING_TYPES

OPERATIONS = {
    "MonitoringScheduleConfig": "DescribeMonitoringSchedule",
    **{f"{kind}JobInput": f"Describe{kind}JobDefinition" for kind in MONITORING_TYPES},
    "EndpointArn": "DescribeEndpoint",
}
"""A member that only one kind of answer has -> the operation that gives it."""

_OF_BOTO3 = "ResponseMetadata"


@dataclass(frozen=True, slots=True)
class Described:
    """One answer of the API. unknown: paths of members that botocore's model does not have, left out of `content`."""

    operation: str
    content: Mapping[str, Any]
    unknown: tuple[str, ...] = ()


def described(content: object, where: str) -> Described:
    """The answer that `content` is. where: its file, for errors.

    Raises BadDocument if it is no answer that can be moved over, or if it has not the shape of one; MissingDependency without
    botocore.
    """
    if not isinstance(content, Mapping):
        raise BadDocument(
            f"{where} is {type(content).__name__}; it has to be a JSON object, as `aws sagemaker describe-…` prints it"
        )
    operation = next((name for member, name in OPERATIONS.items() if member in content), None)
    if operation is None:
        raise BadDocument(
            f"{where} has none of the members {', '.join(OPERATIONS)}; give the output of aws sagemaker "
            "describe-monitoring-schedule, of describe-data-quality-job-definition or one like it, or of describe-endpoint"
        )
    shape = _service_model().operation_model(operation).output_shape
    unknown: list[str] = []
    known = _known(content, shape, unknown)
    if faults := _faults(known, shape):
        raise BadDocument("\n".join(f"{where}: {fault}" for fault in faults))
    return Described(operation, known, tuple(sorted(unknown)))


def _service_model() -> Any:
    try:
        from botocore.session import get_session
    except ImportError as fault:
        raise MissingDependency(
            "the API's shapes are botocore's, which is not installed; write pip install 'spark-model-monitor[aws]'"
        ) from fault
    return get_session().get_service_model("sagemaker")


def _faults(content: Mapping[str, Any], shape: Any) -> list[str]:
    from botocore.validate import ParamValidator

    report: str = ParamValidator().validate(content, shape).generate_report()
    return report.splitlines()


def _known(value: Any, shape: Any, unknown: list[str], path: str = "") -> Any:
    """The value without members that are null, or that the shape does not have; the paths of those go into `unknown`."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        unknown += [f"{path}{name}" for name in value if name not in shape.members and name != _OF_BOTO3]
        present = {name: member for name, member in value.items() if name in shape.members and member is not None}
        return {
            name: _known(member, shape.members[name], unknown, f"{path}{name}.") for name, member in present.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        above = path.rstrip(".")
        return [_known(item, shape.member, unknown, f"{above}[{index}].") for index, item in enumerate(value)]
    return value
