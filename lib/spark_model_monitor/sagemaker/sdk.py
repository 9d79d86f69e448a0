"""Names of the SDK that this package doesn't have: they are refused with a reason, taken from the SDK if it is installed, or
give an error that says what to do.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from spark_model_monitor.errors import BadConfiguration

SDK = "sagemaker"

_NO_TIME_SERIES = "time series are not explained by this package"
_NO_CHECK_STEP = "a check step runs on the service; let a step of your own call ./spark-submit.sh jobs/monitor.py"

_NO_CHECK_CONFIG = (
    "a pipeline's check runs on the service; let a step call spark-model-monitor monitor, "
    "whose exit status says what it found"
)

_REASONS = {
    "TextConfig": "texts are not explained by this package; leave their column out by excluded_columns",
    "ImageConfig": "images are not explained by this package",
    "AsymmetricShapleyValueConfig": _NO_TIME_SERIES,
    "TimeSeriesDataConfig": _NO_TIME_SERIES,
    "TimeSeriesModelConfig": _NO_TIME_SERIES,
    "ModelMonitor": "an image of your own runs other code than ours; take DefaultModelMonitor",
    "QualityCheckStep": _NO_CHECK_STEP,
    "ClarifyCheckStep": _NO_CHECK_STEP,
    "MonitorBatchTransformStep": _NO_CHECK_STEP,
}
"""By name of a class: why it can't be used. The class can be imported, so that a notebook fails only where it uses it."""


class _UnavailableClass:
    """A class of the SDK that is not available here."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Raise BadConfiguration with the reason."""
        name = type(self).__name__
        raise BadConfiguration(f"{name}: {_REASONS[name]}")


UNAVAILABLE_CLASSES: dict[str, type] = {
    name: type(name, (_UnavailableClass,), {"__doc__": f"Refused: {reason}."}) for name, reason in _REASONS.items()
}

NOT_IMPORTABLE = dict.fromkeys(
    (
        "DataQualityCheckConfig",
        "ModelQualityCheckConfig",
        "DataBiasCheckConfig",
        "ModelBiasCheckConfig",
        "ModelExplainabilityCheckConfig",
        "ClarifyCheckConfig",
    ),
    _NO_CHECK_CONFIG,
)
"""By name of a class: why it can't even be imported."""

DUNDER_NAMES = {"__version__": "2.257.7"}
"""Attributes of the SDK's module, for code that needs them without the SDK: the version whose signatures this package has."""


def is_installed() -> bool:
    """Whether the SDK is installed."""
    return importlib.util.find_spec(SDK) is not None


def get_from_sdk(name: str, module: str = SDK) -> Any:
    """The object with a name in one of the SDK's modules.

    Raises ImportError for a class, AttributeError for another name, with the reason, if it doesn't exist.
    """
    if name in NOT_IMPORTABLE:
        raise ImportError(f"spark_model_monitor.sagemaker has no {name}: {NOT_IMPORTABLE[name]}")
    is_dunder = name.startswith("__") and name.endswith("__")
    is_public = is_dunder or not name.startswith("_")
    # First an attribute of the SDK's module is tried, then a module below it, such as `sagemaker.image_uris`
    if is_public and is_installed():
        with suppress(AttributeError):
            return getattr(importlib.import_module(module), name)
        with suppress(ModuleNotFoundError):
            return importlib.import_module(f"{module}.{name}")
    if name in DUNDER_NAMES:
        return DUNDER_NAMES[name]
    # Code imports a class by its name, but looks up any other name with functions such as hasattr
    error_type = ImportError if name[:1].isupper() else AttributeError
    raise error_type(
        f"spark_model_monitor.sagemaker has no {name}; it is what the SDK has for an account, so take it from the SDK "
        "(pip install 'sagemaker<3'), or leave its cell out (docs/from-sagemaker.md has the list of what is here)"
    )


def make_getattr(module: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module with the name of one of the SDK's modules. Names of this package come first."""

    def get_attribute(name: str) -> Any:
        package = importlib.import_module("spark_model_monitor.sagemaker")
        if name in package.__all__:
            return getattr(package, name)
        return get_from_sdk(name, f"{SDK}.{module}")

    return get_attribute
