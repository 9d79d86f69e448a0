"""Loads names of a package (PEP 562) and plug-ins when they are first used. Standard library only.

Nothing above `spark/` imports it: whoever has a session of Spark, or wants one, asks `plugin("spark")` (`spark/__init__.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

PLUGINS = {
    "spark": "spark_model_monitor.spark",
    "emr": "spark_model_monitor.integrations.emr.emr_command",
}


def cloudpickle() -> ModuleType:
    """The module that pickles functions of users: PySpark's own copy if it is installed, because Spark unpickles with it,
    else the package cloudpickle.
    """
    try:
        # Spark's workers unpickle with this copy, which may differ from the released package
        return import_module("pyspark.cloudpickle")
    except ImportError:
        return import_module("cloudpickle")


def plugin(name: str) -> Any:
    """The module that is registered under this plug-in name."""
    return import_module(PLUGINS[name])


def load_lazily(
    package: str, names_by_module: Mapping[str, Iterable[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and the `__dir__` of a package.

    names_by_module: the names that each module offers. `name as other` offers a name under another name. A package may also
        offer its modules, as in `from package import module`.
    """

    locations = {}
    for module, names in names_by_module.items():
        for name in names:
            attribute, _, other_name = name.partition(" as ")
            locations[other_name or attribute] = module, attribute

    def getattr_(name: str) -> Any:
        if name not in locations:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module_name, attribute = locations[name]
        module = import_module(module_name)
        # A submodule is an attribute of its package only after it was imported
        if not hasattr(module, attribute):
            import_module(f"{module_name}.{attribute}")
        value = getattr(module, attribute)
        # Store the value in the package, so that the next look-up doesn't call this function
        setattr(sys.modules[package], name, value)
        return value

    def dir_() -> list[str]:
        return sorted({*vars(sys.modules[package]), *locations})

    return getattr_, dir_
