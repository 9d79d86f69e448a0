"""`spark-model-monitor watch`: what a fleet's file means, what it runs, what its page says of each entry, and who is notified."""

from __future__ import annotations

import io
import json
import re
import threading
from hashlib import sha256
from html import unescape

import pytest
from tests.fuzz import fleets
from tests.run_descriptions import describe_run
from tests.servers import http_server
from tests.unit.scheduling.conftest import Jobs, make_time, parse_flags

from spark_model_monitor import cli
from spark_model_monitor.documents.alert_files import Alerts, AlertStatus, MonitoredWindow, Transition
from spark_model_monitor.documents.monitoring_settings import MonitoringConfig
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput
from spark_model_monitor.reports.alerts import write_alerts
from spark_model_monitor.reports.outputs.run_files import publish
from spark_model_monitor.reports.sinks import Environment
from spark_model_monitor.running.scheduling import parallel_jobs
from spark_model_monitor.running.scheduling import target_models as target_models_module
from spark_model_monitor.running.scheduling.fleet import read_fleet
from spark_model_monitor.running.scheduling.parallel_jobs import Turns
from spark_model_monitor.running.scheduling.schedule_command import Request, run_due
from spark_model_monitor.storage.file_system import make_draft_name

VARIABLES = {"dataset_format": "capture", "dataset_source": "captures/{name}", "output_path": "reports/{name}"}


class Watch:
    """A fleet of some entries, and what `watch` makes of it."""

    def __init__(self, folder) -> None:
        self.folder, self.file, self.jobs = folder, folder / "shop.fleet.json", Jobs()

    def write(self, *entries, defaults=None, **members) -> None:
        shared = {"cron": "0 * * * *", "variables": VARIABLES, **(defaults or {})}
        self.file.write_text(json.dumps({"defaults": shared, "entries": entries, **members}))

    def fleet(self):
        return read_fleet([self.file])

    def faults(self):
        """The entries that can't be run: name -> why."""
        return {entry.name: str(entry.fault) for entry in self.fleet().entries if entry.fault}

    def run(self, now, at_once=1):
        """Exit status, what was printed, and the page."""
        out = io.StringIO()
        request = Request((self.file,), self.folder / "state", at_once=at_once, page=self.folder / "index.html")
        environment = Environment({}, pause=lambda seconds: None)
        status = run_due(request, out, launch=self.jobs, now=lambda: now, environment=environment)
        return status, out.getvalue(), (self.folder / "index.html").read_text()

    def alert(
        self, name, status=AlertStatus.IN_ALERT, causes=("income",), since="2024-03-04T18:00:00Z", unsure=None
    ) -> None:
        """Leave the alert that a run of an entry would."""
        if status is AlertStatus.IN_ALERT:
            violations = len(causes)
        else:
            violations = 0
        alerted_since = None
        if violations:
            alerted_since = dict.fromkeys(causes, since)
        window = MonitoredWindow(
            window="w",
            time="2024-03-04T20:00:00Z",
            violations=violations,
            run_id="r",
            since=alerted_since,
            records=9,
            unsure=unsure,
        )
        turned = (Transition(time=window.time, window="w", status=status),)
        alerts = Alerts(status=status, windows=(window,), transitions=turned)
        write_alerts(alerts, str(self.folder / "reports" / name))


@pytest.fixture
def watch(tmp_path):
    return Watch(tmp_path)


def test_an_entry_has_what_the_defaults_say_and_its_own_before_it(watch):
    watch.write({"name": "churn", "owner": "anna", "variables": {"max_runtime": "PT1H"}}, {"name": "fraud"})
    watch.run(make_time(4, 20, 5))

    churn, fraud = (job.flags for job in watch.jobs.commands)
    assert (churn["--dataset-source"], churn["--output-path"]) == ("captures/churn", "reports/churn/2024/03/04/20")
    assert (churn["--sagemaker-endpoint-name"], churn["--sagemaker-monitoring-schedule-name"]) == ("churn", "churn")
    assert churn["--max-runtime"] == "PT1H"
    assert "--max-runtime" not in fraud


