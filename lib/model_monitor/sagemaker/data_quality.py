"""The SDK's `DefaultModelMonitor`: data quality."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from model_monitor.sagemaker.definitions import app_specification, baseline_config
from model_monitor.sagemaker.inputs import BatchTransformInput, EndpointInput
from model_monitor.sagemaker.locations import located
from model_monitor.sagemaker.monitoring_config import DataQualityMonitoringConfig
from model_monitor.sagemaker.monitoring_files import Constraints, ConstraintViolations, Statistics
from model_monitor.sagemaker.processing import ProcessingJob
from model_monitor.sagemaker.schedules import ScheduledMonitor


class DefaultModelMonitor(ScheduledMonitor):
    """Watches what an endpoint is sent and answers, or what a batch transform left."""

    MONITORING_TYPE: ClassVar[str] = "DataQuality"
    JOB_DEFINITION_BASE_NAME = "data-quality-job-definition"

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

    def create_monitoring_schedule(
        self,
        endpoint_input: str | EndpointInput | None = None,
        record_preprocessor_script: str | None = None,
        post_analytics_processor_script: str | None = None,
        output_s3_uri: str | None = None,
        constraints: Constraints | str | None = None,
        statistics: Statistics | str | None = None,
        monitor_schedule_name: str | None = None,
        schedule_cron_expression: str | None = None,
        enable_cloudwatch_metrics: bool = True,
        batch_transform_input: BatchTransformInput | None = None,
        data_analysis_start_time: str | None = None,
        data_analysis_end_time: str | None = None,
    ) -> None:
        """Keep a schedule; its runs are run when they are asked for (`list_executions`).

        endpoint_input: the endpoint's name, an EndpointInput, or a path of its captures. constraints, statistics: the latest
        baselining job's if they are not given.
        Raises ValueError unless one input is given, and for a second schedule of one monitor; BadConfiguration for a name
        that is taken.
        """
        baseline = baseline_config(ConstraintsResource=constraints, StatisticsResource=statistics)
        scripts = record_preprocessor_script, post_analytics_processor_script
        self._create(
            monitor_schedule_name,
            (endpoint_input, batch_transform_input),
            output_s3_uri,
            baseline=baseline or self._latest_baseline(),
            application=app_specification(*scripts, publishes=enable_cloudwatch_metrics, environment=self.env),
            times=(schedule_cron_expression, data_analysis_start_time, data_analysis_end_time),
        )

    def update_monitoring_schedule(
        self,
        endpoint_input: str | EndpointInput | None = None,
        record_preprocessor_script: str | None = None,
        post_analytics_processor_script: str | None = None,
        output_s3_uri: str | None = None,
        statistics: Statistics | str | None = None,
        constraints: Constraints | str | None = None,
        schedule_cron_expression: str | None = None,
        instance_count: int | None = None,
        instance_type: str | None = None,
        volume_size_in_gb: int | None = None,
        volume_kms_key: str | None = None,
        output_kms_key: str | None = None,
        max_runtime_in_seconds: int | None = None,
        env: dict[str, str] | None = None,
        network_config: Any = None,
        enable_cloudwatch_metrics: bool | None = None,
        role: str | None = None,
        batch_transform_input: BatchTransformInput | None = None,
        data_analysis_start_time: str | None = None,
        data_analysis_end_time: str | None = None,
    ) -> None:
        """Change what is given of the schedule; instances, keys, network and role are accepted, and without effect.

        Raises ValueError if both inputs are given.
        """
        scripts = record_preprocessor_script, post_analytics_processor_script
        self._update(
            (endpoint_input, batch_transform_input),
            output_s3_uri,
            baseline=baseline_config(ConstraintsResource=constraints, StatisticsResource=statistics),
            application=self._changed_application(env, enable_cloudwatch_metrics, *scripts),
            times=(schedule_cron_expression, data_analysis_start_time, data_analysis_end_time),
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
