import numpy as np
import pandas as pd
from tests.unit.data_quality.comparisons import make_profile, number_feature

from spark_model_monitor.documents.statistics import (
    Common,
    Dataset,
    FeatureStatistics,
    InferredType,
    NumericalStatistics,
    Statistics,
    StringStatistics,
    as_rows,
)
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor

STATISTICS = Statistics(
    dataset=Dataset(item_count=4),
    features=(
        FeatureStatistics(
            name="Age",
            inferred_type=InferredType.INTEGRAL,
            numerical_statistics=NumericalStatistics(
                common=Common(num_present=4, num_missing=0),
                mean=0.0,
                sum=0.0,
                std_dev=0.5,
                min=-1.0,
                max=1.0,
                approximate_num_distinct_values=3,
                completeness=1.0,
            ),
        ),
        FeatureStatistics(
            name="State",
            inferred_type=InferredType.STRING,
            string_statistics=StringStatistics(common=Common(num_present=3, num_missing=1), distinct_count=2.0),
        ),
        FeatureStatistics(name="Empty", inferred_type=InferredType.UNKNOWN),
    ),
)


def test_rows_are_flat_and_in_the_order_of_the_features():
    nothing = dict.fromkeys(("mean", "std_dev", "min", "p25", "median", "p75", "max"))

    assert as_rows(STATISTICS) == [
        {
            "feature": "Age",
            "inferred_type": "Integral",
            "num_present": 4,
            "num_missing": 0,
            "completeness": 1.0,
            "distinct": 3,
            "mean": 0.0,
            "std_dev": 0.5,
            "min": -1.0,
            "p25": None,  # no sketch
            "median": None,
            "p75": None,
            "max": 1.0,
        },
        {
            "feature": "State",
            "inferred_type": "String",
            "num_present": 3,
            "num_missing": 1,
            "completeness": 0.75,
            "distinct": 2,
            **nothing,
        },
        {
            "feature": "Empty",
            "inferred_type": "Unknown",
            "num_present": None,
            "num_missing": None,
            "completeness": None,
            "distinct": None,
            **nothing,
        },
    ]


def test_rows_make_a_data_frame():
    frame = pd.DataFrame(as_rows(STATISTICS)).set_index("feature")

    assert frame.loc["State", "completeness"] == 0.75
    assert frame["mean"].notna().tolist() == [True, False, False]


def test_quartiles_are_those_of_the_sketch():
    values = np.random.default_rng(1).normal(size=501)
    profile = make_profile(number_feature("x", values.tolist()))
    monitor = DataQualityMonitor()
    [statistics, *_] = monitor.documents(profile, monitor.metrics(profile))
    [x] = as_rows(statistics)
    expected = np.quantile(values, [0.25, 0.5, 0.75], method="inverted_cdf")  # the sketch keeps 501 values as they are
    assert [x["p25"], x["median"], x["p75"]] == expected.tolist()
