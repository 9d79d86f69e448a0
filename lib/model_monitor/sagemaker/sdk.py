"""What the SDK has and this package has not: the SDK's own where it is installed, else an error that says what to do."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from model_monitor.sagemaker.refused import ABSENT

SDK = "sagemaker"


def is_installed() -> bool:
    """Whether the SDK is there."""
    return importlib.util.find_spec(SDK) is not None


def of_sdk(name: str, module: str = SDK) -> Any:
    """A name of one of the SDK's modules.

    Raises ImportError for a class, AttributeError for another name, with the reason, if it is not there.
    """
    if name in ABSENT:
        raise ImportError(f"model_monitor.sagemaker has no {name}: {ABSENT[name]}")
    if not name.startswith("_") and is_installed():
        with suppress(AttributeError):
            return getattr(importlib.import_module(module), name)
        with suppress(ModuleNotFoundError):
            return importlib.import_module(f"{module}.{name}")
    kind = ImportError if name[:1].isupper() else AttributeError
    raise kind(
        f"model_monitor.sagemaker has no {name}; it is what the SDK has for an account, so take it from the SDK (pip install "
        "'sagemaker<3'), or leave its cell out (docs/from-sagemaker.md has the list of what is here)"
    )


def beside(module: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module here that has the name of one of the SDK's, as `inputs`: names of this package first."""

    def found(name: str) -> Any:
        package = importlib.import_module("model_monitor.sagemaker")
        return getattr(package, name) if name in package.__all__ else of_sdk(name, f"{SDK}.{module}")

    return found
