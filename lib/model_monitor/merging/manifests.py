"""The outputs of batch transforms that manifests name. Source: C3.2."""

from __future__ import annotations

from model_monitor.data.engine import Session
from model_monitor.data.reading.transforms import named_files
from model_monitor.merging.sources import HourlyFile, HourlySource


def outputs_of_manifests(session: Session, source: HourlySource) -> HourlySource:
    """The files that the listed manifests name, in the hours of the manifests, beside those that are no manifests.

    Raises BadInput for a manifest that can't be read or that names an absent file.
    """
    named = named_files(session, [file.file for file in source.files])
    if not named:
        return source
    files = {
        inner: HourlyFile(inner, file.branch, file.hour)
        for file in source.files
        for inner in named.get(file.file, (file.file,))
    }
    ordered = tuple(sorted(files.values(), key=lambda file: file.order))
    return HourlySource(source.path, ordered, tuple(file.file.path for file in ordered))
