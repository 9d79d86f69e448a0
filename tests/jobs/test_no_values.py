"""No value of a record leaves a job but by the documents that are made of values, by the quarantine, and on the pages that
people look at.

Every value of the data is MARKER, or has it inside; what a job says and writes is searched for it. Names of features are none.
"""

import base64
import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.at_hand import defer_to_night
from tests.running_jobs import JobProcesses, JobsHere
from tests.servers import http_server

MARKER = "Zq7Marker"
SPELLINGS = [MARKER.encode(), base64.b64encode(MARKER.encode())[:9], MARKER.encode().hex().encode()]

MADE_OF_VALUES = {
    "report.html",
    "statistics.json",
    "constraints.json",
    "analysis.json",
    "to_label.json",
    "to_label.jsonl",
}
"""Documents: the categories of features, the values of facets, the ids that are to be labelled."""

FOLDERS_OF_VALUES = {"quarantine", "states", "pending"}

WINDOW = ("--start-time", "2024-03-04T20:00:00Z", "--end-time", "2024-03-04T21:00:00Z")
HOUR = "2024/03/04/20"

CSV = (
    f"""age,amount,plan
31,{MARKER},a
{MARKER},1.5,{MARKER}
1,2
1,2,3,{MARKER}
"{MARKER},2,3
1e999{MARKER},1,{MARKER}
,,
""".encode()
    + f"1,2,{MARKER}".encode()
    + b"\xff\n"
)

JSON_LINES = [
    f'{{"age": "{MARKER}", "amount": 1, "plan": "{MARKER}"}}',
    f'{{"age": 31, "amount": {{"{MARKER}": 1}}, "plan": ["{MARKER}"]}}',
    f'{{"age": 31, "amount": {MARKER}}}',
    f'{{"age": 31, "age": "{MARKER}"',
    f'["{MARKER}"]',
    f'"{MARKER}"',
    f'{{"age": 1e999, "amount": "\\ud800{MARKER}", "plan": null}}',
    f'{{"age": 31}} {{"age": "{MARKER}"}}',
    "[" * 5000 + MARKER,
    '{"age": 31, "amount": 1.5, "plan": "a"}',
]


def half(data, mode, encoding="CSV", content_type="text/csv"):
    return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}


def capture(number, row=f"31,1.5,{MARKER}", output="0.5", time="2024-03-04T20:05:00Z", **members):
    record = {
        "captureData": {"endpointInput": half(row, "INPUT"), "endpointOutput": half(output, "OUTPUT")},
        "eventMetadata": {"eventId": f"{MARKER}-{number}", "inferenceTime": time},
        "eventVersion": "0",
    }
    return {**record, **members}


def captures():
    """Good ones, and one of each kind that is refused."""
    good = [capture(number) for number in range(8)]
    halves = {"endpointInput": half(f"1,2,{MARKER}", "INPUT"), "endpointOutput": half("0.5", "OUTPUT")}
    bad = [
        capture(20, row=f"{MARKER},{MARKER},{MARKER},{MARKER}"),
        capture(21, output=MARKER),
        capture(22, time=MARKER),
        capture(23, captureData={**halves, "endpointInput": half(MARKER, "INPUT", "BASE64")}),
        capture(24, captureData={**halves, "endpointInput": half(MARKER, "INPUT", MARKER)}),
        capture(26, captureData={**halves, "endpointInput": half(f'"{MARKER}', "INPUT")}),
        capture(27, captureData=MARKER),
        capture(28, eventMetadata=[MARKER]),
        capture(29, captureData={**halves, "endpointInput": half({"age": MARKER}, "INPUT")}),
        f'{{"captureData": "{MARKER}"',
        MARKER,
        f'["{MARKER}"]',
    ]
    return [line if isinstance(line, str) else json.dumps(line) for line in (*good, *bad)]


def label(number, data, encoding="CSV"):
    metadata = {"eventId": f"{MARKER}-{number}"}
    return {"groundTruthData": {"data": data, "encoding": encoding}, "eventMetadata": metadata, "eventVersion": "0"}


