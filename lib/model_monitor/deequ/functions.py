"""A user's function by its reference, `module:function`. Driver only."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from model_monitor.errors import BadConfiguration


def function_of(reference: str, option: str, *, wanted: str = "module:function") -> Callable[..., Any]:
    """The function that `module:function` names, its module looked for in the working directory, too.

    option: the flag that it was given with. wanted: what to write instead.
    Raises BadConfiguration if there is none.
    """
    module_name, _, function_name = reference.partition(":")
    if not module_name or not function_name:
        raise BadConfiguration(f"{option} is {reference!r}; it has to be {wanted}")
    directory = os.getcwd()
    sys.path.insert(0, directory)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise BadConfiguration(
            f"{option}: the module {module_name!r} can't be imported: {type(error).__name__}: {error}; "
            "it is looked for in the working directory and on PYTHONPATH"
        ) from error
    finally:
        sys.path.remove(directory)
    function: Callable[..., Any] | None = getattr(module, function_name, None)
    if not callable(function):
        raise BadConfiguration(f"{option}: the module {module_name!r} has no function {function_name!r}")
    return function
