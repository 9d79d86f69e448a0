"""What an account has beside its schedules: a row each, from the answers of listings and of pipelines."""

from __future__ import annotations

import json

import pytest

from spark_model_monitor.integrations.leaving.other_resources import list_other_resources


@pytest.mark.parametrize(
    ("step_type", "check_type", "analysis"),
    [
        ("QualityCheck", "DATA_QUALITY", "DATA_QUALITY"),
        ("QualityCheck", "MODEL_QUALITY", "MODEL_QUALITY"),
        ("ClarifyCheck", "DATA_BIAS", "MODEL_BIAS"),
        ("ClarifyCheck", "MODEL_EXPLAINABILITY", "MODEL_EXPLAINABILITY"),
        ("QualityCheck", None, "DATA_QUALITY"),
        ("ClarifyCheck", None, "MODEL_BIAS"),
    ],
)
def test_a_step_that_checks_is_named_with_the_command_that_checks_the_same(step_type, check_type, analysis):
    step = {"Name": "check", "Type": step_type, "CheckType": check_type}
    # Steps of a condition are checks, too
    condition = {"Type": "Condition", "Arguments": {"IfSteps": [step]}}
    definition = json.dumps({"Steps": [condition, {"Type": "Training"}]})

    resources = list_other_resources([{"PipelineName": "train", "PipelineDefinition": definition}], [])

    [(kind, name, outcome)] = resources
    assert kind == f"{step_type} step"
    assert name == "train: check"
    assert outcome.endswith(f"call spark-model-monitor monitor --analysis-type {analysis}")


LISTINGS = {
    "CloudWatch alarm": {"MetricAlarms": [{"AlarmName": "violations"}]},
    "CloudWatch dashboard": {"DashboardEntries": [{"DashboardName": "violations"}]},
    "EventBridge rule": {"Rules": [{"Name": "violations"}]},
    "model card": {"ModelCardSummaries": [{"ModelCardName": "violations"}]},
}


@pytest.mark.parametrize("kind", LISTINGS)
def test_what_is_listed_twice_has_one_row(kind):
    answers = [LISTINGS[kind]] * 2

    [resource] = list_other_resources(answers, [])

    assert resource.kind == kind
    assert resource.name == "violations"


def test_a_baseline_of_the_registry_says_which_file_it_is():
    constraints = {"S3Uri": "s3://bucket/constraints.json"}
    package = {"ModelPackageArn": "arn"}
    package["DriftCheckBaselines"] = {"ModelDataQuality": {"Constraints": constraints}}

    [resource] = list_other_resources([package], [])

    assert resource.name == "arn"
    assert resource.outcome.endswith("s3://bucket/constraints.json")


def test_a_member_of_another_program_has_no_row():
    assert list_other_resources([{"Rules": "of another program"}], []) == []
