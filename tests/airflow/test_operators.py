"""The tasks in a real Airflow, in a place that runs nothing: what a job is told, and what becomes of the task."""

import json
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, BaseNotifier, CronDataIntervalTimetable, CronTriggerTimetable
from tests.airflow.conftest import hour_time
from tests.airflow.fake_location import DONE, FOUND, UNSURE, UNSURE_AGE, VIOLATIONS, Played, Stage, leave, leaving

from spark_model_monitor.airflow import BaselineOperator, MergeOperator, MonitorOperator
from spark_model_monitor.airflow.operators import get_run_name
from spark_model_monitor.errors import BadConfiguration

START = datetime(2024, 3, 4, tzinfo=timezone.utc)


HOURLY = CronDataIntervalTimetable("@hourly", timezone="UTC")


@contextmanager
def dag(name, timetable=HOURLY):
    with DAG(name, schedule=timetable, start_date=START, catchup=False) as new_dag:
        yield new_dag


def monitor(stage, folder, **options):
    monitor_options = {"dataset_source": "/captures", "baseline": "/baseline", "output_path": str(folder / "reports")}
    return MonitorOperator(task_id="monitor", where=stage, **{**monitor_options, **options})


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ({"length": 3600}, "length is 3600; write a timedelta above 0, such as"),
        ({"length": timedelta(0)}, "length is datetime.timedelta"),
        ({"length": timedelta(hours=-1)}, "length is datetime.timedelta"),
        ({"lag": "P1D"}, "lag is 'P1D'; write a timedelta, such as"),
    ],
)
def test_a_window_of_no_time_is_reported_when_the_dag_is_read(tmp_path, interval, said):
    with dag("no_time"), pytest.raises(BadConfiguration, match=said):
        monitor(Stage(plays=leaving(DONE)), tmp_path, **interval)


@pytest.mark.everyday
def test_the_job_is_reported_the_interval_and_the_folder_of_its_hour(run, tmp_path):
    stage = Stage(plays=leaving(DONE), cluster="{{ ds }}")
    with dag("informed") as told_dag:
        monitor(stage, tmp_path, dataset_source="/captures/{{ ds }}", flags={"sample": "{{ 1 / 2 }}", "every": True})
    ended = run(told_dag, hour_time(21))

    [call] = stage.calls
    assert call.job == "monitor"
    assert call.flags == {
        "dataset_source": "/captures/2024-03-04",
        "output_path": str(tmp_path / "reports/2024/03/04/21"),  # C1.5: the hour at which it is scheduled
        "start_time": "2024-03-04T20:00:00Z",
        "end_time": "2024-03-04T21:00:00Z",
        "dataset_format": "capture",
        "analysis_type": "DATA_QUALITY",
        "baseline": "/baseline",
        "sample": "0.5",
        "every": "true",
    }
    assert stage.seen == ["2024-03-04"], "a place may have templates, too"
    assert ended.state == "success"


def test_a_plain_cron_schedule_looks_at_the_hour_before(run, tmp_path):
    stage = Stage(plays=leaving(DONE))
    with dag("plain_cron", CronTriggerTimetable("0 * * * *", timezone="UTC")) as plain:
        monitor(stage, tmp_path)
    run(plain, hour_time(21))

    assert stage.calls[0].flags["start_time"] == "2024-03-04T20:00:00Z"
    assert stage.calls[0].output_path.endswith("/2024/03/04/21")


def test_a_merge_is_reported_its_window_and_a_baseline_none(run, tmp_path):
    stage = Stage(plays=leaving(DONE))
    with dag("others") as told_dag:
        MergeOperator(
            task_id="merge",
            where=stage,
            dataset_source="/captures",
            ground_truth_source="/labels",
            output_path=str(tmp_path / "merged"),
            lag=timedelta(days=1),
        )
        BaselineOperator(
            task_id="baseline",
            where=stage,
            dataset_source="/data.csv",
            dataset_format={"csv": {"header": True}},
            output_path=str(tmp_path / "baseline"),
        )
    run(told_dag, hour_time(21))

    flags = {call.job: call.flags for call in stage.calls}
    assert flags["merge"] == {
        "dataset_source": "/captures",
        "output_path": str(tmp_path / "merged"),
        "start_time": "2024-03-03T20:00:00Z",
        "end_time": "2024-03-03T21:00:00Z",
        "ground_truth_source": "/labels",
    }
    assert flags["baseline"] == {
        "dataset_source": "/data.csv",
        "output_path": str(tmp_path / "baseline"),
        "dataset_format": '{"csv": {"header": true}}',
        "analysis_type": "DATA_QUALITY",
    }


