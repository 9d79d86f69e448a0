"""`merge(…)` merges the captures and labels below `tmp_path`, hours counted from the tests' first; on each engine."""

from __future__ import annotations

import pytest
from tests.spark.merging.records import FIRST

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.running.merging.merge_request import MergeRequest
from spark_model_monitor.running.merging.merge_run import merge as merge_them
from spark_model_monitor.spark.engine.spark import SparkEngine


@pytest.fixture(params=["spark", "local"])
def engine(request):
    if request.param == "spark":
        return SparkEngine(request.getfixturevalue("spark"))
    return LocalEngine()


@pytest.fixture
def merge(engine, tmp_path):
    def merging(first=None, last=None, *, output="merged", captures="captures", labels="labels", **options):
        if first is None:
            hours = {}
        else:
            hours = {"first": FIRST + first, "last": FIRST + (first if last is None else last)}
        if "as_of" in options:
            options["as_of"] += FIRST
        paths = (str(tmp_path / captures), str(tmp_path / labels), str(tmp_path / output))
        return merge_them(engine, MergeRequest(*paths, **hours, **options))

    return merging
