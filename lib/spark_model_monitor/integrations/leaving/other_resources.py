"""The resources that an account has in addition to its schedules, and what becomes of each resource here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.integrations.imports.descriptions import ApiAnswer, Definition
from spark_model_monitor.statistics.states.encoding import DECODING_ERRORS


class OtherResource(NamedTuple):
    """One resource. outcome: what becomes of it here, or why it has no successor."""

    kind: str
    name: str
    outcome: str


LISTINGS = {
    "MetricAlarms": (
        "CloudWatch alarm",
        "AlarmName",
        "moves with --sink cloudwatch, which sends metrics of these names, or --sink prometheus",
    ),
    "CompositeAlarms": ("CloudWatch alarm", "AlarmName", "stays as it is, if the alarms that it names have moved"),
    "DashboardEntries": (
        "CloudWatch dashboard",
        "DashboardName",
        "stays with --sink cloudwatch; history.html and tables for SQL are ours",
    ),
    "Rules": (
        "EventBridge rule",
        "Name",
        "hears of no job here: name its target with --sink sns or webhook; its schedule is run-due's",
    ),
    "ModelCardSummaries": (
        "model card",
        "ModelCardName",
        "stays: it is no part of monitoring, and has no successor here",
    ),
}
"""A member of an answer that lists resources -> their kind, the member with their names, and what becomes of them."""

_ANALYSES_BY_STEP = {"QualityCheck": "DATA_QUALITY", "ClarifyCheck": "MODEL_BIAS"}
"""Types of steps that check a model, with what they analyse if their CheckType doesn't say it."""

_BASELINE_MEMBERS = ("ModelMetrics", "DriftCheckBaselines")
OTHER_MEMBERS = (*LISTINGS, "PipelineDefinition", *_BASELINE_MEMBERS)
"""Members that only answers about other resources have."""


def list_other_resources(answers: Sequence[ApiAnswer], definitions: Sequence[Definition]) -> list[OtherResource]:
    """Each resource once. answers: answers with a member of OTHER_MEMBERS. definitions: the schedules' job definitions, which
    name roles.
    """
    resources: list[OtherResource] = []
    for answer in answers:
        # JSON of another program may have such members, too
        with suppress(*DECODING_ERRORS):
            resources += _read_answer(answer)
    for definition in definitions:
        if definition.source.transform_prefix:
            outcome = f"moves with its schedule; it reads {definition.source.transform_prefix}"
            resources.append(OtherResource("batch-transform monitor", definition.name, outcome))
    roles = {definition.role for definition in definitions if definition.role}
    outcome = "isn't used: jobs have the rights of who starts them, which docs/s3.md lists"
    resources += [OtherResource("IAM role", role, outcome) for role in sorted(roles)]
    return list(dict.fromkeys(resources))


def _read_answer(answer: ApiAnswer) -> Iterator[OtherResource]:
    for member, (kind, name, outcome) in LISTINGS.items():
        for summary in answer.get(member, ()):
            yield OtherResource(kind, str(summary[name]), outcome)
    # A pipeline's definition is a text of JSON
    if "PipelineDefinition" in answer:
        pipeline = str(answer.get("PipelineName", "pipeline"))
        for step in _list_steps(json.loads(answer["PipelineDefinition"])):
            analysis = str(step.get("CheckType") or _ANALYSES_BY_STEP[step["Type"]]).replace("DATA_BIAS", "MODEL_BIAS")
            command = f"spark-model-monitor monitor --analysis-type {analysis}"
            outcome = f"is no step here: let one of your own call {command}"
            yield OtherResource(f"{step['Type']} step", f"{pipeline}: {step['Name']}", outcome)
    # The baselines with which a model was registered
    package = str(answer.get("ModelPackageArn", "model package"))
    for member in _BASELINE_MEMBERS:
        for uri in _list_uris(answer.get(member)):
            yield OtherResource(
                f"registry's {member}", package, f"is read by --baseline-constraints or --baseline-statistics: {uri}"
            )


def _list_steps(content: Json) -> Iterator[Mapping[str, Json]]:
    """The steps that check something, also those within conditions."""
    if isinstance(content, Mapping):
        if content.get("Type") in _ANALYSES_BY_STEP:
            yield content
        content = list(content.values())
    if isinstance(content, list):
        for part in content:
            yield from _list_steps(part)


def _list_uris(content: Json) -> Iterator[str]:
    if isinstance(content, Mapping):
        if "S3Uri" in content:
            yield str(content["S3Uri"])
        for part in content.values():
            yield from _list_uris(part)
