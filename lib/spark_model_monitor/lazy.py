"""Names of a package that are loaded when they are first asked for (PEP 562). Standard library only."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, NamedTuple


class Renamed(NamedTuple):
    """What became of a name: the one to write now, and the release that no longer knows the old one."""

    to: str
    until: str


def load_lazily(
    package: str, names_by_module: Mapping[str, Iterable[str]], renamed: Mapping[str, Renamed]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and the `__dir__` of a package.

    names_by_module: the names of each module, one that is called something else here as `name as other`; of a package its
    modules, too, as in `from package import module`. renamed: old names, which still work, with a DeprecationWarning.
    """

    modules = {
        name.split(" ")[-1]: (module, name.split(" ")[0]) for module, names in names_by_module.items() for name in names
    }

    def getattr_(name: str) -> Any:
        if name in renamed:
            # Warned at each use, with the caller's line: level 2 is the code that asks
            to, until = renamed[name]
            warnings.warn(
                f"{package}.{name} is now {package}.{to}; the old name goes with {until}",
                DeprecationWarning,
                stacklevel=2,
            )
            return getattr(sys.modules[package], to)
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, called = modules[name]
        loaded = import_module(module)
        # A package's submodule is no attribute of it before it is imported
        if hasattr(loaded, called):
            value = getattr(loaded, called)
        else:
            value = import_module(f"{module}.{called}")
        # Kept in the package, so that the next look-up doesn't come here
        setattr(sys.modules[package], name, value)
        return value

    def dir_() -> list[str]:
        return sorted({*vars(sys.modules[package]), *modules})

    return getattr_, dir_
