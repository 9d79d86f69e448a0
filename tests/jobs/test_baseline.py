"""The baselining job: what it leaves, its exit status and message for each outcome."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.running_jobs import JobProcesses, JobsHere

CSV = ("--dataset-source", "data", "--dataset-format", "csv", "--output-path", "out")


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "people.csv").write_text("age,plan\n" + "".join(f"{20 + row % 50},basic\n" for row in range(500)))
    return folder


@pytest.fixture(scope="module")
def numbers(tmp_path_factory) -> Path:
    """Twelve files that Spark would pack by the number of cores, with more numbers than a sketch keeps."""
    folder = tmp_path_factory.mktemp("numbers") / "data"
    folder.mkdir()
    rng = np.random.default_rng(4)
    for number in range(12):
        table = pd.DataFrame(rng.lognormal(size=(2_000, 3)), columns=["amount", "score", "balance"])
        table.assign(plan=rng.choice(["basic", "gold"], 2_000)).to_csv(folder / f"{number}.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def flags(numbers):
    """A baselining job over them, with checks whose assertions are Python's."""
    (numbers.parent / "my_checks.py").write_text(
        "from pydeequ.checks import Check, CheckLevel\n"
        "def sizes(spark):\n"
        "    return [Check(spark, CheckLevel.Error, 'sizes').hasSize(lambda rows: rows == 24_000).isUnique('plan')]\n"
    )
    return ("--dataset-source", numbers, "--dataset-format", "csv", "--checks", "my_checks:sizes")


@pytest.fixture(scope="module")
def on_one_core(flags, numbers):
    """That job as a process on one core, and its output."""
    submit = JobProcesses(numbers.parent)
    return submit("baseline", "--master", "local[1]", *flags, "--output-path", "one"), numbers.parent / "one"


def message(folder):
    return (folder / "message").read_text()


def test_a_good_run_leaves_every_file_and_says_what_it_did(on_one_core):
    finished, output = on_one_core

    assert finished.status == 0, finished.said
    assert message(output) == "Completed: Job completed successfully with no violations.\n"
    names = {path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()}
    assert {
        "statistics.json",
        "constraints.json",
        "ledger.json",
        "states/profile.parquet",
        "_current.json",
        "message",
    } <= names
    assert "scanned 24,000 rows x 4 columns" in finished.said
    assert "Traceback" not in finished.said
    [warning] = [line for line in finished.said.splitlines() if "WARN" in line]
    assert "UniquenessConstraint(Uniqueness(List(plan),None,None)): Value: 0.0" in warning  # the check that fails


def test_the_containers_variables_and_folders_are_all_that_it_needs(jobs_here, tmp_path):
    """C1.1 to C1.6: a drop-in for the service's baselining run."""
    opt_ml = tmp_path / "opt" / "ml"
    source = opt_ml / "processing" / "input" / "baseline_dataset_input"
    output = opt_ml / "processing" / "output"
    source.mkdir(parents=True)
    (source / "data.csv").write_text("age,plan\n31,basic\n45,gold\n")
    environment = {
        "dataset_source": str(source),
        "dataset_format": '{"csv": {"header": true, "output_columns_position": "START"}}',
        "output_path": str(output),
        "publish_cloudwatch_metrics": "Disabled",
        "categorical_drift_method": "ChiSquared",
        "something_of_the_users_own": "ignored",
    }
    (opt_ml / "config").mkdir()
    (opt_ml / "config" / "processingjobconfig.json").write_text(json.dumps({"Environment": environment}))
    finished = jobs_here("baseline", MODEL_MONITOR_CONTAINER_ROOT=str(tmp_path))

    assert finished.status == 0, finished.said
    assert message(opt_ml / "output") == "Completed: Job completed successfully with no violations.\n"
    constraints = json.loads((output / "constraints.json").read_text())
    drift = constraints["monitoring_config"]["distribution_constraints"]
    assert drift["categorical_drift_method"] == "ChiSquared"


