"""Classes of the SDK that nothing here stands for: making one, or importing one, says why, and what to do instead."""

from typing import Any

from model_monitor.errors import BadConfiguration

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
    """A class of the SDK that is not here."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Raise BadConfiguration with the reason."""
        raise BadConfiguration(f"{type(self).__name__}: {_WHY[type(self).__name__]}")


REFUSED: dict[str, type] = {
    name: type(name, (_Refused,), {"__doc__": f"Refused: {why}."}) for name, why in _WHY.items()
}

_CHECK = "a pipeline's check runs on the service; let a step call model-monitor monitor, whose exit status says what it found"

ABSENT = {
    **dict.fromkeys(("DataQualityCheckConfig", "ModelQualityCheckConfig", "DataBiasCheckConfig"), _CHECK),
    **dict.fromkeys(("ModelBiasCheckConfig", "ModelExplainabilityCheckConfig", "ClarifyCheckConfig"), _CHECK),
}
"""Of classes that can't be imported, the reasons."""
