"""Sail: Spark Connect without a JVM, in an environment of its own, with no Java on the path."""

import json
import os
from pathlib import Path

from tests.environments import require_client
from tests.programs import run_program

SCRIPT = Path(__file__).with_name("sail_run.py")


def run_sail(python, folder, *more):
    done = run_program(
        [str(python), str(SCRIPT), str(folder), *more],
        env={**{name: text for name, text in os.environ.items() if name != "JAVA_HOME"}, "PATH": str(python.parent)},
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_readmes_example_and_files_give_what_they_give_on_the_local_engine(tmp_path):
    answers = run_sail(require_client("sail"), tmp_path)

    assert answers.pop("violated") == ["country"]
    for name, sentence in zip(("orders.csv", "orders.jsonl", "orders.json"), answers.pop("refused"), strict=True):
        assert name in sentence
        assert "engine='local', or pass a frame of the session" in sentence
    assert [question for question, is_same in answers.items() if not is_same] == []


def test_a_server_that_takes_no_packages_and_lacks_ours_is_reported_in_a_sentence(tmp_path):
    sentence = run_sail(require_client("sail"), tmp_path, "without")

    assert (
        "takes no packages, and its Python can't import it; install there: pip install spark-model-monitor=="
        in sentence
    )
