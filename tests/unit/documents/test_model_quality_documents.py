"""The model-quality documents: read leniently, written exactly, and faults told by their place."""

import json

import pytest

from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.model_quality import (
    ComparisonOperator,
    ModelQualityConstraints,
    ModelQualityStatistics,
)
from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.errors import BadDocument

CONSTRAINTS = """{
  "version" : 0.0,
  "binary_classification_constraints" : {
    "recall" : {
      "threshold" : 0.5714285714285714,
      "comparison_operator" : "LessThanThreshold"
    },
    "false_positive_rate" : {
      "threshold" : null,
      "comparison_operator" : "GreaterThanThreshold"
    },
    "our own gini" : {
      "threshold" : 0.6,
      "comparison_operator" : "LessThanThreshold",
      "note" : "agreed in May"
    }
  },
  "owner" : "risk"
}"""

STATISTICS = """{
  "version" : 0.0,
  "dataset" : {
    "item_count" : 4,
    "start_time" : "2026-05-01T00:00:00Z"
  },
  "binary_classification_metrics" : {
    "confusion_matrix" : {
      "0" : {
        "0" : 1,
        "1" : 2
      },
      "1" : {
        "0" : 0,
        "1" : 1
      }
    },
    "recall" : {
      "value" : 1.0,
      "standard_deviation" : "NaN"
    },
    "receiver_operating_characteristic_curve" : {
      "false_positive_rates" : [ 0.0, 1.0 ],
      "true_positive_rates" : [ 0.0, 1.0 ]
    }
  }
}"""


def test_constraints_are_written_back_byte_for_byte_with_what_users_added():
    assert ModelQualityConstraints.from_json(CONSTRAINTS).to_json() == CONSTRAINTS


def test_constraints_say_what_they_ask_for():
    entries = ModelQualityConstraints.from_json(CONSTRAINTS).binary_classification_constraints

    assert list(entries) == ["recall", "false_positive_rate", "our own gini"]
    assert entries["recall"].threshold == 0.5714285714285714
    assert entries["false_positive_rate"].threshold is None
    assert entries["false_positive_rate"].comparison_operator is ComparisonOperator.GREATER_THAN


def test_a_threshold_that_is_the_text_nan_is_not_defined():
    text = CONSTRAINTS.replace("0.5714285714285714", '"NaN"')

    assert ModelQualityConstraints.from_json(text).binary_classification_constraints["recall"].threshold is None


def test_statistics_of_the_guide_are_read_and_written_as_they_stood():
    statistics = ModelQualityStatistics.from_json(STATISTICS)

    metrics = statistics.binary_classification_metrics
    assert metrics.confusion_matrix["0"] == {"0": 1, "1": 2}
    assert (metrics.recall.value, metrics.recall.standard_deviation) == (1.0, None)
    assert statistics.classes == {"0", "1"}
    assert [name for name, _ in statistics.scalars()] == ["recall"]
    assert json.loads(statistics.to_json()) == json.loads(STATISTICS)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        pytest.param(
            '"LessThanThreshold"\n    },\n    "false',
            '"LessThan"\n    },\n    "false',
            'binary_classification_constraints.recall.comparison_operator is "LessThan"; it has to be one of '
            '"LessThanThreshold", "GreaterThanThreshold"; did you mean "LessThanThreshold"?',
            id="an operator of another kind",
        ),
        pytest.param(
            "0.5714285714285714",
            '"0.57"',
            "binary_classification_constraints.recall.threshold is a text of length 4; it has to be a number, or null",
            id="a threshold as a text",
        ),
        pytest.param(
            '"threshold" : 0.6,\n      "comparison_operator" : "LessThanThreshold",',
            '"threshold" : 0.6,',
            "binary_classification_constraints.our own gini.comparison_operator is missing",
            id="no operator",
        ),
    ],
)
def test_a_fault_in_the_constraints_names_its_place(old, new, fault):
    assert old in CONSTRAINTS

    with pytest.raises(BadDocument) as error:
        ModelQualityConstraints.from_json(CONSTRAINTS.replace(old, new, 1))

    assert fault in str(error.value)


def test_constraints_that_are_no_object_are_reported():
    with pytest.raises(BadDocument, match=r"regression_constraints is a list of length 0; it has to be an object"):
        ModelQualityConstraints.from_json('{"version": 0.0, "regression_constraints": []}')


@pytest.mark.parametrize(
    ("document", "text", "message"),
    [
        (ModelQualityConstraints, '{"features": []}', "it is the constraints.json of a data-quality job"),
        (ModelQualityConstraints, STATISTICS, "it is a statistics.json"),
        (ModelQualityStatistics, CONSTRAINTS, "it is the constraints.json of a model-quality job"),
        (Constraints, CONSTRAINTS, "it is the constraints.json of a model-quality job"),
        (Statistics, STATISTICS, "it is the statistics.json of a model-quality job"),
    ],
)
def test_a_document_of_another_job_is_reported_by_its_members(document, text, message):
    with pytest.raises(BadDocument, match=message):
        document.from_json(text)


def test_metrics_of_a_model_card_are_read_without_a_data_set_and_whole_numbers_stay_whole():
    """Source: aws/amazon-sagemaker-examples, sm-model_governance_model_card, whose files have neither version nor dataset."""
    members = {
        "binary_classification_metrics": {
            "auc": {"value": 1, "standard_deviation": "NaN"},
            "precision_recall_curve": {"precisions": [1, 0.5, 1.0], "recalls": [0, 0.25, 1]},
        }
    }

    read = ModelQualityStatistics.from_json(json.dumps(members))

    assert json.dumps(json.loads(read.to_json())) == json.dumps(members)