def with_policy(stage, folder, name, **options):
    with dag(name) as new_dag:
        monitor(stage, folder, **options) >> EmptyOperator(task_id="behind") >> EmptyOperator(task_id="further")
    return new_dag


EXPECTED = {
    "status": "CompletedWithViolations",
    "message": FOUND,
    "violations": 2,
    "violated": [
        {"feature_name": "age", "constraint_check_type": "completeness_check"},
        {"feature_name": "plan", "constraint_check_type": "categorical_values_check"},
    ],
    "run_id": "0123456789abcdef",
    "window": {"start": "2024-03-04T20:00:00Z", "end": "2024-03-04T21:00:00Z"},
    "alert": None,
    "outcome": "changed",
    "unsure": [],
}


@pytest.mark.parametrize(
    ("policy", "monitored", "behind"),
    [
        ("succeed", "success", "success"),
        ("fail", "failed", "upstream_failed"),
        ("fail-if-unsure", "failed", "upstream_failed"),
        ("skip-downstream", "success", "skipped"),
    ],
)
def test_what_violations_do_to_the_task_and_to_those_behind_it(run, tmp_path, policy, monitored, behind):
    stage = Stage(plays=leaving(FOUND, 4 if policy.startswith("fail") else 0))
    ended = run(with_policy(stage, tmp_path, f"found_{policy}", on_violations=policy, retries=3), hour_time(21))

    assert ended.states == {"monitor": monitored, "behind": behind, "further": behind}
    result = ended.result("monitor")
    folder = tmp_path / "reports/2024/03/04/21"
    assert result.pop("paths") == {
        "output": str(folder),
        "constraint_violations.json": str(folder / "_runs/0123456789abcdef/constraint_violations.json"),
    }
    assert result == EXPECTED
    assert len(stage.calls) == 1, "the same data has the same violations: no retry"
    flags = stage.calls[0].flags
    assert ("fail_on_violations" in flags) == (policy == "fail")
    assert ("fail_on" in flags) == (policy == "fail-if-unsure")
    if policy == "fail":
        assert flags["fail_on_violations"] == "true"
    if policy == "fail-if-unsure":
        assert flags["fail_on"] == "cannot-tell"


@pytest.mark.parametrize(
    ("policy", "exit_status", "monitored", "behind"),
    [
        ("succeed", 0, "success", "success"),
        ("fail", 0, "success", "success"),
        ("skip-downstream", 0, "success", "success"),
        ("fail-if-unsure", 5, "failed", "upstream_failed"),
    ],
)
def test_a_window_that_cannot_tell_fails_its_task_only_if_it_is_reported_so(
    run, tmp_path, policy, exit_status, monitored, behind
):
    stage = Stage(plays=leaving(UNSURE, exit_status))
    unsure_dag = with_policy(stage, tmp_path, f"unsure_{policy}", on_violations=policy, retries=3)
    ended = run(unsure_dag, hour_time(21))

    assert ended.states == {"monitor": monitored, "behind": behind, "further": behind}
    xcom = ended.result("monitor")
    assert xcom["status"] == "Completed"
    assert xcom["message"] == UNSURE
    assert xcom["outcome"] == "cannot tell"
    assert xcom["unsure"] == [UNSURE_AGE]
    assert len(stage.calls) == 1, "the same data can't tell either: no retry"


@pytest.mark.parametrize("policy", ["succeed", "fail", "fail-if-unsure", "skip-downstream"])
def test_without_violations_all_go_on(run, tmp_path, policy):
    ended = run(
        with_policy(Stage(plays=leaving(DONE)), tmp_path, f"sound_{policy}", on_violations=policy),
        hour_time(21),
    )

    assert ended.states == {"monitor": "success", "behind": "success", "further": "success"}
    assert (ended.result("monitor")["status"], ended.result("monitor")["violations"]) == ("Completed", 0)


def test_a_callback_is_called_with_the_outcome_and_the_task_succeeds(run, tmp_path):
    notifications = []
    ended = run(
        with_policy(
            Stage(plays=leaving(FOUND)),
            tmp_path,
            "called",
            on_violations="callback",
            callback=lambda context: notifications.append((context["monitoring"].violations, context["ti"].task_id)),
        ),
        hour_time(21),
    )

    assert notifications == [(2, "monitor")]
    assert ended.states["behind"] == "success"


