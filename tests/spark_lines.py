"""Tests that hold for some lines of Spark only, each with its reason; `grep -rn "on_spark_" tests` lists them."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stdout
from functools import cache
from importlib.metadata import version
from typing import Any

import pytest

IS_REMOTE = os.environ.get("REMOTE") == "1"
"""Whether the session of the tests is one of Spark Connect, of a server that this process starts."""

ON_THREE = version("pyspark").startswith("3.")


@cache
def has_deequ() -> bool:
    """Whether tests have Deequ for the Spark that they run on; it takes a JVM beside the driver."""
    from spark_model_monitor.spark.launch.deequ_jar import is_jar_available
    from spark_model_monitor.spark.launch.java import find_line_at, find_spark_home

    return not IS_REMOTE and is_jar_available(os.environ, find_line_at(find_spark_home({})))


def on_spark_3(reason: str) -> pytest.MarkDecorator:
    """reason: why it doesn't hold on Spark 4."""
    return pytest.mark.skipif(not ON_THREE, reason=f"Spark 4: {reason}")


def on_a_jvm(reason: str) -> pytest.MarkDecorator:
    """reason: why it doesn't hold on Spark Connect."""
    return pytest.mark.skipif(IS_REMOTE, reason=f"Spark Connect: {reason}")


def explain_plan(frame: Any) -> str:
    """How Spark will make a frame, as it tells on a JVM and on Connect."""
    with redirect_stdout(io.StringIO()) as printed:
        frame.explain()
    return printed.getvalue()


def driver_context() -> Any:
    """The context of the tests' Spark, or of their Connect server, which this process has started."""
    from pyspark import SparkContext

    return SparkContext._active_spark_context
