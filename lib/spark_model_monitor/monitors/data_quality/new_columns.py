"""Columns of captures that a baseline lacks: later windows are compared with their first quiet windows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import create_distribution
from spark_model_monitor.monitors.data_quality.distribution.window_history import BASELINE, score_window
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.statistics.states import FeatureProfile, Profile
from spark_model_monitor.statistics.verdicts.between_window_variance import MIN_WINDOWS, PastWindows
from spark_model_monitor.statistics.verdicts.window_statistics import FIELDS


def add_new_columns(
    baseline: QualityBaseline, windows: Sequence[Mapping[str, FeatureProfile]], monitor: DataQualityMonitor
) -> QualityBaseline:
    """The baseline with the new columns that all windows have, if there are enough windows. windows: their states, by column."""
    if len(windows) < MIN_WINDOWS or baseline.roles is None or baseline.profile is None:
        return baseline
    names = [
        name for name in baseline.roles.list_new_columns(baseline.names) if all(name in window for window in windows)
    ]
    windows_by_column = {name: [window[name] for window in windows] for name in names}
    features = tuple(reduce(FeatureProfile.__add__, states) for states in windows_by_column.values())

    # The columns as a baseline of their own, with the limits that it would suggest
    profile = Profile(sum(feature.data_types.total for feature in features[:1]), features)
    answers = tuple(name for name in names if name in baseline.roles.answers)
    constraints = replace(monitor, predictions=answers).constraints(profile)
    addition = QualityBaseline.from_documents(constraints, None, profile)

    # They are added to the baseline's columns, each with the variation between the windows
    variation = baseline.get_variation()
    past = {**variation.past, **{name: _compare_windows(states) for name, states in windows_by_column.items()}}
    return replace(
        baseline,
        constraints=baseline.constraints.model_copy(
            update={"features": (*baseline.constraints.features, *constraints.features)}
        ),
        distributions={**baseline.distributions, **addition.distributions},
        suggested_limits={**baseline.suggested_limits, **addition.suggested_limits},
        profile=replace(baseline.profile, features=(*baseline.profile.features, *features)),
        history={**baseline.history, BASELINE: replace(variation, past=past)},
    )


def _compare_windows(states: Sequence[FeatureProfile]) -> PastWindows:
    """The raw statistics of each window, compared with the others."""
    rows = []
    for index, window in enumerate(states):
        other_windows = reduce(FeatureProfile.__add__, [*states[:index], *states[index + 1 :]])
        statistics = score_window(create_distribution(other_windows), create_distribution(window))
        if statistics is not None:
            rows.append(statistics)
    return PastWindows({name: np.array([row[name] for row in rows]) for name in FIELDS})
