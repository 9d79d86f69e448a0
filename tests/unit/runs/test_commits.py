"""`each_commit`: the commits of a table of Delta, Iceberg or Parquet, each a window, from what the table remembers."""

import json
import os
import runpy
import shutil

import deltalake
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from tests.at_hand import defer_to_night
from tests.servers import http_server

from spark_model_monitor.documents.alert_files import Alerts
from spark_model_monitor.running.product_layout import Layout

DAY = 86_400
AT_FIRST = 1_767_225_600  # 2026-01-01T00:00:00Z


def make_orders(rng, rows=150, fault=None, version=0):
    """What is written at once; of a faulty commit the amounts are in cents, or most discounts are missing."""
    amount = rng.gamma(3, 20, rows)
    discount = rng.random(rows)
    lacks = rng.random(rows) < (0.7 if fault == "missing" else 0.1)
    table = {
        "amount": amount * 100 if fault == "unit" else amount,
        "discount": pa.array(discount, mask=lacks),
        "order": np.arange(rows) + rng.integers(10) + 1_000 * version,
        "country": rng.choice(["DE", "FR", "XX"], rows, p=[0.4, 0.2, 0.4] if fault == "new" else [0.6, 0.4, 0]),
    }
    return pa.table(table)


def make_commits(seed, count, faults, rows=150, first=0):
    rng = np.random.default_rng(seed)
    return [make_orders(rng, rows, faults.get(number), first + number) for number in range(count)]


def write_delta(path, seed, count, faults, rows=150, first=0):
    for table in make_commits(seed, count, faults, rows, first):
        deltalake.write_deltalake(path, table, mode="append")


def write_iceberg(path, seed, count, faults, rows=150):
    path.parent.mkdir(parents=True)
    catalog = SqlCatalog("shop", uri=f"sqlite:///{path.parent}/catalog.db", warehouse=f"file://{path.parent.parent}")
    catalog.create_namespace(path.parent.name)
    tables = make_commits(seed, count, faults, rows)
    iceberg_table = catalog.create_table(f"{path.parent.name}.{path.name}", schema=tables[0].schema)
    for table in tables:
        iceberg_table.append(table)


def write_parquet(path, seed, count, faults, rows=150):
    for number, table in enumerate(make_commits(seed, count, faults, rows)):
        file = path / f"day={number}" / "part.parquet"
        file.parent.mkdir(parents=True)
        pq.write_table(table, file)
        os.utime(file, (AT_FIRST + number * DAY,) * 2)


WRITERS = {"delta": write_delta, "iceberg": write_iceberg, "parquet": write_parquet}


def run_monitor(table, output, *flags):
    """The job's message and its exit status."""
    main = runpy.run_path(str(Layout.here().jobs / "monitor.py"))["main"]
    words = [
        "--dataset-format",
        f"table:{table}",
        "--set=each_commit=yes",
        "--no-report",
        "--engine",
        "local",
        "--output-path",
        str(output),
    ]
    status = main([*words, *flags])
    return (output / "message").read_text().strip(), status


def find_violated(output):
    """The places of the windows with violations among all that were looked at, and what was violated."""
    windows = Alerts.from_json((output / Alerts.FILE_NAME).read_bytes(), "alerts").windows
    return {index: list(window.since) for index, window in enumerate(windows) if window.violations}


@pytest.mark.long
@pytest.mark.parametrize("kind", ["iceberg", *map(defer_to_night, ("delta", "parquet"))])
def test_the_faulty_commits_of_a_table_are_reported_by_the_first_run_and_no_other(kind, tmp_path):
    table = tmp_path / "sales" / "orders"
    output = tmp_path / "out"
    WRITERS[kind](table, 1, 12, {4: "unit", 9: "missing"}, rows=400)

    message, status = run_monitor(f"{kind}.`{table}`", output)

    assert find_violated(output) == {4: ["amount"], 9: ["discount"]}
    assert (message.partition(": 12")[0], status) == ("CompletedWithViolations", 0)
    assert "12 commits, 2 with violations: " in message


@pytest.mark.nightly
@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("places", [(3, 8, 15), (7, 30, 48), (25, 40, 59)])
def test_three_faults_in_sixty_commits_are_reported_wherever_they_are(kind, places, tmp_path):
    table = tmp_path / "sales" / "orders"
    output = tmp_path / "out"
    WRITERS[kind](table, 2, 60, dict(zip(places, ("unit", "missing", "new"), strict=True)), rows=500)

    run_monitor(f"{kind}.`{table}`", output)

    assert find_violated(output) == dict(zip(places, (["amount"], ["discount"], ["country"]), strict=True))


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quiet")
    write_delta(folder / "orders", 3, 16, {})
    run_monitor(f"delta.`{folder / 'orders'}`", folder / "out")
    return folder


