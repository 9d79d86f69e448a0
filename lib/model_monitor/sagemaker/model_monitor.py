"""`sagemaker.model_monitor` under our name, for notebooks that write `sagemaker.model_monitor.X`: all of this package's names."""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    """Raises as the package does for what is not here."""
    return getattr(importlib.import_module("model_monitor.sagemaker"), name)
