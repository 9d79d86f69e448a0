"""analysis.json and the violations of the bias monitor: written as Clarify writes them."""

import math

import pytest

from spark_model_monitor.documents.clarify_files import BiasMetric, BiasPart, BiasReport, BiasViolations, GroupMetrics
from spark_model_monitor.errors import BadDocument

WRITTEN = """{
    "version": "1.0",
    "pre_training_bias_metrics": {
        "label": "Target",
        "facets": {
            "Sex": [
                {
                    "value_or_threshold": "0",
                    "metrics": [
                        {
                            "name": "CDDL",
                            "description": "Conditional Demographic Disparity in Labels (CDDL)",
                            "value": null,
                            "error": "Group variable is empty or not provided"
                        },
                        {
                            "name": "TE",
                            "description": "Treatment Equality (TE)",
                            "value": "-Infinity"
                        },
                        {
                            "name": "CI",
                            "description": "Class Imbalance (CI)",
                            "value": 0.36936936936936937
                        }
                    ]
                }
            ]
        },
        "label_value_or_threshold": "1"
    }
}"""


def test_a_report_is_written_as_the_service_writes_it():
    metrics = (
        BiasMetric(
            name="CDDL",
            description="Conditional Demographic Disparity in Labels (CDDL)",
            value=None,
            error="Group variable is empty or not provided",
        ),
        BiasMetric(name="TE", description="Treatment Equality (TE)", value=-math.inf),
        BiasMetric(name="CI", description="Class Imbalance (CI)", value=0.36936936936936937),
    )
    part = BiasPart(
        label="Target",
        facets={"Sex": (GroupMetrics(value_or_threshold="0", metrics=metrics),)},
        label_value_or_threshold="1",
    )

    assert BiasReport(version="1.0", pre_training_bias_metrics=part).to_json() == WRITTEN


def test_a_report_is_read_and_written_without_a_change():
    report = BiasReport.from_json(WRITTEN)
    [group] = report.pre_training_bias_metrics.facets["Sex"]

    assert [metric.value for metric in group.metrics] == [None, -math.inf, 0.36936936936936937]
    assert report.to_json() == WRITTEN


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            WRITTEN.replace('"-Infinity"', '"huge"'),
            'value is "huge"; it has to be a number, "Infinity", "-Infinity", or null',
        ),
        (
            WRITTEN.replace('"label": "Target"', '"label": 1'),
            "pre_training_bias_metrics.label is 1; it has to be a text",
        ),
        (WRITTEN.replace('"-Infinity"', "true"), "facets.Sex[0].metrics[1].value is true"),
        ('{"facet": []}', "so it is an analysis_config.json; give a bias job's analysis.json here"),
    ],
)
def test_a_fault_is_reported_by_its_place(text, sentence):
    with pytest.raises(BadDocument) as caught:
        BiasReport.from_json(text)

    assert sentence in str(caught.value)


def test_a_file_without_violations_is_left_out():
    assert BiasViolations.LEFT_OUT_IF_EMPTY
