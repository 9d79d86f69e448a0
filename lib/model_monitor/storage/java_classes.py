"""Classes of the driver's JVM by their names, each looked up once: py4j asks about every part of `org.apache.…` at every use."""

from __future__ import annotations

from functools import reduce
from typing import Any
from weakref import WeakKeyDictionary

_FOUND: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()
"""py4j's gateway into a JVM -> its classes by name."""


def java_class(gateway: Any, name: str) -> Any:
    """The class of this full name. gateway: py4j's, `spark.sparkContext._gateway`.

    py4j gives a JavaPackage for a class that is not there, and for one that is named wrongly.
    """
    classes = _FOUND.setdefault(gateway, {})
    if name not in classes:
        found = reduce(getattr, name.split("."), gateway.jvm)
        if is_missing(found):
            return found
        classes[name] = found
    return classes[name]


def is_missing(found: Any) -> bool:
    """Whether what `java_class` gave is no class."""
    return type(found).__name__ == "JavaPackage"
