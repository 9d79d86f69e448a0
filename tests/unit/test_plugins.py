"""What plugs in at the edge is there, by the names that the floors before it ask for."""

import re
from importlib.util import find_spec

from tests.floors import modules
from tests.programs import printed_by

from spark_model_monitor import spark
from spark_model_monitor.plugins import PLUGINS
from spark_model_monitor.spark import NAMES_BY_MODULE

ASKED = re.compile(r"(?:plugin\(\"spark\"\)|\bspark_plugin)\.(\w+)")
"""As it is asked: at once, or by the name `edge`."""


def test_every_plugin_is_a_module():
    assert [name for name, module in PLUGINS.items() if find_spec(module) is None] == []


def test_what_is_asked_of_spark_is_what_plugs_in():
    groups = {name for path in modules().values() for name in ASKED.findall(path.read_text(encoding="utf-8"))}
    offered = {name for names in NAMES_BY_MODULE.values() for name in names}

    assert groups == offered


def test_spark_offers_names_that_its_modules_have():
    assert [name for names in NAMES_BY_MODULE.values() for name in names if not hasattr(spark, name)] == []


WITHOUT = """
import logging, os, sys
sys.modules["pyspark"] = sys.modules["py4j"] = sys.modules["pydeequ"] = None
os.environ.pop("SPARK_HOME", None)
import pandas
from spark_model_monitor import *
import spark_model_monitor
from spark_model_monitor.data.engine.local_engine import LocalEngine
frame = pandas.DataFrame({"items": [1, 3, 2]})
"""
"""A program in an environment that has neither PySpark nor PyDeequ."""


def test_without_pyspark_what_is_read_here_works():
    program = (
        WITHOUT + "print(run_monitoring(frame, DataQualityMonitor(), run_baseline(frame, DataQualityMonitor())).count)"
    )

    assert printed_by(program) == "0\n"


def test_without_pyspark_what_needs_it_names_the_extra():
    program = f"""{WITHOUT}
calls = [
    local_session,
    lambda: run_baseline(frame, DataQualityMonitor(), engine="spark"),
    lambda: run_baseline(frame, DataQualityMonitor(), checks="json:loads"),
    lambda: LocalEngine().spark,
]
for call in calls:
    try:
        call()
    except BadConfiguration as fault:
        print("pip install 'spark-model-monitor[spark]'" in str(fault))
"""

    assert printed_by(program) == "True\n" * 4
