"""Names of a package that are loaded when they are first asked for (PEP 562). Standard library only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def load_lazily(
    package: str, names_by_module: Mapping[str, Iterable[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and the `__dir__` of a package.

    names_by_module: the names of each module, one that is called something else here as `name as other`; of a package its
    modules, too, as in `from package import module`.
    """

    modules = {
        name.split(" ")[-1]: (module, name.split(" ")[0]) for module, names in names_by_module.items() for name in names
    }

    def getattr_(name: str) -> Any:
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