def test_any_notifier_of_airflow_is_a_callback_and_its_templates_see_the_outcome(run, tmp_path):
    sentences = []

    class Notifier(BaseNotifier):
        template_fields = ("text",)

        def __init__(self, text):
            super().__init__()
            self.text = text

        def notify(self, context):
            sentences.append(self.text)

    stage = Stage(plays=leaving(FOUND))
    notifier = Notifier("{{ monitoring.violations }} violations of {{ dag.dag_id }}")
    run(with_policy(stage, tmp_path, "notified", on_violations="callback", callback=notifier), hour_time(21))

    assert sentences == ["2 violations of notified"]


def test_a_notifier_is_not_called_without_violations(run, tmp_path):
    notifications = []
    stage = Stage(plays=leaving(DONE))
    run(with_policy(stage, tmp_path, "quiet", on_violations="callback", callback=notifications.append), hour_time(21))

    assert notifications == []


@pytest.mark.parametrize(
    ("message", "status", "attempts"),
    [
        pytest.param("Error: the baseline isn't there; name one", 2, 1, id="a wrong configuration stays wrong"),
        pytest.param("Error: Exception while invoking preprocessor script.", 1, 1, id="so does a wrong script"),
        pytest.param("Error: Job inputs had no data: nothing lies in /captures", 3, 2, id="captures may come yet"),
        pytest.param("Error: /captures can't be read", 255, 2, id="anything else may be over"),
        pytest.param(None, 137, 2, id="killed before it said anything"),
        pytest.param("Error: Exception while invoking preprocessor script.", None, 1, id="by its message alone, as on EMR"),
    ],
)  # fmt: skip
def test_only_what_may_mend_itself_is_tried_again(run, tmp_path, message, status, attempts):
    stage = Stage(plays=leaving(message, status))
    name = f"failing_{status}_{attempts}"
    with dag(name) as failing:
        monitor(stage, tmp_path, retries=1, retry_delay=timedelta(0))
    ended = run(failing, hour_time(21))

    assert ended.states == {"monitor": "failed"}
    assert len(stage.calls) == attempts
    assert len({call.name for call in stage.calls}) == 1, "all attempts have one name, by which EMR's runs are found"


def test_an_hour_without_traffic_may_skip_the_task(run, tmp_path):
    stage = Stage(plays=leaving("Error: Job inputs had no data: nothing lies in /captures", 3))
    with dag("idle") as idle:
        monitor(stage, tmp_path, skip_without_data=True) >> EmptyOperator(task_id="behind")

    assert run(idle, hour_time(21)).states == {"monitor": "skipped", "behind": "skipped"}


def test_the_message_of_an_earlier_run_is_not_taken_for_this_ones(run, tmp_path):
    leave(tmp_path / "reports/2024/03/04/21", DONE, [])
    with dag("stale") as stale:
        monitor(Stage(plays=lambda call: 137), tmp_path)

    assert run(stale, hour_time(21)).states == {"monitor": "failed"}


def test_a_job_of_an_earlier_attempt_that_still_runs_is_followed_and_none_is_started(run, tmp_path):
    """As on EMR, where a job outlives the worker that started it; its message may be there already."""
    folder = tmp_path / "reports/2024/03/04/21"
    leave(folder, FOUND)

    class Outliving(Stage):
        def find_run(self, call):
            return Played(lambda: None)

    stage = Outliving(plays=leaving(DONE))
    with dag("outlived") as outlived:
        monitor(stage, tmp_path)
    ended = run(outlived, hour_time(21))

    assert stage.calls == []
    assert ended.result("monitor")["violations"] == 2


def test_a_task_that_takes_too_long_takes_its_job_with_it(run, tmp_path):
    started = []

    class Slow(Stage):
        def begin(self, call):
            def hangs():
                import time

                time.sleep(60)

            started.append(Played(hangs))
            return started[-1]

    with dag("slow") as slow:
        monitor(Slow(plays=leaving(DONE)), tmp_path, execution_timeout=timedelta(seconds=1))

    assert run(slow, hour_time(21)).states == {"monitor": "failed"}
    assert [job.stopped for job in started] == [True]


def test_links_lead_to_where_the_documents_are_served(run, tmp_path):
    with dag("served") as served:
        monitor(Stage(plays=leaving(FOUND)), tmp_path, documents_url="https://reports.example.org/{{ dag.dag_id }}")
    ended = run(served, hour_time(21))

    assert ended.xcoms["monitor", "_link_constraint_violations.json"] == (
        "https://reports.example.org/served/2024/03/04/21/_runs/0123456789abcdef/constraint_violations.json"
    )
    assert ended.xcoms["monitor", "_link_report.html"] == ""


