"""What comes after an alert: the gate with its cool-down, in a real Airflow, and the promotion as a process."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, CronDataIntervalTimetable
from tests.airflow.conftest import PRODUCT_PYTHON, hour_time

from spark_model_monitor.airflow import AlertGateOperator, ChallengeOperator, PromoteOperator


def dag(name, *tasks):
    with DAG(
        name,
        schedule=CronDataIntervalTimetable("@hourly", timezone="UTC"),
        start_date=datetime(2024, 3, 4, tzinfo=timezone.utc),
        catchup=False,
    ) as new_dag:
        for task in tasks:
            task()
    return new_dag


def gated(name, alert, cool_down=timedelta(hours=3)):
    return dag(
        name,
        lambda: (
            AlertGateOperator(task_id="alert", alert=alert, cool_down=cool_down)
            >> EmptyOperator(task_id="retrain")
            >> EmptyOperator(task_id="report", trigger_rule="none_failed")
        ),
    )


def test_without_an_alert_nothing_is_let_through_but_what_waits_for_all(run):
    ended = run(gated("calm", "OK"), hour_time(5))

    assert ended.states == {"alert": "success", "retrain": "skipped", "report": "success"}


def test_an_alert_is_let_through_once_within_the_cool_down(run):
    """The cool-down of three hours counts from 05:00: 06:00 and 07:00 wait, 08:00 does not."""
    gated_dag = gated("alarmed", "InAlert")
    let_through = {hour: run(gated_dag, hour_time(hour)).states["retrain"] == "success" for hour in (5, 6, 7, 8, 9)}

    assert let_through == {5: True, 6: False, 7: False, 8: True, 9: False}


def test_the_same_hour_again_decides_as_before(run):
    gated_dag = gated("repeated", "InAlert")

    assert [run(gated_dag, hour_time(5)).states["retrain"] for _ in range(2)] == ["success", "success"]


def promotion(name, folder, **options):
    promote_options = {
        "run": f"{folder}/run",
        "model_version": "7",
        "baselines": f"{folder}/baselines",
        "python": PRODUCT_PYTHON,
    }
    return dag(name, lambda: PromoteOperator(task_id="promote", **{**promote_options, **options}))


@pytest.fixture
def baseline(tmp_path):
    """A folder with the service's document, which may be promoted as well."""
    (tmp_path / "run").mkdir()
    document = {"version": 0.0, "features": [], "monitoring_config": {}}
    (tmp_path / "run" / "constraints.json").write_text(json.dumps(document))
    return tmp_path


def test_a_promoted_run_counts_and_again_changes_nothing(run, baseline):
    promotion_dag = promotion("promoting", baseline)
    first = run(promotion_dag, hour_time(5)).result("promote")
    counts = (baseline / "baselines" / "_current.json").read_bytes()
    second = run(promotion_dag, hour_time(5)).result("promote")

    assert first == second
    assert (first["model_version"], first["baselines"]) == ("7", str(baseline / "baselines"))
    assert json.loads(counts)["run_id"] == first["run_id"]
    assert (baseline / "baselines" / "_current.json").read_bytes() == counts


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"model_version": "no/name"}, id="a version that can't be"),
        pytest.param({"python": "/nowhere/python"}, id="no such Python"),
        pytest.param({"run": "/nowhere"}, id="no baseline there"),
    ],
)
def test_what_can_t_be_promoted_fails_the_task(run, baseline, options):
    assert run(promotion(f"refused_{next(iter(options))}", baseline, **options), hour_time(5)).state == "failed"


def answers(path, wrong):
    """A table of answers, of which each `wrong`-th is wrong."""
    rows = [f"{number},{number % 2},{(number + (number % wrong == 0)) % 2}" for number in range(400)]
    path.write_text("\n".join(["id,label,prediction", *rows]))
    return str(path)


@pytest.mark.parametrize(("worse", "better", "state"), [(3, 20, "success"), (20, 3, "skipped")])
def test_what_is_behind_a_trial_runs_for_a_better_challenger_alone(run, tmp_path, worse, better, state):
    flags = {
        "problem_type": "BinaryClassification",
        "id_attribute": "id",
        "ground_truth_attribute": "label",
        "inference_attribute": "prediction",
        "planned_rows": 400,
    }
    trial_dag = dag(
        f"trial_{state}",
        lambda: (
            ChallengeOperator(
                task_id="challenge",
                champion=answers(tmp_path / "blue.csv", worse),
                challenger=answers(tmp_path / "green.csv", better),
                output_path=str(tmp_path / "trial"),
                flags=flags,
                python=PRODUCT_PYTHON,
            )
            >> EmptyOperator(task_id="promote")
        ),
    )

    ended = run(trial_dag, hour_time(5))

    assert ended.states == {"challenge": "success", "promote": state}
    assert ended.result("challenge")["rows"] == 400
    assert (tmp_path / "trial" / "challenge.html").is_file()


def test_a_trial_that_cannot_be_compared_fails_the_task(run, tmp_path):
    flags = {"problem_type": "BinaryClassification", "inference_attribute": "prediction"}
    paths = {"champion": answers(tmp_path / "blue.csv", 3), "challenger": answers(tmp_path / "green.csv", 3)}
    task = {"output_path": str(tmp_path / "trial"), "flags": flags, "python": PRODUCT_PYTHON}

    assert (
        run(dag("no_ids", lambda: ChallengeOperator(task_id="challenge", **paths, **task)), hour_time(5)).state
        == "failed"
    )
