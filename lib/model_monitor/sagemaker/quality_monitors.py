"""The SDK's `DefaultModelMonitor` and `ModelQualityMonitor`."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from model_monitor.documents.run_description import AnalysisType
from model_monitor.reports.outputs.files import STATISTICS, VIOLATIONS
from model_monitor.sagemaker.definitions import baseline_config
from model_monitor.sagemaker.inputs import DataQualityMonitoringConfig
from model_monitor.sagemaker.monitoring_files import ConstraintViolations, Statistics, located
from model_monitor.sagemaker.processing import ProcessingJob
from model_monitor.sagemaker.schedules import ScheduledMonitor


class DefaultModelMonitor(ScheduledMonitor):
    """Watches what an endpoint is sent and answers, or what a batch transform left."""

    MONITORING_TYPE: ClassVar[str] = "DataQuality"
    JOB_DEFINITION_BASE_NAME = "data-quality-job-definition"
    OWN = ("record_preprocessor_script", "post_analytics_processor_script")
    AFTER_OUTPUT = (("constraints", "statistics"), ("statistics", "constraints"))
    ROLE_LAST = True

    def suggest_baseline(
        self,
        baseline_dataset: str,
        dataset_format: dict[str, Any],
        record_preprocessor_script: str | None = None,
        post_analytics_processor_script: str | None = None,
        output_s3_uri: str | None = None,
        wait: bool = True,
        logs: bool = True,
        job_name: str | None = None,
        monitoring_config_override: DataQualityMonitoringConfig | None = None,
    ) -> ProcessingJob:
        """Profile a data set and suggest constraints: the baselining job.

        baseline_dataset: a path, or a URI that the job's Spark opens. wait: until it has ended; logs: show its log meanwhile.
        Raises JobFailed if it was waited for and did not complete, RuntimeError for a configuration that is not valid.
        """
        if not DataQualityMonitoringConfig.valid_monitoring_config(monitoring_config_override):
            raise RuntimeError("Invalid value for monitoring_config_override.")
        variables = {
            "dataset_source": located(baseline_dataset),
            "dataset_format": json.dumps(dataset_format),
            "record_preprocessor_script": _located(record_preprocessor_script),
            "post_analytics_processor_script": _located(post_analytics_processor_script),
            "categorical_drift_method": _drift_method(monitoring_config_override),
        }
        return self._baseline(job_name, output_s3_uri, variables, wait=wait, logs=logs)

    def run_baseline(self) -> None:
        """Not for this monitor, as in the SDK.

        Raises NotImplementedError.
        """
        raise NotImplementedError(
            "'.run_baseline()' is only allowed for ModelMonitor objects. "
            "Please use suggest_baseline for DefaultModelMonitor objects, instead."
        )

    def latest_monitoring_statistics(self) -> Statistics | None:
        """statistics.json of the latest run; None, with a warning, if there is none. Runs what is due."""
        return self._latest_statistics()

    def latest_monitoring_constraint_violations(self) -> ConstraintViolations | None:
        """constraint_violations.json of the latest run; None, with a warning, if there is none. Runs what is due."""
        return self._latest_violations()

    def _latest_baseline(self) -> dict[str, Any]:
        """The files of the latest baselining job. Raises BadConfiguration if there is none."""
        job = self._baselining_job()
        return baseline_config(
            ConstraintsResource=job.suggested_constraints(), StatisticsResource=job.baseline_statistics()
        )


def _located(path: str | None) -> str | None:
    return None if path is None else located(path)


def _drift_method(config: DataQualityMonitoringConfig | None) -> str | None:
    if config is None or config.distribution_constraints is None:
        return None
    return config.distribution_constraints.categorical_drift_method


# The SDK's `ModelQualityMonitor`: what the model answered beside what turned out to be true.


class ModelQualityMonitor(ScheduledMonitor):
    """Watches accuracy, precision, recall, errors: the metrics of a `problem_type`."""

    MONITORING_TYPE: ClassVar[str] = "ModelQuality"
    JOB_DEFINITION_BASE_NAME = "model-quality-job-definition"
    OWN = ("ground_truth_input", "problem_type", "record_preprocessor_script", "post_analytics_processor_script")

    def suggest_baseline(
        self,
        baseline_dataset: str,
        dataset_format: dict[str, Any],
        problem_type: str,
        inference_attribute: str | None = None,
        probability_attribute: str | int | None = None,
        ground_truth_attribute: str | None = None,
        probability_threshold_attribute: float | str | None = None,
        post_analytics_processor_script: str | None = None,
        output_s3_uri: str | None = None,
        wait: bool = False,
        logs: bool = False,
        job_name: str | None = None,
    ) -> ProcessingJob:
        """Measure the model on a data set with its answers and the labels, and suggest thresholds: the baselining job.

        problem_type: BinaryClassification, MulticlassClassification or Regression. The attributes are columns by name or index.
        Raises JobFailed if it was waited for and did not complete.
        """
        script = post_analytics_processor_script
        threshold = probability_threshold_attribute
        variables = {
            "analysis_type": AnalysisType.MODEL_QUALITY.value,
            "dataset_source": located(baseline_dataset),
            "dataset_format": json.dumps(dataset_format),
            "problem_type": problem_type,
            "inference_attribute": inference_attribute,
            "probability_attribute": None if probability_attribute is None else str(probability_attribute),
            "ground_truth_attribute": ground_truth_attribute,
            "probability_threshold_attribute": None if threshold is None else str(threshold),
            "post_analytics_processor_script": None if script is None else located(script),
        }
        return self._baseline(job_name, output_s3_uri, variables, wait=wait, logs=logs)

    def run_baseline(
        self,
        baseline_inputs: Any,
        output: Any,
        arguments: Any = None,
        wait: bool = True,
        logs: bool = True,
        job_name: str | None = None,
    ) -> None:
        """Not here: in the SDK it runs a container of one's own.

        Raises NotImplementedError.
        """
        raise NotImplementedError("'.run_baseline()' runs a container of your own; use suggest_baseline instead.")

    def latest_monitoring_statistics(self, file_name: str = STATISTICS) -> Statistics | None:
        """statistics.json of the latest run; None, with a warning, if there is none. Runs what is due."""
        return self._latest_statistics(file_name)

    def latest_monitoring_constraint_violations(self, file_name: str = VIOLATIONS) -> ConstraintViolations | None:
        """constraint_violations.json of the latest run; None, with a warning, if there is none. Runs what is due."""
        return self._latest_violations(file_name)
