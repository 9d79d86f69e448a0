"""What a test's session asks its JVM again and again."""

from __future__ import annotations

from functools import wraps
from typing import Any


def remember_lookups() -> None:
    """PySpark asks for `functions` and its members at every `F.col`, and the JVM searches all JARs; now each is asked once."""
    from py4j.java_gateway import JavaClass, JavaMember, JVMView

    _remember(JVMView, JavaClass)
    _remember(JavaClass, JavaMember)


def _remember(owner: type, answer: type) -> None:
    ask = owner.__getattr__
    answers_by_key: dict[tuple[Any, ...], Any] = {}

    @wraps(ask)
    def ask_once(self: Any, name: str) -> Any:
        key = (self._gateway_client, vars(self).get("_fqn"), name)
        stored_answer = answers_by_key.get(key)
        if stored_answer is None:
            stored_answer = ask(self, name)
            if type(stored_answer) is answer:
                answers_by_key[key] = stored_answer
        return stored_answer

    owner.__getattr__ = ask_once  # type: ignore[attr-defined]
