"""Names of the SDK that this package lacks: refused with a reason, the SDK's own where it is installed, or an error
that says what to do.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from spark_model_monitor.errors import BadConfiguration

_TIME_SERIES = "time series are not explained by this package"
_STEP = "a check step runs on the service; let a step of your own call ./spark-submit.sh jobs/monitor.py"

_WHY = {
    "TextConfig": "texts are not explained by this package; leave their column out by excluded_columns",
    "ImageConfig": "images are not explained by this package",
    "AsymmetricShapleyValueConfig": _TIME_SERIES,
    "TimeSeriesDataConfig": _TIME_SERIES,
    "TimeSeriesModelConfig": _TIME_SERIES,
    "ModelMonitor": "an image of your own runs other code than ours; take DefaultModelMonitor",
    "QualityCheckStep": _STEP,
    "ClarifyCheckStep": _STEP,
    "MonitorBatchTransformStep": _STEP,
}
"""By the name of the class."""


class _Refused:
    """A class of the SDK that is not available here."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Raise BadConfiguration with the reason."""
        raise BadConfiguration(f"{type(self).__name__}: {_WHY[type(self).__name__]}")


REFUSED: dict[str, type] = {
    name: type(name, (_Refused,), {"__doc__": f"Refused: {why}."}) for name, why in _WHY.items()
}

_CHECK = (
    "a pipeline's check runs on the service; let a step call spark-model-monitor monitor, "
    "whose exit status says what it found"
)

ABSENT = dict.fromkeys(
    (
        "DataQualityCheckConfig",
        "ModelQualityCheckConfig",
        "DataBiasCheckConfig",
        "ModelBiasCheckConfig",
        "ModelExplainabilityCheckConfig",
        "ClarifyCheckConfig",
    ),
    _CHECK,
)
"""Reasons, for classes that can't be imported."""


SDK = "sagemaker"

DUNDER_NAMES = {"__version__": "2.257.7"}
"""Names of the SDK that code looks at, as the version has them whose signatures we keep; of an installed SDK its own count."""


def is_installed() -> bool:
    """Whether the SDK is installed."""
    return importlib.util.find_spec(SDK) is not None


def get_from_sdk(name: str, module: str = SDK) -> Any:
    """A name of one of the SDK's modules.

    Raises ImportError for a class, AttributeError for another name, with the reason, if it doesn't exist.
    """
    if name in ABSENT:
        raise ImportError(f"spark_model_monitor.sagemaker has no {name}: {ABSENT[name]}")
    # First a name in the SDK's module, then a module below it, such as `sagemaker.image_uris`
    is_dunder = name.startswith("__") and name.endswith("__")
    if (is_dunder or not name.startswith("_")) and is_installed():
        with suppress(AttributeError):
            return getattr(importlib.import_module(module), name)
        with suppress(ModuleNotFoundError):
            return importlib.import_module(f"{module}.{name}")
    if name in DUNDER_NAMES:
        return DUNDER_NAMES[name]
    # By case: a class is imported by name, anything else is asked of the module
    kind = ImportError if name[:1].isupper() else AttributeError
    raise kind(
        f"spark_model_monitor.sagemaker has no {name}; it is what the SDK has for an account, so take it from the SDK "
        "(pip install 'sagemaker<3'), or leave its cell out (docs/from-sagemaker.md has the list of what is here)"
    )


def make_getattr(module: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module here named like one of the SDK's, as `inputs`: names of this package first."""

    def get_attribute(name: str) -> Any:
        package = importlib.import_module("spark_model_monitor.sagemaker")
        if name in package.__all__:
            return getattr(package, name)
        return get_from_sdk(name, f"{SDK}.{module}")

    return get_attribute
