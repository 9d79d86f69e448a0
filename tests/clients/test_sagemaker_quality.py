"""A model-quality run's files in the hands of the real SDK, and the constraints that it saves in ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.programs import run_program

from spark_model_monitor.documents.model_quality import ModelQualityConstraints
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.statistics.states.outcome_builder import OutcomeBuilder
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.user_choices import ProblemType

PROGRAM = Path(__file__).with_name("sdk_quality.py")
MONITOR = ModelQualityMonitor(OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True))


def outcomes(skill, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 400)
    predictions = np.where(rng.random(400) < skill, labels, 1 - labels)
    builder = OutcomeBuilder(MONITOR.plan)
    builder.update(
        pa.array(labels.astype(str)), pa.array(predictions.astype(str)), 0.25 + predictions / 2 + rng.random(400) / 8
    )
    return builder.state()


@pytest.fixture(scope="module")
def documents():
    """A baseline's statistics and constraints, and the violations of a worse window."""
    before = outcomes(0.9, 1)
    after = outcomes(0.6, 2)
    statistics, constraints, _ = MONITOR.documents(before, MONITOR.metrics(before))
    checked = MONITOR.judge(
        Sample(after, MONITOR.metrics(after)), MONITOR.stored_baseline(constraints, None, before)
    ).results
    return {
        "statistics": statistics,
        "constraints": constraints,
        "constraint_violations": MONITOR.violations(checked),
    }


@pytest.fixture(scope="module")
def folder(sdk_python, documents, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sdk")
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(document.to_json(), encoding="utf-8")
    quiet = {"SAGEMAKER_SUPPRESS_V2_WARNING": "1", "HOME": str(folder), "LC_ALL": "C.UTF-8"}  # and no AWS settings
    done = run_program([str(sdk_python), str(PROGRAM), str(folder)], env=quiet)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_sdk_reads_what_a_model_quality_run_wrote(folder, documents):
    understood = json.loads((folder / "sdk.json").read_text())

    assert understood == {name: json.loads(document.to_json()) for name, document in documents.items()}
    assert understood["constraint_violations"]["violations"]


def test_constraints_that_the_sdk_saved_are_a_baseline(folder, documents):
    saved = ModelQualityConstraints.from_json((folder / "s3/bucket/saved/constraints.json").read_bytes())

    assert saved == documents["constraints"]