def test_a_file_of_yaml_says_the_same(watch):
    pytest.importorskip("yaml")
    watch.file = watch.folder / "fleet.yaml"
    watch.file.write_text(
        "defaults:\n  cron: '0 * * * *'\n  variables: {dataset_source: c, output_path: r, min_traffic: 0.5, progress: false}\n"
        "entries:\n  - {name: churn, tags: [eu, cards]}\n"
    )
    watch.run(make_time(4, 20, 5))

    [job] = watch.jobs.commands
    assert (job.flags["--min-traffic"], job.flags["--progress"]) == ("0.5", "false")
    assert watch.fleet().entries[0].plan.entry.tags == ("eu", "cards")


ALIASES = "\n".join(f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]" for number in range(1, 12))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(
            f"a0: &a0 [lol]\n{ALIASES}", "has more than 16,777,216 characters once its aliases", id="of aliases"
        ),
        pytest.param("entries: &a [*a]", "has more than 16,777,216 characters once its aliases", id="of itself"),
        pytest.param("entries: 2024-13-45", "is no YAML; correct it there", id="impossible date"),
        pytest.param(f"entries: {'9' * 5000}", "is no YAML; correct it there", id="impossible number"),
    ],
)
def test_yaml_that_is_much_larger_than_it_looks_is_a_sentence(watch, text, sentence):
    pytest.importorskip("yaml")
    watch.file = watch.folder / "fleet.yaml"
    watch.file.write_text(text)
    with pytest.raises(BadDocument, match=sentence):
        watch.fleet()


def capture(model=None, **metadata):
    """A line of a capture file; model: its targetModel, None without one."""
    named = {} if model is None else {"targetModel": model}
    return json.dumps({"captureData": {}, "eventMetadata": {"eventId": "1", **named, **metadata}})


def write_captures(watch, folder, lines):
    folder = watch.folder / "captures" / folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "0.jsonl").write_text("".join(f"{line}\n" for line in lines))


def target_models(watch):
    """What each job that ran reads: entry -> targetModel."""
    job_flags = [job.flags for job in watch.jobs.commands]
    return {flags["--sagemaker-monitoring-schedule-name"]: flags.get("--target-model") for flags in job_flags}


def test_models_of_a_multi_model_endpoint_are_entries_of_their_own(watch):
    lines = {
        "churn/blue/2024/03/04/18": ["a.tar.gz", "b/c.tar.gz"],
        "churn/blue/2024/03/04/19": ["a.tar.gz"],
        "churn/AllTraffic/2024/03/04/19": [None],
        "fraud/2024/03/04/19": ["b.tar.gz"],
    }
    for folder, models in lines.items():
        write_captures(watch, folder, map(capture, models))
    own_variables = {"target_model": "other.tar.gz"}
    watch.write(
        {"name": "churn"},
        {"name": "fraud"},
        {"name": "own", "variables": own_variables | {"dataset_source": "captures/fraud"}},
    )
    watch.run(make_time(4, 20, 5))
    watch.run(make_time(4, 20, 15))

    escaped = f"b-c.tar.gz-{sha256(b'b/c.tar.gz').hexdigest()[:16]}"
    read = {job.flags["--sagemaker-monitoring-schedule-name"]: job.flags for job in watch.jobs.commands}
    assert target_models(watch) == {
        "churn": None,
        "churn-blue-a.tar.gz": "a.tar.gz",
        f"churn-blue-{escaped}": "b/c.tar.gz",
        "fraud-b.tar.gz": "b.tar.gz",
        "own": "other.tar.gz",
    }
    assert read[f"churn-blue-{escaped}"]["--output-path"] == f"reports/churn/blue/{escaped}/2024/03/04/20"
    assert read[f"churn-blue-{escaped}"]["--dataset-source"] == "captures/churn/blue"


