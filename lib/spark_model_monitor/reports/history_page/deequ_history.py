"""The data sets in a file of Deequ's metrics repository as past runs. They are imported, but not judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from spark_model_monitor.documents.deequ_metrics import AnalysisResult, parse_analysis_results
from spark_model_monitor.documents.run_changes import DEEQU_METRICS
from spark_model_monitor.reports.history_page.past_run import COLUMNS, NO_STATUS, PastRun, RunIdentity
from spark_model_monitor.storage import read_file

SIZE = "Size"  # Deequ's name of the metric for the number of rows


def read_metrics_repository(path: str) -> list[PastRun]:
    """A run for each data set in the file; its window is the moment of the data set's date.

    Raises BadInput if the file can't be read, BadDocument if it isn't a metrics repository.
    """
    analyses = parse_analysis_results(read_file(path), path)
    names = _name_data_sets(analyses)
    runs = []
    for analysis, data_set in zip(analyses, names, strict=True):
        numbers = analysis.collect_numbers()
        values = np.array(list(numbers.values()), float)
        # A page can't draw infinities
        values[~np.isfinite(values)] = np.nan
        rows = None
        if SIZE in numbers:
            rows = int(numbers[SIZE])
        run = PastRun(
            RunIdentity(path, DEEQU_METRICS, analysis.time, analysis.time, rows, data_set),
            tuple(numbers),
            np.ones(len(numbers), bool),
            dict.fromkeys(COLUMNS, np.full(len(numbers), np.nan)) | {"value": values},
            np.full(len(numbers), NO_STATUS, np.uint8),
            {},
            0,
        )
        runs.append(run)
    return runs


def _name_data_sets(analyses: Sequence[AnalysisResult]) -> list[str | None]:
    """The names of data sets, made of their tags; None for a data set without tags.

    A tag that differs each time, such as the id of a run, isn't part of the name.
    """
    keys = list({key: None for analysis in analyses for key in analysis.tags})
    naming_keys = []
    for key in keys:
        num_values = len({analysis.tags.get(key) for analysis in analyses})
        if num_values == 1 or num_values < len(analyses):
            naming_keys.append(key)
    names = [_format_tags(analysis.tags, naming_keys) for analysis in analyses]
    # Data sets with the same time need different names, so that none hides another
    times = [analysis.time for analysis in analyses]
    if len(set(zip(times, names, strict=True))) < len(analyses):
        return [_format_tags(analysis.tags, keys) for analysis in analyses]
    return names


def _format_tags(tags: Mapping[str, str], keys: Sequence[str]) -> str | None:
    return ", ".join(f"{key}={tags[key]}" for key in keys if key in tags) or None
