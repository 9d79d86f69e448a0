"""`spark-model-monitor import-notebook`: what becomes of a notebook's import lines, and that nothing else changes."""

import ast
import json

import pytest

import spark_model_monitor.sagemaker as ours
from spark_model_monitor.cli import main
from spark_model_monitor.errors import BadInput
from spark_model_monitor.integrations.imports.notebook import (
    apply_changes,
    find_changes,
    list_code_cells,
    read_notebook,
)

OFFERED = frozenset(ours.__all__)


def notebook(*cells):
    return {
        "cells": [
            {"cell_type": "markdown", "source": ["from sagemaker import this is prose\n"]},
            *({"cell_type": "code", "source": text.splitlines(keepends=True)} for text in cells),
        ]
    }


def rewritten(text):
    book = notebook(text)
    [cell] = list_code_cells(apply_changes(book, list(find_changes(book, OFFERED, bool))))
    return "".join(cell["source"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import sagemaker", "import spark_model_monitor.sagemaker as sagemaker"),
        ("import sagemaker as sm", "import spark_model_monitor.sagemaker as sm"),
        ("import os, sagemaker", "import os\nimport spark_model_monitor.sagemaker as sagemaker"),
        ("from sagemaker import clarify", "from spark_model_monitor.sagemaker import clarify"),
        ("from sagemaker.clarify import SHAPConfig as S", "from spark_model_monitor.sagemaker import SHAPConfig as S"),
        (
            "from sagemaker.model_monitor.dataset_format import DatasetFormat",
            "from spark_model_monitor.sagemaker import DatasetFormat",
        ),
        (
            "from sagemaker.core.model_monitor import (\n    DefaultModelMonitor,\n    EndpointInput,\n)",
            "from spark_model_monitor.sagemaker import DefaultModelMonitor, EndpointInput",
        ),
        (
            "from sagemaker.core.helper.session_helper import Session, get_execution_role",
            "from spark_model_monitor.sagemaker import Session, get_execution_role",
        ),
        (
            "from sagemaker import get_execution_role, image_uris",
            "from spark_model_monitor.sagemaker import get_execution_role\nfrom sagemaker import image_uris",
        ),
        ("try:\n    import sagemaker\nexcept ImportError: pass", None),
        (
            "import boto3; import sagemaker, os; ä = 'ö'; import sagemaker as sm; ready = True",
            "import boto3; import spark_model_monitor.sagemaker as sagemaker; import os; ä = 'ö'; "
            "import spark_model_monitor.sagemaker as sm; ready = True",
        ),
        ("if True: import sagemaker  # here", "if True: import spark_model_monitor.sagemaker as sagemaker  # here"),
        (
            "from sagemaker.s3 import (\n    S3Uploader,\n); ready = True",
            "from spark_model_monitor.sagemaker import S3Uploader; ready = True",
        ),
        (
            "here = !pwd\nif here:\n    import sagemaker\n    pip install x\nhere?",
            "here = !pwd\nif here:\n    import spark_model_monitor.sagemaker as sagemaker\n    pip install x\nhere?",
        ),
        ("from sagemaker.model_monitor import *", "from spark_model_monitor.sagemaker import *"),
    ],
)
def test_an_import_of_the_sdk_reads_as_it_stands_here(before, after):
    text = f"!pip install sagemaker\nx = 1\n{before}\ny = 'import sagemaker'"
    after = after or "try:\n    import spark_model_monitor.sagemaker as sagemaker\nexcept ImportError: pass"

    assert rewritten(text) == f"!pip install sagemaker\nx = 1\n{after}\ny = 'import sagemaker'"


@pytest.mark.parametrize(
    "line", ["from sagemaker.model import Model", "from sagemaker.workflow.steps import TrainingStep"]
)
def test_what_is_not_here_stays_and_is_named(line):
    book = notebook(line)

    [change] = find_changes(book, OFFERED, bool)

    assert change.after is None
    assert line.split()[-1] in change.reason
    assert apply_changes(book, [change]) == notebook(line)


def test_lines_that_are_no_python_are_left_alone():
    text = "import sagemaker\nthis is no python\n'''"
    assert rewritten(text) == text.replace("import sagemaker", "import spark_model_monitor.sagemaker as sagemaker")
    assert list(find_changes(notebook("this is no python", "", "'''"), OFFERED, bool)) == []


def test_a_cell_that_says_nothing_of_the_sdk_is_not_parsed(monkeypatch):
    monkeypatch.setattr(ast, "parse", lambda text: pytest.fail("parsed"))

    assert list(find_changes(notebook("%%html\n" + "<p>of it</p>\n" * 3), OFFERED, bool)) == []


def test_every_line_that_is_written_can_be_imported():
    names = sorted(OFFERED - {"clarify", "dataset_format", "model_monitor", "processing", "s3"})
    text = rewritten(f"from sagemaker.model_monitor import {', '.join(names)}\nfrom sagemaker import clarify, s3")

    assert len(ast.parse(text).body) == 2
    exec(text)