def test_four_faults_of_a_configuration_are_one_error_before_any_data_is_read(jobs_here):
    """The fifth, that there is no such data, is not found; test_submission.py has it that Spark is not even started."""
    finished = jobs_here(
        "baseline",
        *("--dataset-source", "nowhere", "--dataset-format", "cvs"),
        *("--comparison-threshold", "95", "--max-domain-size", "-1"),
    )

    assert finished.status == 2
    [message] = [line for line in finished.said.split("ERROR ") if "comparison" in line]
    for name in ("--dataset-format", "--output-path", "--comparison-threshold", "--max-domain-size"):
        assert name in message
    assert "nowhere" not in finished.said


@pytest.mark.parametrize(
    ("flags", "status", "sentence"),
    [
        pytest.param(
            ["--dataset-source", "nowhere"], 255, "nowhere: there is no such file or directory", id="no such path"
        ),
        pytest.param(["--dataset-source", "empty"], 3, "Job inputs had no data", id="an empty directory"),
        pytest.param(["--dataset-source", "ragged"], 255, "2 of 3 records were refused", id="ragged rows"),
        pytest.param(
            ["--dataset-source", "data", "--record-preprocessor-script", "raises.py"],
            1,
            "Exception while invoking preprocessor script.",
            id="a preprocessor that raises",
        ),
        pytest.param(
            ["--dataset-source", "data", "--output-path", "data/people.csv"],
            255,
            "can't be written",
            id="unwritable output",
        ),
        pytest.param(
            ["--dataset-source", "data", "--dataset-format", "parquet"],
            255,
            "can't be read as parquet",
            id="not the format",
        ),
        pytest.param(["--dataset-source", "twice"], 255, "columns 1 and 3 are both called 'age'", id="a name twice"),
        pytest.param(["--dataset-source", "latin"], 255, "line 1 is not UTF-8", id="a header that is not UTF-8"),
        pytest.param(
            ["--dataset-source", "ragged", "--record-preprocessor-script", "raises_once.py"],
            1,
            "Exception while invoking preprocessor script. 1 of 4 records were refused (script error: 1)",
            id="a preprocessor that raises on one record",
        ),
    ],
)
def test_a_failure_is_one_sentence_and_its_exit_status(jobs_here, data, tmp_path, flags, status, sentence):
    (tmp_path / "empty").mkdir()
    (tmp_path / "ragged").mkdir()
    (tmp_path / "ragged" / "x.csv").write_text("age,plan\n1,a\n2\n3\n")
    for name, header in {"twice": b"age,plan,age\n", "latin": "größe,plan\n".encode("latin-1")}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.csv").write_bytes(header + b"1,a,2\n")
    (tmp_path / "raises.py").write_text("def preprocess_handler(line):\n    raise ValueError(line)\n")
    (tmp_path / "raises_once.py").write_text(
        "def preprocess_handler(line):\n"
        "    if line == '2':\n"
        "        raise ValueError(line)\n"
        "    return {'line': line}\n"
    )
    output = flags[-1] if "--output-path" in flags else "out"
    if "--output-path" in flags:
        output_flags = []
    else:
        output_flags = ["--output-path", "out"]
    finished = jobs_here("baseline", "--dataset-format", "csv", *flags, *output_flags)

    assert finished.status == status, finished.said
    assert sentence in finished.said
    assert "Traceback" not in finished.said
    if output == "out":
        assert message(tmp_path / "out").startswith("Error: ")
        assert sentence in message(tmp_path / "out")
        assert not (tmp_path / "out" / "statistics.json").exists()


def test_scripts_of_the_user_run_before_and_after(jobs_here, data, tmp_path):
    (tmp_path / "before.py").write_text(
        "def preprocess_handler(line):\n"
        "    if line.startswith('age'):\n"
        "        return []\n"
        "    age, plan = line.split(',')\n"
        "    return {'age': age, 'plan_is_basic': plan == 'basic'}\n"
    )
    (tmp_path / "after.py").write_text(
        "import json\n"
        "def postprocess_handler():\n"
        "    names = [f['name'] for f in json.load(open('out/statistics.json'))['features']]\n"
        "    open('seen.json', 'w').write(json.dumps(names))\n"
    )
    scripts = ("--record-preprocessor-script", "before.py", "--post-analytics-processor-script", "after.py")
    finished = jobs_here("baseline", *CSV, *scripts)

    assert finished.status == 0, finished.said
    assert json.loads((tmp_path / "seen.json").read_text()) == ["age", "plan_is_basic"]