def test_one_record_with_a_model_is_reported_and_the_others_are_monitored_as_before(watch):
    write_captures(watch, "churn/2024/03/04/19", [*[capture()] * 120, capture("a.tar.gz")])
    watch.write({"name": "churn"})
    status, printed, page = watch.run(make_time(4, 20, 5))

    assert (status, target_models(watch)) == (0, {"churn": "-"})
    assert "churn-a.tar.gz: captures name this model for the first time; the next call monitors it" in printed
    assert "captures name this model for the first time" in page

    status, printed, _ = watch.run(make_time(4, 20, 15))
    assert (status, target_models(watch)) == (0, {"churn": "-", "churn-a.tar.gz": "a.tar.gz"})
    assert "for the first time" not in printed
    assert watch.jobs.times == ["2024-03-04T20:00:00Z"] * 2  # no hour is left out


def test_one_record_without_a_model_does_not_hide_those_with_one(watch):
    write_captures(watch, "churn/2024/03/04/18", map(capture, ["a.tar.gz", "b.tar.gz"]))
    watch.write({"name": "churn"})
    watch.run(make_time(4, 19, 5))
    write_captures(watch, "churn/2024/03/04/19", [capture()])
    watch.run(make_time(4, 20, 5))

    assert target_models(watch) == {"churn": "-", "churn-a.tar.gz": "a.tar.gz", "churn-b.tar.gz": "b.tar.gz"}


def test_a_record_without_a_model_counts_behind_an_escaped_name():
    escaped = b'{"captureData": {}, "eventMetadata": {"targetModel": "a\\u002db.tar.gz"}}'
    unnamed = b'{"captureData": {}, "eventMetadata": {}}'
    for lines in ([escaped, unnamed], [unnamed, escaped]):
        called = target_models_module.CalledModels()
        target_models_module._add_records(called, b"\n".join(lines))

        assert (called.names, called.has_unnamed_records) == ({"a-b.tar.gz"}, True)


def test_bytes_that_are_no_utf_8_name_no_model():
    called = target_models_module.CalledModels()
    target_models_module._add_records(called, capture("b.tXar.gz").encode().replace(b"X", b"\xc3"))

    assert (called.names, called.invalid_names) == (set(), 1)


def test_no_more_models_are_monitored_than_a_bound_and_new_ones_displace_none(watch, caplog):
    names = [f"m{number:03}.tar.gz" for number in range(target_models_module.MAX_MODELS + 50)]
    write_captures(watch, "churn/2024/03/04/19", map(capture, names[50:]))
    watch.write({"name": "churn"})
    watch.run(make_time(4, 20, 5))
    assert "are monitored; write" not in caplog.text

    write_captures(watch, "churn/2024/03/04/20", [capture(), *map(capture, names)])
    status, printed, _ = watch.run(make_time(4, 21, 5))
    assert status == 0
    assert sorted(target_models(watch).values()) == ["-", *names[50:]]
    assert "churn: captures name 150 models, and 100 of them are monitored; write entries with target_model" in printed


def test_a_model_takes_neither_name_nor_output_of_an_entry(watch, caplog):
    """A record names `blue.tar.gz` of `churn`, and entries of the user are called so, or write where it would."""
    write_captures(watch, "churn/2024/03/04/19", [capture(), capture("blue.tar.gz"), capture("red.tar.gz")])
    watch.write(
        {"name": "churn"},
        {"name": "churn-blue.tar.gz", "variables": {"dataset_source": "lake"}},
        {"name": "red", "variables": {"output_path": "reports/churn/red.tar.gz"}},
    )
    for minute in (5, 15):
        assert watch.run(make_time(4, 20, minute))[0] == 0

    assert target_models(watch) == {"churn": "-", "churn-blue.tar.gz": None, "red": None}
    assert not watch.faults()
    assert (
        "churn-red.tar.gz: is a model that captures name, and another entry has its name or its output_path"
        in caplog.text
    )


