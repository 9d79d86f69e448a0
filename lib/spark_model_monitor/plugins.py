"""What plugs in at the edge: modules that the floors above ask for by a name, each loaded when it is first asked for.

Nothing above `spark/` imports it: whoever has a session of Spark, or wants one, asks `plugin("spark")` (`spark/__init__.py`).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

PLUGINS = {
    "spark": "spark_model_monitor.spark",
    "emr": "spark_model_monitor.integrations.emr.emr_command",
}


def cloudpickle() -> Any:
    """What pickles functions of users: PySpark's own copy where that is installed, since Spark asks it, else the package."""
    try:
        # Workers unpickle by this copy, which may differ from the package's release
        return import_module("pyspark.cloudpickle")
    except ImportError:
        return import_module("cloudpickle")


def plugin(name: str) -> Any:
    """The module that plugs in under a name, with what its docstring promises."""
    return import_module(PLUGINS[name])
