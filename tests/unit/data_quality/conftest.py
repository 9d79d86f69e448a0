"""Profiles made by hand, as a scan of small columns would give them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.statistics.states import (
    ColumnType,
    DataTypeCounts,
    FeatureProfile,
    FrequenciesBuilder,
    KllBuilder,
    MomentsBuilder,
    Profile,
)


def numbers_feature(name, values, missing=0):
    moments = MomentsBuilder()
    kll = KllBuilder()
    doubles = np.array(values, dtype=np.float64)
    moments.update(doubles, missing=missing)
    kll.update(doubles)
    counts = DataTypeCounts(missing=missing, fractional=len(values))
    return FeatureProfile.of(name, ColumnType.FRACTIONAL, [counts, moments.state(), kll.state()])


def texts_feature(name, counts, missing=0):
    frequencies = FrequenciesBuilder()
    frequencies.update(list(counts), np.array(list(counts.values())))
    cells = pa.array([text for text, count in counts.items() for _ in range(count)], pa.string())
    types = DataTypeCounts(missing=missing) + DataTypeCounts.of(cells)
    return FeatureProfile.of(name, ColumnType.TEXT, [types, frequencies.state()])


@pytest.fixture
def make_profile():
    def making(*features):
        return Profile(features[0].num_present + features[0].num_missing, features)

    return making
