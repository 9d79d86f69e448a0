"""inputs_alone: the baseline has the model's inputs alone, and captures have its answers before them."""

from __future__ import annotations

from model_monitor.monitors.data_quality.hints import HINTS, Said, Seen


@HINTS.register("inputs_alone")
def inputs_alone(seen: Seen) -> Said:
    """Records have more columns than the baseline, which has as many as their inputs.

    Source: M16.
    """
    compared = seen.compared
    if not seen.layout.inputs_fit or compared is None or compared.is_matched:
        return
    if compared.num_current_columns > compared.num_baseline_columns:
        said = f"the baseline has as many columns as the captured inputs ({compared.num_baseline_columns:,}), and the outputs"
        inputs = '\'{"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput"]}}\''
        yield (), f"{said} stand before these; to compare inputs write --dataset-format {inputs}"
