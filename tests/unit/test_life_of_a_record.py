"""The life of a record in CONTRIBUTING.md: a run calls the functions that it names, in its order."""

from __future__ import annotations

import json
import re
from importlib import import_module
from itertools import pairwise

import pytest
from tests.floors import PACKAGE
from tests.programs import printed_by

ROOT = PACKAGE.parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PAGE = CONTRIBUTING.partition("## Life of a record")[2].partition("\n## ")[0]
STEP = re.compile(r"^\d+\. `([\w.]+)`", re.MULTILINE)
STEPS = STEP.findall(PAGE)
ROOMS = re.compile(r"(?<= )[a-z]+/[a-z_/]+(?=,|$)", re.MULTILINE)


def exists(step: str) -> bool:
    """Whether there is such a function, or such a method of a class."""
    parts = step.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module = PACKAGE.joinpath(*parts[:length])
        if module.with_suffix(".py").is_file() or (module / "__init__.py").is_file():
            member = import_module(".".join(["spark_model_monitor", *parts[:length]]))
            for name in parts[length:]:
                member = getattr(member, name, None)
            return callable(member)
    return False


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("life")
    return json.loads(
        printed_by("import sys; from tests.traced import main; main(sys.argv[1])", str(folder), path=[str(ROOT)])
    )


def test_every_function_of_the_page_is_there():
    gone = [step for step in STEPS if not exists(step)]

    assert len(STEPS) > 15
    assert gone == [], "CONTRIBUTING.md names functions that have moved: write where they are now"


def test_every_room_of_the_diagram_is_there():
    rooms = ROOMS.findall(PAGE.partition("```text")[2].partition("```")[0])

    assert len(rooms) > 8
    assert [room for room in rooms if not (PACKAGE / room).is_dir()] == []


def test_a_run_calls_the_functions_of_the_page(run):
    never = [step for step in STEPS if step not in run["called"]]

    assert never == [], "a monitoring run no longer calls these: name in CONTRIBUTING.md what it calls instead"


def test_a_run_calls_them_in_the_order_of_the_page(run):
    times = {step: run["called"].index(step) for step in STEPS if step in run["called"]}
    turned = [f"{later} before {sooner}" for sooner, later in pairwise(times) if times[later] < times[sooner]]

    assert turned == [], "CONTRIBUTING.md has these the other way round: move the lines"


def test_the_record_ends_in_a_message_about_its_feature(run):
    assert "baseline_drift_check" in run["message"]
