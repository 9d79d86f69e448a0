"""The one registry type: things of one kind, found by name, each declared beside its function.

A check, distance, metric, rule or sink is one decorated function; its docstring feeds the reference pages, its facts feed
the tests. `import_all` imports every module of a package, so that a new file is found by being there, also inside a zip.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Generic, TypeVar

from model_monitor.errors import BadConfiguration

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Entry(Generic[F]):
    """A registered function (or class) with its name and the facts declared beside it."""

    name: str
    function: F
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.function) or "").splitlines()[0]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


class Registry(Generic[F]):
    """Functions of one kind by name, in the order of their registration."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry[F]] = {}

    def register(self, name: str, **facts: Any) -> Callable[[F], F]:
        """Decorator that enters a documented function under `name`.

        Raises ValueError if the name is taken or the function has no docstring: both are faults of its author.
        """

        def enter(function: F) -> F:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            if not inspect.getdoc(function):
                raise ValueError(f"{self.kind} {name!r} has no docstring")
            self._entries[name] = Entry(name, function, facts)
            return function

        return enter

    def get(self, name: str) -> Entry[F]:
        """The entry called `name`.

        Raises BadConfiguration with the nearest names, or all of them if there are few.
        """
        if name in self._entries:
            return self._entries[name]
        near = difflib.get_close_matches(name, self._entries, n=3) or sorted(self._entries)
        raise BadConfiguration(f"there is no {self.kind} called {name!r}; write one of: {', '.join(near)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def values(self) -> list[Entry[F]]:
        return list(self._entries.values())


def import_all(package: ModuleType) -> None:
    """Import every module directly inside `package`."""
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