def test_the_alert_is_the_one_beside_the_runs(run, tmp_path):
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "_alerts.json").write_text(json.dumps({"version": 0.0, "status": "InAlert"}))
    with dag("alerted") as alerted:
        monitor(Stage(plays=leaving(FOUND)), tmp_path)

    assert run(alerted, hour_time(21)).result("monitor")["alert"] == "InAlert"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"on_violations": "ignore"}, "on_violations is 'ignore'; it is one of: succeed, fail, fail-if-unsure,"),
        ({"on_violations": "callback"}, "on_violations is 'callback', and there is none"),
        ({"callback": print}, "there is a callback, and on_violations is 'succeed'"),
        ({"flags": {"fail_on_violations": True}}, "which the task says by on_violations="),
        ({"flags": {"fail_on": "cannot-tell"}}, "which the task says by on_violations="),
        ({"flags": {"start_time": "2024-03-04T00:00:00Z"}}, "which the task says by lag= and length="),
        ({"output_folder": "%Q/%m"}, "output_folder is '%Q/%m'; it has to be a folder below output_path, by letters of strftime"),
        ({"output_folder": "../%Y"}, "output_folder is '../%Y'; it has to be a folder below output_path, by letters of strftime"),
    ],
)  # fmt: skip
def test_a_task_that_can_t_be_is_refused_when_its_dag_is_read(tmp_path, options, said):
    with dag("refused"), pytest.raises(BadConfiguration) as raised:
        monitor(Stage(plays=leaving(DONE)), tmp_path, **options)

    assert said in str(raised.value)


def test_flags_may_come_from_the_task_before_and_are_looked_at_then(run, tmp_path):
    stage = Stage(plays=leaving(DONE))
    for name, upstream_options in (
        ("from_before", {"sample": 0.5}),
        ("not_theirs", {"start_time": "2024-01-01T00:00:00Z"}),
    ):
        with dag(name) as new_dag:
            before = PythonOperator(task_id="before", python_callable=lambda flags=upstream_options: flags)
            monitor(stage, tmp_path, flags=before.output)
        ended = run(new_dag, hour_time(21))
        assert ended.states["monitor"] == ("success" if name == "from_before" else "failed")

    assert [call.flags["sample"] for call in stage.calls] == ["0.5"]


def test_a_task_for_each_of_several_models(run, tmp_path):
    stage = Stage(plays=leaving(DONE))
    with dag("several") as several:
        MonitorOperator.partial(task_id="monitor", where=stage, baseline="/baseline").expand_kwargs(
            [
                {"dataset_source": f"/captures/{model}", "output_path": f"{tmp_path}/{model}"}
                for model in ("churn", "fraud")
            ]
        )
    ended = run(several, hour_time(21))

    assert ended.state == "success"
    # Airflow doesn't promise the order in which mapped tasks run.
    assert sorted(call.flags["dataset_source"] for call in stage.calls) == ["/captures/churn", "/captures/fraud"]
    assert len({call.name for call in stage.calls}) == 2


def test_the_name_of_a_run_fits_where_jobs_run_and_stays_its_own():
    """EMR takes 256 characters, EMR Serverless letters, digits and ._/#- alone."""
    ti = SimpleNamespace(dag_id="churn", task_id="group.monitor", run_id="scheduled__2024-03-04T20:00:00+00:00")
    short = get_run_name({"ti": SimpleNamespace(**vars(ti), map_index=-1)})
    mapped = get_run_name({"ti": SimpleNamespace(**vars(ti), map_index=3)})
    long = [
        get_run_name({"ti": SimpleNamespace(**{**vars(ti), "dag_id": "d" * 240}, map_index=map_index)})
        for map_index in (1, 2)
    ]

    assert short == "churn/group.monitor/scheduled__2024-03-04T20-00-00-00-00"
    assert mapped == f"{short}/3"
    assert len(set(long)) == 2
    assert {len(name) for name in long} == {200}


def test_what_the_xcom_lists_has_no_text_of_a_violation(run, tmp_path):
    with dag("texts") as texts:
        monitor(Stage(plays=leaving(FOUND)), tmp_path)
    listed = run(texts, hour_time(21)).result("monitor")["violated"]

    assert [set(violation) for violation in listed] == [{"feature_name", "constraint_check_type"}] * len(VIOLATIONS)