def labels():
    lines = [label(number, str(number % 2)) for number in range(6)]
    lines += [label(6, MARKER), label(0, MARKER), label(7, [MARKER]), label(8, MARKER, MARKER)]
    lines += [{"groundTruthData": MARKER}, {"eventMetadata": {"eventId": [MARKER]}}]
    return [*map(json.dumps, lines), f'{{"groundTruthData": "{MARKER}"', MARKER]


SCRIPTS = {
    "raises": "raise ValueError(record.endpoint_input.data)",
    "converts": "return {'age': float(record.endpoint_input.data), 'amount': 1, 'plan': 'a'}",
    "exits": "sys.exit(record.endpoint_input.data)",
    "gives back no row": "return record.endpoint_input.data",
    "gives back an object": "return {'age': object(), 'amount': [record.endpoint_input.data]}",
}
"""What a preprocessor script does with a record."""

POSTPROCESSOR = f"def postprocess_handler():\n    float('{MARKER}')\n"

ANALYSIS = {
    "dataset_type": "text/csv",
    "label": "amount",
    "label_values_or_threshold": ["yes"],
    "facet": [
        {"name_or_index": "plan", "value_or_threshold": ["a"]},
        {"name_or_index": "age", "value_or_threshold": [40]},
    ],
}


def write(folder):
    """The data of all jobs, and a baseline's of data that is as it should be."""
    (folder / "markers.csv").write_bytes(CSV)
    (folder / "nul.csv").write_bytes(CSV + f"1,2,{MARKER}\0\n".encode())
    (folder / "markers.jsonl").write_text("\n".join(JSON_LINES) + "\n")
    rows = "".join(f"{20 + row % 40},{row % 7}.5,{'ab'[row % 2]}\n" for row in range(200))
    (folder / "good.csv").write_text("age,amount,plan\n" + rows)
    scored = "".join(f"0.{row % 9 + 1},{20 + row % 40},{row % 7}.5,{'ab'[row % 2]}\n" for row in range(200))
    (folder / "scored.csv").write_text("score,age,amount,plan\n" + scored)
    quality = "".join(f"{row % 2},0.{row % 9 + 1}\n" for row in range(200))
    (folder / "quality.csv").write_text("label,score\n" + quality)
    (folder / "quality_markers.csv").write_text(f"label,score\n{MARKER},0.5\n1,{MARKER}\n{MARKER}\n1,37\n" + quality)
    (folder / "people.csv").write_text(
        "age,amount,plan\n" + "".join(f"{r % 60},{'yes' if r % 3 else 'no'},{'ab'[r % 2]}\n" for r in range(90))
    )
    (folder / "people_markers.csv").write_text(
        "age,amount,plan\n"
        + "".join(f"{r % 60},{'yes' if r % 3 else 'no'},{'ab'[r % 2]}\n" for r in range(90))
        + f"{MARKER},yes,a\n31,{MARKER},b\n31,no,{MARKER}\n{MARKER}\n1,2,3,{MARKER}\n"
    )
    (folder / "analysis_config.json").write_text(json.dumps(ANALYSIS))
    (folder / "post.py").write_text(POSTPROCESSOR)
    for name, script in SCRIPTS.items():
        (folder / f"{name.replace(' ', '_')}.py").write_text(
            f"import sys\n\n\ndef preprocess_handler(record):\n    {script}\n"
        )
    halves = {"endpointInput": half(f'{{"a": {MARKER}', "INPUT", "JSON"), "endpointOutput": half("0.5", "OUTPUT")}
    mixed = [*captures(), json.dumps(capture(25, captureData=halves))]
    for path, lines in (("captures", captures()), ("mixed", mixed), ("labels", labels())):
        hour_folder = folder / path / (HOUR if path == "labels" else f"churn/AllTraffic/{HOUR}")
        hour_folder.mkdir(parents=True)
        (hour_folder / "00-00-000-a.jsonl").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def folder(spark, tmp_path_factory):
    """The data, and baselines of what is as it should be."""
    marked_folder = tmp_path_factory.mktemp("markers")
    write(marked_folder)
    jobs = JobsHere(marked_folder)
    for flags in BASELINES:
        finished = jobs("baseline", *flags)
        assert finished.status == 0, finished.said
    return marked_folder


