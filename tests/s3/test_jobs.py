"""The three jobs on S3, in fair weather and in bad: they end right, or fail whole. boto3 reads what they wrote."""

import io
import json
import os
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.both_engines import EVALUATED_BY
from tests.entries import read_checks
from tests.programs import run_program
from tests.s3 import jars, steps
from tests.s3.conftest import ALGORITHM, CREDENTIALS, KMS_KEY, ROOT, s3a_settings
from tests.s3.server import KEY
from tests.s3.traffic import BRANCH, PEOPLE, baseline_flags, format_folder, merge_flags, monitor_flags, objects
from tests.s3.weather import always, cut, denied, every, fair, late, reset, slow_down

BUCKET = "s3a://storm"
HOUR = f"{BRANCH}/{format_folder(0)}"
OUTPUTS = ("baseline", "report", "merged")
ENCRYPTION = ("--set", "s3_encryption=SSE-KMS", "--set", f"s3_kms_key={KEY}")
READER = Path(__file__).with_name("sdk_reader.py")

NAMED_FOLDERS = {
    "In the commands FOLDER is the folder of this page": f"Run the commands where {BUCKET}/report can be reached",
    "compare BASELINE": f"compare {BUCKET}/baseline",
    "FOLDER": f"{BUCKET}/report",
}
"""What the page of a run says in the run's own folder, which may be copied, and what it says at the output path instead."""


@pytest.fixture(scope="module")
def finished(running_s3, runner):
    """All requests of the three jobs, in fair weather, that wrote below `baseline`, `report` and `merged` of the bucket."""
    running_s3.put("storm", objects(unreadable=2))
    running_s3.proxy.requests.clear()
    flags = (*ENCRYPTION, "--set", "publish_cloudwatch_metrics=Enabled")
    statuses = (
        runner.job("baseline", *baseline_flags(BUCKET, "baseline"), *flags),
        runner.job("monitor", *monitor_flags(BUCKET, "report", "baseline"), *flags),
        runner.job("merge", *merge_flags(BUCKET, "merged"), *flags),
    )
    assert statuses == (0, 0, 0), runner.last_words
    return list(running_s3.proxy.requests)


@pytest.fixture(scope="module")
def outputs(running_s3, finished):
    """What these jobs left, by the name of the output and the key below it."""
    return {name: running_s3.contents("storm", f"{name}/") for name in OUTPUTS}


@pytest.fixture
def submit(running_s3, tmp_path):
    """`submit(job, *flags, **variables)` starts a job as people do, with S3A's JARs, in a JVM of its own."""

    def submitting(job, *flags, **variables):
        settings = s3a_settings(running_s3.proxy.url)
        options = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
        return run_program(
            [
                *(str(ROOT / "spark-submit.sh"), job, "--master", "local[2]"),
                *("--jars", ",".join(map(str, jars.provide(*jars.S3A))), *options, *flags),
            ],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
                "SPARK_SUBMIT_OPTS": f"{os.environ['SPARK_SUBMIT_OPTS']} {running_s3.java_options}",
                **variables,
            },
            cwd=tmp_path,
        )

    return submitting


def test_what_a_baseline_and_a_monitoring_run_say_is_in_their_objects(outputs):
    statistics = json.loads(outputs["baseline"]["statistics.json"])
    [violation] = json.loads(outputs["report"]["constraint_violations.json"])["violations"]
    records = json.loads(outputs["report"]["ledger.json"])["records"]

    assert (statistics["dataset"]["item_count"], len(statistics["features"])) == (500, 3)
    assert (violation["feature_name"], violation["description"]) == (
        "plan",
        "Value: 0.9 does not meet the constraint requirement! ",
    )
    assert (records["read"], records["kept"], records["quarantined"]) == (402, 400, {"not a JSON object": 2})
    assert outputs["report"]["message"].decode() == (
        "CompletedWithViolations: Job completed successfully with 1 violations.\n"
    )
    assert [json.loads(line)["line"] for line in outputs["report"]["quarantine/00000.jsonl"].splitlines()] == [
        '{"captureData": '
    ] * 2


def test_a_run_is_published_under_its_id_and_by_its_names(outputs):
    current = json.loads(outputs["report"]["_current.json"])

    assert sorted(current["sha256"]) == sorted(
        name for name in outputs["report"] if f"{current['folder']}/{name}" in outputs["report"]
    )
    for name in current["sha256"]:
        run_file = outputs["report"][f"{current['folder']}/{name}"]
        shown = outputs["report"][name]
        if name == "report.html":
            # Who evaluated the metrics, and the folders in commands, are no part of a run's identity
            shown, count = re.subn(EVALUATED_BY, b"", shown)
            assert count == 1
            for unnamed, named in NAMED_FOLDERS.items():
                assert unnamed.encode() in run_file
                run_file = run_file.replace(unnamed.encode(), named.encode())
        assert run_file == shown, name


