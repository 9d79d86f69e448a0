"""Arguments of Python callers are checked as flags are: a clear error where the object is made, not later in a run."""

from datetime import date

import pandas as pd
import pytest

from spark_model_monitor import (
    BiasMonitor,
    CsvFormat,
    DataQualityMonitor,
    EstimatedQualityMonitor,
    ExplainabilityMonitor,
    ModelQualityMonitor,
    MonitoringSettings,
    OutcomePlan,
    ProblemType,
    Window,
    challenge,
    merge_runs,
    outcomes,
    report,
    run_baseline,
)
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.bias.metric_comparison import Tolerances
from spark_model_monitor.monitors.explainability.attribution_results import Tolerances as AttributionTolerances

QUALITY = DataQualityMonitor()
BINARY = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)


def quality(**arguments):
    return ModelQualityMonitor(BINARY, **arguments)


def measure_bias(measures):
    return BiasMonitor(measures).measures()


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        pytest.param(
            DataQualityMonitor,
            {"predictions": "score"},
            r"predictions is 'score', a text.*\('score',\)",
            id="a text for names",
        ),
        pytest.param(
            DataQualityMonitor,
            {"predictions": (3,)},
            "predictions: one of the names is int; .* texts",
            id="a number among names",
        ),
        pytest.param(
            DataQualityMonitor, {"keep_examples": -5}, "keep_examples is -5; .* 0 or more", id="negative rows"
        ),
        pytest.param(
            DataQualityMonitor, {"max_domain_size": 2.5}, "max_domain_size is 2.5; .*whole", id="half a value"
        ),
        pytest.param(
            DataQualityMonitor, {"keep_examples": True}, "keep_examples is True; .*whole", id="yes for a number"
        ),
        pytest.param(DataQualityMonitor, {"columns": "names"}, "columns is 'names'; write one of: ", id="no such way"),
        pytest.param(CsvFormat, {"decimal": "x"}, "decimal is 'x'; write one of: ", id="a letter as a decimal point"),
        pytest.param(CsvFormat, {"separator": ";;"}, "separator is ';;'; .* one character", id="two separators"),
        pytest.param(CsvFormat, {"escape": "/"}, "escape is '/'; write one of: ", id="a slash before quotes"),
        pytest.param(quality, {"false_alarm_budget": 95}, "false_alarm_budget is 95; .*95 % is 0.95", id="percent"),
        pytest.param(quality, {"false_alarm_budget": float("nan")}, "false_alarm_budget is nan", id="not a number"),
        pytest.param(quality, {"min_samples": -1}, "min_samples is -1; .* 0 or more", id="fewer than none"),
        pytest.param(Tolerances, {"min_rows": "100"}, "min_rows is '100'; .*whole", id="digits"),
        pytest.param(AttributionTolerances, {"threshold": 1.5}, "threshold is 1.5; .*from 0 to 1", id="above 1"),
        pytest.param(
            OutcomePlan,
            {"problem_type": "BinaryClassification"},
            r"problem_type is 'BinaryClassification'; write one of: ProblemType\.BINARY_CLASSIFICATION, ",
            id="a text for a type",
        ),
        (ModelQualityMonitor, {"plan": "Regression"}, r"plan is str; write OutcomePlan\("),
        (EstimatedQualityMonitor, {"plan": ProblemType}, "plan is ProblemType; "),
        (outcomes, {"data": [], "plan": None}, "plan is NoneType; "),
        (challenge, {"champion": [], "challenger": [], "trial": BINARY}, r"trial is OutcomePlan; write Trial\("),
        (quality, {"tolerance": 0.05}, "tolerance is float; .*relative:5%"),
        (DataQualityMonitor, {"settings": {}}, "settings is dict; .*MonitoringSettings"),
        (MonitoringSettings, {"comparison_threshold": "0.2"}, "comparison_threshold is str; "),
        (measure_bias, {"measures": "c.json"}, r"wanted is str; write BiasMeasures\.of"),
        (ExplainabilityMonitor().measures, {}, "wanted is NoneType; "),
        (report, {"last": "3"}, "last is str; "),
        (report, {"features": "age"}, "features is 'age', a text"),
        (run_baseline, {"data": [], "monitor": QUALITY, "window": "2026-11-01"}, "window is str; "),
        (merge_runs, {"paths": [1, 2], "output_path": "m"}, "paths: one of the names is int; "),
        pytest.param(OutcomePlan, {"problem_type": None}, "problem_type is None; write one of: ", id="no type"),
        pytest.param(
            Window,
            {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z"},
            r"not of times; write datetime\(2026, ",
            id="texts for times",
        ),
        pytest.param(Window, {"start": date(2026, 11, 1), "end": None}, r"; write datetime\(2026, ", id="a day"),
    ],
)
def test_a_wrong_argument_is_refused_with_what_to_write(make, arguments, message):
    with pytest.raises(BadConfiguration, match=message):
        make(**arguments)


def test_outcomes_of_another_problem_are_refused():
    numbers = pd.DataFrame({"label": [1.5, 2.5], "prediction": [1.0, 2.0]})
    with pytest.raises(BadConfiguration, match="plan: the data was made for another problem type"):
        run_baseline(outcomes(numbers, OutcomePlan(ProblemType.REGRESSION)), quality(), engine="local")
