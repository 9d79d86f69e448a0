"""Runs merged by the command, where there is no Java."""

from __future__ import annotations

import json

import pytest
from tests.programs import printed_by
from tests.unit.derivation.runs_on_disk import numbers, profile, publish_baseline


def test_runs_are_merged_without_a_jvm(tmp_path):
    publish_baseline(tmp_path / "one", profile(numbers("age", [20.0, 30.0])))
    publish_baseline(tmp_path / "two", profile(numbers("age", [40.0])))
    program = """
        import sys
        from model_monitor import cli
        print(cli.main(["merge-states", *sys.argv[1:]]), "pyspark" in sys.modules)
    """

    printed = printed_by(program, str(tmp_path / "one"), str(tmp_path / "two"), "--output", str(tmp_path / "both"))

    assert printed == "0 False\n"
    [age] = json.loads((tmp_path / "both" / "statistics.json").read_text())["features"]
    assert age["numerical_statistics"]["common"]["num_present"] == 3
    assert age["numerical_statistics"]["mean"] == pytest.approx(30.0)