def test_two_runs_are_compared_and_shown_where_they_lie(running_s3, runner, finished):
    printed = runner.call(
        steps.compare_runs,
        before=f"{BUCKET}/baseline",
        after=f"{BUCKET}/report",
        folders=[f"{BUCKET}/report"],
        page=f"{BUCKET}/pages/history.html",
    )

    assert re.search(r"\d+ rows before, \d+ after; \d+ of \d+ features or metrics changed", printed)
    assert f"{BUCKET}/pages/history.html: 1 run in 1 window" in printed
    [page] = running_s3.contents("storm", "pages/").values()
    assert page.startswith(b"<!doctype html>")


def test_the_tables_of_results_have_the_last_run_of_a_window(running_s3, runner, finished):
    flags = (*monitor_flags(BUCKET, "tabled", "baseline"), "--results-table", f"{BUCKET}/tables", *ENCRYPTION)
    flags = (*flags, "--set", "results_rows=all")

    assert runner.job("monitor", *flags) == 0, runner.last_words
    first = running_s3.contents("storm", "tables/")
    assert runner.job("monitor", *flags, "--sample", "0.5") == 0, runner.last_words  # something else of the same window

    after = running_s3.contents("storm", "tables/")
    run_id = json.loads(running_s3.read("storm", "tabled/_current.json"))["run_id"]
    day = "-".join(HOUR.removeprefix(f"{BRANCH}/").split("/")[:3])
    tables = ("checks_by_day", "runs_by_month", "summary_by_day", "violations_by_month")
    names = [f"{table}/{day if table.endswith('day') else day[:7]}.parquet" for table in tables]
    assert sorted(after) == sorted(first) == names
    [before] = pq.read_table(io.BytesIO(first[names[1]])).to_pylist()
    [run] = pq.read_table(io.BytesIO(after[names[1]])).to_pylist()
    assert run["run_id"] == run_id != before["run_id"]
    rows = pq.read_table(io.BytesIO(after[names[0]])).to_pylist()
    checks = read_checks(running_s3.read("storm", "tabled/checks.json"))["checks"]
    assert {(row["name"], row["check"], row["status"]) for row in rows} == {
        (check.get("feature"), check["check"], check["status"]) for check in checks
    }
    assert set(running_s3.encryptions("storm", "tables/").values()) == {("aws:kms", KEY)}


def test_a_merged_hour_is_one_object_and_no_draft_is_left(outputs):
    merged = outputs["merged"]
    [part] = [name for name in merged if name.startswith(f"{HOUR}/part-")]
    records = [json.loads(line) for line in merged[part].splitlines()]

    # every second capture has a label, its number's parity: 0
    assert {record["eventMetadata"]["eventId"] for record in records} == {f"event-{n}" for n in range(0, 400, 2)}
    assert {record["groundTruthData"]["data"] for record in records} == {"0"}
    assert json.loads(merged[f"{HOUR}/_coverage.json"])["coverage"] == 0.5
    assert not [name for name in merged if "_staging" in name or "_temporary" in name]


def test_every_write_of_every_job_asks_for_the_key_and_is_held_under_it(s3, finished, outputs):
    writes = [request for request in finished if request.makes_an_object]
    encryptions = {
        key: encryption for name in OUTPUTS for key, encryption in s3.encryptions("storm", f"{name}/").items()
    }

    assert {(request.headers.get(ALGORITHM), request.headers.get(KMS_KEY)) for request in writes} == {("aws:kms", KEY)}
    assert set(encryptions.values()) == {("aws:kms", KEY)}
    # of each sort of file one: a document, a commit, refused records, a message, a state, metrics, merged records
    for name in ("baseline/statistics.json", "report/_current.json", "report/quarantine/00000.jsonl", "report/message"):
        assert name in encryptions
    for part in ("/states/", "/metrics/", "/part-"):
        assert any(part in key for key in encryptions)


def test_the_documented_permissions_are_those_that_jobs_need(finished):
    page = (ROOT / "docs" / "s3.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(s3:\w+)`", page, re.MULTILINE))

    # nothing failed half-way here; test_storage.py gives uploads up
    assert {request.permission for request in finished} == documented - {"s3:AbortMultipartUpload"}


def test_refused_records_are_for_nobody_else(finished):
    """An object without grants is its bucket owner's; who else may read it is said by policies alone."""
    [put] = [
        request for request in finished if request.makes_an_object and request.key == "report/quarantine/00000.jsonl"
    ]

    assert not [name for name in put.headers if name.startswith(("x-amz-acl", "x-amz-grant"))]


def test_jobs_in_a_storm_write_what_they_write_in_fair_weather(s3, runner, outputs):
    flags = (*ENCRYPTION, "--set", "publish_cloudwatch_metrics=Enabled")
    s3.proxy.weather = every(torn=(17, reset), slow=(29, slow_down), cut=(11, cut), late=(5, late(0.05)))
    statuses = (
        runner.job("baseline", *baseline_flags(BUCKET, "storm/baseline"), *flags),
        runner.job("monitor", *monitor_flags(BUCKET, "storm/report", "baseline"), *flags),
        runner.job("merge", *merge_flags(BUCKET, "storm/merged"), *flags),
    )

    assert statuses == (0, 0, 0), runner.last_words
    assert len(s3.proxy.requests) > 29 * 5  # each fault has happened several times
    contents = {name: s3.contents("storm", f"storm/{name}/") for name in OUTPUTS}
    # The page's commands name its folder
    page = contents["report"]["report.html"]
    contents["report"]["report.html"] = page.replace(f"{BUCKET}/storm/report".encode(), f"{BUCKET}/report".encode())
    assert contents == outputs


