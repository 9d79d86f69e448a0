"""Java classes are asked for once in each JVM, and what is not there is asked for again."""

from __future__ import annotations

from types import SimpleNamespace

from spark_model_monitor.spark.storage import is_missing, java_class


class JavaPackage:
    """Stands for py4j's class of that name: any part of a name that is no class."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def __getattr__(self, part: str) -> object:
        self._gateway.asked.append(part)
        return self._gateway.classes.get(part, self)


class Gateway:
    """Stands for py4j's gateway into a JVM with some classes."""

    def __init__(self, **classes: object) -> None:
        self.classes = classes
        self.asked: list[str] = []
        self.jvm = JavaPackage(self)


def test_a_class_is_asked_for_once_in_each_jvm():
    one = Gateway(Vector=SimpleNamespace())
    other = Gateway(Vector=SimpleNamespace())

    found = [java_class(gateway, "java.util.Vector") for gateway in (one, one, other)]

    assert found == [one.classes["Vector"], one.classes["Vector"], other.classes["Vector"]]
    assert found[0] is not found[2]
    assert one.asked == other.asked == ["java", "util", "Vector"]


def test_a_class_that_is_not_there_yet_is_found_when_it_is():
    gateway = Gateway()

    missing = java_class(gateway, "com.amazon.deequ.Late")
    gateway.classes["Late"] = SimpleNamespace()

    assert is_missing(missing)
    assert not is_missing(java_class(gateway, "com.amazon.deequ.Late"))
