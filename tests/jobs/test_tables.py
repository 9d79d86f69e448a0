"""Tables of Delta, and of Iceberg on the Spark that is pinned: which rows are read, and what the ledger says of them.

The expected rows are counted by hand from what tables_of_delta.py writes, commit by commit.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.both_engines import by_anyone
from tests.jvms import SHORT_LIVED
from tests.running_jobs import ROOT
from tests.s3.jars import provide
from tests.spark_lines import IS_REMOTE, ON_THREE, has_deequ, on_spark_3

from jobs import baseline
from spark_model_monitor.spark.launch.deequ_jar import Artifact, provide_jar

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(IS_REMOTE, reason="Spark Connect: the server of the tests has no Delta"),
]

JARS = {
    True: (
        Artifact(
            "io.delta",
            "delta-spark_2.12",
            "3.3.2",
            "4e92085d5d794cf949c50bb665b91384857cad58680c2d0bfc9c7ad353e98e85",
        ),
        Artifact(
            "io.delta", "delta-storage", "3.3.2", "c096975a2ca97ccc9b4005aa5cce16c9ac3903139d340da6665b66ace67d7c36"
        ),
        Artifact(
            "org.apache.iceberg",
            "iceberg-spark-runtime-3.5_2.12",
            "1.10.0",
            "70f9471870b2d456167d703c829f098a446b86bb1379eee338c0efa03a341026",
        ),
    ),
    False: (
        Artifact(
            "io.delta",
            "delta-spark_2.13",
            "4.0.0",
            "538511702aae0ef6973a6a70af3d4543c9009f8edbed786a00737e2d3cd7f04e",
        ),
        Artifact(
            "io.delta", "delta-storage", "4.0.0", "9bdb9fb450f1e119eba53feb427f331b0d09072d26485b8273883ad72c9a2e1d"
        ),
    ),
}
"""By whether the Spark is 3.5; else it is 4.0."""

ALIKE = ("constraints.json", "run.json")  # whatever the order of the rows
SECONDS = 600
EVENTS = "delta.`file:{}/events`"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@pytest.fixture(scope="module")
def case_outcomes(folder):
    """What became of each case."""
    jars = [*provide(*JARS[ON_THREE]), *([provide_jar(os.environ)] if has_deequ() else [])]
    return json.loads(run_in_spark("tables_of_delta.py", folder, jars))


def run_in_spark(script, folder, jars, *words):
    """What a script beside this one prints, which starts a Spark of its own."""
    ended = subprocess.run(
        [sys.executable, str(ROOT / "tests/jobs" / script), str(folder), ",".join(map(str, jars)), *map(str, words)],
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT / 'lib'}:{ROOT}",
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_SUBMIT_OPTS": SHORT_LIVED,
        },
        cwd=folder,
        stdout=subprocess.PIPE,
        timeout=SECONDS,
        check=True,
    )
    return ended.stdout


@pytest.mark.parametrize(
    ("case", "rows", "version"),
    [
        ("newest", 59, {"version": 5}),
        ("recognised", 59, {"version": 5}),
        ("as of 2", 50, {"version": 2}),
        ("as of a time", 50, {"version": 2}),
        # 20 rows of version 2 and 10 of version 3, whatever was deleted and compacted since
        ("since 1", 30, {"version": 5, "since": 1}),
        ("since a time", 10, {"version": 4, "since": 2}),
        # two hours of ten rows
        ("window", 20, {"version": 5}),
    ],
)
def test_the_rows_of_a_version_are_read_and_the_ledger_names_it(case_outcomes, folder, case, rows, version):
    if case == "as of a time":
        name = f"delta.`{folder}/events`"
    else:
        name = EVENTS.format(folder)
    assert case_outcomes[case]["status"] == 0, case_outcomes[case]["said"]
    assert (case_outcomes[case]["rows"], case_outcomes[case]["table"]) == (rows, {"name": name, **version})


@pytest.mark.parametrize(
    ("case", "status", "sentence"),
    [
        ("nothing new", 3, "nothing was appended to {} after version 5 up to version 5"),
        ("no such version", 2, "as_of: {} has no version 9; its versions are 0, of "),
        ("wrong order", 2, "since: {} had version 2 after version 1"),
        ("not recorded", 2, "Delta records it while the table's property delta.enableChangeDataFeed is true"),
        ("no table", 2, "dataset_format: Spark's catalog has no table 'delta.`file:"),
        ("no versions", 2, "as_of: seen keeps no versions; it has to be a table of Delta, Iceberg or Parquet"),
    ],
)
def test_what_a_table_has_not_is_reported_in_a_sentence(case_outcomes, folder, case, status, sentence):
    assert case_outcomes[case]["status"] == status
    assert sentence.format(EVENTS.format(folder)) in case_outcomes[case]["said"]
    assert "Traceback" not in case_outcomes[case]["said"]


def read_files(output):
    return {
        path.relative_to(output).as_posix(): by_anyone(path.read_bytes())
        for path in output.rglob("*")
        if path.is_file() and "_runs" not in path.parts
    }


def read_here(output, *flags):
    assert baseline.main([*map(str, flags), "--engine", "local", "--output-path", str(output), "--no-report"]) == 0
    return read_files(output)


def round_numbers(content):
    """A document without what depends on the order in which files, called at random, are read: last digits, a sketch's order."""
    document = json.loads(content, parse_float=lambda digits: float(f"{float(digits):.12g}"))
    for feature in document["features"]:
        kll = feature.get("numerical_statistics", {}).get("distribution", {}).get("kll")
        if kll is not None:
            kll["sketch"]["data"] = [sorted(level) for level in kll["sketch"]["data"]]
    return document


