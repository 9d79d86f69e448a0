"""constraint_violations.json as people's clients take it: the real SDK's class, and what AWS's samples parse texts with."""

import json
import re
from pathlib import Path

import pytest
from tests.programs import run_program

from spark_model_monitor.documents.check_results import Violation, Violations
from spark_model_monitor.monitors.data_quality import messages

READER = Path(__file__).with_name("violations_reader.py")

DRIFT = Violation(
    feature_name="Day Mins", constraint_check_type="baseline_drift_check", description=messages.drift(0.25, 0.1)
)
VALUES = Violation(
    feature_name="Город",
    constraint_check_type="categorical_values_check",
    description=messages.requirement_not_met(6e-4),
)


@pytest.mark.parametrize("violations", [(DRIFT, VALUES), ()], ids=["two", "none"])
def test_the_sdk_reads_our_violations_and_saves_them_unchanged(sdk_python, tmp_path, violations):
    ours = Violations(violations=violations)
    file = tmp_path / "constraint_violations.json"
    file.write_text(ours.to_json(), encoding="utf-8")
    quiet = {"SAGEMAKER_SUPPRESS_V2_WARNING": "1", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}  # and no AWS settings

    done = run_program([str(sdk_python), str(READER), str(file)], env=quiet, timeout=120)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [ours.plain(), ours.plain()]
    assert Violations.from_json((tmp_path / "s3/bucket/saved/constraint_violations.json").read_bytes()) == ours


@pytest.mark.parametrize("distance", [0.25, 6e-4, 1.0])
def test_the_drift_samples_expression_finds_distance_and_threshold(distance):
    # postprocess_monitor_script.py of aws-samples/amazon-sagemaker-drift-detection
    match = re.search("distance: (.+) exceeds threshold: (.+)", messages.drift(distance, 0.1))

    assert (float(match[1]), float(match[2])) == (distance, 0.1)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("distance: (.+) exceeds", messages.drift(6e-4, 1e-4)),
        ("Value: (.+) does not meet the constraint requirement!", messages.requirement_not_met(6e-4)),
    ],
)
def test_the_visualisation_samples_expressions_find_the_number(expression, text):
    # visualization/utils.py of aws/amazon-sagemaker-examples
    assert float(re.search(expression, text)[1]) == 6e-4