@pytest.fixture
def quiet(looked_at, tmp_path, monkeypatch):
    """A table of sixteen healthy commits, moments after each other, and what the run over them left."""
    monkeypatch.setattr(
        "spark_model_monitor.running.runs.commits.LATE_GAP_MULTIPLE", 1e6
    )  # else seconds without a commit are long
    shutil.copytree(looked_at, tmp_path / "quiet")
    return tmp_path / "quiet" / "orders", tmp_path / "quiet" / "out"


@pytest.mark.long
def test_later_runs_look_at_what_came_since(quiet):
    table, output = quiet
    assert run_monitor(f"delta.`{table}`", output) == ("Completed: no commit since version 15.", 0)

    deltalake.write_deltalake(table, make_orders(np.random.default_rng(9), fault="unit", version=99), mode="append")
    deltalake.DeltaTable(table).optimize.compact()
    message, status = run_monitor(f"delta.`{table}`", output, "--fail-on-violations")
    assert ("1 commit, 1 with violations: " in message, status) == (True, 4)
    assert find_violated(output) == {16: ["amount"]}


@pytest.mark.long
def test_a_commit_whose_alert_reached_nobody_says_so(quiet):
    table, folder = quiet
    deltalake.write_deltalake(table, make_orders(np.random.default_rng(9), fault="unit", version=99), mode="append")
    with http_server(404) as server:
        flags = "--sink", f"webhook:{server.url}", "--set=sink_required=yes"
        assert run_monitor(f"delta.`{table}`", folder, *flags)[1] == 255

    described = [json.loads(path.read_text()) for path in sorted(folder.rglob("run.json"))]
    assert [list(run["outputs"]) for run in described if "outputs" in run] == [["alerts"]]


@pytest.mark.long
def test_a_run_that_is_killed_and_run_again_leaves_what_a_quiet_one_does(tmp_path):
    table = tmp_path / "orders"
    output = tmp_path / "out"
    write_delta(table, 3, 9, {})
    run_monitor(f"delta.`{table}`", output)
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    alerts = json.loads((output / Alerts.FILE_NAME).read_text())
    # As if killed after five commits
    windows = alerts["windows"][:5]
    judged = {window["window"] for window in windows}
    transitions = [transition for transition in alerts["transitions"] if transition["window"] in judged]
    (output / Alerts.FILE_NAME).write_text(json.dumps(alerts | {"windows": windows, "transitions": transitions}))

    run_monitor(f"delta.`{table}`", output)
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before


@pytest.mark.long
def test_a_table_without_a_past_begins_to_learn_and_one_of_no_rows_says_so(tmp_path):
    table = tmp_path / "orders"
    output = tmp_path / "out"
    write_delta(table, 4, 1, {})
    assert run_monitor(f"delta.`{table}`", output) == (
        "Completed: 1 commit, 0 with violations; verdicts begin with 9.",
        0,
    )
    write_delta(table, 5, 8, {5: "unit"}, first=1)
    assert "9 commits, 1 with violations" in run_monitor(f"delta.`{table}`", output)[0]

    deltalake.DeltaTable.create(tmp_path / "empty", schema=make_orders(np.random.default_rng(0)).schema)
    message, status = run_monitor(f"delta.`{tmp_path / 'empty'}`", tmp_path / "other")
    assert ("no commit of delta" in message, status) == (True, 3)


@pytest.mark.long
def test_a_table_whose_commits_have_stopped_is_late(tmp_path):
    table = tmp_path / "orders"
    output = tmp_path / "out"
    write_parquet(table, 6, 9, {})
    run_monitor(f"parquet.`{table}`", output)

    message, status = run_monitor(f"parquet.`{table}`", output)
    assert status == 3
    assert message.endswith("no commit has come since 2026-01-09T00:00:00Z; the longest gap before was 1 day, 0:00:00")


@pytest.mark.long
def test_columns_that_are_added_and_gone_are_reported(quiet):
    table, output = quiet
    rng = np.random.default_rng(8)
    wider = make_orders(rng).append_column("currency", pa.array(["EUR"] * 150))
    deltalake.write_deltalake(table, wider, mode="append", schema_mode="merge")
    deltalake.write_deltalake(table, make_orders(rng).drop_columns(["discount"]), mode="append", schema_mode="merge")

    run_monitor(f"delta.`{table}`", output)
    assert find_violated(output)[16] == ["currency"]
    assert "discount" in find_violated(output)[17]


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--dataset-format", "csv", "--dataset-source", "x.csv"], "each_commit is for the data quality of a table"),
        (["--dataset-format", "table:delta.`/nowhere`"], "is no table of Delta that can be opened"),
    ],
)
def test_what_is_no_table_with_versions_is_reported(flags, sentence, tmp_path):
    message, status = run_monitor("delta.`/nowhere`", tmp_path / "out", *flags)
    assert sentence in message
    assert status == 2