QUALITY = (
    *("--analysis-type", "MODEL_QUALITY", "--problem-type", "BinaryClassification"),
    *("--probability-attribute", "score", "--ground-truth-attribute", "label"),
)
BIAS = ("--analysis-type", "MODEL_BIAS", "--analysis-config", "analysis_config.json")
BASELINES = (
    ("--dataset-source", "good.csv", "--dataset-format", "csv", "--output-path", "baseline"),
    ("--dataset-source", "scored.csv", "--dataset-format", "csv", "--output-path", "scored"),
    ("--dataset-source", "quality.csv", "--dataset-format", "csv", "--output-path", "quality", *QUALITY),
    ("--dataset-source", "people.csv", "--output-path", "people", *BIAS),
)

CSV_FILE = ("--dataset-source", "markers.csv", "--dataset-format", "csv")
FILES = {
    "csv": CSV_FILE,
    "csv as the service": (*CSV_FILE, "--compat", "service"),
    "csv without header": (*CSV_FILE[:2], "--dataset-format", "csv-without-header"),
    "json lines": ("--dataset-source", "markers.jsonl", "--dataset-format", "jsonl"),
    "json": ("--dataset-source", "markers.jsonl", "--dataset-format", "json"),
    "no text": ("--dataset-source", "nul.csv", "--dataset-format", "csv"),
    "no parquet": (*CSV_FILE[:2], "--dataset-format", "parquet"),
    "no captures": (*CSV_FILE[:2], "--dataset-format", "capture"),
}
CAPTURES = ("--dataset-source", "captures", "--dataset-format", "capture", *WINDOW)
QUALITY_FILE = ("--dataset-source", "quality_markers.csv", "--dataset-format", "csv")
MERGE = ("--dataset-source", "captures", "--ground-truth-source", "labels", *WINDOW)
TAKES_ALL = ("--max-quarantined-share", "1")
OF_SCORED = ("monitor", "--baseline", "scored")

RUNS = {
    **{f"baseline of {name}": ("baseline", *flags, *TAKES_ALL) for name, flags in FILES.items()},
    "baseline of few bad records": ("baseline", *CSV_FILE),
    "baseline of captures": ("baseline", *CAPTURES, *TAKES_ALL),
    "monitor of csv": ("monitor", "--baseline", "baseline", *CSV_FILE, *TAKES_ALL),
    "monitor of few bad records": ("monitor", "--baseline", "baseline", *CSV_FILE),
    "monitor of json lines": ("monitor", "--baseline", "baseline", *FILES["json lines"], *TAKES_ALL),
    "monitor of captures": (*OF_SCORED, *CAPTURES, *TAKES_ALL),
    "monitor of few bad captures": (*OF_SCORED, *CAPTURES),
    "monitor of captures as the service": (*OF_SCORED, *CAPTURES, *TAKES_ALL, "--compat", "service"),
    "monitor of captures of two encodings": (*OF_SCORED, "--dataset-source", "mixed", *CAPTURES[2:], *TAKES_ALL),
    **{
        f"script that {name}": (
            *(*OF_SCORED, *CAPTURES, *TAKES_ALL),
            *("--record-preprocessor-script", f"{name.replace(' ', '_')}.py"),
        )
        for name in SCRIPTS
    },
    "postprocessor": (
        *("baseline", "--dataset-source", "good.csv", "--dataset-format", "csv"),
        *("--post-analytics-processor-script", "post.py"),
    ),
    "model quality": ("monitor", *QUALITY_FILE, "--baseline", "quality", *QUALITY, *TAKES_ALL),
    "model quality of few bad records": ("monitor", *QUALITY_FILE, "--baseline", "quality", *QUALITY),
    "regression": (
        *("baseline", *QUALITY_FILE, *TAKES_ALL, "--analysis-type", "MODEL_QUALITY", "--problem-type", "Regression"),
        *("--inference-attribute", "score", "--ground-truth-attribute", "label"),
    ),
    "bias": ("monitor", "--dataset-source", "people_markers.csv", "--baseline", "people", *BIAS, *TAKES_ALL),
    "baseline of bias": ("baseline", "--dataset-source", "people_markers.csv", *BIAS, *TAKES_ALL),
    "merge": ("merge", *MERGE, *TAKES_ALL),
    "merge of few bad records": ("merge", *MERGE),
    "merge that waits": ("merge", *MERGE, *TAKES_ALL, "--late-labels", "P7D", "--to-label", "3"),
    "merge of no labels": ("merge", *MERGE[:2], "--ground-truth-source", "markers.csv", *WINDOW, *TAKES_ALL),
    "replay": ("replay", "--windows", "captures", "--baseline", "scored", *CAPTURES[2:], *TAKES_ALL),
}


