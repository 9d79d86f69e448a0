"""`merge(…)` merges the captures and labels below `tmp_path`, hours counted from the tests' first."""

from __future__ import annotations

import pytest
from tests.spark.merging.records import FIRST

from model_monitor.spark.merging.request import MergeRequest
from model_monitor.spark.merging.run import merge as merge_them


@pytest.fixture
def merge(spark, tmp_path):
    def merging(first=None, last=None, *, output="merged", captures="captures", labels="labels", **options):
        hours = {} if first is None else {"first": FIRST + first, "last": FIRST + (first if last is None else last)}
        if "as_of" in options:
            options["as_of"] += FIRST
        paths = (str(tmp_path / captures), str(tmp_path / labels), str(tmp_path / output))
        return merge_them(spark, MergeRequest(*paths, **hours, **options))

    return merging