@pytest.mark.parametrize("captured", [True, False], ids=["of other models", "of none"])
def test_a_model_without_records_is_no_failure_while_its_endpoint_captures(watch, captured):
    write_captures(watch, "churn/2024/03/04/18", map(capture, ["a.tar.gz", "b.tar.gz"]))
    watch.write({"name": "churn"})
    for hour in (19, 20):
        watch.run(make_time(4, hour, 5))
    if captured:
        write_captures(watch, "churn/2024/03/04/20", [capture("b.tar.gz")])
    watch.jobs.statuses = [3, 0]

    assert watch.run(make_time(4, 21, 5))[0] == (0 if captured else 3)


@pytest.mark.parametrize("seed", range(20))
def test_no_record_steers_the_entries_of_a_fleet(watch, seed):
    fleets.require_law(watch.folder, seed)


def test_variants_of_an_endpoint_are_entries_of_their_own(watch):
    """Their folders lie above the years (C3.1); the usual one stays the endpoint's when another comes beside it."""
    for variant in ("AllTraffic", "blue"):
        (watch.folder / "captures" / "churn" / variant / "2024").mkdir(parents=True)
    (watch.folder / "captures" / "fraud" / "2024").mkdir(parents=True)
    watch.write(
        {"name": "churn", "variables": {"sink": "prometheus:numbers/{entry}.prom"}},
        {"name": "fraud"},
        {"name": "new"},
    )
    watch.run(make_time(4, 20, 5))

    read = {job.flags["--sagemaker-monitoring-schedule-name"]: job.flags for job in watch.jobs.commands}
    assert {name: flags["--dataset-source"] for name, flags in read.items()} == {
        "churn": "captures/churn/AllTraffic",
        "churn-blue": "captures/churn/blue",
        "fraud": "captures/fraud",
        "new": "captures/new",
    }
    assert read["churn-blue"]["--output-path"] == "reports/churn/blue/2024/03/04/20"
    assert [job.command.variables.get("MODEL_MONITOR_SINK") for job in watch.jobs.commands] == [
        *("prometheus:numbers/churn.prom", "prometheus:numbers/churn-blue.prom"),
        *(None, None),
    ]


@pytest.mark.parametrize("follow_links", [False, True])
def test_a_variant_behind_a_link_out_of_the_captures_takes_the_flag(watch, follow_links):
    captures = watch.folder / "captures" / "churn"
    (captures / "blue" / "2024").mkdir(parents=True)
    (watch.folder / "elsewhere" / "2024").mkdir(parents=True)
    (captures / "green").symlink_to(watch.folder / "elsewhere")
    watch.write({"name": "churn", "variables": {"follow_links": follow_links}})
    _, printed, _ = watch.run(make_time(4, 20, 5))

    sources = [job.flags["--dataset-source"] for job in watch.jobs.commands]
    assert sources == ["captures/churn/blue", *(["captures/churn/green"] if follow_links else [])]
    assert ("not checked: churn-green: " in printed) != follow_links
    assert ("write --follow-links" in printed) != follow_links


def test_a_folder_of_entries_is_a_fleet(schedule):
    schedule.write(owner="anna", tags=["eu"])
    (schedule.folder / "broken.schedule.json").write_text("{")
    fleet = read_fleet([schedule.folder])

    assert [(entry.name, entry.plan is None) for entry in fleet.entries] == [("broken", True), ("churn-hourly", False)]


def test_a_folder_without_entries_is_a_sentence(tmp_path):
    with pytest.raises(BadInput, match="has no schedule entries; they are called"):
        read_fleet([tmp_path])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("[]", "entries is missing", id="a list"),
        pytest.param('{"entries": []}', "entries is missing", id="none"),
        pytest.param('{"entries": [{}], "defaults": [1]}', "defaults is no object", id="defaults"),
        pytest.param("[" * 50_000, "is no JSON", id="deep"),
        pytest.param('{"entries": [{}], "default": {}}', "default is unknown; did you mean defaults?", id="slip"),
        pytest.param("{", "is no JSON", id="no JSON"),
    ],
)
def test_a_file_that_says_no_entries_is_a_sentence(watch, text, sentence):
    watch.file.write_text(text)
    with pytest.raises(BadDocument, match=sentence):
        watch.fleet()


