"""Published runs for tests of explanations: a baseline and a window of numbers and of categories."""

from __future__ import annotations

from collections import Counter

import numpy as np

from spark_model_monitor.documents.check_results import CheckResults
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.reports.history import baselines
from spark_model_monitor.reports.history.archive import path_of, to_parquet
from spark_model_monitor.reports.outputs.files import publish
from spark_model_monitor.statistics.states import (
    ColumnType,
    DataTypeCounts,
    FeatureProfile,
    Frequencies,
    FrequenciesBuilder,
    KllBuilder,
    MomentsBuilder,
    Profile,
)


def numbers(name, values):
    moments = MomentsBuilder()
    kll = KllBuilder()
    kll.update(moments.update(np.array(values, dtype=np.float64)))
    states = [DataTypeCounts(fractional=len(values)), moments.state(), kll.state()]
    return FeatureProfile.of(name, ColumnType.FRACTIONAL, states)


def categories(name, texts):
    builder = FrequenciesBuilder(limit=Frequencies().limit)
    counts = Counter(texts)
    builder.update(list(counts), np.array(list(counts.values()), dtype=np.int64))
    return FeatureProfile.of(name, ColumnType.TEXT, [DataTypeCounts(text=len(texts)), builder.state()])


def profile(*features):
    return Profile(features[0].num_present, features)


def publish_baseline(path, found, monitor=DataQualityMonitor()):  # noqa: B008
    """Publish a baseline's documents and states; gives what the monitor knows of it."""
    documents = monitor.documents(found, monitor.metrics(found))
    files = {document.FILE_NAME: document.to_json().encode() for document in documents}
    publish({**files, path_of(Profile): to_parquet(found)}, str(path))
    return monitor.stored_baseline(documents[1], None, found)


def publish_window(path, found, known, *, baseline=None, monitor=DataQualityMonitor()):  # noqa: B008
    """Publish what a monitoring run leaves, as far as an explanation looks at it; gives the outcomes of its checks."""
    outcomes = monitor.judge(Sample(found, monitor.metrics(found)), known).results
    files = {
        CheckResults.FILE_NAME: CheckResults(checks=outcomes).to_json().encode(),
        path_of(Profile): to_parquet(found),
    }
    if baseline is not None:
        reference = baselines.to_run(str(baseline))
        files[reference.FILE_NAME] = reference.to_json().encode()
    publish(files, str(path))
    return outcomes
