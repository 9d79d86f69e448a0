"""What the churn model's traffic is held against: run it once, and again when the model changes.

The Variables churn_home (where the data lies) and churn_python (an interpreter that has spark-model-monitor) say the rest.
"""

from __future__ import annotations

from airflow.sdk import DAG

from spark_model_monitor.airflow import BaselineOperator, LocalSpark, PromoteOperator

HOME = "{{ var.value.churn_home }}"
PYTHON = "{{ var.value.churn_python }}"
VERSION = "1"

with DAG("churn_baselines", schedule=None, default_args={"retries": 1}):
    where = LocalSpark(python=PYTHON)
    of_data = BaselineOperator(
        task_id="data_quality",
        where=where,
        dataset_source=f"{HOME}/baseline.csv",
        dataset_format="csv",
        output_path=f"{HOME}/runs/data_quality",
        flags={"predictions": "churned,churn_probability"},
    )
    of_model = BaselineOperator(
        task_id="model_quality",
        where=where,
        analysis_type="MODEL_QUALITY",
        dataset_source=f"{HOME}/validation.csv",
        dataset_format="csv",
        output_path=f"{HOME}/runs/model_quality",
        flags={
            "problem_type": "BinaryClassification",
            "inference_attribute": "prediction",
            "probability_attribute": "probability",
            "ground_truth_attribute": "churned",
        },
    )
    for task in (of_data, of_model):
        task >> PromoteOperator(
            task_id=f"promote_{task.task_id}",
            run=task.output_path,
            model_version=VERSION,
            baselines=f"{HOME}/baselines/{task.task_id}",
            python=PYTHON,
        )