def test_sinks_that_take_numbers_are_no_fleets(watch):
    watch.write({"name": "churn"}, sinks="prometheus:a.prom")
    with pytest.raises(BadConfiguration, match=r"write it as defaults\.variables\.sink"):
        watch.fleet()


BROKEN = {
    "no name": ({"owner": "x"}, "entries[1].name is missing"),
    "no object": ("churn", "entries[1].name is missing"),
    "unknown option": ({"name": "b", "variables": {"datset_source": "x"}}, "did you mean dataset_source?"),
    "unknown member": ({"name": "b", "variabels": {}}, "b: variabels is unknown; did you mean variables?"),
    "other kind": ({"name": "b", "variables": ["x"]}, "another kind"),
    "wrong cron": (
        {"name": "b", "cron": "x"},
        "shop.fleet.json: b: cron is 'x' (it has 1 fields of 5); it has to be minute, hour",
    ),
    "no text": ({"name": "b", "variables": {"\ud800": "x"}}, "jobs[0].variables has a member whose name is no Unicode"),
    "hostile name": ({"name": "../b"}, "name is '../b'"),
    "twice": ({"name": "a"}, "two entries are called 'a'"),
    "one output": ({"name": "b", "variables": {"output_path": "reports/a"}}, "b: writes where a does"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_wrong_entry_is_a_line_of_the_page_and_the_others_go_on(watch, case):
    wrong_entry, sentence = BROKEN[case]
    watch.write({"name": "a"}, wrong_entry, {"name": "c"})
    status, printed, page = watch.run(make_time(4, 20, 5))

    assert [job.flags["--sagemaker-monitoring-schedule-name"] for job in watch.jobs.commands] == ["a", "c"]
    assert status == 2 or status == 255
    [fault] = watch.faults().values()
    assert sentence in fault
    assert "1 not checked" in printed
    assert "could not be checked" in page


@pytest.mark.parametrize("gone", ["b.schedule.json", "shp.fleet.json"])
def test_a_path_that_is_gone_keeps_no_other_from_its_runs(watch, gone, capsys):
    watch.write({"name": "a"})

    assert cli.main(["run-due", "--list", "--schedule", str(watch.file), str(watch.folder / gone)]) == 2
    printed = capsys.readouterr()
    assert printed.out.startswith("a: no run yet")
    assert f"{gone}: there is no such file or directory" in printed.err


def test_entries_that_wait_for_each_other_are_not_run(watch):
    """A reads what b writes, b what c does, c what a does; d reads what a writes, which is no cycle."""
    dependencies = {"a": "b", "b": "c", "c": "a", "d": "a"}
    watch.write(
        *(
            {"name": name, "variables": {"dataset_source": f"reports/{dependency}"}}
            for name, dependency in dependencies.items()
        )
    )
    watch.run(make_time(4, 20, 5))

    assert set(watch.faults()) == {"a", "b", "c"}
    assert watch.faults()["a"].startswith("a waits for b waits for c waits for a: each reads what the next writes")
    assert [job.flags["--sagemaker-monitoring-schedule-name"] for job in watch.jobs.commands] == ["d"]


def test_one_that_fails_keeps_no_other_from_its_page(watch):
    watch.write({"name": "a"}, {"name": "b"}, {"name": "c"})
    watch.jobs.statuses = [0, 255, 0]
    watch.jobs.message = "Error: captures/b: there is no such path"
    status, printed, page = watch.run(make_time(4, 20, 5))

    assert status == 255
    assert "not checked: b: captures/b: there is no such path" in printed
    assert page.count("! not checked") == 1


def test_what_nobody_foresaw_is_a_line_and_keeps_no_other_from_its_runs(watch):
    watch.write({"name": "a"}, {"name": "b"})
    watch.jobs.statuses = [ZeroDivisionError("a value of a record"), 0]
    status, printed, _ = watch.run(make_time(4, 20, 5))

    assert status == 255
    assert "a value of a record" not in printed
    assert "ZeroDivisionError" in printed
    assert len(watch.jobs.commands) == 2


def test_a_run_of_a_host_whose_clock_is_ahead_is_a_line(watch):
    watch.write({"name": "a"})
    watch.run(make_time(4, 20, 5))
    _, printed, _ = watch.run(make_time(4, 17, 5))

    assert (
        "a: its last run is of 2024-03-04T20:00:00Z, which is later than it is here; compare the hosts' clocks"
        in printed
    )


def test_a_record_that_cannot_be_read_is_a_line_and_mends_itself(watch):
    watch.write({"name": "a"}, {"name": "b"})
    watch.run(make_time(4, 20, 5))
    (watch.folder / "state" / "a.executions.json").write_text("{")
    status, printed, _ = watch.run(make_time(4, 21, 5))

    assert status == 255
    assert re.search(r"not checked: a: .*is the file cut off", printed)
    assert watch.jobs.commands[-1].flags["--sagemaker-monitoring-schedule-name"] == "b"
    assert watch.run(make_time(4, 22, 5))[0] == 0


def test_a_restart_goes_on_where_it_was(watch):
    watch.write({"name": "a"}, {"name": "b"}, defaults={"starts": "2024-03-04T19:00:00Z"})
    watch.jobs.statuses = [0, 0, KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        watch.run(make_time(4, 20, 5))
    watch.run(make_time(4, 20, 6))

    ran = [
        (job.flags["--sagemaker-monitoring-schedule-name"], job.flags["--scheduled-time"])
        for job in watch.jobs.commands
    ]
    assert ran == [
        *(("a", "2024-03-04T19:00:00Z"), ("a", "2024-03-04T20:00:00Z"), ("b", "2024-03-04T19:00:00Z")),
        *(("b", "2024-03-04T19:00:00Z"), ("b", "2024-03-04T20:00:00Z")),
    ]


def test_alerts_that_can_not_be_read_are_a_fault_of_their_entry_alone(watch):
    """Its page says why, in one line."""
    watch.write({"name": "a"}, {"name": "b"})
    for name in "ab":
        watch.alert(name, AlertStatus.OK)
    alerts_file = watch.folder / "reports" / "a" / "_alerts.json"
    alerts_file.unlink()
    alerts_file.mkdir()
    _, _, page = watch.run(make_time(4, 20, 5))

    assert "_alerts.json: can" in page
    assert page.count("! not checked") == 1


def test_jobs_go_on_side_by_side(watch):
    """Each waits until the other has begun: one after the other they would never end."""
    meeting = threading.Barrier(2, timeout=20)
    watch.write({"name": "a"}, {"name": "b"})
    watch.jobs.leaves = lambda output: meeting.wait()

    assert watch.run(make_time(4, 20, 5), at_once=2)[0] == 0
    assert len(watch.jobs.commands) == 2


def test_no_more_jobs_have_a_turn_than_there_are_cores(watch):
    running = []
    running_counts = []
    lock = threading.Lock()

    def leaves(output):
        with lock:
            running.append(output)
            running_counts.append(len(running))
        threading.Event().wait(0.005)
        with lock:
            running.remove(output)

    watch.write(*({"name": f"m{number}"} for number in range(12)))
    watch.jobs.leaves = leaves
    watch.run(make_time(4, 20, 5), at_once=3)

    assert len(watch.jobs.commands) == 12
    assert max(running_counts) <= 3


def test_a_slow_job_gives_its_turn_back_and_memory_bounds_how_many_do():
    now = [0.0]
    turns = Turns(1, limit=2, clock=lambda: now[0])
    slow = turns.take_turn()
    second = turns.take_turn()
    slow.__enter__()
    assert not turns._has_room()
    now[0] += parallel_jobs.TURN_SECONDS
    assert turns._has_room()
    second.__enter__()
    now[0] += parallel_jobs.TURN_SECONDS
    assert not turns._has_room()  # two are at it, and there is memory for two
    slow.__exit__(None, None, None)
    assert turns._has_room()
    second.__exit__(None, None, None)


def test_a_column_that_changed_in_twenty_models_is_one_message_and_its_end_another(watch):
    with http_server(200) as server:
        names = [f"m{number:02}" for number in range(20)]
        watch.write(*({"name": name} for name in [*names, "other"]), sinks=f"webhook:{server.url}")
        for number, name in enumerate(names):
            watch.alert(name, causes=("income", f"only_{number}"))
        watch.alert("other", causes=("age",))
        watch.run(make_time(4, 20, 5))
        watch.run(make_time(4, 20, 15))
        for name in names:
            watch.alert(name, AlertStatus.OK)
        watch.run(make_time(4, 20, 25))

    sent = [json.loads(body) for _, _, body in server.requests]
    assert [(message["alert"]["status"], message["alert"]["changed"]) for message in sent] == [
        *[("InAlert", True)] * 2,
        ("OK", True),
    ]
    assert {message["paths"]["page"] for message in sent} == {str(watch.folder / "index.html")}
    notice_lists = [message["notices"] for message in sent]
    assert notice_lists == [
        [
            {
                "kind": "Alerts",
                "text": "income changed in 20 monitors since 2024-03-04 18:00 (m00, m01, m02 and 17 more)",
            }
        ],
        [{"kind": "Alerts", "text": "age changed in 1 monitor since 2024-03-04 18:00 (other)"}],
        [{"kind": "AlertsOver", "text": f"no longer: {', '.join(names)}"}],
    ]


def test_what_nobody_can_tell_of_several_models_is_one_message_and_a_state_of_its_own(watch):
    with http_server(200) as server:
        watch.write({"name": "a"}, {"name": "b"}, sinks=f"webhook:{server.url}")
        watch.alert("a", AlertStatus.CANNOT_TELL, unsure=("sex",))
        watch.alert("b", AlertStatus.CANNOT_TELL, unsure=("age", "sex"))
        _, lines, page = watch.run(make_time(4, 20, 5))
        watch.run(make_time(4, 20, 15))
        watch.alert("a", AlertStatus.OK)
        watch.run(make_time(4, 20, 25))

    first, second = [json.loads(body) for _, _, body in server.requests]
    assert first["alert"]["status"] == "CannotTell"
    assert first["notices"][0]["text"] == "2 monitors can't tell whether sex, age changed (a, b)"
    assert second["alert"]["status"] == "OK"
    assert second["notices"][0]["text"] == "no longer: a"
    assert "may have changed: a: sex may have changed" in lines
    assert "No alert, but 2 of 2 models can't tell whether something changed." in unescape(page)
    assert "? may have changed" in page
    assert "nothing to do" not in page
    assert "✓ no alert" not in page


def test_one_fault_of_many_is_one_message(watch):
    with http_server(200) as server:
        watch.write({"name": "a"}, {"name": "b"}, sinks=f"webhook:{server.url}")
        watch.jobs.statuses = [255, 255]
        watch.jobs.message = "Error: lake/orders: there is no such path"
        watch.run(make_time(4, 20, 5))

    [(_, _, body)] = server.requests
    assert (
        json.loads(body)["notices"][0]["text"]
        == "2 monitors could not check (a, b): lake/orders: there is no such path"
    )


def test_what_a_sink_did_not_get_is_sent_again(watch):
    with http_server(404, 200) as server:
        watch.write({"name": "a"}, sinks=f"webhook:{server.url}")
        watch.alert("a")
        for minute in (5, 15, 25):
            watch.run(make_time(4, 20, minute))

    assert len(server.requests) == 2


def test_the_page_is_the_same_whoever_writes_it(watch):
    watch.write({"name": "a"}, {"name": "b"})
    watch.alert("a")
    _, _, first = watch.run(make_time(4, 20, 5))
    _, _, second_page = watch.run(make_time(4, 20, 55))

    assert first == second_page


def budgets(watch):
    return [float(job.flags.get("--run-budget", "nan")) for job in watch.jobs.commands]


def test_what_is_allowed_a_month_is_shared_by_the_runs_of_all_entries(watch):
    hourly = {"name": "churn"}
    daily = {"name": "fraud", "cron": "0 20 * * *"}
    watch.write(hourly, daily, alarms_per_month=0.5)
    _, _, page = watch.run(make_time(4, 20, 5))

    assert budgets(watch) == [0.5 / (720 + 30)] * 2  # of 30 days
    assert "0.5 a month, one in 1,500 runs" in page


@pytest.mark.parametrize(("allowed", "share"), [(1, 1 / 720), (50, 1 / 720), (0.1, 0.1 / 720)])
def test_no_run_gets_more_than_a_schedule_alone_has(watch, allowed, share):
    watch.write({"name": "churn"}, alarms_per_month=allowed)
    assert watch.fleet().share == pytest.approx(share)


def test_a_fleet_that_says_nothing_leaves_each_its_own_budget_as_does_an_entry_that_names_one(watch):
    watch.write({"name": "churn"})
    watch.run(make_time(4, 20, 5))
    assert "--run-budget" not in watch.jobs.commands[0].flags

    watch.write({"name": "fraud", "variables": {"run_budget": "0.01"}}, alarms_per_month=1)
    watch.run(make_time(4, 20, 5))
    assert watch.jobs.commands[-1].flags["--run-budget"] == "0.01"


@pytest.mark.parametrize("allowed", [0, -1, True, "1", [1]])
def test_what_is_no_number_of_alarms_is_a_sentence(watch, allowed):
    watch.write({"name": "churn"}, alarms_per_month=allowed)
    with pytest.raises(
        BadConfiguration, match=r"alarms_per_month is .*; write how many false alarms a month may bring"
    ):
        watch.fleet()


@pytest.mark.parametrize("allowed", [0, -1, float("inf"), float("nan")])
def test_what_is_no_number_of_alarms_of_a_command_is_a_sentence(allowed):
    with pytest.raises(BadConfiguration, match=r"--alarms-per-month is .*; write how many false alarms a month may"):
        Request((), alarms_per_month=allowed)


def test_a_run_again_has_the_share_that_it_had_when_there_were_fewer_entries(watch):
    watch.write({"name": "churn"}, alarms_per_month=0.72)
    scheduled = make_time(4, 20)
    [churn_entry] = watch.fleet().entries
    where = watch.folder / "reports/churn/2024/03/04/20"
    settings = MonitoringConfig(false_alarm_budget=churn_entry.plan.budget)
    run = describe_run(settings=settings, rows=1, violations=0)
    publish({run.FILE_NAME: run.to_json().encode()}, str(where))

    watch.write({"name": "churn"}, {"name": "fraud"}, alarms_per_month=0.72)
    plans = [entry.plan for entry in watch.fleet().entries]
    churn, fraud = (parse_flags(plan.command(plan.entry.jobs[0], scheduled)) for plan in plans)

    assert (churn["--run-budget"], fraud["--run-budget"]) == ("0.001", "0.0005")


def test_what_a_killed_one_was_writing_of_the_page_goes_with_the_next(watch):
    watch.write({"name": "churn"})
    left = [watch.folder / make_draft_name(name) for name in ("index.html", "other.html")]
    for draft in left:
        draft.write_text("<html>")
    watch.run(make_time(4, 20, 5))

    assert [draft.exists() for draft in left] == [False, True]


def test_what_a_killed_one_was_writing_of_a_record_goes_with_the_next(watch):
    """Its lock says that it was killed: whoever ends leaves it empty, so that nobody looks for drafts of ten thousand records."""
    watch.write({"name": "churn"})
    watch.run(make_time(4, 20, 5))
    lock, draft = (watch.folder / "state" / name for name in (".churn.lock", make_draft_name("churn.executions.json")))
    assert lock.read_text() == ""
    lock.write_text("held")
    draft.write_text("{")
    watch.run(make_time(4, 21, 5))

    assert (draft.exists(), lock.read_text()) == (False, "")
