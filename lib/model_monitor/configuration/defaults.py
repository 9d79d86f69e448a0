"""What nobody has to say of a data set on this machine: where the results go, and what its files hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from model_monitor.configuration.bias_options import stood_for
from model_monitor.configuration.sources import Given, Sources, flag_of
from model_monitor.data.engine.local import LocalEngine
from model_monitor.data.reading.paths import format_word_of
from model_monitor.errors import BadConfiguration
from model_monitor.launch.places import OF_A_BASELINE
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