@pytest.mark.usefixtures("outputs")
@pytest.mark.parametrize("refused", ["refused/constraints.json", "refused/_current.json"], ids=["a copy", "the commit"])
def test_a_run_that_is_half_published_does_not_count_and_a_rerun_is_clean(s3, runner, refused):
    """P21: the commit is one object, and what it names never changes."""
    s3.put("storm", {"more.csv": PEOPLE + "0.5,99,gold\n"})
    first = (*baseline_flags(BUCKET, "refused"), *ENCRYPTION)
    second = ("--dataset-source", f"{BUCKET}/more.csv")
    statuses = [runner.job("baseline", *first)]
    before = runner.call(steps.run_that_counts, path=f"{BUCKET}/refused")
    s3.proxy.weather = always(denied, where=lambda request: request.method == "PUT" and request.key == refused)
    statuses.append(runner.job("baseline", *first, *second))
    message = s3.read("storm", "refused/message").decode()
    s3.proxy.weather = fair
    between = runner.call(steps.run_that_counts, path=f"{BUCKET}/refused")
    contents = s3.contents("storm", "refused/")
    statuses.append(runner.job("baseline", *first, *second))
    after = runner.call(steps.run_that_counts, path=f"{BUCKET}/refused")

    assert statuses == [0, 255, 0], runner.last_words
    assert message.startswith(f"Error: {BUCKET}/{refused}: can't be written (access was denied; allow the job's role")
    assert before == between != after
    assert json.loads(contents[f"_runs/{before}/statistics.json"])["dataset"]["item_count"] == 500
    assert all(json.loads(content) for name, content in contents.items() if name.endswith(".json"))  # none is half


@pytest.mark.parametrize(
    ("method", "key", "fault", "sentence"),
    [
        pytest.param("PUT", "out/constraints.json", slow_down,
                     "s3a://hasty/out/constraints.json: can't be written (the store asked to slow down (503)", id="503"),
        pytest.param("GET", "people.csv", reset, "the store does not answer, or breaks connections off", id="torn"),
    ],
)  # fmt: skip
def test_a_store_that_never_recovers_fails_the_job_whole(s3, runner, method, key, fault, sentence):
    s3.put("hasty", {"people.csv": PEOPLE})
    s3.proxy.weather = always(fault, where=lambda request: (request.method, request.key) == (method, key))

    status = runner.job("baseline", *baseline_flags("s3a://hasty", "out"))

    assert status == 255
    assert sentence in s3.read("hasty", "out/message").decode()
    assert "out/_current.json" not in s3.keys("hasty")


@pytest.mark.usefixtures("outputs")
def test_a_job_of_its_own_reads_s3_paths_and_says_what_came_of_it(s3, submit):
    """The process that people start, with credentials from its environment and `s3://`, as the service's variables have it."""
    finished = submit(
        "monitor", *monitor_flags("s3://storm", "by-s3", "baseline"), "--fail-on-violations", **CREDENTIALS
    )

    assert finished.returncode == 4, finished.stdout + finished.stderr
    assert len(json.loads(s3.read("storm", "by-s3/constraint_violations.json"))["violations"]) == 1
    assert "Traceback" not in finished.stdout + finished.stderr


def test_a_job_without_credentials_says_so(s3, submit):
    s3.put("storm", {"people.csv": PEOPLE})
    finished = submit("baseline", *baseline_flags("s3a://storm", "out"), AWS_EC2_METADATA_DISABLED="true")

    assert finished.returncode == 255, finished.stdout
    assert re.search(
        r"s3a://storm/out: can't be written \(there are no AWS credentials; start the job",
        finished.stdout + finished.stderr,
    )
    assert "Traceback" not in finished.stdout + finished.stderr


def test_the_sdks_objects_read_a_monitoring_run_and_its_baseline(s3, outputs, sdk_python, tmp_path):
    """`MonitoringExecution` and `latest_monitoring_…` of the real SDK, over our files on S3."""
    done = run_program(
        [str(sdk_python), str(READER), "s3://storm/report", "s3://storm/baseline"],
        env={
            **CREDENTIALS,
            "AWS_ENDPOINT_URL_S3": s3.url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
            "HOME": str(tmp_path),
            "LC_ALL": "C.UTF-8",
        },
    )
    assert done.returncode == 0, done.stderr
    understood = json.loads(done.stdout.splitlines()[-1])

    assert understood == {
        "latest_statistics": json.loads(outputs["report"]["statistics.json"]),
        "latest_violations": json.loads(outputs["report"]["constraint_violations.json"]),
        "baseline_statistics": json.loads(outputs["baseline"]["statistics.json"]),
        "suggested_constraints": json.loads(outputs["baseline"]["constraints.json"]),
    }
