"""Reads a job's configuration: what its sources say, checked all at once. Driver only.

config = config_of("baseline", sources_of(sys.argv[1:], os.environ), in_container=False)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from model_monitor.configuration.bias_options import stood_for
from model_monitor.configuration.contract import OPTIONS, JobConfig
from model_monitor.configuration.sources import Given, Sources, flag_of, gather
from model_monitor.data.reading.formats import SparkFormat, TableFormat, parse_dataset_format
from model_monitor.errors import BadConfiguration


def sources_of(arguments: Sequence[str], environment: Mapping[str, str]) -> Sources:
    """Everything that flags, environment and files say about the options, faults included; nothing is decided."""
    return gather(OPTIONS, arguments, environment)


def config_of(job: str, sources: Sources, *, in_container: bool) -> JobConfig:
    """The configuration that the sources add up to.

    Raises BadConfiguration with one line for each fault, each saying where, what was found and what to write instead.
    """
    faults = list(sources.faults)
    told = set(sources.faults.values())
    texts = {name: given.text for name, given in sources.values.items()}
    texts |= stood_for(sources.values, job)
    texts = {**{name: option.presets[job] for name, option in OPTIONS.items() if job in option.presets}, **texts}
    config = None
    try:
        config = JobConfig.model_validate({"job": job, **texts})
    except ValidationError as error:
        found = {str(fault["loc"][0]): fault["msg"].removeprefix("Value error, ") for fault in error.errors()}
        faults += [_fault(name, text, sources.values) for name, text in found.items() if name not in told]
    if "dataset_source" not in told | set(texts) and not _names_its_data(texts.get("dataset_format", "")):
        faults.append(_missing("dataset_source"))
    faults += [_missing(name) for name, option in OPTIONS.items() if job in option.required_by and name not in texts]
    if config is None or faults:
        raise BadConfiguration.gathered(faults)
    ignored = [
        sources.values[name].place
        for name, option in OPTIONS.items()
        if name in texts and not option.is_used_by(job, config.analysis_type)
    ]
    publish = config.publish_cloudwatch_metrics
    return config.model_copy(
        update={
            "ignored": tuple(ignored),
            "doubtful": sources.doubtful,
            "publish_cloudwatch_metrics": in_container if publish is None else publish,
        }
    )


def _fault(name: str, message: str, values: Mapping[str, Given]) -> str:
    if name not in values:
        return _missing(name)
    return f"{values[name].place} {message}"


def _missing(name: str) -> str:
    option = OPTIONS[name]
    return f"{name} is missing; write {flag_of(name)} {option.placeholder}, or set the variable {name}"


def _names_its_data(text: str) -> bool:
    """Whether this `dataset_format` is of a kind that can do without a path; not so if it can't be read."""
    try:
        return isinstance(parse_dataset_format(text), (TableFormat, SparkFormat))
    except BadConfiguration:
        return False