def test_the_command_prints_the_lines_and_writes_the_notebook(tmp_path, capsys):
    path = tmp_path / "old.ipynb"
    output = tmp_path / "new.ipynb"
    path.write_text(json.dumps(notebook("from sagemaker import Session, image_uris", "x = 1")))

    assert main(["import-notebook", str(path), "--output", str(output)]) == 0

    printed = capsys.readouterr().out
    assert "cell 0, line 1\n  - from sagemaker import Session, image_uris\n" in printed
    assert "  + from spark_model_monitor.sagemaker import Session\n" in printed
    assert "  ! of the SDK alone: image_uris;" in printed
    assert "".join(list_code_cells(json.loads(output.read_text()))[1]["source"]) == "x = 1"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": [1]}'])
def test_a_file_that_is_no_notebook_is_refused_by_a_sentence(tmp_path, content):
    path = tmp_path / "none.ipynb"
    path.write_text(content)

    with pytest.raises(BadInput, match="none.ipynb: is no notebook that can be read"):
        read_notebook(str(path))


IS_ANSWERED = frozenset({"create_monitoring_schedule", "list_monitoring_executions"}).__contains__


@pytest.mark.parametrize(
    "line",
    [
        'sm = boto3.client("sagemaker")',
        "sm = boto3.Session().client(service_name='sagemaker', region_name=region)",
    ],
)
def test_a_client_that_is_asked_what_is_here_is_translated(line):
    book = notebook(line, "sm.create_monitoring_schedule()\n", "for run in sm.list_monitoring_executions(): pass")

    apply_changes(book, list(find_changes(book, OFFERED, IS_ANSWERED)))

    changed = "".join(list_code_cells(book)[0]["source"])
    assert changed == "import spark_model_monitor.sagemaker\nsm = spark_model_monitor.sagemaker.client()"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            'sm = boto3.client("sagemaker")',
            "sm asks an account for create_endpoint; keep the line with credentials; list_monitoring_executions: "
            "spark_model_monitor.sagemaker.client(sm) has them",
        ),
        (
            'sm = boto3.client("sagemaker-runtime")',
            "sm asks an account's endpoint; keep the line with credentials, or ask",
        ),
    ],
)
def test_a_client_of_an_account_stays_and_is_named(line, reason):
    book = notebook(line, "sm.create_endpoint()\nsm.list_monitoring_executions()\nsession = Session(boto, sm)")

    [change] = find_changes(book, OFFERED, IS_ANSWERED)

    assert change.after is None
    assert change.reason.startswith(reason)


def test_a_client_that_is_asked_both_passes_on_what_an_account_answers():
    book = notebook(
        'sm = boto3.client("sagemaker", region_name=region)', "sm.create_endpoint()", "sm.list_monitoring_executions()"
    )

    [change] = find_changes(book, OFFERED, IS_ANSWERED)

    assert change.after == (
        "import spark_model_monitor.sagemaker\n"
        "sm = spark_model_monitor.sagemaker.client(boto3.client('sagemaker', region_name=region))"
    )
    assert change.reason == "sm asks an account for create_endpoint"


def test_clients_of_one_name_in_two_functions_are_told_apart():
    train = "def train():\n    sm = boto3.client('sagemaker')\n    sm.create_training_job()\n"
    look = "def look():\n    sm = boto3.client('sagemaker')\n    return sm.list_monitoring_executions()\n"

    in_training, in_look = find_changes(notebook(train + look), OFFERED, IS_ANSWERED)

    assert in_training.after is None
    assert in_look.after == "import spark_model_monitor.sagemaker\nsm = spark_model_monitor.sagemaker.client()"


def test_a_client_of_an_object_is_called_in_its_other_methods():
    text = (
        "class Watch:\n"
        "    def __init__(self):\n"
        "        self.sm = boto3.client('sagemaker')\n"
        "    def runs(self):\n"
        "        return self.sm.list_monitoring_executions()\n"
    )
    book = notebook(text)

    changed = "".join(list_code_cells(apply_changes(book, list(find_changes(book, OFFERED, IS_ANSWERED))))[0]["source"])

    ast.parse(changed)
    assert "        self.sm = spark_model_monitor.sagemaker.client()\n" in changed


def test_clients_of_other_services_are_left_alone():
    book = notebook(
        's3 = boto3.client("s3")  # beside sagemaker', "x = boto3.client(name)  # sagemaker", "sagemaker = 1"
    )

    assert list(find_changes(book, OFFERED, IS_ANSWERED)) == []


@pytest.mark.parametrize(
    ("line", "is_here"),
    [
        ("from sagemaker.processing import Processor, ProcessingInput, ProcessingOutput", True),
        ("from sagemaker.processing import ProcessingInput", False),  # the SDK's processors take no others
        ("from sagemaker.processing import Processor, ScriptProcessor", False),
    ],
)
def test_inputs_of_the_sdks_own_processors_stay(line, is_here):
    [change] = find_changes(notebook(line), OFFERED, bool)

    assert (change.after is not None) == is_here
    assert ("from spark_model_monitor.sagemaker" in change.reason) != is_here


def test_a_module_beside_a_notebook_is_rewritten_as_a_module(tmp_path):
    path = tmp_path / "utils.py"
    path.write_text("import os\nfrom sagemaker.processing import Processor\n\nprint(os.sep)\n")

    assert main(["import-notebook", str(path), "--output", str(tmp_path / "here.py")]) == 0

    written = (tmp_path / "here.py").read_text()
    assert written == "import os\nfrom spark_model_monitor.sagemaker import Processor\n\nprint(os.sep)\n"
