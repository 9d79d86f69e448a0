"""Links in data folders: those of the path that a person gave are followed; one below it that leads out of it is refused."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.running_jobs import JobsHere

from spark_model_monitor import read_data
from spark_model_monitor.cli import main
from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.captures import list_captures
from spark_model_monitor.data.reading.format_readers import read_table
from spark_model_monitor.data.reading.formats import TableFormat
from spark_model_monitor.data.reading.listing import allow_outside_links, list_dataset
from spark_model_monitor.data.request_logs.capture_folder import _list_log
from spark_model_monitor.errors import BadInput
from spark_model_monitor.running.merging.hourly_sources import list_hours

HOUR = "2024/01/01/00"
SECRET = "name,password\nann,hunter2\n"


@pytest.fixture(name="folder")
def make_folder(tmp_path):
    """A data folder with a file, beside a private one."""
    (tmp_path / "data" / HOUR).mkdir(parents=True)
    (tmp_path / "data" / HOUR / "a.csv").write_text("x\n1\n")
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "passwords.csv").write_text(SECRET)
    return tmp_path


def add_link_to_file(folder):
    (folder / "data" / HOUR / "b.csv").symlink_to(folder / "private" / "passwords.csv")


def add_link_to_folder(folder):
    (folder / "data" / "2024/01/01/01").symlink_to(folder / "private")


def add_link_by_another(folder):
    # The file's link stays below the folder by its text alone
    (folder / "data" / "2024/01/01/01").mkdir()
    (folder / "data" / "2024/01/01/01" / "b.csv").symlink_to("../up/private/passwords.csv")
    (folder / "data" / "2024/01/01/up").symlink_to("../../../..")


LISTERS = {
    "a data set": lambda path: list_dataset(LocalEngine(), path).files,
    "a pattern": lambda path: list_dataset(LocalEngine(), f"{path}/**/*.csv").files,
    "captures": lambda path: list_captures(LocalEngine(), path).files,
    "labels": lambda path: list_hours(LocalEngine(), path, None).files,
    "labels of hours": lambda path: list_hours(LocalEngine(), path, [473352, 473353]).files,
    "a request log": lambda path: _list_log(LocalEngine(), path, None).files,
}
"""By what lists files; the hours since 1970 are those of the folders."""


@pytest.mark.parametrize("lister", LISTERS)
@pytest.mark.parametrize("link", [add_link_to_file, add_link_to_folder])
def test_a_link_out_of_the_folder_is_refused_with_the_flag_to_write(folder, lister, link):
    list_files = LISTERS[lister]
    assert len(list_files(str(folder / "data"))) == 1
    link(folder)

    with pytest.raises(BadInput, match=r"is behind a link that leads out of .*write --follow-links"):
        list_files(str(folder / "data"))
    with allow_outside_links(True):
        assert len(list_files(str(folder / "data"))) == 2


@pytest.mark.parametrize("kind", ["parquet", "delta"])
def test_a_table_with_a_file_behind_a_link_is_refused(folder, kind):
    rows = pa.table({"x": [1, 2]})
    table = TableFormat(f"{kind}.`{folder / 'table'}`")
    if kind == "delta":
        pytest.importorskip("deltalake").write_deltalake(folder / "table", rows)
        file = next((folder / "table").glob("*.parquet"))
    else:
        (folder / "table").mkdir()
        file = folder / "table" / "a.parquet"
        pq.write_table(rows, file)
    assert read_table(LocalEngine(), table).names == ("x",)
    file.rename(folder / "private" / file.name)
    file.symlink_to(folder / "private" / file.name)

    with pytest.raises(BadInput, match=r"is behind a link that leads out of .*write --follow-links"):
        read_table(LocalEngine(), table)
    with allow_outside_links(True):
        assert read_table(LocalEngine(), table).names == ("x",)


def test_what_a_command_follows_is_followed_by_all_that_it_reads(folder):
    add_link_to_file(folder)

    with allow_outside_links(True):
        assert read_data(str(folder / "data"), engine="local").listing.files[1].name == "b.csv"


def test_a_link_by_way_of_another_one_is_refused(folder):
    add_link_by_another(folder)

    with pytest.raises(BadInput, match="write --follow-links|is a link to a folder that it lies in"):
        list_dataset(LocalEngine(), str(folder / "data"))


@pytest.mark.parametrize("path", ["linked", "linked/2024", f"linked/{HOUR}/a.csv", "file.csv"])
def test_links_down_to_the_path_are_the_persons_own(folder, path):
    (folder / "linked").symlink_to(folder / "data")
    (folder / "file.csv").symlink_to(folder / "private" / "passwords.csv")

    assert list_dataset(LocalEngine(), str(folder / path)).files


def test_a_volume_of_kubernetes_is_read(tmp_path):
    """Its files are links to a hidden folder beside them, which changes when the volume is updated."""
    (tmp_path / "..2024_01_01").mkdir()
    (tmp_path / "..2024_01_01" / "orders.csv").write_text("x\n1\n")
    (tmp_path / "..data").symlink_to("..2024_01_01")
    (tmp_path / "orders.csv").symlink_to("..data/orders.csv")

    [file] = list_dataset(LocalEngine(), str(tmp_path)).files
    assert file.name == "orders.csv"


def test_a_cache_of_links_to_the_same_folder_is_read_and_one_beside_it_takes_the_flag(tmp_path):
    """Caches of models and data sets keep files by their hash, with links by name in a folder for each version."""
    for name in ("blobs", "snapshots/1"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "blobs" / "0a").write_text("x\n1\n")
    (tmp_path / "snapshots/1/orders.csv").symlink_to("../../blobs/0a")

    assert len(list_dataset(LocalEngine(), str(tmp_path)).files) == 2
    with pytest.raises(BadInput, match="write --follow-links"):
        read_data(str(tmp_path / "snapshots"), engine="local")
    assert read_data(str(tmp_path / "snapshots"), engine="local", follow_links=True).names == ("x",)


def test_nothing_of_a_foreign_file_is_in_what_a_job_writes(folder):
    (folder / "data" / HOUR / "b.csv").symlink_to(folder / "private" / "passwords.csv")
    (folder / "data" / HOUR / "a.csv").unlink()
    jobs = JobsHere(folder, "local")

    # The same job without and with the flag
    refused = jobs("baseline", "--dataset-source", "data", "--output-path", "out")
    followed = jobs("baseline", "--dataset-source", "data", "--output-path", "other", "--follow-links")

    assert refused.status == BadInput.exit_status
    assert "is behind a link that leads out of data" in refused.said
    assert [path for path in (folder / "out").rglob("*.json") if "hunter2" in path.read_text()] == []
    assert followed.status == 0, followed.said
    assert "password" in json.dumps(json.loads((folder / "other/statistics.json").read_text()))


def test_two_files_are_compared_by_the_flag_that_the_refusal_names(folder, capsys):
    (folder / "data" / HOUR / "b.csv").symlink_to(folder / "private" / "passwords.csv")
    (folder / "data" / HOUR / "a.csv").write_text(SECRET)
    command = ["compare-files", str(folder / "private"), str(folder / "data"), "--output", str(folder / "page.html")]

    assert main(command) == BadInput.exit_status
    assert "write --follow-links" in capsys.readouterr().err
    assert main([*command, "--follow-links"]) == 0