def find_files_with_values(output, name):
    """Files of a run that hold a value although they are not made of values: hide_values keeps them out of checks.json."""
    return [
        path.relative_to(output).as_posix()
        for path in sorted(output.rglob("*"))
        if path.is_file()
        and path.name not in MADE_OF_VALUES
        and not FOLDERS_OF_VALUES & set(path.relative_to(output).parts)
        and not (path.name.startswith("report.") and "bias" in name)
        and not path.name.startswith("part-")  # merged records
        and any(spelling in path.read_bytes() for spelling in SPELLINGS)
    ]


def require_no_value(finished, output, name):
    """What a run said, and wrote where no value may be, has none."""
    assert MARKER not in finished.said
    assert find_files_with_values(output, name) == []


ON_SPARK_BY_DAY = {"baseline of few bad records", "monitor of captures", "script that raises", "bias", "merge"}
ENGINES = [
    pytest.param(name, engine, id=f"{name}, {engine}", marks=marks)
    for name in RUNS
    for engine, marks in (("local", ()), ("spark", () if name in ON_SPARK_BY_DAY else pytest.mark.nightly))
    if engine == "spark" or name not in ON_SPARK_BY_DAY
]


@pytest.mark.parametrize(("name", "engine"), ENGINES)
def test_what_a_run_says_has_no_value_of_a_record(folder, tmp_path, capfd, name, engine):
    job, *flags = RUNS[name]
    with http_server(200) as server:
        if job == "monitor":
            sink = ("--sink", f"webhook:{server.url}", "--set=every=yes", "--fail-on-violations")
        else:
            sink = ()
        sink += ("--set=hide_values=yes",) if job == "monitor" and "MODEL_BIAS" not in flags else ()
        where = ("--output-path", tmp_path / "out")
        jobs = JobsHere(folder, engine)
        finished = jobs(job, *flags, *where, *sink, publish_cloudwatch_metrics="Enabled")
    written = capfd.readouterr()

    require_no_value(finished, tmp_path / "out", name)
    assert MARKER not in written.out + written.err
    assert [body for _, _, body in server.requests if MARKER.encode() in body] == []


EVERYWHERE = {"checks.json", "report.html", "statistics.json"}
"""Files of a window that name its new category where people look; `constraint_violations.json` is sent on, and never does."""


def list_files_with_values(run_folder):
    """The names of a run's files with MARKER, besides states; Parquet as its rows, with the metadata decoded."""
    names = set()
    for path in run_folder.rglob("*"):
        if not path.is_file() or FOLDERS_OF_VALUES & set(path.relative_to(run_folder).parts):
            continue
        content = path.read_bytes()
        if path.suffix == ".parquet":
            content = str(pq.read_table(pa.BufferReader(content)).to_pylist()).encode()
        if any(spelling in content for spelling in SPELLINGS):
            names.add(path.name)
    return names


