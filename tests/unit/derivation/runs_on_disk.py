"""Published runs for tests of explanations: a baseline and a window of numbers and of categories."""

from collections import Counter

import numpy as np
from tests.run_descriptions import describe_run

from spark_model_monitor.documents.check_results import CheckResults
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.reports.history import baselines
from spark_model_monitor.reports.history.state_files import name_state_file, to_parquet
from spark_model_monitor.reports.outputs.run_files import publish
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


def publish_baseline(path, current_profile, monitor=DataQualityMonitor()):  # noqa: B008
    """Publish a baseline's documents and states; gives what the monitor knows of it."""
    documents = monitor.documents(current_profile, monitor.metrics(current_profile))
    files = {document.FILE_NAME: document.to_json().encode() for document in documents}
    publish({**files, name_state_file(Profile): to_parquet(current_profile)}, str(path))
    return monitor.stored_baseline(documents[1], None, current_profile)


def publish_window(
    path,
    current_profile,
    stored_baseline,
    *,
    baseline=None,
    monitor=DataQualityMonitor(),  # noqa: B008
    in_place=False,
):
    """Publish what a monitoring run leaves, as far as an explanation looks at it; gives the outcomes of its checks."""
    outcomes = monitor.judge(Sample(current_profile, monitor.metrics(current_profile)), stored_baseline).results
    files = {
        CheckResults.FILE_NAME: CheckResults(checks=outcomes).to_json().encode(),
        name_state_file(Profile): to_parquet(current_profile),
    }
    if baseline is not None:
        described = describe_run(baseline=baselines.create_reference_to_run(str(baseline)))
        files[described.FILE_NAME] = described.to_json().encode()
    publish(files, str(path), in_place=in_place)
    return outcomes