def test_the_bytes_do_not_depend_on_the_number_of_cores(spark, on_one_core, flags, numbers):
    """One, two in the session of the tests, and eight; so they don't depend on whose Spark it is, either."""
    local_job = JobsHere(numbers.parent)
    submit = JobProcesses(numbers.parent)
    local_job("baseline", *flags, "--output-path", "two")
    submit("baseline", "--master", "local[8]", *flags, "--output-path", "eight")
    outputs = [numbers.parent / cores for cores in ("one", "two", "eight")]

    assert len({json.loads((output / "_current.json").read_text())["run_id"] for output in outputs}) == 1


def test_users_checks_run_on_the_same_states(jobs_here, data, tmp_path):
    checks = [
        {"analyzer": "Completeness", "column": "age", "assertion": ">= 0.95"},
        {"analyzer": "Compliance", "instance": "adults", "expression": "age >= 30", "assertion": "== 1.0"},
    ]
    (tmp_path / "checks.json").write_text(json.dumps(checks))
    finished = jobs_here("baseline", *CSV, "--checks", "checks.json")

    assert finished.status == 0, finished.said
    report = json.loads((tmp_path / "out" / "checks_deequ.json").read_text())
    assert [(result["constraint_status"], result["metric"]) for result in report["constraints"]] == [
        ("Success", 1.0),
        ("Failure", 0.8),
    ]


def test_checks_with_python_assertions_run_and_the_job_ends(on_one_core):
    """A lambda is called back by the JVM; the threads for that must not keep the process (awslabs/python-deequ#7)."""
    finished, output = on_one_core

    assert finished.status == 0, finished.said
    report = json.loads((output / "checks_deequ.json").read_text())
    assert [result["constraint_status"] for result in report["constraints"]] == ["Success", "Failure"]


def test_a_task_that_is_tried_again_gives_the_same_bytes(data, jobs_here, job_processes, tmp_path):
    """A worker that dies in the middle of its partition; the script is what lets a test kill it."""
    (tmp_path / "dies_once.py").write_text(
        "import os, signal\n"
        "def preprocess_handler(line):\n"
        "    if line.startswith('age'):\n"
        "        return []\n"
        "    if os.environ.get('DIES') and line.startswith('45,') and not os.path.exists(os.environ['DIES']):\n"
        "        open(os.environ['DIES'], 'w').close()\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return dict(zip(('age', 'plan'), line.split(',')))\n"
    )
    flags = ("--dataset-source", "data", "--dataset-format", "csv", "--record-preprocessor-script", "dies_once.py")
    undisturbed = jobs_here("baseline", *flags, "--output-path", "undisturbed")
    disturbed = job_processes(
        "baseline", "--master", "local[2,4]", *flags, "--output-path", "disturbed", DIES=str(tmp_path / "died")
    )
    runs = [
        json.loads((tmp_path / name / "_current.json").read_text())["run_id"] for name in ("undisturbed", "disturbed")
    ]

    assert (undisturbed.status, disturbed.status) == (0, 0), disturbed.said
    assert (tmp_path / "died").exists()
    assert runs[0] == runs[1]


def test_a_job_refuses_lines_above_its_max_record_size_and_goes_on(jobs_here, tmp_path, data):
    (data / "long.csv").write_text("age,plan\n7," + "x" * 1024 + "\n8,gold\n")
    finished = jobs_here("baseline", *CSV, "--max-record-size", "1kB")
    records = json.loads((tmp_path / "out" / "ledger.json").read_text())["records"]

    assert finished.status == 0, finished.said
    assert (records["read"], records["kept"]) == (502, 501)
    assert records["quarantined"] == {"longer than --max-record-size": 1}
