"""Rows of a PostgreSQL server on this machine, by ADBC."""

import getpass
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from jobs import baseline, monitor
from spark_model_monitor.data.reading.query_results import open_connection

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(shutil.which("initdb") is None, reason="PostgreSQL is not installed"),
]
PASSWORD = "o4d/rs"
TABLE = """
CREATE TABLE orders AS
SELECT hour::numeric(9, 2) AS amount, '{"a": 1}'::jsonb AS note,
       timestamptz '2026-03-01 00:00Z' + hour * interval '1 hour' AS at FROM generate_series(0, 23) AS hour
"""


@pytest.fixture
def orders(tmp_path, monkeypatch):
    """A server on a socket of its own, which asks for a password: the variable with its URI."""
    pytest.importorskip("adbc_driver_postgresql")
    monkeypatch.chdir(tmp_path)
    # A server refuses to run as root
    is_root = getpass.getuser() == "root"
    user = {"user": "postgres"} if is_root else {}
    folder = Path(
        subprocess.run(["mktemp", "-d"], stdout=subprocess.PIPE, check=True, text=True, **user).stdout.strip()
    )
    (tmp_path / "password").write_text(PASSWORD)
    for directory in (tmp_path, *tmp_path.parents[:-1]):
        if is_root and directory.owner() == "root" and directory != Path("/tmp"):
            directory.chmod(0o755)
    initialization = [
        "initdb",
        "-U",
        "me",
        "-A",
        "scram-sha-256",
        f"--pwfile={tmp_path}/password",
        str(folder / "data"),
    ]
    subprocess.run(initialization, check=True, stdout=subprocess.DEVNULL, **user)
    socket_only = f"-c listen_addresses= -c unix_socket_directories={folder}"
    control = ["pg_ctl", "-D", str(folder / "data"), "-l", str(folder / "log"), "-w"]
    subprocess.run([*control, "-o", socket_only, "start"], check=True, stdout=subprocess.DEVNULL, **user)
    uri = f"postgresql://me:{PASSWORD.replace('/', '%2F')}@/postgres?host={folder}"
    monkeypatch.setenv("ORDERS", uri)
    with open_connection(uri) as connection, connection.cursor() as cursor:
        cursor.execute(TABLE)
    yield "adbc:$ORDERS"
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL, **user)
    shutil.rmtree(folder)


def test_a_window_of_a_postgresql_table_is_cut_by_its_query(orders, capsys):
    words = [orders, "--query", "SELECT * FROM orders WHERE amount <> 11;", "--engine", "local", "--output-path"]
    window = ["--time-column", "at", "--start-time", "2026-03-01T10:00:00Z", "--end-time", "2026-03-01T14:00:00Z"]

    assert baseline.main([*words, "out"]) == 0
    assert monitor.main([*words, "window", "--baseline", "out", *window]) == 0
    rows = [
        json.loads(Path(name, "statistics.json").read_text())["dataset"]["item_count"] for name in ("out", "window")
    ]
    assert rows == [23, 3]
    # Decimals and JSON have types of PostgreSQL's own
    features = json.loads(Path("out", "statistics.json").read_text())["features"]
    types = {feature["name"]: feature["inferred_type"] for feature in features}
    assert (types["amount"], types["note"]) == ("Fractional", "String")
    uri = os.environ["ORDERS"]
    texts = [
        path.read_text(errors="replace") for path in Path().rglob("*") if path.is_file() and path.name != "password"
    ]
    assert [text for text in (*texts, capsys.readouterr().err) if PASSWORD in text or uri in text] == []
