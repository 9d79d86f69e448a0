"""What EMR and EMR Serverless are asked for: a spark-submit of the shipped files. Pure.

Source: the services' API models (AddJobFlowSteps, StartJobRun), and EMR Serverless's page on Python libraries for the
variables that name the packed environment's Python.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from model_monitor.emr import releases
from model_monitor.emr.shipment import Shipment
from model_monitor.spark.launch import package_zip
from model_monitor.spark.launch.spark_options import SparkOption, settings_of, words_of
from model_monitor.spark.launch.target import Kind, Target

LEFT_OUT = ("--master", "--deploy-mode", "--name", "--properties-file")
"""Options of spark-submit that the target decides, or that name a file of this machine."""

DRIVER_VARIABLES = {Kind.EMR: "spark.yarn.appMasterEnv", Kind.SERVERLESS: "spark.emr-serverless.driverEnv"}


def request_of(
    target: Target,
    shipment: Shipment,
    *,
    name: str,
    token: str,
    settings: Mapping[str, str],
    options: Sequence[SparkOption],
    arguments: Sequence[str],
) -> dict[str, Any]:
    """The request's members, for boto3's `add_job_flow_steps` or `start_job_run`.

    name: the step's. token: makes a repeated request the same one (serverless only). settings: of Spark, below those of
    `options`. arguments: the job's.
    """
    spark = _spark_words(target, shipment, settings, options)
    if target.kind is Kind.EMR:
        words = ["spark-submit", "--deploy-mode", "cluster", "--name", name, *spark, shipment.driver.uri, *arguments]
        step = {
            "Name": name,
            "ActionOnFailure": "CONTINUE",
            "HadoopJarStep": {"Jar": "command-runner.jar", "Args": words},
        }
        return {"JobFlowId": target.identifier, "Steps": [step]}
    return {
        "applicationId": target.identifier,
        "clientToken": token,
        "executionRoleArn": target.role,
        "name": name,
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": shipment.driver.uri,
                "entryPointArguments": list(arguments),
                "sparkSubmitParameters": shlex.join(spark),
            }
        },
    }


def _spark_words(
    target: Target, shipment: Shipment, settings: Mapping[str, str], options: Sequence[SparkOption]
) -> list[str]:
    words = []
    for key, value in {**settings, **_python_settings(target.kind, shipment, options)}.items():
        words += ["--conf", f"{key}={value}"]
    ours = {
        "--py-files": [shipment.package.uri],
        "--jars": [shipment.jar.uri] if shipment.jar else [],
        "--archives": [f"{shipment.environment_uri}#environment"] if shipment.environment_uri else [],
    }
    return words + words_of(options, ours, LEFT_OUT)


def _python_settings(kind: Kind, shipment: Shipment, options: Sequence[SparkOption]) -> dict[str, str]:
    """Which Python driver and executors take: the environment's, else the release's, unless the user names one."""
    driver = DRIVER_VARIABLES[kind]
    names = (f"{driver}.PYSPARK_PYTHON", f"{driver}.PYSPARK_DRIVER_PYTHON", "spark.executorEnv.PYSPARK_PYTHON")
    if shipment.environment_uri:
        return dict.fromkeys(names, package_zip.PYTHON)
    given = settings_of(options)
    if "spark.pyspark.python" in given or any(name in given for name in names):
        return {}
    return dict.fromkeys(names, releases.PYTHON)
