"""What starts an imported schedule here: commands, lines of crontab, Airflow's DAG and an entry of EventBridge Scheduler."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from spark_model_monitor.integrations.imports.descriptions import ApiMembers, ScheduleDescription
from spark_model_monitor.integrations.imports.jobs import MINUTE, get_recurrence
from spark_model_monitor.storage import write_text


def list_starters(schedule: ScheduleDescription, folder: Path) -> dict[str, str]:
    """What to call by hand, what crontab needs, and the files for Airflow and EventBridge. folder: of `import`'s files."""
    schedule_path = folder / f"{schedule.name}.schedule.json"
    command = f"spark-model-monitor run-due --schedule {shlex.quote(str(schedule_path))}"
    starters = {
        "command": command,
        "cron": f"{MINUTE} * * * * {command}",
        "Airflow": str(folder / f"{schedule.name}_dag.py"),
    }
    # A schedule that runs once has nothing to be started hourly
    if get_recurrence(schedule) is not None:
        path = folder / f"{schedule.name}.eventbridge.json"
        request = make_scheduler_request(schedule.name, schedule_path.name)
        write_text(path, json.dumps(request, indent=2) + "\n")
        starters["EventBridge"] = f"aws scheduler create-schedule --cli-input-json {shlex.quote(f'file://{path}')}"
    return starters


def make_scheduler_request(name: str, schedule_file: str) -> ApiMembers:
    """A request of EventBridge Scheduler that starts the image hourly and runs what is due. Capitals are to be filled in."""
    command = ["run-due", "--schedule", f"/schedules/{schedule_file}"]
    task = "arn:aws:ecs:REGION:ACCOUNT:task-definition/spark-model-monitor"
    return {
        "Name": name[:64],  # the API's limit
        "ScheduleExpression": f"cron({MINUTE} * * * ? *)",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": "arn:aws:ecs:REGION:ACCOUNT:cluster/CLUSTER",
            "RoleArn": "arn:aws:iam::ACCOUNT:role/ROLE",
            "EcsParameters": {"TaskDefinitionArn": task, "LaunchType": "FARGATE"},
            "Input": json.dumps({"containerOverrides": [{"name": "spark-model-monitor", "command": command}]}),
        },
    }
