"""The demo: three jobs, and the planted fault named in the last lines. `make demo` is in test_fresh_clone.py; its tutorials
are run by test_page_blocks.py.
"""

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from tests.entries import read_checks
from tests.running_jobs import JobsHere

from spark_model_monitor.integrations.demo import demo_run
from spark_model_monitor.integrations.demo.churn import MODEL
from spark_model_monitor.integrations.demo.traffic import FAULT

pytestmark = pytest.mark.nightly

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def jobs(spark, folder):
    return JobsHere(folder)


@pytest.fixture(scope="module")
def shown(jobs):
    out = StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(jobs.folder)
        status = demo_run.run_demo(
            Path("spark-model-monitor-demo"), 20_000, out=out, start_job=lambda job, flags: jobs(job, *flags).status
        )
    assert status == 0, out.getvalue()
    return out.getvalue().splitlines()


def test_the_last_lines_name_the_feature_and_the_client_that_sends_it_wrong(shown):
    assert re.fullmatch(
        rf"3 of 15 features changed: {FAULT.feature}, churn\w*, churn\w*\. "
        rf"{FAULT.feature} is about \d+ times what it was, "
        rf"all from client {re.escape(FAULT.client)}\. .*",
        shown[-2],
    )
    [first, *features] = re.findall(r"(\w+) by (0\.\d{3}) \(in the baseline by (0\.\d{3})\)", shown[-1])
    assert first[0] == FAULT.feature
    assert float(first[1]) > 3 * float(first[2])
    assert {name for name, *_ in features} <= {name.partition("=")[0] for name in MODEL.weights}


def test_the_page_of_the_day_begins_with_the_fault_and_since_when(shown, folder):
    [page_path] = [line.removeprefix("See the day: file://") for line in shown if line.startswith("See the day: ")]
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", Path(page_path).read_text(encoding="utf-8")))

    assert re.search(rf"In alert since 18:00: [23] of 15 features changed: {FAULT.feature}", page)
    assert "windows with violations 6 of 24" in page
    assert re.search(
        rf"{FAULT.feature} since 18:00, 6 of 24 windows has \d+ of 200 values above the baseline&#39;s range", page
    )
    assert re.search(
        rf"{FAULT.feature} \(churn_probability\) since 18:00, 6 of 24 windows moves churn_probability [\d.]+ times as much: "
        r"by 0\.\d+ on average, by 0\.\d+ before",
        page,
    )


def test_only_what_the_fault_touches_is_violated(shown, folder):
    document = json.loads(
        (folder / "spark-model-monitor-demo" / "monitoring" / "constraint_violations.json").read_text()
    )

    assert {violation["feature_name"] for violation in document["violations"]} == {FAULT.feature, *FAULT.follow_up}


def test_nothing_else_looks_wrong(shown, folder):
    assert "hints" not in read_checks(folder / "spark-model-monitor-demo" / "monitoring" / "checks.json")


def test_the_tour_shows_what_the_demo_says(shown):
    tour = (ROOT / "examples" / "churn" / "README.md").read_text(encoding="utf-8")
    table = [line for line in shown if line.startswith(("churned ", "payment_method "))]

    assert len(table) == 2
    missing_lines = [line for line in [*table, *shown[-2:]] if f"    {line}\n" not in tour]
    assert not missing_lines


def test_the_documented_excerpts_of_the_files_are_what_comes_out(shown, folder):
    page = (ROOT / "docs" / "reference" / "formats.md").read_text(encoding="utf-8")
    report = folder / "spark-model-monitor-demo" / "monitoring"
    blocks = [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE)]
    [check] = [block for block in blocks if block.get("check") == "baseline_drift_check"]
    [settings] = [block for block in blocks if "distribution_constraints" in block]
    [metric] = [block for block in blocks if "MetricName" in block]

    to_last_digits = {
        name: pytest.approx(value, rel=1e-9) if name.endswith("p") else value for name, value in check.items()
    }
    assert to_last_digits in read_checks(report / "checks.json")["checks"]  # tails: libraries round otherwise
    assert settings == json.loads((report / "constraints.json").read_text())["monitoring_config"]
    assert metric["Value"] == check["observed"]


def test_every_file_that_came_out_is_documented(shown, folder):
    page = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    report = folder / "spark-model-monitor-demo" / "monitoring"
    names = {path.relative_to(report).as_posix() for path in report.rglob("*") if path.is_file()}

    assert [name for name in sorted(names) if not name.startswith("_runs/") and f"| `{name}` |" not in page] == []


def test_an_hour_before_the_fault_keeps_to_the_baseline_by_the_command_of_the_tour(shown, jobs):
    tour = (ROOT / "examples" / "churn" / "README.md").read_text(encoding="utf-8").replace("\\\n", "")
    [words] = re.findall(r"^ +spark-model-monitor monitor (.*)$", tour, re.MULTILINE)
    done = jobs("monitor", *words.split())

    assert done.status == 0, done.said
    assert "Completed: Job completed successfully with no violations." in done.said
