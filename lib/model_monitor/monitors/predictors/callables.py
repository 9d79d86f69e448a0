"""Models that are a function of the user's own, `module:function`."""

from __future__ import annotations

from model_monitor.monitors.predictors import PREDICTORS, Model, Predict


@PREDICTORS.register("callable")
def of_callable(model: Model) -> Predict:
    """A function from a frame of pandas to scores, or one without parameters that gives such a function."""
    import inspect

    assert model.function is not None  # who names a callable brings it
    if not inspect.signature(model.function).parameters:
        made: Predict = model.function()
        return made
    return model.function
