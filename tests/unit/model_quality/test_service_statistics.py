"""statistics.json of model quality under `--compat service`."""

from datetime import datetime, timedelta, timezone

import pytest

from spark_model_monitor.documents.run_description import RunContext
from spark_model_monitor.monitors.model_quality.measurement import build_statistics
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor

from .outcomes_made import BINARY, MULTICLASS, make_outcomes, measured


@pytest.mark.parametrize(
    ("labels", "predictions", "classes"),
    [
        pytest.param(["2", "1", "3"], ["0", "1", "2"], ["1", "2", "3", "0"], id="a class that is only predicted"),
        pytest.param(["b", "c"], ["a", "b"], ["b", "c", "a"], id="texts"),
        pytest.param(["2", "10"], ["10", "2"], ["2", "10"], id="all are labels"),
    ],
)
def test_the_services_confusion_matrix_has_the_labels_before_what_is_only_predicted(labels, predictions, classes):
    measurement = measured(MULTICLASS, labels, predictions)

    matrix = build_statistics(measurement, as_service=True).plain()["multiclass_classification_metrics"][
        "confusion_matrix"
    ]

    assert list(matrix) == classes
    assert all(list(row) == classes for row in matrix.values())
    for label, prediction in zip(labels, predictions, strict=True):
        assert matrix[label][prediction] == 1
    ours = build_statistics(measurement).plain()["multiclass_classification_metrics"]["confusion_matrix"]
    assert list(ours) == sorted(ours, key=lambda name: name.zfill(3))


HOUR = datetime(2026, 3, 4, 10, tzinfo=timezone.utc)
WINDOW = RunContext(HOUR, HOUR + timedelta(hours=1))
RUN = RunContext(evaluation_time=HOUR)


@pytest.mark.parametrize(
    ("context", "as_service", "times"),
    [
        pytest.param(
            WINDOW,
            True,
            {
                "start_time": "2026-03-04T10:00:00Z",
                "end_time": "2026-03-04T11:00:00Z",
                "evaluation_time": "2026-03-04T11:00:00Z",
            },
            id="a window: the same in a rerun",
        ),
        pytest.param(RUN, True, {"evaluation_time": "2026-03-04T10:00:00Z"}, id="a baseline"),
        pytest.param(WINDOW, False, {}, id="ours"),
    ],
)
def test_the_services_statistics_say_when_they_were_made(context, as_service, times):
    monitor = ModelQualityMonitor(BINARY, as_service=as_service)
    outcomes = make_outcomes(BINARY, ["1", "0"], ["1", "1"])

    documents = monitor.documents(outcomes, monitor.metrics(outcomes), context)

    assert documents[0].plain()["dataset"] == {"item_count": 2, **times}
