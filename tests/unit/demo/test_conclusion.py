"""The sentence on what moves the model names the features that move it most."""

from __future__ import annotations

from spark_model_monitor.documents.clarify_files import AttributionReport
from spark_model_monitor.integrations.demo.demo_run import describe_attributions


def attributions(**values: float) -> AttributionReport:
    label_values = {"score": {"global_shap_values": values, "expected_value": 0.2}}
    return AttributionReport.model_validate({"version": "1.0", "explanations": {"kernel_shap": label_values}})


def test_three_features_are_named_those_that_move_the_model_most_in_the_window_first():
    sentences = describe_attributions(
        attributions(a=0.5, b=0.1, c=0.25), attributions(a=0.125, b=0.25, c=0.0625, new=0.5)
    )

    assert sentences == (
        "What moved the predictions there, on average: new by 0.500 (in the baseline by 0.000), b by 0.250 (in the baseline by "
        "0.100), a by 0.125 (in the baseline by 0.500)."
    )
