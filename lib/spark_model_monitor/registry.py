"""The registry type: functions of one kind, found by name. Each is declared where it is defined.

A check, distance, metric, rule or sink is one decorated function; its docstring feeds the reference pages, its facts feed
the tests. `import_all` imports every module of a package, so a new file is found without a list, also inside a zip.
`load_function` loads a function of the user by its name.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from types import ModuleType
from typing import Any, Generic, TypeVar

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.value_class import value_class

F = TypeVar("F", bound=Callable[..., Any])


@value_class
class RegistryEntry(Generic[F]):
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
        self._entries: dict[str, RegistryEntry[F]] = {}

    def register(self, name: str, **facts: Any) -> Callable[[F], F]:
        """Decorator that enters a documented function under `name`.

        Raises ValueError if the name is taken or the function has no docstring: both are faults of its author.
        """

        def enter(function: F) -> F:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            if not inspect.getdoc(function):
                raise ValueError(f"{self.kind} {name!r} has no docstring")
            self._entries[name] = RegistryEntry(name, function, facts)
            return function

        return enter

    def get(self, name: str) -> RegistryEntry[F]:
        """The entry called `name`.

        Raises BadConfiguration with the nearest names, or all of them if there are few.
        """
        if name in self._entries:
            return self._entries[name]
        # If no name is near, the user probably doesn't know the names, so all are listed
        near = difflib.get_close_matches(name, self._entries, n=3) or sorted(self._entries)
        raise BadConfiguration(f"there is no {self.kind} called {name!r}; write one of: {', '.join(near)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def values(self) -> list[RegistryEntry[F]]:
        return list(self._entries.values())


def import_all(package: ModuleType) -> None:
    """Import every module directly inside `package`."""
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)


def load_function(reference: str, option: str, *, expected_form: str = "module:function") -> Callable[..., Any]:
    """The function that `module:function` names. The module is also looked for in the working directory.

    option: the flag that has this reference as its value. expected_form: what the error tells the user to write instead.
    Raises BadConfiguration if there is no such function.
    """
    module_name, _, function_name = reference.partition(":")
    if not module_name or not function_name:
        raise BadConfiguration(f"{option} is {reference!r}; it has to be {expected_form}")
    directory = os.getcwd()
    # `python -m` has the working directory on its path; the command of an installed package doesn't
    sys.path.insert(0, directory)
    try:
        module = importlib.import_module(module_name)
    # The user's module may raise anything when it is imported
    except Exception as error:
        raise BadConfiguration(
            f"{option}: the module {module_name!r} can't be imported: {type(error).__name__}: {error}; "
            "it is looked for in the working directory and on PYTHONPATH"
        ) from error
    finally:
        # If it stayed on the path, the directory could shadow a library that is imported later
        sys.path.remove(directory)
    function: Callable[..., Any] | None = getattr(module, function_name, None)
    if not callable(function):
        raise BadConfiguration(f"{option}: the module {module_name!r} has no function {function_name!r}")
    return function