@pytest.mark.parametrize(("case", "flags"), [("newest", ()), ("as of 2", ("--as-of", 2))])
def test_a_version_of_delta_gives_the_same_bytes_without_spark(case_outcomes, folder, tmp_path, case, flags):
    at_path = ("--dataset-source", folder / "events", "--dataset-format", "delta")
    local_files = read_here(tmp_path / "here", *at_path, *flags)

    assert case_outcomes[case]["status"] == 0
    assert local_files == read_files(folder / f"out-{case}")


def test_what_was_appended_to_a_table_of_delta_is_the_same_without_spark(case_outcomes, folder, tmp_path):
    at_path = ("--dataset-source", folder / "events", "--dataset-format", "delta")
    local_files = read_here(tmp_path / "here", *at_path, "--since", 1)
    spark_files = read_files(folder / "out-since 1")

    assert case_outcomes["since 1"]["status"] == 0
    assert [local_files[name] for name in ALIKE] == [spark_files[name] for name in ALIKE]
    assert local_files["ledger.json"] == spark_files["ledger.json"]
    assert round_numbers(local_files["statistics.json"]) == round_numbers(spark_files["statistics.json"])


@on_spark_3("no Iceberg is tried there")
@pytest.mark.parametrize(("case", "flag", "snapshot"), [("as of", "--as-of", 1), ("since", "--since", 0)])
def test_a_table_of_iceberg_is_the_same_without_spark(case_outcomes, folder, tmp_path, case, flag, snapshot):
    table = f"table:iceberg.`{folder}/ice/db/events`"
    local_files = read_here(tmp_path / "here", "--dataset-format", table, flag, case_outcomes["snapshots"][snapshot])
    spark_files = read_files(folder / f"out-iceberg {case}")

    assert [local_files[name] for name in ALIKE] == [spark_files[name] for name in ALIKE]
    assert round_numbers(local_files["statistics.json"]) == round_numbers(spark_files["statistics.json"])
    versions = [json.loads(files["ledger.json"])["table"]["version"] for files in (local_files, spark_files)]
    assert versions[0] == versions[1]


def test_a_table_without_versions_is_read_as_it_is(case_outcomes):
    assert (case_outcomes["plain"]["rows"], case_outcomes["plain"]["table"]) == (3, None)


@on_spark_3("no Iceberg is tried there")
def test_snapshots_of_iceberg_are_versions(case_outcomes):
    first, second, third = case_outcomes["snapshots"]
    table = {"name": "ice.db.events"}
    as_of = case_outcomes["iceberg as of"]
    since = case_outcomes["iceberg since"]
    assert (as_of["rows"], as_of["table"]) == (50, {**table, "version": second})
    assert (since["rows"], since["table"]) == (30, {**table, "version": third, "since": first})


def test_tables_of_a_catalog_are_named_as_sql_names_them(case_outcomes):
    names = ["default.plain", "default.silent", *(["ice.db.events"] if ON_THREE else [])]
    assert case_outcomes["catalog"] == {name: name for name in names}


def test_every_command_of_the_pages_runs_in_a_session_that_refuses_paths(tmp_path):
    pages = (ROOT / "docs/tables.md", ROOT / "docs/request-logs.md")
    printed = run_in_spark("pages_by_name.py", tmp_path, provide(*JARS[ON_THREE]), *pages)

    # The catalog's orders, after those of the warehouse in folders; the commit that deletes has no rows
    assert b"sales.orders: 10 commits, 0 with violations" in printed
