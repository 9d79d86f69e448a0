"""docs/emr.md and the template of examples/emr name what is needed, and nothing that no one asks for."""

import json
import re
from pathlib import Path

import boto3
import pytest
from cfnlint import decode
from cfnlint.api import lint_file
from tests.unit.emr.test_command import leave_message, on_application, on_cluster

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "examples" / "emr" / "serverless.yaml"

ACTIONS = {
    ("s3", "HeadObject"): {"s3:GetObject", "s3:ListBucket"},
    ("s3", "GetObject"): {"s3:GetObject"},
    ("s3", "PutObject"): {"s3:PutObject"},
    ("emr", "AddJobFlowSteps"): {"elasticmapreduce:AddJobFlowSteps"},
    ("emr", "DescribeCluster"): {"elasticmapreduce:DescribeCluster"},
    ("emr-serverless", "GetApplication"): {"emr-serverless:GetApplication"},
    ("emr", "DescribeStep"): {"elasticmapreduce:DescribeStep"},
    ("emr-serverless", "StartJobRun"): {"emr-serverless:StartJobRun", "iam:PassRole"},
    ("emr-serverless", "GetJobRun"): {"emr-serverless:GetJobRun"},
}
"""The actions that a call needs. Source: EMR's and Amazon S3's pages of actions, resources and condition keys."""


def documented_actions(table):
    """The actions of the first or second table of the page's section on permissions."""
    section = (ROOT / "docs" / "emr.md").read_text().partition("## Permissions")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in section.split("Of the job itself")[table].splitlines() if "|" in line]
    return {action for cell in cells for action in re.findall(r"`([a-z0-9-]+:\w+)`", cell)}


def test_the_page_lists_the_actions_that_the_calls_need(aws, cluster, application, submit_counted):
    calls, submit = submit_counted
    leave_message(aws, "Completed: Job completed successfully with no violations.")
    submit(*on_application(application))
    submit(*on_cluster(cluster, "--no-wait"))
    calls.add(("emr", "DescribeStep"))  # the emulator's steps never end by themselves: test_command waits for them

    assert calls <= set(ACTIONS)
    assert documented_actions(0) == set().union(*(ACTIONS[call] for call in calls))


@pytest.mark.long
def test_the_template_is_one_that_cloudformation_takes():
    assert [str(fault) for fault in lint_file(TEMPLATE)] == []


def test_the_template_gives_the_job_no_more_than_the_page_says():
    template, _ = decode.decode(str(TEMPLATE))
    [policy] = template["Resources"]["JobRole"]["Properties"]["Policies"]
    allowed_actions = set()
    for statement in policy["PolicyDocument"]["Statement"]:
        actions = statement["Action"]
        allowed_actions |= {actions} if isinstance(actions, str) else set(actions)

    assert allowed_actions <= documented_actions(1)


def test_the_templates_job_is_one_that_starts(tmp_path):
    """Its arguments are read by the job's own reader; what the platform fills in is filled in here."""
    from spark_model_monitor.running.configuration.reading import build_config
    from spark_model_monitor.running.configuration.sources import read_sources

    template, _ = decode.decode(str(TEMPLATE))
    text = template["Resources"]["Schedule"]["Properties"]["Target"]["Input"]["Fn::Sub"]
    text = text.replace("<aws.scheduler.scheduled-time>", "2026-01-31T23:10:00Z")
    request = json.loads(re.sub(r"\$\{([\w.:]+)\}", r"\1", text))
    config = build_config(
        "monitor", read_sources(request["JobDriver"]["SparkSubmit"]["EntryPointArguments"], {}), in_container=False
    )

    assert config.ignored == ()
    assert config.output_path == "s3://Bucket/Reports"
    members = boto3.client("emr-serverless", region_name="us-east-1").meta.service_model.operation_model("StartJobRun")
    assert {name[0].lower() + name[1:] for name in request} <= set(members.input_shape.members)
