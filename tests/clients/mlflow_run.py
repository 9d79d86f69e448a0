"""Prints what MLflow's own client says of the runs of an experiment: python mlflow_run.py EXPERIMENT"""

import json
import sys

from mlflow import MlflowClient

client = MlflowClient()
experiment = client.get_experiment_by_name(sys.argv[1])
runs = client.search_runs([experiment.experiment_id])
print(
    json.dumps(
        [
            {
                "status": run.info.status,
                "metrics": run.data.metrics,
                "tags": run.data.tags,
                "artifacts": [file.path for file in client.list_artifacts(run.info.run_id)],
            }
            for run in runs
        ]
    )
)
