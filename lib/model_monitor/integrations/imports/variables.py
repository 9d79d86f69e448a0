"""A job definition as the variables of our jobs, and the env file that --env-file reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from model_monitor.documents.run_description import AnalysisType
from model_monitor.documents.schedule import ScheduledWindow
from model_monitor.integrations.imports.descriptions import Definition
from model_monitor.running.configuration.contract import OPTIONS
from model_monitor.running.configuration.options import variable_of

_COMPAT = variable_of("compat", OPTIONS["compat"])


def env_text(title: str, variables: Mapping[str, str], missing: Mapping[str, str]) -> str:
    """The file's text. missing: variables that have to be filled in, each with where it may be found."""
    lines = [f"# {title}", *(f"{name}={_quoted(value)}" for name, value in variables.items())]
    for name, where in missing.items():
        lines += ["", f"# To fill in; {where}", f"# {name}="]
    lines += [
        "",
        "# Alarms as the service had them, to the digit; remove the # for as long as you want that.",
        f"# {_COMPAT}=service",
    ]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    """In single quotes, in which neither # nor $ means anything."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


# A job definition as the variables of our jobs, and what of it has to be known from elsewhere.


HOUR_FOLDER = "%Y/%m/%d/%H"
"""Where a run's results go below the schedule's, by the time at which it was scheduled (C1.5)."""

_ANALYSES = {
    "DataQuality": AnalysisType.DATA_QUALITY,
    "ModelQuality": AnalysisType.MODEL_QUALITY,
    "ModelBias": AnalysisType.MODEL_BIAS,
    "ModelExplainability": AnalysisType.MODEL_EXPLAINABILITY,
}
MODEL = variable_of("model", OPTIONS["model"])
_WITH_GROUND_TRUTH = ("ModelQuality", "ModelBias")
_HALVES = {"ModelQuality": ["endpointOutput"], "ModelBias": ["endpointInput", "endpointOutput"]}
_TRANSFORM_OUTPUT = "batchTransformOutput"


@dataclass(frozen=True, slots=True)
class JobVariables:
    """What one job is told. missing: variables that the description does not give, each with where it may be found.

    unused: entries of the description's Environment that none of our jobs reads. output_folder: as in `ScheduledJob`.
    """

    job: str
    variables: Mapping[str, str]
    missing: Mapping[str, str]
    unused: tuple[str, ...] = ()
    output_folder: str | None = None


def jobs_of(
    definition: Definition, schedule: str, captures: str | None, window: ScheduledWindow | None = None
) -> tuple[JobVariables, ...]:
    """The jobs of one run of a schedule, in their order.

    captures: the prefix under which endpoints capture, None if it is not known. window: of a run, from the time at which it is
    scheduled; None if that is not known.
    Source: C1.1, C1.2, C1.3, C1.5, C2, C3.2.
    """
    source = definition.source
    common = {"s3_encryption": "SSE-KMS", "s3_kms_key": definition.kms_key} if definition.kms_key else {}
    if window is not None:
        common |= {"start_time_offset": window.start_offset, "end_time_offset": window.end_offset}
    place = f"{source.endpoint}/{schedule}" if source.endpoint else schedule
    missing: dict[str, str] = {}
    if source.transform_prefix:
        read, dataset_format = f"{source.transform_prefix.rstrip('/')}/output", json.dumps(source.transform_format)
    else:
        read, dataset_format = _below(captures, source.endpoint), json.dumps({"sagemakerCaptureJson": {}})
        if not read:
            missing["dataset_source"] = (
                f"the captures of the endpoint {source.endpoint}: give the output of aws sagemaker describe-endpoint "
                "as well, or --captures PREFIX"
            )
    monitoring = {
        "analysis_type": _ANALYSES[definition.monitoring_type].value,
        "dataset_source": read,
        "dataset_format": dataset_format,
        "output_path": f"{definition.output_uri}/{place}",
        **common,
        **_of_baseline(definition, missing),
        **_of_definition(definition, schedule),
    }
    if definition.monitoring_type == "ModelExplainability" and MODEL not in definition.environment:
        missing[MODEL] = "the model that is explained: its file, its address or module:function"
    if definition.monitoring_type not in _WITH_GROUND_TRUTH:
        return (_job("monitor", monitoring, missing, definition),)
    merged = f"{definition.output_uri}/merge/{source.endpoint or schedule}"
    halves = [_TRANSFORM_OUTPUT] if source.transform_prefix else _HALVES[definition.monitoring_type]
    labels = definition.ground_truth or ""
    merging = {"dataset_source": read, "ground_truth_source": labels, "output_path": merged, **common}
    monitoring |= {
        "dataset_source": merged,
        "dataset_format": json.dumps({"sagemakerMergeJson": {"captureIndexNames": halves}}),
    }
    of_captures = {name: missing.pop(name) for name in ("dataset_source",) if name in missing}
    if not definition.ground_truth:
        of_captures["ground_truth_source"] = "the prefix of the ground truth; the description does not name it"
    return (
        JobVariables("merge", _given(merging), of_captures),
        _job("monitor", monitoring, missing, definition),
    )


def _job(name: str, told: Mapping[str, str], missing: Mapping[str, str], definition: Definition) -> JobVariables:
    known = {variable_of(option, OPTIONS[option]) for option in OPTIONS}
    passed = {key: text for key, text in definition.environment.items() if key not in told}
    unused = tuple(sorted(key for key in passed if key not in known))
    return JobVariables(name, _given({**told, **passed}), missing, unused, HOUR_FOLDER)


def _given(told: Mapping[str, str]) -> dict[str, str]:
    """The variables that have a text, by the names that our jobs read them by."""
    return {variable_of(name, OPTIONS[name]) if name in OPTIONS else name: text for name, text in told.items() if text}


def _of_baseline(definition: Definition, missing: dict[str, str]) -> dict[str, str]:
    if definition.constraints is None:
        job = definition.baselining_job
        missing["baseline_constraints"] = (
            f"the results of the baselining job {job}: constraints.json at the output path that it was given"
            if job
            else "the description names no baseline; make one with jobs/baseline.py"
        )
        return {}
    return {"baseline_constraints": definition.constraints, "baseline_statistics": definition.statistics or ""}


def _of_definition(definition: Definition, schedule: str) -> dict[str, str]:
    return {
        "record_preprocessor_script": definition.preprocessor or "",
        "post_analytics_processor_script": definition.postprocessor or "",
        "problem_type": definition.problem_type or "",
        "analysis_config": definition.analysis_config or "",
        "sagemaker_endpoint_name": definition.source.endpoint or "",
        "sagemaker_monitoring_schedule_name": schedule,
        **definition.source.attributes,
    }


def _below(prefix: str | None, endpoint: str | None) -> str:
    return f"{prefix.rstrip('/')}/{endpoint}" if prefix and endpoint else ""
