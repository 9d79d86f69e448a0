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
    first_gateway = Gateway(Vector=SimpleNamespace())
    second_gateway = Gateway(Vector=SimpleNamespace())

    classes = [java_class(gateway, "java.util.Vector") for gateway in (first_gateway, first_gateway, second_gateway)]

    assert classes == [
        first_gateway.classes["Vector"],
        first_gateway.classes["Vector"],
        second_gateway.classes["Vector"],
    ]
    assert classes[0] is not classes[2]
    assert first_gateway.asked == second_gateway.asked == ["java", "util", "Vector"]


def test_a_class_that_is_not_there_yet_is_found_when_it_is():
    gateway = Gateway()

    missing = java_class(gateway, "com.amazon.deequ.Late")
    gateway.classes["Late"] = SimpleNamespace()

    assert is_missing(missing)
    assert not is_missing(java_class(gateway, "com.amazon.deequ.Late"))
