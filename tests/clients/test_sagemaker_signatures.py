"""`spark_model_monitor.sagemaker` can be called as the real SDK's classes can."""

import ast
import json
import os
import sys
from pathlib import Path

import nbformat
import pytest
from tests.environments import require_client
from tests.programs import run_program

ROOT = Path(__file__).resolve().parents[2]
READER = Path(__file__).with_name("sdk_signatures.py")
NOTEBOOK = ROOT / "docs" / "notebooks" / "migration.ipynb"

CLASSES = (
    *("DefaultModelMonitor", "ModelQualityMonitor"),
    *("EndpointInput", "BatchTransformInput", "MonitoringOutput", "DataCaptureConfig"),
    *("DatasetFormat", "MonitoringDatasetFormat", "CronExpressionGenerator"),
    *("DataQualityMonitoringConfig", "DataQualityDistributionConstraints"),
    *("MonitoringExecution", "BaseliningJob", "Statistics", "Constraints", "ConstraintViolations"),
    *("ModelBiasMonitor", "BiasAnalysisConfig", "ModelExplainabilityMonitor", "ExplainabilityAnalysisConfig"),
)
CLASSES_OF_CLARIFY = (
    *("DataConfig", "BiasConfig", "ModelPredictedLabelConfig", "SageMakerClarifyProcessor"),
    *("ModelConfig", "SHAPConfig", "PDPConfig", "SegmentationConfig"),
)

NOT_OFFERED = {
    # parts of requests to the API, static methods that the SDK calls itself
    *("prepare_app_specification", "prepare_output_config", "prepare_processing_resources"),
    *("prepare_stopping_condition", "start_new"),
}

RESOURCE = "MonitoringExecution"
"""In version 3 an execution is a resource of its API: what its generated base has (pydantic's methods, `get`, `create`, …)
is not offered, and its `wait` shows no log unless asked."""
OF_EXECUTIONS_IN_3 = (
    "describe",
    "output",
    "statistics",
    "constraint_violations",
    "suggested_constraints",
    "stop",
    "refresh",
)


def signatures(python, module, environment, names=CLASSES):
    command = [str(python), str(READER), module, *names]
    done = run_program(command, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def theirs(sdk_python, tmp_path_factory):
    quiet = {"SAGEMAKER_SUPPRESS_V2_WARNING": "1", "HOME": str(tmp_path_factory.mktemp("home")), "LC_ALL": "C.UTF-8"}
    of_clarify = signatures(sdk_python, "sagemaker.clarify", quiet, CLASSES_OF_CLARIFY)
    return {**signatures(sdk_python, "sagemaker.model_monitor", quiet), **of_clarify}


@pytest.fixture(scope="module")
def ours():
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    return signatures(sys.executable, "spark_model_monitor.sagemaker", environment, (*CLASSES, *CLASSES_OF_CLARIFY))


@pytest.mark.parametrize("name", [*CLASSES, *CLASSES_OF_CLARIFY])
def test_every_public_method_has_the_sdks_signature(theirs, ours, name):
    expected_shapes = {method: shape for method, shape in theirs[name].items() if method not in NOT_OFFERED}

    assert {method: ours[name].get(method) for method in expected_shapes} == expected_shapes


def test_every_public_method_has_the_signature_of_version_3(ours, tmp_path):
    python = require_client("sagemaker-3")
    quiet = {"HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    theirs = signatures(python, "sagemaker.core.model_monitor", quiet)
    theirs |= signatures(python, "sagemaker.core.clarify", quiet, CLASSES_OF_CLARIFY)
    execution = theirs.pop(RESOURCE)

    differing = [
        (kind, method)
        for kind, methods in theirs.items()
        for method, shape in methods.items()
        if method not in NOT_OFFERED and ours[kind].get(method) != shape
    ]
    execution_methods = {method for method in OF_EXECUTIONS_IN_3 if method in execution}
    assert (differing, execution_methods - set(ours[RESOURCE])) == ([], set())
    assert execution_methods >= {"refresh", "stop"}
    assert len(theirs) == len(CLASSES) + len(CLASSES_OF_CLARIFY) - 1


def calls_in(notebook, names):
    """Each call of one of the names in the notebook's code: the dotted text, how many arguments by position, the keywords."""
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            dotted = ast.unparse(node.func)
            if dotted.split(".")[0] in names:
                yield dotted, len(node.args), [keyword.arg for keyword in node.keywords]


def test_the_notebook_imports_and_calls_what_the_sdk_has(theirs):
    """With `sagemaker.model_monitor` in its import line it would be a notebook of the SDK."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    [line] = [
        statement
        for statement in ast.parse(code).body
        if getattr(statement, "module", "") == "spark_model_monitor.sagemaker"
    ]
    imported = {alias.name for alias in line.names}
    objects = {
        "my_default_monitor": "DefaultModelMonitor",
        "baseline_job": "BaseliningJob",
        "latest_execution": "MonitoringExecution",
    }

    assert imported <= set(theirs)
    checked = 0
    for dotted, positional, keywords in calls_in(notebook, imported | set(objects)):
        head, *attributes = dotted.split(".")
        method = attributes[-1] if attributes else "__init__"
        _, parameters = theirs[objects.get(head, head)][method]
        parameter_names = [name for name, *_ in parameters if name != "self"]
        assert set(keywords) <= set(parameter_names), dotted
        assert positional <= len(parameter_names), dotted
        checked += 1
    assert checked >= 10
