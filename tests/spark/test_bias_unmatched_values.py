"""A facet's codes that became another type, on Spark: the same groups as without it."""

from __future__ import annotations

import pandas as pd
import pytest

from spark_model_monitor import AnalysisConfig, BiasMeasures, BiasMonitor, run_baseline, run_monitoring


def make_people(spark, first, second):
    """Half of each of two groups is hired."""
    rows = [(name, hired) for name in (first, second) for hired in (0, 1)] * 75
    return spark.createDataFrame(pd.DataFrame(rows, columns=["sex", "hired"]))


CODES: list[list[int] | list[float] | list[str] | list[bool]] = [[1, 0], [1.0, 0.0], ["1.0", "0.0"], [True, False]]


@pytest.mark.parametrize("codes", CODES, ids=repr)
@pytest.mark.parametrize("configured", ['"name_or_index": "sex"', '"name_or_index": "sex", "value_or_threshold": [1]'])
def test_a_code_in_another_type_is_the_same_group(spark, codes, configured):
    """A window's integers that became doubles, texts or booleans, where its baseline has integers."""
    text = f'{{"label": "hired", "label_values_or_threshold": [1], "facet": [{{{configured}}}]}}'
    monitor = BiasMonitor(BiasMeasures.of(AnalysisConfig.from_json(text)))
    baseline = run_baseline(make_people(spark, 1, 0), monitor)

    findings = run_monitoring(make_people(spark, *codes), monitor, baseline)

    assert findings.outcome.value == "unchanged"