def choose_sinks(server, folder):
    """Every kind of sink that reaches something on this machine, and the files that they write."""
    return (
        *("--sink", f"webhook:{server.url}", "--sink", f"apprise:json{server.url.removeprefix('http')}/chat"),
        *("--sink", f"prometheus:{folder / 'run.prom'}", "--junit", folder / "junit.xml"),
        *("--results-table", folder / "tables", "--set", "results_rows=all", "--set=every=yes"),
    )


def run_with_sinks(folder, tmp_path, capfd, *flags):
    """A window with a new category and a segment that drifts: what the job said, what was sent, and its folder."""
    # A window with a new category
    rows = "".join(f"{20 + row % 40},{row % 7}.5,{MARKER if row % 2 else 'a'}\n" for row in range(200))
    (tmp_path / "new.csv").write_text("age,amount,plan\n" + rows)
    window = ("--baseline", "baseline", "--dataset-source", tmp_path / "new.csv", "--dataset-format", "csv")
    # Everything that can be told of it is
    with http_server(200) as server:
        sinks = choose_sinks(server, tmp_path)
        publish = {"publish_cloudwatch_metrics": "Enabled"}
        finished = JobsHere(folder)(
            "monitor", *window, *sinks, *flags, "--engine", "local", "--output-path", tmp_path / "out", **publish
        )
    assert finished.status == 0, finished.said

    # What was written and sent
    written = capfd.readouterr()
    bodies = b"".join(body for _, _, body in server.requests)
    pages = [base64.b64decode(page) for page in re.findall(rb'"base64": *"([^"]+)"', bodies)]
    sent = {
        "requests": bodies,
        "page": b"".join(pages),
        "prometheus": (tmp_path / "run.prom").read_bytes(),
        "junit": (tmp_path / "junit.xml").read_bytes(),
        "tables": b"".join(
            str(pq.read_table(pa.BufferReader(path.read_bytes())).to_pylist()).encode()
            for path in sorted((tmp_path / "tables").rglob("*.parquet"))
        ),
    }
    return finished.said + written.out + written.err, sent


def test_values_are_shown_to_people_and_neither_sent_nor_logged(folder, tmp_path, capfd):
    logged, sent = run_with_sinks(folder, tmp_path, capfd)

    assert MARKER not in logged
    assert [name for name, content in sent.items() if MARKER.encode() in content] == []
    assert b"plan has one value" in sent["requests"]
    assert b"plan has one value" in sent["page"]
    assert (
        list_files_with_values(tmp_path / "out") - {"summary.parquet", "report.ipynb", "constraints.json"} == EVERYWHERE
    )


def test_values_are_sent_if_somebody_says_so_and_never_logged(folder, tmp_path, capfd):
    logged, sent = run_with_sinks(folder, tmp_path, capfd, "--values", "send")

    assert MARKER not in logged
    assert {name for name in ("requests", "page", "junit") if MARKER.encode() in sent[name]} == {
        "requests",
        "page",
        "junit",
    }


@pytest.mark.parametrize("flags", [["--set=hide_values=yes"], ["--values", "hide"]], ids=" ".join)
def test_hidden_values_are_only_in_documents_made_of_them(folder, tmp_path, capfd, flags):
    logged, sent = run_with_sinks(folder, tmp_path, capfd, *flags)

    assert MARKER not in logged
    assert [name for name, content in sent.items() if MARKER.encode() in content] == []
    assert list_files_with_values(tmp_path / "out") <= {"statistics.json", "constraints.json"}


@pytest.mark.parametrize("name", ["monitor of captures", defer_to_night("script that exits")])
def test_what_spark_says_beside_a_job_has_no_value_of_a_record(folder, tmp_path, name):
    """A process: the JVM has a log of its own."""
    job, *flags = RUNS[name]
    finished = JobProcesses(folder)(job, *flags, "--set=hide_values=yes", "--output-path", tmp_path / "out")

    assert f"exit status {finished.status}" in finished.said
    require_no_value(finished, tmp_path / "out", name)
