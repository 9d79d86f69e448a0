"""Reads a job's configuration, checked all at once, and what nobody has to say of data on this machine. Driver only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from model_monitor.data.engine.local import LocalEngine
from model_monitor.data.reading.formats import SparkFormat, TableFormat, parse_dataset_format
from model_monitor.data.reading.headers import format_word_of
from model_monitor.errors import BadConfiguration
from model_monitor.running.configuration.bias_options import stood_for
from model_monitor.running.configuration.command_line import OF_A_BASELINE
from model_monitor.running.configuration.contract import OPTIONS, JobConfig
from model_monitor.running.configuration.sources import Given, Sources, flag_of, gather
from model_monitor.storage import is_local, local_path

ENDINGS = {"baseline": "baseline", "monitor": "report", "merge": "merged", "backfill": "history"}
"""What the name of a job's folder ends in where nobody named one: orders-baseline, beside where it is started."""


def with_default_output(job: str, sources: Sources) -> Sources:
    """The sources with an output path; a baseline that is there already isn't written over.

    They stay as they are if one is given, or the data is not on this machine.
    """
    path = _local_data(job, sources)
    if path is None or job not in ENDINGS or "output_path" in sources.values:
        return sources
    output = f"{path.resolve().name.partition('.')[0] or 'data'}-{ENDINGS[job]}"
    if job == "baseline" and any(Path(output, name).exists() for name in OF_A_BASELINE):
        fault = (
            f"{output} is there already; write --output-path {output} to replace that baseline, or another directory"
        )
        return replace(sources, faults={**sources.faults, fault: "output_path"})
    return _chosen(sources, "output_path", output, f"output: {output}")


def with_recognised_format(job: str, sources: Sources) -> Sources:
    """The sources with the format of the data; as they are if it is given, or the data is not on this machine.

    Raises BadInput and NoData for files in which nothing can be recognised.
    """
    path = _local_data(job, sources)
    if path is None or job == "merge" or "dataset_format" in {*sources.values, *stood_for(sources.values, job)}:
        return sources
    try:
        word = format_word_of(LocalEngine(), str(path))
    except BadConfiguration as fault:
        return replace(sources, faults={**sources.faults, str(fault): "dataset_format"})
    return _chosen(sources, "dataset_format", word, f"format: {word}, by what {path} looks like")


def _local_data(job: str, sources: Sources) -> Path | None:
    """Where the data lies; None if nobody said, or it is not on this machine."""
    path = stood_for(sources.values, job).get("dataset_source", sources.text("dataset_source"))
    if path is None or not is_local(path) or not local_path(path).exists():
        return None
    return local_path(path)


def _chosen(sources: Sources, name: str, text: str, sentence: str) -> Sources:
    values = {**sources.values, name: Given(text, flag_of(name))}
    return replace(sources, values=values, chosen=(*sources.chosen, sentence))


# Reads a job's configuration: what its sources say, checked all at once.


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
